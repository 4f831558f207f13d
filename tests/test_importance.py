"""Importance sampling: exact examples, exact identities by enumeration, and one statistical test.

The statistical test states its false-alarm rate and its power; its seed is fixed, so it never flickers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import (
    effective_sample_size,
    exact_importance_expectation,
    exact_importance_variance,
    exact_truncation_bias,
    gaussian_weight_second_moment,
    importance_estimate,
    per_decision_importance_estimate,
    ratio,
    self_normalized_estimate,
    truncated_importance_estimate,
)
from ppocore._threads import WORTH_IT
from ppocore.reductions import CHUNK
from tests.closeness import assert_within
from tests.strategies import deterministic, distributions

F, P, Q = [1, 5], [Fraction(7, 10), Fraction(3, 10)], [Fraction(1, 5), Fraction(4, 5)]
LOG_P, LOG_Q = np.log([0.7, 0.3]), np.log([0.2, 0.8])


def _all_batches(size: int) -> list[tuple[float, Any]]:
    """Every batch of `size` draws of q, with its probability."""
    q = [float(x) for x in Q]
    draws = product(range(len(q)), repeat=size)
    return [(float(np.prod([q[i] for i in draw])), np.array(draw)) for draw in draws]


def _expected(estimator: Any, size: int, **options: Any) -> float:
    f = np.array(F, float)
    return sum(
        weight * estimator(f[draw], LOG_P[draw], LOG_Q[draw], **options).estimate for weight, draw in _all_batches(size)
    )


def test_ratio_overflows_to_infinity_and_underflows_to_zero() -> None:
    np.testing.assert_array_equal(ratio([800.0, -800.0, 2.5], [0.0, 0.0, 2.5]).ratio, [np.inf, 0, 1])


@pytest.mark.parametrize("size", [1, 2, 5])
def test_importance_estimate_expects_the_mean_under_p(size: int) -> None:
    assert_within(_expected(importance_estimate, size), float(exact_importance_expectation(F, P, Q)), units=64)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_truncated_estimate_has_exactly_the_stated_bias(size: int) -> None:
    bias = exact_truncation_bias(F, P, Q, max_weight=2)

    expected = float(exact_importance_expectation(F, P, Q) + bias)

    assert bias == Fraction(-3, 10)
    assert_within(_expected(truncated_importance_estimate, size, max_weight=2), expected, units=64)


def test_self_normalized_estimate_is_biased() -> None:
    """One draw returns f itself: E_q f = 21/5, not 11/5.  Two draws: 1/25 + 16/25 * 5 + 8/25 * mixed.

    Mixed is (7/2 * 1 + 3/8 * 5) / (7/2 + 3/8) = 43/31.
    """
    two = Fraction(1, 25) + Fraction(16, 25) * 5 + Fraction(8, 25) * Fraction(43, 31)

    assert_within(_expected(self_normalized_estimate, 1), 4.2, units=64)
    assert_within(_expected(self_normalized_estimate, 2), float(two), units=64)


def test_importance_estimate_reaches_the_truth_on_samples_and_without_weights_does_not() -> None:
    """n = 4000 seeded draws, bound 6 standard errors of the exact variance .4225.

    False alarm below 1e-8 (normal tail at 6, with room for the skew of a bounded term).  Power: leaving
    the weights out expects 21/5, which is 194 standard errors away; flipped weights (q/p) are farther.
    """
    count = 4000
    draws = (np.random.default_rng(11).random(count) < float(Q[1])).astype(int)
    bound = 6 * np.sqrt(float(exact_importance_variance(F, P, Q)) / count)
    fx = np.array(F, float)[draws]

    right = importance_estimate(fx, LOG_P[draws], LOG_Q[draws]).estimate
    wrong = importance_estimate(fx, LOG_Q[draws], LOG_Q[draws]).estimate
    flipped = importance_estimate(fx, LOG_Q[draws], LOG_P[draws]).estimate

    assert abs(right - 2.2) < bound
    assert abs(wrong - 2.2) > 10 * bound
    assert abs(flipped - 2.2) > 10 * bound


@deterministic
@given(st.lists(st.floats(-15, 15), min_size=1, max_size=8), st.floats(-1000, 1000))
def test_effective_sample_size_is_between_one_and_n_and_ignores_a_constant(w: list[float], c: float) -> None:
    shifted = [x + c for x in w]
    weights = np.exp(np.array(shifted) - max(shifted))

    ess = effective_sample_size(shifted)

    assert_within(ess, weights.sum() ** 2 / (weights**2).sum(), units=64)
    assert 1 - 1e-15 <= ess <= len(w) * (1 + 1e-15)


def test_effective_sample_size_of_one_heavy_sample_is_one() -> None:
    assert effective_sample_size([0.0, -800.0, -900.0]) == 1
    assert_within(effective_sample_size(np.log([1.0, 3.0])), 16 / 10, units=16)


def test_self_normalized_estimate_ignores_normalisation_and_stays_inside_f() -> None:
    plain = self_normalized_estimate([1, 5, 2], [-1, -2, -3], [-2, -2, -2])
    moved = self_normalized_estimate([1, 5, 2], [999, 998, 997], [-2, -2, -2])

    assert plain.estimate == moved.estimate
    assert 1 <= plain.estimate <= 5


def test_second_moment_of_equal_stds_is_the_exponential_of_the_squared_distance() -> None:
    """exp((m - m')^2 / s^2), per dimension; field/proofs.md IS-09."""
    out = gaussian_weight_second_moment([[1.0, 0.0]], [[np.log(2.0), 0.5]], [[0.0, 0.0]], [[np.log(2.0), 0.5]])

    assert_within(out[0], np.exp(0.25), units=16)


@pytest.mark.parametrize(
    ("log_std", "finite"), [(0.5 * np.log(1.999), True), (0.5 * np.log(2.001), False), (5.0, False)]
)
def test_second_moment_is_finite_exactly_below_twice_the_variance(log_std: float, finite: bool) -> None:
    assert np.isfinite(gaussian_weight_second_moment([[0.0]], [[log_std]], [[0.0]], [[0.0]])[0]) == finite


def test_second_moment_is_the_integral() -> None:
    """E_q[w^2] by the trapezoidal rule, which is all but exact here: one rounding per node."""
    x = np.linspace(-30, 30, 4001)
    m, s, n, t = 0.5, -0.2, 0.0, 0.1

    def density(mean: float, log_std: float) -> Any:
        return np.exp(-(((x - mean) / np.exp(log_std)) ** 2) / 2 - log_std) / np.sqrt(2 * np.pi)

    expected = (density(m, s) ** 2 / density(n, t)).sum() * (x[1] - x[0])

    assert_within(gaussian_weight_second_moment([[m]], [[s]], [[n]], [[t]])[0], expected, units=4001)


@deterministic
@given(distributions(2), distributions(2), st.sampled_from([0.0, 0.5, 1.0]))
def test_per_decision_estimate_expects_the_return_of_the_target(
    new: list[Fraction], old: list[Fraction], gamma: float
) -> None:
    """Two steps, two actions, a reward that depends on both: by enumeration of all four trajectories."""
    p, q = np.array([float(x) for x in new]), np.array([float(x) for x in old])
    reward = [np.array([1.0, 3.0]), np.array([[2.0, 5.0], [7.0, 4.0]])]
    expected = truth = 0.0
    for a, b in product(range(2), repeat=2):
        rewards = [[reward[0][a], reward[1][a, b]]]
        out = per_decision_importance_estimate(
            rewards, np.log([[p[a], p[b]]]), np.log([[q[a], q[b]]]), [[True, True]], gamma=gamma
        )
        expected += q[a] * q[b] * out.estimate
        truth += p[a] * p[b] * (rewards[0][0] + gamma * rewards[0][1])

    assert_within(expected, truth, units=256)


def test_per_decision_estimate_skips_masked_steps() -> None:
    nan = float("nan")
    out = per_decision_importance_estimate(
        [[1, nan, 4]], [[0, nan, 0]], [[0, nan, 0]], [[True, False, True]], gamma=0.5
    )

    assert out.estimate == 3
    np.testing.assert_array_equal(out.grad_log_prob, [[3, 0, 2]])


def test_importance_estimate_ignores_an_overflowing_weight_where_f_is_zero() -> None:
    assert importance_estimate([0.0, 1.0], [800.0, 0.0], [0.0, 0.0]).estimate == 0.5


EDGES = [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3, WORTH_IT + 5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", EDGES)
def test_estimates_are_the_exact_sums_wherever_chunks_end(size: int, dtype: type) -> None:
    rng = np.random.default_rng(size)
    f, p, q = (rng.normal(size=size).astype(dtype) for _ in range(3))
    wide, weights = f.astype(np.float64), np.exp(p.astype(np.float64) - q)
    total, squares = math.fsum(weights), math.fsum(weights**2)
    mean, share = math.fsum(weights * wide) / size, math.fsum(weights * wide) / total
    room = {"rtol": 2 * float(np.finfo(dtype).eps), "atol": 1e-14 * float(np.abs(weights * wide).mean())}

    plain, weighted = importance_estimate(f, p, q), self_normalized_estimate(f, p, q)

    np.testing.assert_allclose(plain.estimate, mean, **room)
    np.testing.assert_allclose(plain.grad_fx, weights / size, rtol=2 * np.finfo(dtype).eps + 1e-14)
    np.testing.assert_allclose(plain.grad_log_p, weights * wide / size, rtol=2 * np.finfo(dtype).eps + 1e-14)
    np.testing.assert_allclose(weighted.estimate, share, **room)
    np.testing.assert_allclose(weighted.grad_fx, weights / total, rtol=2 * np.finfo(dtype).eps + 1e-13)
    np.testing.assert_allclose(weighted.grad_log_p, weights / total * (wide - share), atol=1e-13 / size,
                               rtol=2 * np.finfo(dtype).eps + 1e-13)  # fmt: skip
    assert plain.grad_fx.dtype == weighted.grad_log_p.dtype == dtype
    assert math.isclose(effective_sample_size(p - q), total**2 / squares, rel_tol=1e-5)
    assert math.isclose(effective_sample_size(np.log(weights)), total**2 / squares, rel_tol=1e-12)


def test_estimates_of_numbers_whose_sum_overflows() -> None:
    huge, zeros = np.full(3, 1.7e308), np.zeros(3)

    assert math.isclose(self_normalized_estimate(huge, zeros, zeros).estimate, 1.7e308)
    assert importance_estimate(huge, zeros, zeros).estimate == np.inf
    assert importance_estimate([0.0, 2.0, 2.0], [800.0, 0.0, 0.0], zeros).estimate == 4 / 3


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("function", [importance_estimate, self_normalized_estimate])
def test_estimates_find_what_is_not_finite_wherever_it_is(function: Any, place: int) -> None:
    for wrong in (np.nan, np.inf, -np.inf):
        given = np.zeros((3, CHUNK + 3), np.float32)
        given[place, CHUNK + 1] = wrong
        with pytest.raises(ValueError, match=rf"\[{CHUNK + 1}\] is {wrong}; every entry must be finite"):
            function(*given)
        with pytest.raises(ValueError, match=rf"log_weights\[{CHUNK + 1}\] is {wrong}; every entry must be finite"):
            effective_sample_size(given[place])
