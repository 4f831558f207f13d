"""Policies of independent Beta distributions: log-densities, entropies and KL, in nats."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from proofs.definitions.distributions import Row
from proofs.definitions.duals import Dual
from proofs.definitions.numbers import Nested, Number, ball, each, log, total, with_gradients


def log_gamma(x: Number) -> Number:
    """log Gamma(x), x > 0."""
    if isinstance(x, Dual):
        return x.through(log_gamma(x.value), ball(x.value).digamma())
    return ball(x).lgamma()


def log_gamma_by_shifts(x: Number) -> Number:
    """log Gamma(x + 8) - log x - log(x + 1) ... - log(x + 7)."""
    return log_gamma(x + 8) - total([log(x + k) for k in range(8)])


def digamma(x: Number) -> Number:
    """psi(x), the derivative of log Gamma; its own derivative is sum_k 1 / (x + k)^2, a zeta function."""
    if isinstance(x, Dual):
        return x.through(digamma(x.value), arb(2).zeta(ball(x.value)))
    return ball(x).digamma()


def digamma_by_shifts(x: Number) -> Number:
    """psi(x + 8) - 1 / x - 1 / (x + 1) ... - 1 / (x + 7)."""
    return digamma(x + 8) - total([1 / (x + k) for k in range(8)])


def beta_log_prob(alpha: Nested, beta: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d (alpha - 1) log x + (beta - 1) log(1 - x) - log B(alpha, beta), of three log-gammas."""
    def term(a: Number, b: Number, x: Number) -> Number:
        return (a - 1) * log(x) + (b - 1) * log(1 - x) - log_gamma(a) - log_gamma(b) + log_gamma(a + b)

    return _log_prob(term, alpha, beta, actions)


def beta_log_prob_by_shifts(alpha: Nested, beta: Nested, actions: Nested) -> dict[str, Nested]:
    r"""The same by the odds x / (1 - x), every log-gamma moved up."""
    def term(a: Number, b: Number, x: Number) -> Number:
        gammas = log_gamma_by_shifts(a) + log_gamma_by_shifts(b) - log_gamma_by_shifts(a + b)
        return (a - 1) * log(x / (1 - x)) + (a + b - 2) * log(1 - x) - gammas

    return _log_prob(term, alpha, beta, actions)


def _log_prob(term: Callable[..., Number], alpha: Nested, beta: Nested, actions: Nested) -> dict[str, Nested]:
    def formula(alpha: Nested, beta: Nested, actions: Nested) -> Row:
        return [total(row) for row in each(term, alpha, beta, actions)]

    return with_gradients("log_prob", formula, alpha=ball(alpha), beta=ball(beta), actions=ball(actions))


def beta_entropy(alpha: Nested, beta: Nested) -> dict[str, Nested]:
    r"""sum_d log B - (alpha - 1) E log x - (beta - 1) E log(1 - x), of three log-gammas."""
    def term(a: Number, b: Number) -> Number:
        log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b)
        return log_beta - (a - 1) * (digamma(a) - digamma(a + b)) - (b - 1) * (digamma(b) - digamma(a + b))

    return _entropy(term, alpha, beta)


def beta_entropy_by_shifts(alpha: Nested, beta: Nested) -> dict[str, Nested]:
    r"""The same as log B + (alpha + beta - 2) psi(alpha + beta) - ..., log-gamma and psi moved up."""
    def term(a: Number, b: Number) -> Number:
        gammas = log_gamma_by_shifts(a) + log_gamma_by_shifts(b) - log_gamma_by_shifts(a + b)
        own = (a - 1) * digamma_by_shifts(a) + (b - 1) * digamma_by_shifts(b)
        return gammas + (a + b - 2) * digamma_by_shifts(a + b) - own

    return _entropy(term, alpha, beta)


def _entropy(term: Callable[..., Number], alpha: Nested, beta: Nested) -> dict[str, Nested]:
    def formula(alpha: Nested, beta: Nested) -> Row:
        return [total(row) for row in each(term, alpha, beta)]

    return with_gradients("entropy", formula, alpha=ball(alpha), beta=ball(beta))


def beta_kl(alpha: Nested, beta: Nested, other_alpha: Nested, other_beta: Nested) -> dict[str, Nested]:
    r"""sum_d log B' - log B + (alpha - alpha') E log x + (beta - beta') E log(1 - x), of six log-gammas."""
    def term(a: Number, b: Number, other_a: Number, other_b: Number) -> Number:
        log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b)
        log_other = log_gamma(other_a) + log_gamma(other_b) - log_gamma(other_a + other_b)
        both = digamma(a + b)
        return log_other - log_beta + (a - other_a) * (digamma(a) - both) + (b - other_b) * (digamma(b) - both)

    return _kl(term, alpha, beta, other_alpha, other_beta)


def beta_kl_by_shifts(alpha: Nested, beta: Nested, other_alpha: Nested, other_beta: Nested) -> dict[str, Nested]:
    r"""The same as log Gamma above its tangents: at alpha and beta, less at alpha + beta; everything moved up."""
    def above(x: Number, y: Number) -> Number:
        return log_gamma_by_shifts(y) - log_gamma_by_shifts(x) - digamma_by_shifts(x) * (y - x)

    def term(a: Number, b: Number, other_a: Number, other_b: Number) -> Number:
        return above(a, other_a) + above(b, other_b) - above(a + b, other_a + other_b)

    return _kl(term, alpha, beta, other_alpha, other_beta)


def _kl(term: Callable[..., Number], *concentrations: Nested) -> dict[str, Nested]:
    def formula(alpha: Nested, beta: Nested, other_alpha: Nested, other_beta: Nested) -> Row:
        return [total(row) for row in each(term, alpha, beta, other_alpha, other_beta)]

    names = ("alpha", "beta", "other_alpha", "other_beta")
    return with_gradients("kl", formula, **dict(zip(names, map(ball, concentrations), strict=True)))
