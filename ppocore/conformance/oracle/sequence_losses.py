"""Policy losses for long answers, under every convention of the closed list."""

from __future__ import annotations

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import band, clipped, reduce
from ppocore.conformance.oracle.probability import detached, log_ratio
from ppocore.conformance.oracle.reals import Array, clip, exp, mean, minimum


def answer_log_ratios(x: Inputs, c: Choices) -> Array:
    """The mean log-ratio of each answer, inside [-C, C] under `log_ratio_clamp`."""
    rows = zip(x.log_prob - x.old_log_prob, x.mask, strict=True)
    means = np.array([mean(d[valid]) for d, valid in rows], dtype=object)
    bound = c.number("log_ratio_clamp")
    return means if bound is None else clip(means, -bound, bound)


def gspo_loss(x: Inputs, c: Choices) -> Outputs:
    s = exp(answer_log_ratios(x, c))
    return {"loss": -mean(minimum(s * x.advantages, clip(s, *band(x, c)) * x.advantages))}


def cispo_loss(x: Inputs, c: Choices) -> Outputs:
    weight = detached(clip(exp(log_ratio(x, c)), *band(x, c)))
    return {"loss": -reduce(weight * x.advantages * x.log_prob, x.valid, c)}


def rollout_weight(x: Inputs) -> Array:
    """min(exp(old_log_prob - rollout_log_prob), max_weight)."""
    return minimum(exp(x.old_log_prob - x.rollout_log_prob), x.max_weight)


def truncated_is_loss(x: Inputs, c: Choices) -> Outputs:
    return {"loss": -reduce(rollout_weight(x) * clipped(x, c), x.valid, c)}
