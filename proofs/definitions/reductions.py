"""From one number per step to one number per batch (S6): which steps count, and what the sum is divided by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions.numbers import ZERO, Nested, Number, each, flat, mean, rational, total, with_gradients


def reduced(terms: Nested, reduction: str = "mean") -> Number:
    """One number from terms of shape (B,) or (B, L) that are None at masked slots.

    With rows n = 1..N of T_n valid steps: mean = sum / sum T_n; sum; mean_over_all_slots = sum / (B L);
    trajectory = sum / N; sequence_mean = (1/N) sum_n (row sum / T_n).
    """
    valid = list(flat(terms))
    if reduction == "sequence_mean":
        return mean([mean(list(flat(row))) for row in terms])
    slots = sum(len(row) if isinstance(row, list) else 1 for row in terms)
    divisors = {"mean": len(valid), "sum": 1, "mean_over_all_slots": slots, "trajectory": len(terms)}
    return total(valid) / divisors[reduction]


def _of_terms(formula: Callable[[Nested], Number]) -> Callable[..., dict[str, Nested]]:
    def reduction(x: Nested, mask: Nested) -> dict[str, Nested]:
        return with_gradients("mean", lambda x: formula(each(lambda v: v, x, mask=mask)), x=rational(x))

    reduction.__doc__ = formula.__doc__
    return reduction


def _masked_mean(terms: Nested) -> Number:
    r"""sum_{b,l} m_{bl} x_{bl} / sum_{b,l} m_{bl}."""
    return reduced(terms, "mean")


def _masked_mean_by_rows(terms: Nested) -> Number:
    r"""sum_b (T_b / sum_n T_n) mean of row b."""
    if not isinstance(terms[0], list):
        terms = [terms]
    rows = [list(flat(row)) for row in terms]
    return total([mean(row) * len(row) for row in rows if row]) / sum(len(row) for row in rows)


def _sequence_mean(terms: Nested) -> Number:
    r"""(1/B) sum_b (sum_l m_{bl} x_{bl} / sum_l m_{bl})."""
    return reduced(terms, "sequence_mean")


def _sequence_mean_by_slots(terms: Nested) -> Number:
    r"""sum over the valid slots of x_{bl} / (B T_b)."""
    lengths = [len(list(flat(row))) for row in terms]
    return total([v / (n * len(terms)) for row, n in zip(terms, lengths, strict=True) for v in flat(row)])


def _sequence_sum_mean(terms: Nested) -> Number:
    r"""(1/B) sum_b sum_l m_{bl} x_{bl}."""
    return reduced(terms, "trajectory")


def _sequence_sum_mean_by_columns(terms: Nested) -> Number:
    r"""sum_l of the mean over b of m_{bl} x_{bl}."""
    return total([mean([ZERO if v is None else v for v in column]) for column in zip(*terms, strict=True)])


masked_mean, masked_mean_by_rows = _of_terms(_masked_mean), _of_terms(_masked_mean_by_rows)
sequence_mean, sequence_mean_by_slots = _of_terms(_sequence_mean), _of_terms(_sequence_mean_by_slots)
sequence_sum_mean = _of_terms(_sequence_sum_mean)
sequence_sum_mean_by_columns = _of_terms(_sequence_sum_mean_by_columns)


def trajectory_mean(x: list[Any], lengths: list[int]) -> dict[str, Nested]:
    r"""(1/N) sum_n sum_{t=1}^{T_n} x_{nt}, the trajectories laid end to end."""
    def formula(x: list[Any]) -> Number:
        starts = [sum(lengths[:n]) for n in range(len(lengths))]
        return mean([total(x[start : start + n]) for start, n in zip(starts, lengths, strict=True)])

    return with_gradients("mean", formula, x=rational(x))


def trajectory_mean_padded(x: list[Any], lengths: list[int]) -> dict[str, Nested]:
    r"""The mean over rows of row sums, of the trajectories padded to one length."""
    rest = rational(x)
    rows, mask = [], []
    for n in lengths:
        padding = max(lengths) - n
        rows.append([*rest[:n], *[None] * padding])
        mask.append([True] * n + [False] * padding)
        rest = rest[n:]
    padded = sequence_sum_mean(rows, mask)
    slopes = [g for row, m in zip(padded["grad_x"], mask, strict=True) for g, v in zip(row, m, strict=True) if v]
    return {"mean": padded["mean"], "grad_x": slopes}
