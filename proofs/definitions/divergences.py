"""Kullback-Leibler divergences, exact and estimated, in nats (S12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb

from proofs.definitions.distributions import legal_entries, log_partition, probabilities
from proofs.definitions.integrals import gaussian_expectation
from proofs.definitions.numbers import Nested, Number, ball, each, exp, flat, log, mean, total, with_gradients

Row = list[Any]


def _estimator(term: Callable[[Number, Number], Number]) -> Callable[..., dict[str, Nested]]:
    """The mean over valid slots of `term` (log_prob, old_log_prob)."""
    def estimate(log_prob: Nested, old_log_prob: Nested, *, mask: Nested = None) -> dict[str, Nested]:
        old = ball(old_log_prob)

        def formula(log_prob: Nested) -> Number:
            return mean(list(flat(each(term, log_prob, old, mask=mask))))

        return with_gradients("kl", formula, log_prob=ball(log_prob))

    estimate.__doc__ = term.__doc__
    return estimate


def _k1(new: Number, old: Number) -> Number:
    r"""mean(-d), d = log_prob - old_log_prob, of actions drawn from old: estimates KL(old, new)."""
    return -(new - old)


def _k1_of_ratio(new: Number, old: Number) -> Number:
    r"""mean(log(1/r)), r = P_new / P_old."""
    return log(exp(old) / exp(new))


def _k2(new: Number, old: Number) -> Number:
    r"""mean(d^2 / 2)."""
    return (new - old) * (new - old) / 2


def _k2_of_ratio(new: Number, old: Number) -> Number:
    r"""mean((log r)^2 / 2)."""
    log_ratio = log(exp(new) / exp(old))
    return log_ratio * log_ratio / 2


def _k3(new: Number, old: Number) -> Number:
    r"""mean(e^d - 1 - d)."""
    return exp(new - old) - 1 - (new - old)


def _k3_of_ratio(new: Number, old: Number) -> Number:
    r"""mean((r - 1) - log r): by how much log r stays below its tangent at 1."""
    r = exp(new) / exp(old)
    return (r - 1) - log(r)


kl_k1, kl_k1_of_ratio = _estimator(_k1), _estimator(_k1_of_ratio)
kl_k2, kl_k2_of_ratio = _estimator(_k2), _estimator(_k2_of_ratio)
kl_k3, kl_k3_of_ratio = _estimator(_k3), _estimator(_k3_of_ratio)


def kl_row(logits: Row, other_logits: Row, legal: Row | None = None) -> Number:
    r"""sum_a p_a (log p_a - log q_a), p = softmax(logits), q = softmax(other_logits)."""
    p, q = probabilities(logits, legal), probabilities(other_logits, legal)
    return total([p[a] * (log(p[a]) - log(q[a])) for a in legal_entries(logits, legal)])


def kl_row_by_cross_entropy(logits: Row, other_logits: Row, legal: Row | None = None) -> Number:
    r"""-sum_a p_a log q_a - H(p)."""
    p, q = probabilities(logits, legal), probabilities(other_logits, legal)
    actions = legal_entries(logits, legal)
    cross = -total([p[a] * log(q[a]) for a in actions])
    entropy = -total([p[a] * log(p[a]) for a in actions])
    return cross - entropy


def kl_row_by_bregman(logits: Row, other_logits: Row, legal: Row | None = None) -> Number:
    r"""F(z') - F(z) - <grad F(z), z' - z> with F = log sum exp, whose gradient is softmax."""
    p = probabilities(logits, legal)
    along = total([p[a] * (other_logits[a] - logits[a]) for a in legal_entries(logits, legal)])
    return log_partition(other_logits, legal) - log_partition(logits, legal) - along


def _categorical(row: Callable[..., Number]) -> Callable[..., dict[str, Nested]]:
    def categorical_kl(logits: Nested, other_logits: Nested, *, action_mask: Nested = None) -> dict[str, Nested]:
        def formula(logits: Nested, other_logits: Nested) -> Row:
            masks = [None] * len(logits) if action_mask is None else action_mask
            return [row(*line) for line in zip(logits, other_logits, masks, strict=True)]

        return with_gradients("kl", formula, logits=ball(logits), other_logits=ball(other_logits))

    categorical_kl.__doc__ = row.__doc__
    return categorical_kl


categorical_kl = _categorical(kl_row)
categorical_kl_by_cross_entropy = _categorical(kl_row_by_cross_entropy)
categorical_kl_by_bregman = _categorical(kl_row_by_bregman)


def _gaussian_term(m: Number, log_s: Number, other_m: Number, other_log_s: Number) -> Number:
    r"""sum_d log(s'/s) + (s^2 + (m - m')^2) / (2 s'^2) - 1/2."""
    gap = m - other_m
    return other_log_s - log_s + (exp(2 * log_s) + gap * gap) / (2 * exp(2 * other_log_s)) - arb(1) / 2


def _gaussian_cross_entropy_term(m: Number, log_s: Number, other_m: Number, other_log_s: Number) -> Number:
    r"""sum_d E_p[-log q] - E_p[-log p], by E_p (x - c)^2 = s^2 + (m - c)^2."""
    def surprise(c: Number, log_width: Number) -> Number:
        square = exp(2 * log_s) + (m - c) * (m - c)
        return square / (2 * exp(2 * log_width)) + log_width + log(2 * arb.pi()) / 2

    return surprise(other_m, other_log_s) - surprise(m, log_s)


def _gaussian_bregman_term(m: Number, log_s: Number, other_m: Number, other_log_s: Number) -> Number:
    r"""sum_d F(t') - F(t) - <grad F(t), t' - t> with t = (m/s^2, -1/(2 s^2)), F = m^2/(2 s^2) + log s.

    The gradient of F is the expectation of (x, x^2).
    """
    def natural(c: Number, log_width: Number) -> tuple[Number, Number, Number]:
        var = exp(2 * log_width)
        return c / var, -1 / (2 * var), c * c / (2 * var) + log_width

    first, second, here = natural(m, log_s)
    other_first, other_second, there = natural(other_m, other_log_s)
    mean_square = m * m + exp(2 * log_s)
    return there - here - m * (other_first - first) - mean_square * (other_second - second)


def _gaussian(term: Callable[..., Number]) -> Callable[..., dict[str, Nested]]:
    def gaussian_kl(
        mean: Nested, log_std: Nested, other_mean: Nested, other_log_std: Nested
    ) -> dict[str, Nested]:
        def formula(mean: Nested, log_std: Nested, other_mean: Nested, other_log_std: Nested) -> Row:
            return [total(row) for row in each(term, mean, log_std, other_mean, other_log_std)]

        return with_gradients(
            "kl", formula, mean=ball(mean), log_std=ball(log_std), other_mean=ball(other_mean),
            other_log_std=ball(other_log_std),
        )

    gaussian_kl.__doc__ = term.__doc__
    return gaussian_kl


gaussian_kl = _gaussian(_gaussian_term)
gaussian_kl_by_cross_entropy = _gaussian(_gaussian_cross_entropy_term)
gaussian_kl_by_bregman = _gaussian(_gaussian_bregman_term)


def gaussian_kl_by_integral(
    mean: Nested, log_std: Nested, other_mean: Nested, other_log_std: Nested
) -> dict[str, Nested]:
    r"""sum_d E_{x ~ p}[log p(x) - log q(x)]."""
    def term(m: arb, log_s: arb, other_m: arb, other_log_s: arb) -> arb:
        s, other_s = exp(log_s), exp(other_log_s)

        def log_weight(z: acb, _: bool) -> acb:
            x = m + s * z
            p = -(((x - m) / s) ** 2) / 2 - log_s
            return p + ((x - other_m) / other_s) ** 2 / 2 + other_log_s

        # ((s z + g) / s')^2 <= 2 (s z / s')^2 + 2 (g / s')^2.
        gap, scale = (m - other_m) / other_s, s / other_s
        return gaussian_expectation(
            log_weight, constant=abs(log_s) + abs(other_log_s) + gap * gap, square=arb(1) / 2 + scale * scale
        )

    arrays = (ball(x) for x in (mean, log_std, other_mean, other_log_std))
    return {"kl": [total(row) for row in each(term, *arrays)]}
