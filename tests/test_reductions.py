"""The means in use, and the conversions that the docstring promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ppocore import masked_mean, normalize_advantages, sequence_mean, sequence_sum_mean, surrogate_loss, trajectory_mean
from ppocore._threads import WORTH_IT
from ppocore.reductions import CHUNK, LANES

NAN = float("nan")
X = np.array([[1.0, 2.0, NAN, NAN], [3.0, 4.0, 5.0, 9.0]])
MASK = np.array([[True, True, False, False], [True, True, True, True]])


def test_means_by_hand() -> None:
    """Rows sum to 3 and 21 over 2 and 4 slots."""
    assert masked_mean(X, MASK).mean == 24 / 6
    assert sequence_mean(X, MASK).mean == float((Fraction(3, 2) + Fraction(21, 4)) / 2)
    assert sequence_sum_mean(X, MASK).mean == 24 / 2
    assert trajectory_mean(X[MASK], [2, 4]).mean == 24 / 2


@pytest.mark.parametrize(
    ("reduction", "factor"),
    [("trajectory", 1), ("sum", Fraction(1, 2)), ("mean", Fraction(6, 2)), ("mean_over_all_slots", 4)],
)
def test_factors_of_the_table_turn_each_reduction_into_trajectory(reduction: str, factor: Fraction) -> None:
    """N = 2 rows of T = 2 and 4 valid steps in L = 4 slots; the objective at r = 1 is the advantage."""
    zeros = np.zeros((2, 4))
    loss = surrogate_loss(zeros, zeros, X, mask=MASK, reduction=reduction).loss

    assert -loss * factor == 12


def test_sequence_mean_times_length_is_trajectory_for_equal_lengths() -> None:
    zeros, mask = np.zeros((2, 4)), np.array([[True, True, False, False]] * 2)
    losses = [surrogate_loss(zeros, zeros, X[[0, 0]], mask=mask, reduction=r).loss for r in
              ("sequence_mean", "trajectory")]  # fmt: skip

    assert losses[0] * 2 == losses[1]


def test_masked_mean_of_a_flat_batch() -> None:
    assert masked_mean([1, NAN, 5], [True, False, True]).mean == 3


EDGES = [1, 7, LANES - 1, LANES, LANES + 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3, WORTH_IT + 5]
SHAPES = [(3, CHUNK - 1), (3, CHUNK), (3, CHUNK + 1), (2, 2 * CHUNK + 3), (CHUNK // 5 + 1, 5), (WORTH_IT // 40 + 1, 40)]
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def masked(shape: Any, dtype: type) -> tuple[Any, Any]:
    """Numbers around 3, NaN where the mask is False; every row has a valid slot."""
    rng = np.random.default_rng(7)
    x, mask = rng.normal(3, 2, shape).astype(dtype), rng.random(shape) < 0.7
    mask[..., 0] = True
    x[~mask] = NAN
    return x, mask


def close(found: Any, exact: float, x: Any, weight: float) -> bool:
    """Within u (h + 1) times the sum of |x| and a weight, h = 18 + log2 n, and half an ulp of the result's dtype."""
    room = np.finfo(np.float64).eps / 2 * (19 + math.log2(x.size)) * np.abs(x, dtype=np.float64).sum() * weight
    return abs(float(found) - exact) <= room + np.finfo(found.dtype).eps / 2 * abs(exact)


@in_both_dtypes
@pytest.mark.parametrize("size", EDGES)
def test_masked_mean_is_the_exact_mean_wherever_chunks_end(size: int, dtype: type) -> None:
    x, mask = masked(size, dtype)
    count = mask.sum()

    found = masked_mean(x, mask)

    assert close(found.mean, math.fsum(x[mask].tolist()) / count, x[mask], 1 / count)
    assert np.array_equal(found.grad_x, (mask / count).astype(dtype))


@in_both_dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_means_of_rows_are_exact_wherever_chunks_end(shape: tuple[int, int], dtype: type) -> None:
    x, mask = masked(shape, dtype)
    rows = [(row[valid].tolist(), int(valid.sum())) for row, valid in zip(x, mask, strict=True)]
    sums, means = [math.fsum(row) for row, _ in rows], [math.fsum(row) / count for row, count in rows]

    by_sum, by_mean = sequence_sum_mean(x, mask), sequence_mean(x, mask)

    assert close(by_sum.mean, math.fsum(sums) / len(x), x[mask], 1 / len(x))
    assert close(by_mean.mean, math.fsum(means) / len(x), x[mask], 1 / mask.sum())
    assert np.array_equal(by_sum.grad_x, (mask / len(x)).astype(dtype))
    assert np.array_equal(by_mean.grad_x, (mask / (mask.sum(axis=1) * len(x))[:, None]).astype(dtype))


def test_one_row_is_added_up_as_a_flat_batch_is() -> None:
    for size in [*EDGES, *range(9 * CHUNK, 9 * CHUNK + 12)]:
        x, mask = masked(size, np.float64)

        assert sequence_mean(x[None], mask[None]).mean == masked_mean(x, mask).mean


@in_both_dtypes
@pytest.mark.parametrize("size", EDGES)
def test_normalised_advantages_are_exact_wherever_chunks_end(size: int, dtype: type) -> None:
    x, mask = masked(size, dtype)
    used = x[mask].astype(np.float64)
    mean = math.fsum(used) / used.size
    divisor = math.sqrt(math.fsum((used - mean) ** 2) / used.size) + 1e-8
    expected = np.where(mask, (x.astype(np.float64) - mean) / divisor, 0.0)
    room = np.where(expected == 0, 0, np.finfo(dtype).eps * np.abs(expected) + 1e-13)

    found, without = normalize_advantages(x, mask=mask), normalize_advantages(x[mask])

    assert found.dtype == without.dtype == dtype
    assert (np.abs(found - expected) <= room).all()
    assert (np.abs(without - expected[mask]) <= room[mask]).all()


@pytest.mark.parametrize("function", [masked_mean, sequence_mean, sequence_sum_mean])
def test_sums_beyond_the_largest_number_are_infinite_and_what_is_not_finite_is_refused(
    function: Callable[..., Any],
) -> None:
    x, mask = np.full((2, 3), 1e308), np.ones((2, 3), bool)
    assert function(x, mask).mean == np.inf
    for wrong in (np.nan, np.inf, -np.inf):
        x[1, 2] = wrong
        with pytest.raises(ValueError, match=rf"x\[1, 2\] is {wrong}; every entry must be finite"):
            function(x, mask)
        with pytest.raises(ValueError, match=r"advantages\[5\] is"):
            normalize_advantages(x.ravel())
    mask[1] = False
    with pytest.raises(ValueError, match=r"mask\[1\] is all False"):
        function(x, mask)
