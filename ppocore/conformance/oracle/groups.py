"""Advantages within a group, token rewards and the proportional coefficient of the language-model family."""

from __future__ import annotations

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs, denominator, moments, zeros
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import Array, Real, clip, constant, lift, mean


def grpo_advantages(x: Inputs, c: Choices) -> Outputs:
    return {"advantages": np.array([grpo_row(row, c) for row in x.rewards], dtype=object)}


def grpo_row(row: Array, c: Choices) -> Array:
    """One prompt: its rewards centred, over their spread, under `advantage_std` and `std_eps`."""
    centre, variance = moments(row, ddof=1 if c["advantage_std"] == "ddof1" else 0)
    return (row - centre) / denominator(variance, c)


def rloo_advantages(x: Inputs, c: Choices) -> Outputs:
    return {"advantages": np.array([[v - mean(np.delete(row, i)) for i, v in enumerate(row)] for row in x.rewards],
                                   dtype=object)}


def dr_grpo_advantages(x: Inputs, c: Choices) -> Outputs:
    return {"advantages": np.array([row - mean(row) for row in x.rewards], dtype=object)}


def last_valid(mask: Array) -> list[int]:
    """For each row the last slot that is valid."""
    return [int(np.flatnonzero(row)[-1]) if row.any() else len(row) - 1 for row in mask]


def kl_reward(x: Inputs, c: Choices) -> Outputs:
    rewards = zeros(x.mask.shape)
    for b, t in np.argwhere(x.mask):
        rewards[b, t] = -(x.kl_coef * (x.log_prob[b, t] - x.ref_log_prob[b, t]))
    for b, t in enumerate(last_valid(x.mask)):
        rewards[b, t] = rewards[b, t] + x.scores[b]
    return {"rewards": rewards}


def relative_error(x: Inputs) -> Real:
    """kl / target_kl - 1, the measure of how far off the KL is."""
    error: Real = x.kl / x.target_kl - lift(1)
    return error


def adapt_kl_coef_proportional(x: Inputs, c: Choices) -> Outputs:
    fifth = constant("0.2")
    error = clip(relative_error(x), -fifth, fifth).item()
    return {"kl_coef": x.kl_coef * (1 + error * (lift(x.batch_steps) / lift(x.horizon)))}
