"""Estimates from the data of another policy: V-trace, truncated and per-decision importance sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs, Plan, errors, plan, zeros
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import weights
from ppocore.conformance.oracle.reals import ONE, ZERO, Array, Real, exp, mean, minimum, total, where


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


def vtrace(x: Inputs, c: Choices) -> Outputs:
    """Espeholt et al., arXiv:1802.01561, eq. 1, and section 4.2 for the advantages."""
    p, (rho, trace) = plan(x, c), clipped_ratios(x)
    returns = x.values + corrections(x, p, rho * errors(x, p), x.gamma * trace)
    return {"returns": returns, "advantages": gains(x, p, rho, following_targets(p, returns))}


def clipped_ratios(x: Inputs) -> tuple[Array, Array]:
    """rho_t and c_t."""
    ratios = exp(x.log_prob - x.old_log_prob)
    return minimum(ratios, x.rho_clip), x.gae_lambda * minimum(ratios, x.c_clip)


def corrections(x: Inputs, p: Plan, steps: Array, rates: Any) -> Array:
    """x_t = steps_t + rates_t x_{t+1} where the recursion goes on, else steps_t; 0 where a step is left out."""
    rates = np.broadcast_to(np.asarray(rates, dtype=object), steps.shape)
    out = np.empty(steps.shape, dtype=object)
    carry = zeros(steps.shape[1:])
    for t in range(len(steps) - 1, -1, -1):
        carry = where(p.keep[t], steps[t] + rates[t] * carry, steps[t])
        out[t] = carry
    return where(p.drop, ZERO, out)


def following_targets(p: Plan, returns: Array) -> Array:
    """v'_{t+1}: the next target within the episode, V' where it ends or is cut."""
    ahead = np.concatenate([returns[1:], returns[-1:]])
    return where(p.keep, ahead, p.after)


def gains(x: Inputs, p: Plan, rho: Array, ahead: Array) -> Array:
    """rho_t (r_t + gamma v'_{t+1} - v_t)."""
    return where(p.drop, ZERO, rho * (p.rewards + x.gamma * ahead - x.values))
