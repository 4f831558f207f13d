"""Bounds of `ppocore.off_policy`."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds.book import Balls, bound, where
from proofs.bounds.rollouts import where_used
from proofs.methods.rounding import LIBM_UNITS as LIBM


@bound(
    "vtrace", "VTR-03",
    returns="Σ_l (|d_l| + 7 + Σ_(i<l) (|d_i| + 6)) S_l + |v|, S_l = (|r| + γ|V'| + |V|) ρ Π γc",
    advantages="ρ((|d| + 6)(|r| + γ|v'| + |V|) + γE), E the scale of v'",
)
def vtrace(
    true: Any, log_prob: Balls, old_log_prob: Balls, rewards: Balls, values: Balls, next_values: Balls,
    terminated: Any, truncated: Any, gamma: Any, gae_lambda: Any, rho_clip: Any, c_clip: Any,
) -> dict[str, Balls]:
    d = abs(log_prob - old_log_prob)
    ratio = np.exp(log_prob - old_log_prob)
    rho, trace = (where(ratio > clip, clip, ratio) for clip in (rho_clip, c_clip))
    goes_on = ~(terminated | truncated)
    goes_on[-1] = False
    after = where_used(abs(next_values), ~terminated) + arb(0)
    sizes = rho * (abs(rewards) + gamma * after + abs(values))
    rates = where_used(gamma * gae_lambda * trace, goes_on) + arb(0)
    errors = _carried(sizes, rates, d) + abs(true["returns"])
    ahead = where(goes_on, np.concatenate([abs(true["returns"][1:]), after[-1:]]), after)
    brought = where_used(np.concatenate([errors[1:], errors[-1:]]), goes_on)
    gains = rho * ((d + LIBM + 4) * (abs(rewards) + gamma * ahead + abs(values)) + gamma * brought)
    return {"returns": errors, "advantages": gains}


def _carried(sizes: Balls, rates: Balls, d: Balls) -> Balls:
    """Own roundings of every step, and those that each step before adds to what it hands on."""
    plain, weighted = sizes * 0, sizes * 0
    later, later_weighted = sizes[0] * 0, sizes[0] * 0
    for t in range(len(sizes) - 1, -1, -1):
        plain[t] = sizes[t] + rates[t] * later
        weighted[t] = (d[t] + LIBM + 5) * sizes[t] + rates[t] * (later_weighted + (d[t] + LIBM + 4) * later)
        later, later_weighted = plain[t], weighted[t]
    return weighted
