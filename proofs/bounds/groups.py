"""Bounds of `ppocore.groups`, `ppocore.token_rewards` and of the coefficient that is moved in proportion."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds.book import NEAR, Balls, bound, larger, where
from proofs.bounds.rollouts import where_used
from proofs.bounds.trees import height


def _centred(rewards: Balls) -> tuple[Balls, Balls]:
    """The sizes of the gaps to the mean of the row, and the error of that mean."""
    group = rewards.shape[1]
    means = rewards.sum(axis=1) / group
    return abs(rewards - means[:, None]), ((height(group) + 1) * abs(rewards).sum(axis=1) / group)[:, None]


@bound(
    "grpo_advantages", "ACC-21",
    value="(e + |r - μ|)/D + |r - μ|/D ((e + (h/2 + 4)σ)/D + 2), e = (h + 1) mean|r|, D = σ + 1e-8, h = h(G), by row",
)
def grpo_advantages(true: Any, rewards: Balls) -> dict[str, Balls]:
    gaps, shift = _centred(rewards)
    std = np.array([row.sum().sqrt() for row in gaps * gaps / gaps.shape[1]], dtype=object)[:, None]
    floor = std + 1e-8
    half = arb(height(rewards.shape[1])) / 2
    return {"value": (shift + gaps + gaps * ((shift + (half + 4) * std) / floor + 2)) / floor}


@bound("rloo_advantages", "ACC-21", value="((h + 1) mean|r| + |r - μ|) G/(G - 1) + 2|exact|, h = h(G), by row")
def rloo_advantages(true: Any, rewards: Balls) -> dict[str, Balls]:
    gaps, shift = _centred(rewards)
    group = rewards.shape[1]
    return {"value": (shift + gaps) * group / (group - 1) + 2 * abs(true["value"])}


@bound("dr_grpo_advantages", "ACC-21", value="(h + 1) mean|r| + |exact|, h = h(G), by row")
def dr_grpo_advantages(true: Any, rewards: Balls) -> dict[str, Balls]:
    gaps, shift = _centred(rewards)
    return {"value": shift + gaps}


@bound("kl_reward", "ACC-23", value="2|β d|, at the last token + |exact|")
def kl_reward(
    true: Any, scores: Balls, log_prob: Balls, ref_log_prob: Balls, mask: Any, kl_coef: Any
) -> dict[str, Balls]:
    penalties = where_used(2 * abs(kl_coef * (log_prob - ref_log_prob)), mask)
    last = mask & (np.cumsum(mask[:, ::-1], axis=1)[:, ::-1] == 1)
    return {"value": penalties + where(last, abs(true["value"]), 0)}


@bound(
    "adapt_kl_coef_proportional", "ACC-23",
    value="β s (|q| + 3|q - 1|, or 0.6 where clipped) + 2|exact|, q = KL / target, s = batch_steps / horizon",
)
def adapt_kl_coef_proportional(
    true: Any, kl_coef: Any, kl: Any, target_kl: Any, batch_steps: Any, horizon: Any
) -> dict[str, Balls]:
    quotient = arb(kl) / target_kl
    inside, clipped = abs(quotient) + 3 * abs(quotient - 1), 3 * arb(1) / 5
    beyond = abs(quotient - 1) * 5 - 1
    error = larger(inside, clipped) if abs(beyond) <= NEAR else clipped if beyond > 0 else inside
    return {"value": kl_coef * (arb(batch_steps) / horizon) * error + 2 * abs(true["value"])}
