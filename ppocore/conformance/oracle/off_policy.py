"""Estimates from the data of another policy: truncated and per-decision importance sampling."""

from __future__ import annotations

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import weights
from ppocore.conformance.oracle.reals import ONE, ZERO, Array, Real, mean, minimum, total


def truncated_importance_estimate(x: Inputs, c: Choices) -> Outputs:
    return {"estimate": mean(minimum(weights(x), x.max_weight) * x.fx)}


def per_decision_importance_estimate(x: Inputs, c: Choices) -> Outputs:
    rows = zip(x.log_prob - x.old_log_prob, x.rewards, x.mask, strict=True)
    return {"estimate": total([gain(d[m], r[m], x.gamma) for d, r, m in rows]) / len(x.mask)}


def gain(log_ratios: Array, rewards: Array, gamma: Real) -> Real:
    """sum_k gamma^k r_k exp(d_0 + ... + d_k) over the valid steps of one row."""
    walked, discount, terms = ZERO, ONE, []
    for d, reward in zip(log_ratios, rewards, strict=True):
        walked = walked + d
        terms.append(discount * walked.exp() * reward)
        discount = discount * gamma
    return total(terms)
