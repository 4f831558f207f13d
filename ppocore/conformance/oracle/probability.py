"""Importance sampling, KL estimators and divergences, log-probabilities and entropies."""

from __future__ import annotations

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import (
    ZERO,
    Array,
    Real,
    clip,
    constant,
    each,
    exp,
    lift,
    log,
    mean,
    stop,
    total,
    where,
)

TWO_PI = constant("6.28318530717958647692528676655900576839433879875021164194988918")


def log_ratio(x: Inputs, c: Choices) -> Array:
    """d = log_prob - old_log_prob, inside [-C, C] under `log_ratio_clamp`."""
    d = x.log_prob - x.old_log_prob
    bound = c.number("log_ratio_clamp")
    return d if bound is None else clip(d, -bound, bound)


def ratio(x: Inputs, c: Choices) -> Outputs:
    return {"ratio": exp(log_ratio(x, c))}


def weights(x: Inputs) -> Array:
    return exp(x.log_p - x.log_q)


def importance_estimate(x: Inputs, c: Choices) -> Outputs:
    return {"estimate": mean(weights(x) * x.fx)}


def self_normalized_estimate(x: Inputs, c: Choices) -> Outputs:
    """sum w f / sum w; log_p and log_q may each carry an offset, so each counts as an argument of exp."""
    w = each(_weight, x.log_p, x.log_q)
    return {"estimate": total(w * x.fx) / total(w)}


def _weight(log_p: Real, log_q: Real) -> Real:
    return (log_p - log_q).exp()


def effective_sample_size(x: Inputs, c: Choices) -> Outputs:
    """(sum w)^2 / sum w^2; a common constant in the log-weights changes nothing but the rounding."""
    w = shifted_weights(x.log_weights)
    return {"ess": total(w) * total(w) / total(w * w)}


def shifted_weights(log_weights: Array) -> Array:
    """e^(l - max l), with the slack of e^l: textbook code has the large argument somewhere."""
    top = max(log_weight.value for log_weight in log_weights)

    def weight(x: Real) -> Real:
        value = (x.value - top).exp()
        return Real(value, float(value) * (x.slack + abs(float(x.value)) + abs(float(top)) + 1))

    return each(weight, log_weights)


def kl_k1(x: Inputs, c: Choices) -> Outputs:
    return {"kl": mean(-log_ratio(x, c)[x.valid])}


def kl_k2(x: Inputs, c: Choices) -> Outputs:
    d = log_ratio(x, c)[x.valid]
    return {"kl": mean(d * d / 2)}


def kl_k3(x: Inputs, c: Choices) -> Outputs:
    d = log_ratio(x, c)[x.valid]
    return {"kl": mean(exp(d) - 1 - d)}


def log_softmax(logits: Array, allowed: Array | None = None) -> Array:
    """log p over the last axis; masked entries become minus infinity.

    The slack is that of log(e^z / sum e^z) and of z - m - log sum e^(z - m), whichever is larger.
    """
    rows = np.empty(logits.shape, dtype=object)
    for i, row in enumerate(logits):
        live = np.ones(len(row), dtype=bool) if allowed is None else allowed[i]
        top = lift(max(z.value for z in row[live]))
        top = Real(top.value, abs(float(top.value)))
        lse = total(exp(row[live] - top)).log()
        rows[i] = where(live, row - top - lse, lift("-Infinity"))
    return rows


def categorical_log_prob(x: Inputs, c: Choices) -> Outputs:
    table = log_softmax(x.logits, x.get("action_mask"))
    return {"log_prob": table[np.arange(len(table)), x.actions]}


def categorical_entropy(x: Inputs, c: Choices) -> Outputs:
    table = log_softmax(x.logits, x.get("action_mask"))
    return {"entropy": np.array([total([-_xlogx(log_p) for log_p in row]) for row in table], dtype=object)}


def _xlogx(log_p: Real) -> Real:
    """p log p, 0 at p = 0."""
    return log_p.exp() * log_p if log_p.value.is_finite() else ZERO


def categorical_kl(x: Inputs, c: Choices) -> Outputs:
    return {"kl": table_kl(log_softmax(x.logits), log_softmax(x.other_logits))}


def table_kl(log_p: Array, log_q: Array) -> Array:
    """Row-wise sum_a p (log p - log q)."""
    return np.array([total(exp(p) * (p - q)) for p, q in zip(log_p, log_q, strict=True)], dtype=object)


def rowwise(terms: Array) -> Array:
    """Sum over the last axis."""
    return np.array([total(row) for row in terms], dtype=object)


def gaussian_kl(x: Inputs, c: Choices) -> Outputs:
    variance, other = exp(x.log_std + x.log_std), exp(x.other_log_std + x.other_log_std)
    gap = x.mean - x.other_mean
    terms = x.other_log_std - x.log_std + (variance + gap * gap) / (2 * other) - lift("0.5")
    return {"kl": rowwise(terms)}


def gaussian_terms(mean_: Array, log_std: Array, point: Array) -> Array:
    """log N(point; mean, std) of each dimension."""
    z = (point - mean_) / exp(log_std)
    return -(z * z) / 2 - log_std - TWO_PI.log() / 2


def gaussian_log_prob(x: Inputs, c: Choices) -> Outputs:
    return {"log_prob": rowwise(gaussian_terms(x.mean, x.log_std, x.actions))}


def gaussian_entropy(x: Inputs, c: Choices) -> Outputs:
    return {"entropy": rowwise(x.log_std + (1 + TWO_PI.log()) / 2)}


def squashed_gaussian_log_prob(x: Inputs, c: Choices) -> Outputs:
    inside = each(lambda a: a.atanh(), x.actions)
    jacobian = log(1 - x.actions * x.actions)
    return {"log_prob": rowwise(gaussian_terms(x.mean, x.log_std, inside) - jacobian)}


def adapt_kl_coef(x: Inputs, c: Choices) -> Outputs:
    # tf_agents has a tolerance, 0.3 unless it is set.
    tolerance = lift({"1": "0.1", "2": "0.2", "3": "0.5"}.get(c["_variant"], "0.3"))
    high, floor, up, down = {
        "": (lift("1.5"), x.target_kl / lift("1.5"), lift(2), lift(2)),
        "rllib": (lift(2), x.target_kl / 2, lift("1.5"), lift(2)),
        "tf_agents": (1 + tolerance, x.target_kl * (1 - tolerance), lift("1.5"), lift("1.5")),
    }[c["kl_rule"]]
    if x.kl > x.target_kl * high:
        return {"kl_coef": x.kl_coef * up}
    return {"kl_coef": x.kl_coef / down if x.kl < floor else x.kl_coef}


def detached(array: Array) -> Array:
    """The same Reals without derivatives: a stop-gradient."""
    return each(stop, array)
