"""Policies of independent Bernoullis: log-probabilities, entropies and KL, in nats."""

from __future__ import annotations

from collections.abc import Callable

from proofs.definitions.distributions import Row
from proofs.definitions.divergences import kl_row_by_bregman
from proofs.definitions.numbers import Nested, Number, ball, each, exp, log, total, with_gradients


def probability(logit: Number) -> Number:
    r"""p = 1 / (1 + e^-z), the probability of a 1."""
    return 1 / (1 + exp(-logit))


def _rows(term: Callable[..., Number], *arrays: Nested) -> Row:
    """Of (B, D) arrays, the sum of `term` over D."""
    return [total(row) for row in each(term, *arrays)]


def bernoulli_log_prob(logits: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d log( p^a (1 - p)^(1 - a) )."""
    def term(z: Number, a: int) -> Number:
        p = probability(z)
        return log(p if a == 1 else 1 - p)

    return with_gradients("log_prob", lambda logits: _rows(term, logits, actions), logits=ball(logits))


def bernoulli_log_prob_by_partition(logits: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d a z - log(1 + e^z): a softmax of the logits (0, z)."""
    def term(z: Number, a: int) -> Number:
        return a * z - log(1 + exp(z))

    return with_gradients("log_prob", lambda logits: _rows(term, logits, actions), logits=ball(logits))


def bernoulli_entropy(logits: Nested) -> dict[str, Nested]:
    r"""sum_d -p log p - (1 - p) log(1 - p)."""
    def term(z: Number) -> Number:
        p = probability(z)
        return -p * log(p) - (1 - p) * log(1 - p)

    return with_gradients("entropy", lambda logits: _rows(term, logits), logits=ball(logits))


def bernoulli_entropy_by_partition(logits: Nested) -> dict[str, Nested]:
    r"""sum_d log(1 + e^z) - z p."""
    def term(z: Number) -> Number:
        return log(1 + exp(z)) - z * probability(z)

    return with_gradients("entropy", lambda logits: _rows(term, logits), logits=ball(logits))


def bernoulli_kl(logits: Nested, other_logits: Nested) -> dict[str, Nested]:
    r"""sum_d p log(p / q) + (1 - p) log((1 - p) / (1 - q))."""
    def term(z: Number, w: Number) -> Number:
        p, q = probability(z), probability(w)
        return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))

    return _kl(term, logits, other_logits)


def bernoulli_kl_by_bregman(logits: Nested, other_logits: Nested) -> dict[str, Nested]:
    r"""sum_d F(z') - F(z) - F'(z) (z' - z) with F = log(1 + e^z): the categorical one of logits (0, z) and (0, z')."""
    def term(z: Number, w: Number) -> Number:
        return kl_row_by_bregman([ball(0), z], [ball(0), w])

    return _kl(term, logits, other_logits)


def _kl(term: Callable[..., Number], logits: Nested, other_logits: Nested) -> dict[str, Nested]:
    def formula(logits: Nested, other_logits: Nested) -> Row:
        return _rows(term, logits, other_logits)

    return with_gradients("kl", formula, logits=ball(logits), other_logits=ball(other_logits))
