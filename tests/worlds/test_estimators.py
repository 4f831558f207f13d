"""Bias and variance of the importance-sampling estimators in worlds, against fractions and known laws."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod

import numpy as np
import pytest

from ppocore import exact_importance_variance, exact_variance
from ppocore.worlds import World, chain, exact_estimator_moments, exact_values, garnet, two_arm_bandit
from proofs.methods import worlds
from tests.closeness import assert_within
from tests.worlds.literal import UNITS

ARMS = two_arm_bandit((1.0, 5.0))
P, Q = [[0.7, 0.3]], [[0.2, 0.8]]
OFF = ["trajectory", "per_decision", "truncated", "self_normalized"]


def unlimited(rational: worlds.World) -> World:
    states, actions = len(rational.start), len(rational.rewards[0])
    shape = (states, actions, states)
    return World(
        np.array(rational.moves, dtype=float),
        np.broadcast_to(np.array(rational.rewards, dtype=float)[:, :, None], shape),
        np.broadcast_to(np.arange(states), shape), np.zeros(shape, dtype=bool),
        np.array(rational.start, dtype=float), float(rational.gamma),
    )


def test_the_sources_numbers() -> None:
    """S5: 3.36 against 0.4225, in exact fractions."""
    plain = exact_estimator_moments(ARMS, P, Q, estimator="plain", horizon=1, num_trajectories=1)
    weighted = exact_estimator_moments(ARMS, P, Q, estimator="trajectory", horizon=1, num_trajectories=1)

    f, p, q = [1, 5], [Fraction(7, 10), Fraction(3, 10)], [Fraction(1, 5), Fraction(4, 5)]
    assert_within(plain.variance, float(exact_variance(f, p)), units=UNITS)
    assert_within(weighted.variance, float(exact_importance_variance(f, p, q)), units=UNITS)


@pytest.mark.parametrize(("rational", "old", "new"), worlds.PAIRS[:4])
@pytest.mark.parametrize("kind", ["trajectory", "per_decision", "truncated"])
def test_moments_are_sums_over_all_trajectories(
    rational: worlds.World, old: worlds.Table, new: worlds.Table, kind: str
) -> None:
    behind, ahead, cap = worlds.policy_of(old), worlds.policy_of(new), Fraction(5, 4)

    def estimate(path: worlds.Path) -> Fraction:
        ratios = [ahead[s][a] / behind[s][a] for s, a in path]
        rewards = [rational.gamma**t * rational.rewards[s][a] for t, (s, a) in enumerate(path)]
        if kind == "per_decision":
            return sum((prod(ratios[: t + 1]) * reward for t, reward in enumerate(rewards)), Fraction(0))
        return (min(prod(ratios), cap) if kind == "truncated" else prod(ratios)) * sum(rewards)

    found = exact_estimator_moments(
        unlimited(rational), np.array(ahead, dtype=float), np.array(behind, dtype=float), estimator=kind,
        horizon=rational.horizon, num_trajectories=3, max_weight=float(cap),
    )

    mean = rational.expected(behind, estimate)
    variance = rational.expected(behind, lambda path: (estimate(path) - mean) ** 2) / 3
    bias = mean - rational.objective(ahead)
    assert_within(found.mean, float(mean), units=UNITS, scale=10.0)
    assert_within(found.bias, float(bias), units=UNITS, scale=10.0)
    assert_within(found.variance, float(variance), units=UNITS, scale=100.0)
    assert bool(bias) == (kind == "truncated")


def test_self_normalised_by_all_pairs_of_draws() -> None:
    f, p, q = [1.0, 5.0], [0.7, 0.3], [0.2, 0.8]
    weights = [a / b for a, b in zip(p, q, strict=True)]
    samples = [
        (q[i] * q[j], (weights[i] * f[i] + weights[j] * f[j]) / (weights[i] + weights[j]))
        for i, j in product(range(2), repeat=2)
    ]
    mean = sum(chance * value for chance, value in samples)

    found = exact_estimator_moments(ARMS, P, Q, estimator="self_normalized", horizon=1, num_trajectories=2)

    assert_within(found.mean, mean, units=UNITS)
    assert_within(found.variance, sum(c * (v - mean) ** 2 for c, v in samples), units=UNITS, scale=25.0)
    assert abs(found.bias) > 0.1


def test_the_bias_of_the_quotient_falls_with_the_number_of_draws() -> None:
    biases = [abs(exact_estimator_moments(ARMS, P, Q, estimator="self_normalized", horizon=1,
                                          num_trajectories=n).bias) for n in (1, 2, 4, 8, 16)]

    assert all(later < earlier for earlier, later in zip(biases, biases[1:], strict=False))


@pytest.mark.parametrize("kind", OFF)
def test_on_its_own_data_every_weight_is_one(kind: str) -> None:
    world, policy = chain(3, slip=0.25), [[0.5, 0.5]] * 3
    plain = exact_estimator_moments(world, policy, policy, estimator="plain", horizon=3, num_trajectories=2)

    found = exact_estimator_moments(world, policy, policy, estimator=kind, horizon=3, num_trajectories=2)

    assert_within(found.variance, plain.variance, units=UNITS, scale=1.0)
    assert_within(found.bias, 0.0, units=UNITS, scale=1.0)


def test_per_decision_weights_vary_less_here() -> None:
    """Not a law; true of these worlds, whose rewards do not depend on each other."""
    for seed in range(4):
        world = garnet(3, 2, 2, seed=seed)
        new, old = np.full((3, 2), 0.5), np.array([[0.3, 0.7], [0.6, 0.4], [0.75, 0.25]])
        variances = [exact_estimator_moments(world, new, old, estimator=kind, horizon=4, num_trajectories=1).variance
                     for kind in ("per_decision", "trajectory")]

        assert variances[0] < variances[1]


def test_what_was_never_collected_is_missing() -> None:
    found = exact_estimator_moments(ARMS, P, [[1.0, 0.0]], estimator="trajectory", horizon=1, num_trajectories=1)

    assert_within(found.mean, 0.7, units=UNITS)
    assert_within(found.bias, -1.5, units=UNITS)


def test_truth_is_that_of_the_limited_episode() -> None:
    world = garnet(3, 2, 2, seed=1)
    policy = np.full((3, 2), 0.5)

    found = exact_estimator_moments(world, policy, policy, estimator="plain", horizon=2, num_trajectories=1)

    assert abs(found.bias) < 1e-12 < abs(found.mean - exact_values(world, policy).objective)


@pytest.mark.parametrize(("change", "says"), [
    ({"horizon": 40}, r"horizon is 40, over 1000000 trajectories"),
    ({"estimator": "best"}, r"estimator is 'best'; it must be one of plain"),
    ({"num_trajectories": 0}, r"num_trajectories is 0; it must be at least 1"),
    ({"max_weight": 0.0}, r"max_weight is 0.0"),
    ({"estimator": "self_normalized", "num_trajectories": 9}, r"num_trajectories gives \d+ samples"),
])
def test_bad_arguments_are_refused(change: dict, says: str) -> None:
    world, policy = garnet(3, 2, 3, seed=1), np.full((3, 2), 0.5)
    given = {"estimator": "plain", "horizon": 2, "num_trajectories": 1}

    with pytest.raises(ValueError, match=says):
        exact_estimator_moments(world, policy, policy, **(given | change))
