"""Policy gradients in float64, by hand-worked numbers on a fork in the road.

The first action leads left or right; the second earns 1 or -1 on the left, -1 or 1 on the right.  With the chances
p0, p1, p2 of the first action at the fork, left and right, J = p0 (2 p1 - 1) + (1 - p0)(1 - 2 p2).
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from ppocore import (
    categorical_log_prob,
    clip_fraction,
    gae,
    gaussian_log_prob,
    kl_penalty_loss,
    surrogate_loss,
)
from tests.closeness import assert_within

EVEN, MOVED = (0.5, 0.5, 0.5), (0.75, 0.75, 0.75)
PATHS = [((0, a), (1 + a, b)) for a, b in product((0, 1), repeat=2)]
"""The four trajectories: (state, action) of both steps."""
UNITS = 64
"""A ratio of probabilities >= 1/8, whose logarithms of size <= 2.1 are rounded twice, times advantages and scores of a
rounding each, in sums of eight."""


def chance(policy: tuple[float, ...], step: tuple[int, int]) -> float:
    state, action = step
    return 1 - policy[state] if action else policy[state]


def score(policy: tuple[float, ...], step: tuple[int, int]) -> np.ndarray:
    """Derivative of log pi in the three chances."""
    slopes = np.zeros(3)
    slopes[step[0]] = (-1 if step[1] else 1) / chance(policy, step)
    return slopes


def action_values(policy: tuple[float, ...], gamma: float = 1.0) -> dict[tuple[int, int], float]:
    left, right = 2 * policy[1] - 1, 1 - 2 * policy[2]
    return {(0, 0): gamma * left, (0, 1): gamma * right, (1, 0): 1.0, (1, 1): -1.0, (2, 0): -1.0, (2, 1): 1.0}


def advantages(policy: tuple[float, ...], gamma: float = 1.0) -> dict[tuple[int, int], float]:
    q = action_values(policy, gamma)
    return {(s, a): q[s, a] - sum(chance(policy, (s, b)) * q[s, b] for b in (0, 1)) for s, a in q}


def logs(policy: tuple[float, ...]) -> list[list[float]]:
    return [[math.log(chance(policy, step)) for step in path] for path in PATHS]


def ascent(old, new, advantage, factor=lambda path, t: 1.0) -> np.ndarray:
    """The shipped surrogate's direction in the chances, on every trajectory of the old policy at once.

    Advantages carry N times the probability of their trajectory, so that the mean over trajectories is the expectation.
    """
    weighed = [
        [4 * math.prod(chance(old, step) for step in path) * factor(path, t) * advantage[step]
         for t, step in enumerate(path)]
        for path in PATHS
    ]
    log_prob, old_log_prob = logs(new), logs(old)
    out = surrogate_loss(log_prob, old_log_prob, weighed, mask=np.ones((4, 2), bool), reduction="trajectory")
    scores = np.array([[score(new, step) for step in path] for path in PATHS])
    return -np.einsum("nt,ntj->j", out.grad_log_prob, scores)


def objective(policy: tuple[float, ...]) -> float:
    p0, p1, p2 = policy
    return p0 * (2 * p1 - 1) + (1 - p0) * (1 - 2 * p2)


def true_gradient(policy: tuple[float, ...]) -> list[float]:
    p0, p1, p2 = policy
    return [2 * p1 + 2 * p2 - 2, 2 * p0, -2 * (1 - p0)]


def assert_near(got, expected) -> None:
    assert_within(got, np.asarray(expected, float), units=UNITS, scale=2.0)


@pytest.mark.theorem("PG-01", "PG-02")
@pytest.mark.parametrize("weights", [[1.0, 1.0], [1.0, 2.0, 5.0], [8.0, 1.0, 0.25, 3.0]])
def test_categorical_scores_have_mean_zero(weights: list[float]) -> None:
    chances = np.array(weights) / sum(weights)
    scores = categorical_log_prob([np.log(weights).tolist()] * len(weights), list(range(len(weights)))).grad_logits

    assert_within(chances @ scores, np.zeros(len(weights)), units=UNITS, scale=1.0)


@pytest.mark.theorem("PG-02")
def test_gaussian_scores_have_mean_zero() -> None:
    """Gauss-Hermite quadrature with 8 nodes is exact for polynomials up to degree 15; the scores have degree 2."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    z, w = nodes[:, None], weights / weights.sum()
    out = gaussian_log_prob(np.full((8, 1), 3.0), np.full((8, 1), math.log(2.0)), 3.0 + 2.0 * z)

    # Nodes up to 4.2, squared: their rounding, and that of the quadrature's weights.
    assert_within(w @ out.grad_mean[:, 0], 0.0, units=UNITS, scale=4.2)
    assert_within(w @ out.grad_log_std[:, 0], 0.0, units=UNITS, scale=4.2**2)


@pytest.mark.theorem("PG-04", "PG-06")
@pytest.mark.parametrize("policy", [EVEN, MOVED, (0.25, 0.875, 0.5)])
def test_at_the_old_policy_the_shipped_direction_is_the_true_gradient(policy) -> None:
    assert_near(ascent(policy, policy, advantages(policy)), true_gradient(policy))


@pytest.mark.theorem("PG-03")
def test_a_baseline_of_the_state_changes_nothing() -> None:
    shifted = {(s, a): q - (3.0, -1.5, 0.25)[s] for (s, a), q in action_values(MOVED).items()}

    assert_near(ascent(MOVED, MOVED, shifted), true_gradient(MOVED))


@pytest.mark.theorem("PG-05", "PG-09", "PG-13")
def test_the_surrogates_value_misses_by_the_change_of_the_states() -> None:
    """New states: .75 * .5 - .25 * .5 = 1/4 = J' - J.  Old states: 0.  D = M = 1/2, n = 2: the bound is 1/4."""
    advantage = advantages(EVEN)
    new_states = sum(
        math.prod(chance(MOVED, step) for step in path) * sum(advantage[step] for step in path) for path in PATHS
    )
    table = [[advantage[step] for step in path] for path in PATHS]

    out = surrogate_loss(logs(MOVED), logs(EVEN), table, mask=np.ones((4, 2), bool), reduction="trajectory")

    assert new_states == objective(MOVED) - objective(EVEN) == 0.25
    assert_within(out.loss, 0.0, units=UNITS, scale=1.0)


@pytest.mark.theorem("PG-07", "PG-13")
def test_elsewhere_the_shipped_direction_is_another() -> None:
    assert true_gradient(MOVED) == [1.0, 1.5, -0.5]
    assert_near(ascent(EVEN, MOVED, advantages(EVEN)), [0.0, 1.0, -1.0])


@pytest.mark.theorem("PG-08")
def test_with_the_product_of_ratios_and_the_new_advantage_it_is_exact() -> None:
    def earlier(path, t: int) -> float:
        """The ratio of the steps before t: the loss itself brings that of step t."""
        return math.prod(chance(MOVED, step) / chance(EVEN, step) for step in path[:t])

    assert_near(ascent(EVEN, MOVED, advantages(MOVED), earlier), [1.0, 1.5, -0.5])


@pytest.mark.theorem("PG-14")
def test_with_the_whole_product_any_value_function_will_do() -> None:
    """GAE at lambda = 1 from values that have nothing to do with the policy."""
    direction = np.zeros(3)
    for path in PATHS:
        rewards = [0.0, action_values(MOVED)[path[1]]]
        values = [7.0, (-2.0, 5.0)[path[0][1]]]
        out = gae(rewards, values, [values[1], 0.0], [False, True], [False, False], gamma=1.0, gae_lambda=1.0)
        whole = math.prod(chance(MOVED, step) for step in path)
        direction += whole * sum(a * score(MOVED, step) for a, step in zip(out.advantages, path, strict=True))

    # Every number here is a small dyadic but for thirds in the scores.
    assert_within(direction, np.array([1.0, 1.5, -0.5]), units=UNITS, scale=9.0)


@pytest.mark.theorem("PG-14")
def test_in_a_bandit_the_sources_form_is_exact_everywhere() -> None:
    """Rewards 1, 3, -2: old chances (1/2, 1/4, 1/4), new (1/8, 1/2, 3/8).  d J / d z_j = pi_j (reward_j - J)."""
    old, new, rewards = np.array([0.5, 0.25, 0.25]), np.array([0.125, 0.5, 0.375]), np.array([1.0, 3.0, -2.0])
    baseline = old @ rewards
    logits, old_logits = np.tile(np.log(new), (3, 1)), np.tile(np.log(old), (3, 1))

    out = kl_penalty_loss(logits, old_logits, [0, 1, 2], 3 * old * (rewards - baseline), kl_coef=0.0)

    assert_within(-out.grad_logits.sum(axis=0), new * (rewards - new @ rewards), units=UNITS, scale=4.0)


@pytest.mark.theorem("PG-10")
def test_all_ratios_inside_the_band_hold_the_distance() -> None:
    old, new = np.array([0.5, 0.25, 0.25]), np.array([0.5625, 0.25, 0.1875])

    assert clip_fraction(np.log(new), np.log(old), [1.0, 1.0, 1.0], clip_eps=0.26) == 0.0
    assert np.abs(new - old).sum() <= 0.26


@pytest.mark.theorem("PG-12")
def test_without_the_weights_gamma_t_the_jacobian_is_not_symmetric() -> None:
    """gamma = 1/2: d g_0 / d p_1 = 2 gamma = 1 and d g_1 / d p_0 = 2; g is linear, so differences are derivatives."""

    def direction(policy):
        return ascent(policy, policy, advantages(policy, gamma=0.5))

    h = 0.125
    by_p0 = (direction((0.75 + h, 0.75, 0.75)) - direction((0.75, 0.75, 0.75))) / h
    by_p1 = (direction((0.75, 0.75 + h, 0.75)) - direction((0.75, 0.75, 0.75))) / h

    assert_within([by_p1[0], by_p0[1]], np.array([1.0, 2.0]), units=UNITS, scale=4 / h)


@pytest.mark.theorem("PG-15")
def test_s10_twice_the_weight_is_half_as_much_again_in_the_logits() -> None:
    pupil, you = np.log([[0.2, 0.8]]), np.log([[0.4, 0.6]])

    own = -kl_penalty_loss(pupil, pupil, [0], [1.0], kl_coef=0.0).grad_logits[0]
    yours = -kl_penalty_loss(you, pupil, [0], [1.0], kl_coef=0.0).grad_logits[0]

    assert_within(own, np.array([0.8, -0.8]), units=UNITS)
    assert_within(yours, np.array([1.2, -1.2]), units=UNITS)


@pytest.mark.theorem("PG-16")
def test_the_unclipped_loss_has_the_derivative_minus_r_a_over_n() -> None:
    out = surrogate_loss(np.log([0.5, 0.125]), np.log([0.25, 0.25]), [3.0, -4.0])

    assert_within(out.loss, -(2 * 3 - 0.5 * 4) / 2, units=UNITS, scale=4.0)
    assert_within(out.grad_log_prob, np.array([-3.0, 1.0]), units=UNITS)


@pytest.mark.theorem("PG-17")
def test_the_first_step_is_on_policy_and_the_second_is_not() -> None:
    start, later = (0.5, 0.75, 0.75), (0.625, 0.875, 0.625)
    log_prob = np.log([0.3, 0.2, 0.9])
    first = surrogate_loss(log_prob, log_prob, [1.5, -2.25, 7.0], reduction="sum")

    assert first.grad_log_prob.tolist() == [-1.5, 2.25, -7.0]
    assert_near(ascent(start, start, advantages(start)), [1.0, 1.0, -1.0])
    assert_near(ascent(start, later, advantages(start)), [1.0, 1.0, -1.0])
    assert true_gradient(later) == [1.0, 1.25, -0.75]
