"""Importance sampling in float64: hand-worked numbers, and expectations over all samples in exact fractions."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from ppocore import (
    effective_sample_size,
    exact_expectation,
    exact_importance_expectation,
    exact_importance_variance,
    exact_truncation_bias,
    exact_variance,
    gaussian_weight_second_moment,
    importance_estimate,
    per_decision_importance_estimate,
    ratio,
    self_normalized_estimate,
    surrogate_loss,
    truncated_importance_estimate,
)
from tests.closeness import assert_within

F, P, Q = [1, 5], [Fraction(7, 10), Fraction(3, 10)], [Fraction(1, 5), Fraction(4, 5)]
LOGS = 16
"""Units of rounding of a weight: two rounded probabilities, two logarithms of size below 2, their difference and an
exponential, and a mean of up to three terms."""


def expected(estimator, size: int) -> float:
    """Expectation over all samples of that size from Q."""
    whole = Fraction(0)
    for sample in product(range(2), repeat=size):
        fx, log_p, log_q = [float(F[x]) for x in sample], *([math.log(d[x]) for x in sample] for d in (P, Q))
        whole += math.prod(Q[x] for x in sample) * Fraction(estimator(fx, log_p, log_q).estimate)
    return float(whole)


@pytest.mark.theorem("IS-01", "IS-03", "IS-13")
def test_the_sources_two_means_are_equal_and_their_variances_are_not() -> None:
    assert exact_expectation(F, P) == exact_importance_expectation(F, P, Q) == Fraction(11, 5)
    assert exact_variance(F, P) == Fraction(84, 25)
    assert exact_importance_variance(F, P, Q) == Fraction(169, 400)
    draws = [importance_estimate([f], [math.log(a)], [math.log(b)]).estimate for f, a, b in zip(F, P, Q, strict=True)]
    assert_within(draws, [3.5, 1.875], units=LOGS)


@pytest.mark.theorem("IS-01")
def test_a_point_that_the_sampler_misses_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q\[1\] is 0"):
        exact_importance_expectation(F, [0.5, 0.5], [1, 0])


@pytest.mark.theorem("IS-02", "IS-04")
def test_weights_average_to_one_with_the_chi_square_as_variance() -> None:
    """.7^2 / .2 + .3^2 / .8 - 1 = 1.5625 = .5^2 / .2 + .5^2 / .8."""
    assert exact_importance_expectation([1, 1], P, Q) == 1
    assert exact_importance_variance([1, 1], P, Q) == Fraction(25, 16)


@pytest.mark.theorem("IS-14")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_estimator_is_unbiased_for_every_sample_size(size: int) -> None:
    assert_within(expected(importance_estimate, size), 2.2, units=LOGS)


@pytest.mark.theorem("IS-14")
def test_with_equal_densities_it_is_the_plain_mean() -> None:
    assert importance_estimate([1.0, 5.0, 6.0], [-0.3, -7.0, -0.1], [-0.3, -7.0, -0.1]).estimate == 4.0


@pytest.mark.theorem("IS-07")
def test_the_self_normalized_estimate_is_biased() -> None:
    """(1 + 16 * 5) / 25 + (8 / 25) (3.5 + 1.875) / 3.875, weights above and below the bar."""
    assert_within(expected(self_normalized_estimate, 2), 571 / 155, units=2 * LOGS)


@pytest.mark.theorem("IS-07")
@pytest.mark.parametrize("log_weights", [[0.0, 0.0, 0.0], [0.0, 40.0, -40.0], [-700.0, 0.0, 700.0]])
def test_the_self_normalized_estimate_stays_between_the_least_and_the_largest(log_weights: list[float]) -> None:
    got = self_normalized_estimate([-2.0, 1.0, 3.0], log_weights, [0.0, 0.0, 0.0]).estimate

    # Three weights that add up to 1 but for a rounding each, and a sum of three.
    slack = 8 * 2.0**-53
    assert -2.0 * (1 + slack) <= got <= 3.0 * (1 + slack)


@pytest.mark.theorem("IS-08")
def test_the_truncation_bias_is_what_lies_above_the_cut() -> None:
    """At c = 1 only the first weight, 3.5, is cut: -.2 * 1 * 2.5."""
    assert exact_truncation_bias(F, P, Q, max_weight=1) == Fraction(-1, 2)

    def truncated(*samples):
        return truncated_importance_estimate(*samples, max_weight=1.0)

    assert_within(expected(truncated, 2), 2.2 - 0.5, units=LOGS, scale=2.2)


OLD, NEW = 0.5, 0.75
"""Chance of action 1 under two policies.  Two steps, gamma = 1/2; action 1 earns 1, and 8 more if it is the second."""


def chain() -> tuple[list[list[float]], list[list[int]]]:
    """Rewards of the four trajectories, and their actions."""
    actions = [[a, b] for a in (0, 1) for b in (0, 1)]
    return [[float(a), float(b + 8 * a * b)] for a, b in actions], actions


def chances(policy: float, actions: list[list[int]]) -> list[list[float]]:
    return [[policy if action else 1 - policy for action in row] for row in actions]


@pytest.mark.theorem("IS-05")
def test_the_per_decision_estimate_over_all_trajectories_is_the_return() -> None:
    """All four are equally likely under the old policy: the mean over them is the expectation.

    New return: .75 + .5 (.75 + 8 * .75^2) = 3.375.
    """
    rewards, actions = chain()
    new, old = np.log(chances(NEW, actions)), np.log(chances(OLD, actions))

    got = per_decision_importance_estimate(rewards, new, old, np.ones((4, 2), bool), gamma=0.5).estimate

    assert_within(got, 3.375, units=2 * LOGS)


@pytest.mark.theorem("IS-06")
def test_the_trajectory_estimate_over_all_trajectories_is_the_return() -> None:
    rewards, actions = chain()
    new, old = np.log(chances(NEW, actions)).sum(axis=1), np.log(chances(OLD, actions)).sum(axis=1)
    returns = [first + 0.5 * second for first, second in rewards]

    assert_within(importance_estimate(returns, new, old).estimate, 3.375, units=2 * LOGS)


@pytest.mark.theorem("IS-09")
def test_the_second_moment_at_equal_spread_is_the_exponential_of_the_squared_gap() -> None:
    got = gaussian_weight_second_moment([[1.0], [3.0]], [[0.0], [0.0]], [[0.0], [1.0]], [[0.0], [0.0]])

    # The exponential amplifies the error of its argument 4, which is exact here.
    assert_within(got, np.exp([1.0, 4.0]), units=4)


@pytest.mark.theorem("IS-12")
def test_the_second_moment_is_finite_below_twice_the_variance_only() -> None:
    """s^2 = 1.5 s'^2: 1 / (sqrt(1.5) sqrt(.5)) = 2 / sqrt(3)."""
    log_std = [[math.log(1.5) / 2], [math.log(2.0) / 2 - 1e-9], [math.log(2.0) / 2 + 1e-9]]

    got = gaussian_weight_second_moment(np.zeros((3, 1)), log_std, np.zeros((3, 1)), np.zeros((3, 1)))

    # Its stated error, a few u (1 + |log s|) / t with t = 1/2.
    assert_within(got[0], 2 / math.sqrt(3), units=16)
    assert np.isfinite(got[1])
    assert got[2] == np.inf


@pytest.mark.theorem("IS-10")
def test_the_ratio_is_relatively_right_to_the_size_of_the_difference() -> None:
    new, old = np.meshgrid(np.linspace(-30, 0, 8), np.linspace(-700, 0, 9))
    got = ratio(new.ravel(), old.ravel()).ratio

    with localcontext(Context(prec=60)):
        for r, a, b in zip(got.tolist(), new.ravel().tolist(), old.ravel().tolist(), strict=True):
            d = Decimal(a) - Decimal(b)
            assert abs(Decimal(r) - d.exp()) <= (abs(d) + 3) * d.exp() / 2**53


@pytest.mark.theorem("IS-15")
def test_the_ratio_is_its_own_derivative_and_the_sources_s8_follows() -> None:
    """A r grad log P = A grad P / P': P = .4 with slope 3, P' = .2, A = 5: 5 * 3 / .2 = 75."""
    out = ratio([math.log(0.4)], [math.log(0.2)])
    assert out.grad_log_prob[0] == out.ratio[0]

    slope = -surrogate_loss([math.log(0.4)], [math.log(0.2)], [5.0]).grad_log_prob[0]

    assert_within(slope * 3 / 0.4, 75.0, units=LOGS)


@pytest.mark.theorem("IS-11")
def test_the_effective_sample_size_lies_between_one_and_n() -> None:
    assert effective_sample_size([3.0] * 5) == 5.0
    assert effective_sample_size([0.0, -800.0, -900.0]) == 1.0
    assert_within(effective_sample_size([math.log(3), 0.0]), 16 / 10, units=LOGS)


@pytest.mark.theorem("IS-16")
def test_the_effective_share_of_a_sample_in_proportion_is_one_over_one_plus_chi_square() -> None:
    """Five samples in the proportions of Q; chi^2 = 25/16."""
    weights = [math.log(3.5)] + [math.log(0.375)] * 4

    assert_within(effective_sample_size(weights) / 5, 16 / 41, units=2 * LOGS)
