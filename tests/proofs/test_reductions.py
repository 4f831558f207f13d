"""Theorems about means over samples: exact, as every division is by a power of two."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from ppocore import masked_mean, sequence_mean, sequence_sum_mean, trajectory_mean

X = np.array([[1.0, -2.0, 7.0, 0.5], [4.0, 3.0, -6.0, 2.5]])
NAN = float("nan")
MASKS = [
    np.array(rows) for rows in product(product((False, True), repeat=4), repeat=2)
    if all(sum(row) in (1, 2, 4) for row in rows)
]


@pytest.mark.theorem("RED-01")
def test_masked_mean_weighs_every_valid_slot_the_same() -> None:
    for mask in MASKS:
        count = int(mask.sum())
        if count not in (2, 4, 8):
            continue
        out = masked_mean(np.where(mask, X, NAN), mask)
        assert out.mean == X[mask].sum() / count
        np.testing.assert_array_equal(out.grad_x, mask / count)
        assert out.grad_x.sum() == 1


@pytest.mark.theorem("RED-02")
def test_sequence_mean_weighs_every_row_the_same() -> None:
    for mask in MASKS:
        counts = mask.sum(axis=1)
        out = sequence_mean(np.where(mask, X, NAN), mask)
        assert out.mean == (X[0][mask[0]].sum() / counts[0] + X[1][mask[1]].sum() / counts[1]) / 2
        np.testing.assert_array_equal(out.grad_x.sum(axis=1), [0.5, 0.5])
        np.testing.assert_array_equal(out.grad_x * counts[:, None] * 2, mask)


@pytest.mark.theorem("RED-03", "RED-04")
def test_sequence_sum_mean_is_the_trajectory_mean_of_the_padded_batch() -> None:
    for mask in MASKS:
        padded = sequence_sum_mean(np.where(mask, X, NAN), mask)
        flat = trajectory_mean(X[mask], mask.sum(axis=1))
        assert padded.mean == flat.mean == X[mask].sum() / 2
        np.testing.assert_array_equal(padded.grad_x, mask / 2)
        assert set(flat.grad_x) == {0.5}
        assert padded.grad_x.sum() == mask.sum() / 2


@pytest.mark.theorem("RED-05")
def test_beta_converts_with_the_mean_length() -> None:
    """Rows of 4 and 2 valid steps: mean length 3, so beta becomes beta / 3."""
    mask = np.array([[True] * 4, [True, True, False, False]])
    summed, tokens = (f(X, mask).mean for f in (sequence_sum_mean, masked_mean))
    beta, kl = 6.0, 0.25

    assert summed == 6.75
    assert tokens == 2.25
    assert -summed + beta * kl == 3 * (-tokens + beta / 3 * kl)


@pytest.mark.theorem("RED-05", "RED-06")
def test_means_agree_up_to_the_length_only_for_equal_lengths() -> None:
    for mask in MASKS:
        rows, tokens, sums = (f(X, mask).grad_x for f in (sequence_mean, masked_mean, sequence_sum_mean))
        lengths = mask.sum(axis=1)
        equal = lengths[0] == lengths[1]
        assert np.array_equal(rows, tokens) == equal
        assert np.array_equal(rows * lengths[0], sums) == equal


@pytest.mark.theorem("RED-07")
def test_the_mean_of_micro_batch_means_needs_equal_sizes() -> None:
    x = np.array([1.0, 3.0, 8.0, -4.0])

    def mean(part: np.ndarray) -> float:
        return float(masked_mean(part, np.ones(len(part), dtype=bool)).mean)

    assert (mean(x[:2]) + mean(x[2:])) / 2 == mean(x) == 2.0
    # 1 and (3 + 8 - 4) / 3 = 7/3: their plain mean is 5/3, weighted by size it is 2.
    assert (mean(x[:1]) + mean(x[1:])) / 2 == pytest.approx(5 / 3, rel=2**-51)
    assert (mean(x[:1]) + 3 * mean(x[1:])) / 4 == pytest.approx(2.0, rel=2**-51)
