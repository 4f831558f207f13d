"""Bounds of `ppocore.advantages`."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.bounds import terms
from proofs.bounds.book import Balls, bound
from proofs.bounds.trees import height


@bound("td_errors", "ACC-03", value="2|r| + 3γ|V'| + |V|")
def td_errors(
    true: Any, rewards: Balls, values: Balls, next_values: Balls, terminated: Any, truncated: Any, gamma: Any
) -> dict[str, Balls]:
    return {"value": _td_error(rewards, values, next_values, terminated, gamma)}


@bound(
    "gae", "ACC-03",
    advantages="Σ_l (3l + 4)(γλ)^l (|r| + γ|V'| + |V|), lags l within the episode",
    returns="the same + |A + V|",
)
def gae(
    true: Any, rewards: Balls, values: Balls, next_values: Balls, terminated: Any, truncated: Any, gamma: Any,
    gae_lambda: Any,
) -> dict[str, Balls]:
    sizes = abs(rewards) + abs(values) + where_used(gamma * abs(next_values), ~terminated)
    scale = _lagged(sizes, terminated | truncated, gamma * gae_lambda)
    return {"advantages": scale, "returns": scale + abs(true["returns"])}


@bound("token_gae", "ACC-03", advantages="as gae, lags over valid tokens", returns="the same + |A + V|")
def token_gae(true: Any, rewards: Balls, values: Balls, mask: Any, gamma: Any, gae_lambda: Any) -> dict[str, Balls]:
    scale = np.zeros(rewards.shape, dtype=object)
    for row, valid in enumerate(mask):
        r, v = abs(rewards[row, valid]), abs(values[row, valid])
        later = np.append(v[1:], 0)
        scale[row, valid] = _lagged(r + v + gamma * later, np.zeros(len(r), dtype=bool), gamma * gae_lambda)
    return {"advantages": scale, "returns": scale + abs(true["returns"])}


@bound(
    "discounted_returns", "ACC-03",
    value="Σ_l (2l + 1) γ^l |r|, + (2l + 2) γ^(l+1) |V'| at the last lag l if it bootstraps",
)
def discounted_returns(
    true: Any, rewards: Balls, next_values: Balls, terminated: Any, truncated: Any, gamma: Any
) -> dict[str, Balls]:
    cut = truncated.copy()
    cut[-1] = True
    bootstrap = gamma * where_used(abs(next_values), cut & ~terminated)
    weighted = _lagged(abs(rewards), terminated | cut, gamma, 2, 1) + _lagged(bootstrap, terminated | cut, gamma, 2, 2)
    return {"value": weighted}


@bound(
    "normalize_advantages", "ACC-12",
    value="(e + |A - μ|)/D + |A - μ|/D ((e + (h/2 + 4)σ)/D + 2), e = (h + 1) mean|A|, D = σ + 1e-8, h = h(n)",
)
def normalize_advantages(true: Any, advantages: Balls, mask: Any = None) -> dict[str, Balls]:
    valid = np.ones(advantages.shape, dtype=bool) if mask is None else mask
    entries, h = advantages[valid], height(advantages.size)
    count = len(entries)
    mean = entries.sum() / count
    gaps = where_used(abs(advantages - mean), valid)
    std = ((gaps * gaps).sum() / count).sqrt()
    floor = std + 1e-8
    shift = (h + 1) * abs(entries).sum() / count
    relative = (shift + (h / 2 + 4) * std) / floor + 2
    return {"value": where_used((shift + gaps + gaps * relative) / floor, valid)}


def where_used(x: Balls, used: Any) -> Balls:
    """0 where an entry is not used."""
    return np.where(used, x, 0)


def _td_error(rewards: Balls, values: Balls, next_values: Balls, terminated: Any, gamma: Any) -> Balls:
    later = where_used(abs(next_values), ~terminated)
    return terms.td_error(abs(rewards), abs(values), later, gamma)


def _lagged(sizes: Balls, ends: Any, decay: Any, slope: int = 3, start: int = 4) -> Balls:
    """sum over lags l, up to the first end, of (slope l + start) decay^l size."""
    plain, weighted = np.zeros(sizes.shape, dtype=object), np.zeros(sizes.shape, dtype=object)
    later, later_weighted = sizes[0] * 0, sizes[0] * 0
    for t in range(len(sizes) - 1, -1, -1):
        goes_on = where_used(decay, ~ends[t])
        plain[t] = sizes[t] + goes_on * later
        weighted[t] = start * sizes[t] + goes_on * (later_weighted + slope * later)
        later, later_weighted = plain[t], weighted[t]
    return weighted
