"""Importance sampling from samples: weights w = p / q, and what is estimated with them (S3 to S5, S7)."""

from __future__ import annotations

from typing import Any

from flint import acb, arb

from proofs.definitions.integrals import gaussian_tail, half_width, integral
from proofs.definitions.numbers import (
    Nested,
    Number,
    ball,
    each,
    exp,
    less,
    log,
    maximum,
    mean,
    minimum,
    product,
    sqrt,
    total,
    with_gradients,
)

Samples = list[Any]


def ratio(log_prob: Samples, old_log_prob: Samples) -> dict[str, Nested]:
    r"""r = e^{log P_theta - log P_theta'} (S7; arXiv:1707.06347, section 3)."""
    old = ball(old_log_prob)
    return with_gradients("ratio", lambda log_prob: each(_weight, log_prob, old), log_prob=ball(log_prob))


def ratio_of_probabilities(log_prob: Samples, old_log_prob: Samples) -> dict[str, Nested]:
    r"""r = P_theta / P_theta', from the two probabilities."""
    old = ball(old_log_prob)
    return with_gradients("ratio", lambda log_prob: each(_quotient, log_prob, old), log_prob=ball(log_prob))


def _weight(log_p: Number, log_q: Number) -> Number:
    return exp(log_p - log_q)


def _quotient(log_p: Number, log_q: Number) -> Number:
    return exp(log_p) / exp(log_q)


def _estimate(formula: Any, fx: Samples, log_p: Samples, log_q: Samples) -> dict[str, Nested]:
    sampling = ball(log_q)
    return with_gradients("estimate", lambda fx, log_p: formula(fx, log_p, sampling), fx=ball(fx), log_p=ball(log_p))


def importance_estimate(fx: Samples, log_p: Samples, log_q: Samples) -> dict[str, Nested]:
    r"""(1/n) sum_i w_i f(x_i), w = p / q, x ~ q (S4)."""
    def formula(fx: Samples, log_p: Samples, log_q: Samples) -> Number:
        return mean([_weight(p, q) * f for f, p, q in zip(fx, log_p, log_q, strict=True)])

    return _estimate(formula, fx, log_p, log_q)


def importance_estimate_of_probabilities(fx: Samples, log_p: Samples, log_q: Samples) -> dict[str, Nested]:
    r"""The same with p(x) f(x) / q(x) from the two densities."""
    def formula(fx: Samples, log_p: Samples, log_q: Samples) -> Number:
        return mean([exp(p) * f / exp(q) for f, p, q in zip(fx, log_p, log_q, strict=True)])

    return _estimate(formula, fx, log_p, log_q)


def self_normalized_estimate(fx: Samples, log_p: Samples, log_q: Samples) -> dict[str, Nested]:
    r"""sum_i w_i f(x_i) / sum_i w_i (S5; Owen, Monte Carlo, section 9.2)."""
    def formula(fx: Samples, log_p: Samples, log_q: Samples) -> Number:
        weights = each(_weight, log_p, log_q)
        return total([w * f for w, f in zip(weights, fx, strict=True)]) / total(weights)

    return _estimate(formula, fx, log_p, log_q)


def self_normalized_estimate_by_softmax(fx: Samples, log_p: Samples, log_q: Samples) -> dict[str, Nested]:
    r"""Expectation of f under the distribution softmax(log w) on the samples."""
    def formula(fx: Samples, log_p: Samples, log_q: Samples) -> Number:
        log_weights = each(lambda p, q: p - q, log_p, log_q)
        log_total = log(total([exp(w) for w in log_weights]))
        return total([exp(w - log_total) * f for w, f in zip(log_weights, fx, strict=True)])

    return _estimate(formula, fx, log_p, log_q)


def truncated_importance_estimate(
    fx: Samples, log_p: Samples, log_q: Samples, *, max_weight: Number
) -> dict[str, Nested]:
    r"""(1/n) sum_i min(w_i, c) f(x_i) (S5; Ionides 2008)."""
    most = ball(max_weight)

    def formula(fx: Samples, log_p: Samples, log_q: Samples) -> Number:
        return mean([minimum(_weight(p, q), most) * f for f, p, q in zip(fx, log_p, log_q, strict=True)])

    return _estimate(formula, fx, log_p, log_q)


def truncated_importance_estimate_by_excess(
    fx: Samples, log_p: Samples, log_q: Samples, *, max_weight: Number
) -> dict[str, Nested]:
    r"""(1/n) sum_i w_i f(x_i) less (1/n) sum_i max(w_i - c, 0) f(x_i)."""
    most = ball(max_weight)

    def formula(fx: Samples, log_p: Samples, log_q: Samples) -> Number:
        weights = each(_quotient, log_p, log_q)
        excess = [maximum(w - most, arb(0)) for w in weights]
        plain, cut = ([w * f for w, f in zip(ws, fx, strict=True)] for ws in (weights, excess))
        return mean(plain) - mean(cut)

    return _estimate(formula, fx, log_p, log_q)


def per_decision_importance_estimate(
    rewards: Nested, log_prob: Nested, old_log_prob: Nested, mask: Nested, *, gamma: Number
) -> dict[str, Nested]:
    r"""(1/N) sum_n sum_t gamma^t (prod_{k<=t} r_{nk}) R_{nt}, t counting valid steps (Precup et al. 2000; S5)."""
    r, old, discount = ball(rewards), ball(old_log_prob), ball(gamma)

    def gain(row: int, log_prob: Nested) -> Number:
        steps = [t for t, valid in enumerate(mask[row]) if valid]
        ratios = [_weight(log_prob[row][t], old[row][t]) for t in steps]
        return total([discount**i * product(ratios[: i + 1]) * r[row][t] for i, t in enumerate(steps)])

    return with_gradients(
        "estimate", lambda log_prob: mean([gain(row, log_prob) for row in range(len(r))]), log_prob=ball(log_prob)
    )


def per_decision_importance_estimate_by_prefixes(
    rewards: Nested, log_prob: Nested, old_log_prob: Nested, mask: Nested, *, gamma: Number
) -> dict[str, Nested]:
    r"""The same with the weight of a reward as probability of the actions so far under one policy over the other."""
    r, old, discount = ball(rewards), ball(old_log_prob), ball(gamma)

    def formula(log_prob: Nested) -> Number:
        terms = []
        for row, valid in enumerate(mask):
            for t in range(len(valid)):
                if valid[t]:
                    before = [k for k in range(t + 1) if valid[k]]
                    weight = exp(total([log_prob[row][k] for k in before]) - total([old[row][k] for k in before]))
                    terms.append(weight * r[row][t] * discount ** (len(before) - 1))
        return total(terms) / len(mask)

    return with_gradients("estimate", formula, log_prob=ball(log_prob))


def effective_sample_size(log_weights: Samples) -> dict[str, Nested]:
    r"""(sum w)^2 / sum w^2 (Kong 1992; S5, S11)."""
    weights = [exp(w) for w in ball(log_weights)]
    return {"ess": total(weights) ** 2 / total([w * w for w in weights])}


def effective_sample_size_by_normalized(log_weights: Samples) -> dict[str, Nested]:
    r"""1 / sum p_i^2 with p_i = w_i / sum w."""
    weights = [exp(w) for w in ball(log_weights)]
    whole = total(weights)
    return {"ess": 1 / total([(w / whole) ** 2 for w in weights])}


def gaussian_weight_second_moment(
    mean: Nested, log_std: Nested, other_mean: Nested, other_log_std: Nested
) -> dict[str, Nested]:
    r"""E_q[(p/q)^2] = prod_d s'^2 / (s sqrt(2 s'^2 - s^2)) exp((m-m')^2 / (2 s'^2 - s^2)).

    p = N(m, s), q = N(m', s'); infinite unless s^2 < 2 s'^2 in every dimension (S5).
    """
    def factor(m: Number, log_s: Number, other_m: Number, other_log_s: Number) -> Number:
        var, other = exp(2 * log_s), exp(2 * other_log_s)
        room = 2 * other - var
        return other / (exp(log_s) * sqrt(room)) * exp((m - other_m) ** 2 / room)

    return _second_moment(factor, mean, log_std, other_mean, other_log_std)


def gaussian_weight_second_moment_by_integral(
    mean: Nested, log_std: Nested, other_mean: Nested, other_log_std: Nested
) -> dict[str, Nested]:
    r"""prod_d int p(x)^2 / q(x) dx."""
    def factor(m: Number, log_s: Number, other_m: Number, other_log_s: Number) -> Number:
        s, other_s = exp(log_s), exp(other_log_s)
        # log(p^2 / q) is quadratic: its peak and width say where to integrate, and bound the tails.
        width = 1 / sqrt(2 / s**2 - 1 / other_s**2)
        peak = (2 * m / s**2 - other_m / other_s**2) * width**2

        def integrand(y: acb, _: bool) -> acb:
            x = peak + width * y
            log_p = -(((x - m) / s) ** 2) / 2 - log_s - (2 * arb.pi()).log() / 2
            log_q = -(((x - other_m) / other_s) ** 2) / 2 - other_log_s - (2 * arb.pi()).log() / 2
            return (2 * log_p - log_q).exp() * width

        top = integrand(acb(0), False).real
        tail = 2 * top * sqrt(2 * arb.pi()) * gaussian_tail(half_width())
        return integral(integrand, half_width()) + arb(0, tail.upper())

    return _second_moment(factor, mean, log_std, other_mean, other_log_std)


def _second_moment(
    factor: Any, mean: Nested, log_std: Nested, other_mean: Nested, other_log_std: Nested
) -> dict[str, Nested]:
    rows = zip(*(ball(x) for x in (mean, log_std, other_mean, other_log_std)), strict=True)
    return {"second_moment": [_row_moment(factor, list(zip(*row, strict=True))) for row in rows]}


def _row_moment(factor: Any, dimensions: list[tuple[Number, ...]]) -> Number:
    if all(less(exp(2 * (log_s - other_log_s)), 2) for _, log_s, _, other_log_s in dimensions):
        return product([factor(*dimension) for dimension in dimensions])
    return arb.pos_inf()
