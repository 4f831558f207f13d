"""Diagnostics: definitions, edges, and the k-hat of tails whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import batch_health, clip_fraction, explained_variance, pareto_k_hat
from tests.strategies import deterministic, policy_batches


def test_clip_fraction_counts_both_sides_whatever_the_advantage() -> None:
    """Ratios e, 1, 1/e, 1: two of four outside [3/4, 5/4]; with every sign of the advantage."""
    for sign in (1.0, -1.0, 0.0):
        assert clip_fraction([1.0, 0.0, -1.0, 0.0], [0.0] * 4, [sign] * 4, clip_eps=0.25) == 0.5


def test_clip_fraction_runs_over_valid_slots() -> None:
    nan, mask = float("nan"), [[True, False], [True, True]]
    grid = [[1.0, nan], [0.0, 0.0]]

    assert clip_fraction(grid, [[0.0, nan], [0.0, 0.0]], grid, clip_eps=0.25, mask=mask) == 1 / 3


@deterministic
@given(policy_batches())
def test_clip_fraction_of_an_infinite_ratio_is_counted(batch: tuple[np.ndarray, ...]) -> None:
    log_prob, old, advantages = batch

    assert clip_fraction(log_prob + 800, old, advantages, clip_eps=0.25) == 1


def test_explained_variance_by_hand() -> None:
    """Var(R) = 4 for (1, 5); the error (0, 2) has variance 1, (0, 4) has 4, and a constant one 0."""
    assert explained_variance([1, 3], [1, 5]) == 0.75
    assert explained_variance([1, 1], [1, 5]) == 0
    assert explained_variance([11, 15], [1, 5]) == 1
    assert explained_variance([5, 1], [1, 5]) == -3


@pytest.mark.parametrize("count", [1, 2, 3, 49])
def test_explained_variance_of_equal_returns_is_nan(count: int) -> None:
    assert np.isnan(explained_variance(np.arange(count), np.full(count, 0.1)))


@pytest.mark.parametrize("shape", [0.1, 0.3, 0.6, 1.0, 1.5])
def test_k_hat_finds_the_shape_of_pareto_tails(shape: float) -> None:
    """Quantiles (i / (n+1))^-k instead of draws: what is left is the prior, 10 of 310, and the fit."""
    size = 10_000
    weights = -shape * np.log(np.arange(1, size + 1) / (size + 1))

    expected = (300 * shape + 10 * 0.5) / 310

    assert abs(pareto_k_hat(weights) - expected) < 0.05
    assert pareto_k_hat(weights + 900) == pytest.approx(pareto_k_hat(weights), abs=1e-9)


def test_k_hat_of_bounded_weights_is_below_one_half() -> None:
    """Uniform weights have shape -1."""
    assert pareto_k_hat(np.log(np.arange(1, 1001) / 1000)) < 0


@deterministic
@given(st.integers(1, 200), st.integers(0, 4))
def test_k_hat_without_a_tail_is_nan(size: int, larger: int) -> None:
    weights = np.zeros(size)
    weights[: min(larger, size)] = 1.0

    assert np.isnan(pareto_k_hat(weights))


def test_batch_health_follows_its_rule() -> None:
    same = batch_health(np.zeros(100))
    half_lost = batch_health(np.log([1.0] * 4 + [0.01] * 8))
    one_speaks = batch_health(np.r_[0.0, np.full(19, -50.0)])
    no_mean = batch_health(-np.log(np.arange(1, 1001) / 1001))

    assert [x.verdict for x in (same, half_lost, one_speaks, no_mean)] == [
        "trust",
        "shrink",
        "resample",
        "resample",
    ]
    assert (same.effective_sample_size, same.max_ratio) == (100, 1)
    assert one_speaks.effective_sample_size == 1
