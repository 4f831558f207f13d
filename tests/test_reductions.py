"""The means in use, and the conversions that the docstring promises."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ppocore import masked_mean, sequence_mean, sequence_sum_mean, surrogate_loss, trajectory_mean

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
