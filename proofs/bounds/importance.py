"""Bounds of `ppocore.importance`."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds import terms
from proofs.bounds.book import NEAR, NO_CLAIM, Balls, bound, where
from proofs.bounds.rollouts import where_used
from proofs.bounds.trees import height
from proofs.methods.rounding import LIBM_UNITS as LIBM


@bound("ratio", "ACC-02", ratio="(|d| + 2) r, d = log_prob - old_log_prob", grad_log_prob="the same")
def ratio(true: Any, log_prob: Balls, old_log_prob: Balls) -> dict[str, Balls]:
    d = log_prob - old_log_prob
    scale = (abs(d) + LIBM) * np.exp(d)
    return {"ratio": scale, "grad_log_prob": scale}


def _estimate(f: Balls, weights: Balls, gap: Balls) -> dict[str, Balls]:
    n = len(f)
    sizes = abs(weights * f)
    return {
        "estimate": (sizes * (gap + LIBM + 2 + height(n))).sum() / n,
        "grad_fx": weights * (gap + LIBM + 1) / n,
        "grad_log_p": sizes * (gap + LIBM + 2) / n,
    }


@bound(
    "importance_estimate", "ACC-02",
    estimate="mean(|w f|(|l| + h + 4)), l = log w", grad_fx="(|l| + 3)|exact|", grad_log_p="(|l| + 4)|exact|",
)
def importance_estimate(true: Any, fx: Balls, log_p: Balls, log_q: Balls) -> dict[str, Balls]:
    gap = log_p - log_q
    return _estimate(fx, np.exp(gap), abs(gap))


@bound(
    "truncated_importance_estimate", "ACC-02",
    estimate="mean(min(w, c)|f|(|l| + h + 4))", grad_fx="(|l| + 3)|exact|",
    grad_log_p="(|l| + 4)|exact|, nothing where w is within 2^-30 of c",
)
def truncated_importance_estimate(
    true: Any, fx: Balls, log_p: Balls, log_q: Balls, max_weight: Any
) -> dict[str, Balls]:
    gap = log_p - log_q
    weights = np.exp(gap)
    scales = _estimate(fx, where(weights > max_weight, max_weight, weights), abs(gap))
    scales["grad_log_p"] = where_used(scales["grad_log_p"], weights <= max_weight)
    near = abs(weights - max_weight) <= NEAR * max_weight
    scales["grad_log_p"] = where(near, NO_CLAIM, scales["grad_log_p"])
    return scales


@bound(
    "self_normalized_estimate", "ACC-11",
    estimate="Σ p|f|(e + ē + 2h + 2), p = w/Σw, e = |l| + |l - max l| + 2, ē = Σ p e",
    grad_fx="p (e + ē + h + 1)",
    grad_log_p="p (E + |f - estimate|(e + ē + h + 3)), E the scale of the estimate",
)
def self_normalized_estimate(true: Any, fx: Balls, log_p: Balls, log_q: Balls) -> dict[str, Balls]:
    gap, h = log_p - log_q, height(len(fx))
    below = _below_top(gap)
    weights = np.exp(-below)
    probs = weights / weights.sum()
    errors = abs(gap) + below + LIBM
    errors = errors + (probs * errors).sum() + h + 1
    estimate = (probs * abs(fx) * (errors + 1 + h)).sum()
    return {
        "estimate": estimate,
        "grad_fx": probs * errors,
        "grad_log_p": probs * (estimate + abs(fx - true["estimate"]) * (errors + 2)),
    }


@bound("effective_sample_size", "ACC-11", value="ESS (2 Σ w v/Σw + 2 Σ w² v/Σw² + 3h + 12), v = max l - l")
def effective_sample_size(true: Any, log_weights: Balls) -> dict[str, Balls]:
    below = _below_top(log_weights)
    weights = np.exp(-below)
    squares = weights * weights
    spread = 2 * (weights * below).sum() / weights.sum() + 2 * (squares * below).sum() / squares.sum()
    return {"value": weights.sum() ** 2 / squares.sum() * (spread + 3 * height(len(weights)) + 12)}


def _below_top(gap: Balls) -> Balls:
    top = max(gap, key=lambda entry: float(entry))
    return abs(gap - top)


@bound(
    "per_decision_importance_estimate", "ACC-11",
    estimate="mean over rows of Σ_t |term_t|(c_t + h + 7), c_t = Σ_{k ≤ t} |d_k| + Σ_{1 < k ≤ t} |d_1 + ... + d_k|",
    grad_log_prob="Σ_{k ≥ t} |term_k|(c_k + L + 6)/B",
)
def per_decision_importance_estimate(
    true: Any, rewards: Balls, log_prob: Balls, old_log_prob: Balls, mask: Any, gamma: Any
) -> dict[str, Balls]:
    rows, width = mask.shape
    value, slopes = arb(0), np.full(mask.shape, arb(0), dtype=object)
    for b in range(rows):
        used = mask[b]
        d = (log_prob[b] - old_log_prob[b])[used]
        sums = np.cumsum(d)
        drift = np.cumsum(abs(d)) + np.cumsum(abs(sums)) - abs(sums[0])
        discounts = np.array([gamma**t for t in range(len(d))], dtype=object)
        sizes = discounts * np.exp(sums) * abs(rewards[b][used])
        value = value + (sizes * (drift + 2 * LIBM + 3 + height(mask.size))).sum()
        slopes[b, used] = np.cumsum((sizes * (drift + 2 * LIBM + 2 + width))[::-1])[::-1]
    return {"estimate": value / rows, "grad_log_prob": slopes / rows}


@bound(
    "gaussian_weight_second_moment", "ACC-09",
    value="M (Σ_d (z²/t (E_G/t + 13) + E_G/2t + (h + 3)|g| + (h + 3)|log t|/2 + h z²/t) + 2), g = log s - log s',"
          " G = e^2g - 1, t = 1 - G, E_G = 2|G| + 2|g| e^2g; for u E_G ≤ 2^-30 t",
)
def gaussian_weight_second_moment(
    true: Any, mean: Balls, log_std: Balls, other_mean: Balls, other_log_std: Balls
) -> dict[str, Balls]:
    gap, h = log_std - other_log_std, height(mean.shape[1])
    z = abs(mean - other_mean) * np.exp(-other_log_std)
    grown = np.expm1(2 * gap)
    error = LIBM * abs(grown) + 2 * abs(gap) * np.exp(2 * gap)
    t = 1 - grown
    inside = (t > 0) & (arb(2) ** -53 * error <= NEAR * abs(t))
    safe = where(inside, t, arb(1))
    logs = abs(np.log(safe)) / 2
    edge_error = error / safe + 1
    parts = terms.log_second_moment(z, abs(gap), edge_error, error, 1 / safe, 2 * logs)
    parts = parts + h * (z * z / safe + abs(gap) + logs)
    scale = where(inside, parts, NO_CLAIM).sum(axis=1) + LIBM
    moment = np.exp((z * z / safe - gap - np.log(safe) / 2).sum(axis=1))
    return {"value": scale * moment}
