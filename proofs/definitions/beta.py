"""Policies of independent Beta distributions: log-densities, in nats."""

from __future__ import annotations

from collections.abc import Callable

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
