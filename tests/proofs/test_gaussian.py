"""The theorems about Gaussians and their tanh, in float64 on the compiled kernels and the public functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ppocore import gaussian_entropy, gaussian_log_prob, squashed_gaussian_entropy, squashed_gaussian_log_prob
from ppocore.distributions import gaussian_log_prob_kernel
from ppocore.squashed import artanh_kernel, log_tanh_slope_kernel
from tests.closeness import assert_within

HALF_LOG_TWO_PI = math.log(2 * math.pi) / 2


@pytest.mark.theorem("GAU-01")
def test_log_density_and_slopes_on_worked_numbers() -> None:
    # s = 1/2, z = (2 - 1) / s = 2.
    value, by_mean, by_log_std = gaussian_log_prob_kernel(1.0, math.log(0.5), 2.0)

    assert_within(value, -2 + math.log(2) - HALF_LOG_TWO_PI, units=16, scale=1)
    assert_within(by_mean, 4.0, units=8)
    assert_within(by_log_std, 3.0, units=16)
    assert gaussian_log_prob([[1.0]], [[0.0]], [[4.0]]).grad_log_std[0, 0] == 8


@pytest.mark.theorem("GAU-02")
def test_entropy_of_a_gaussian() -> None:
    for log_std in (-5.0, -0.5, 0.0, 2.0):
        entropy = gaussian_entropy([[3.0]], [[log_std]]).entropy[0]

        assert_within(entropy, 0.5 + log_std + HALF_LOG_TWO_PI, units=4, scale=abs(log_std) + 1.5)


@pytest.mark.theorem("GAU-03")
def test_log_of_the_slope_of_tanh() -> None:
    assert log_tanh_slope_kernel(0.0) == 0
    for u in (0.25, 1.0, 5.0):
        assert_within(log_tanh_slope_kernel(u), -2 * math.log(math.cosh(u)), units=8, scale=1 + u)
        assert log_tanh_slope_kernel(-u) == log_tanh_slope_kernel(u)
    # Where e^(-2u) is below rounding, 2 (log 2 - u) remains.
    for u in (50.0, 1e8, 1e300):
        assert_within(log_tanh_slope_kernel(-u), 2 * (math.log(2) - u), units=4)


@pytest.mark.theorem("GAU-04")
def test_artanh_and_the_squashed_density_on_worked_numbers() -> None:
    # a = 3/5: artanh a = log(4) / 2 = log 2, and 1 - a^2 = 16/25.
    inverse, log_slope = artanh_kernel(0.6)
    log_prob = squashed_gaussian_log_prob([[0.0]], [[0.0]], [[0.6]]).log_prob[0]

    assert_within(inverse, math.log(2), units=8)
    assert_within(log_slope, math.log(0.64), units=8)
    assert_within(log_prob, -math.log(2) ** 2 / 2 - HALF_LOG_TWO_PI - math.log(0.64), units=16, scale=1)


@pytest.mark.theorem("GAU-04")
def test_the_squashed_density_integrates_to_one() -> None:
    # The midpoint rule: smooth and flat at both ends for log_std = -1; halving its step changes nothing at 1e-12.
    a = (np.arange(4000) + 0.5) / 2000 - 1
    log_prob = squashed_gaussian_log_prob(np.full((4000, 1), 0.25), np.full((4000, 1), -1.0), a[:, None]).log_prob

    assert abs(np.exp(log_prob).sum() / 2000 - 1) < 1e-12


@pytest.mark.theorem("GAU-05")
def test_squashed_entropy_stays_below_log_two_and_below_that_of_the_gaussian() -> None:
    for mean in (-2.0, 0.0, 0.5):
        for log_std in (-3.0, -0.25, 0.0, 1.0):
            entropy = squashed_gaussian_entropy([[mean]], [[log_std]]).entropy[0]

            assert entropy < math.log(2)
            assert entropy < log_std + 0.5 + HALF_LOG_TWO_PI


@pytest.mark.theorem("GAU-06")
def test_squashed_entropy_against_enclosed_integrals() -> None:
    # Values of the integral enclosed in balls (GAU-06), rounded to the last digit.
    for log_std, entropy in ((0.0, 0.6698041182217968), (1.0, -0.7653820001355559), (2.0, -7.074344539535889)):
        found = squashed_gaussian_entropy([[0.0]], [[log_std]]).entropy[0]

        # 3 u (1 + s) from the rule, and 513 terms of size up to 2 s in the float64 sum.
        assert_within(found, entropy, units=16, scale=1 + math.exp(log_std))
