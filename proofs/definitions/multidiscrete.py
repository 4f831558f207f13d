"""Policies of several choices: log-probabilities, entropies and KL, in nats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from proofs.definitions.distributions import Row, log_partition, probabilities
from proofs.definitions.divergences import kl_row
from proofs.definitions.numbers import Nested, Number, ball, exp, log, total, with_gradients
from proofs.definitions.numbers import product as multiplied


def heads(row: Any, nvec: list[int]) -> Iterator[Any]:
    """The entries of each choice: consecutive slices of a row."""
    start = 0
    for size in nvec:
        yield None if row is None else row[start : start + size]
        start += size


def _masks(logits: Nested, action_mask: Nested) -> Nested:
    return [None] * len(logits) if action_mask is None else action_mask


def multidiscrete_log_prob(
    logits: Nested, actions: Nested, nvec: list[int], *, action_mask: Nested = None
) -> dict[str, Nested]:
    r"""log of the product over the choices of pi_k(a_k), pi_k = softmax of its slice."""
    def row(z: Row, taken: Row, legal: Any) -> Number:
        parts = zip(heads(z, nvec), taken, heads(legal, nvec), strict=True)
        return log(multiplied([probabilities(part, m)[a] for part, a, m in parts]))

    def formula(logits: Nested) -> Row:
        return [row(*line) for line in zip(logits, actions, _masks(logits, action_mask), strict=True)]

    return with_gradients("log_prob", formula, logits=ball(logits))


def multidiscrete_log_prob_by_partition(
    logits: Nested, actions: Nested, nvec: list[int], *, action_mask: Nested = None
) -> dict[str, Nested]:
    r"""sum_k z_{k, a_k} - log sum_b e^{z_{k, b}}."""
    def row(z: Row, taken: Row, legal: Any) -> Number:
        parts = zip(heads(z, nvec), taken, heads(legal, nvec), strict=True)
        return total([part[a] - log_partition(part, m) for part, a, m in parts])

    def formula(logits: Nested) -> Row:
        return [row(*line) for line in zip(logits, actions, _masks(logits, action_mask), strict=True)]

    return with_gradients("log_prob", formula, logits=ball(logits))


def multidiscrete_entropy(logits: Nested, nvec: list[int], *, action_mask: Nested = None) -> dict[str, Nested]:
    r"""-sum_k sum_a pi_k(a) log pi_k(a) over the legal actions."""
    def row(z: Row, legal: Any) -> Number:
        tables = [probabilities(part, m) for part, m in zip(heads(z, nvec), heads(legal, nvec), strict=True)]
        return -total([p * log(p) for table in tables for p in table if p is not None])

    def formula(logits: Nested) -> Row:
        return [row(*line) for line in zip(logits, _masks(logits, action_mask), strict=True)]

    return with_gradients("entropy", formula, logits=ball(logits))


def multidiscrete_entropy_of_joint(
    logits: Nested, nvec: list[int], *, action_mask: Nested = None
) -> dict[str, Nested]:
    r"""-sum pi log pi over every combination of legal actions, pi the product of the choices: too many if many."""
    def row(z: Row, legal: Any) -> Number:
        tables = [probabilities(part, m) for part, m in zip(heads(z, nvec), heads(legal, nvec), strict=True)]
        joint = [multiplied(ps) for ps in product(*([p for p in table if p is not None] for table in tables))]
        return -total([p * log(p) for p in joint])

    def formula(logits: Nested) -> Row:
        return [row(*line) for line in zip(logits, _masks(logits, action_mask), strict=True)]

    return with_gradients("entropy", formula, logits=ball(logits))


def multidiscrete_kl(logits: Nested, other_logits: Nested, nvec: list[int]) -> dict[str, Nested]:
    r"""sum_k sum_a p_k(a) (log p_k(a) - log q_k(a))."""
    def row(z: Row, w: Row) -> Number:
        return total([kl_row(*pair) for pair in zip(heads(z, nvec), heads(w, nvec), strict=True)])

    return _kl(row, logits, other_logits)


def multidiscrete_kl_by_partition(logits: Nested, other_logits: Nested, nvec: list[int]) -> dict[str, Nested]:
    r"""sum p (z - z') over all columns, and log sum e^{z'} - log sum e^z of every choice."""
    def row(z: Row, w: Row) -> Number:
        pairs = list(zip(heads(z, nvec), heads(w, nvec), strict=True))
        along = [exp(a - log_partition(p)) * (a - b) for p, q in pairs for a, b in zip(p, q, strict=True)]
        return total(along) + total([log_partition(q) - log_partition(p) for p, q in pairs])

    return _kl(row, logits, other_logits)


def _kl(row: Callable[..., Number], logits: Nested, other_logits: Nested) -> dict[str, Nested]:
    def formula(logits: Nested, other_logits: Nested) -> Row:
        return [row(*pair) for pair in zip(logits, other_logits, strict=True)]

    return with_gradients("kl", formula, logits=ball(logits), other_logits=ball(other_logits))
