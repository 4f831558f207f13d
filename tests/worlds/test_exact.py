"""Values, visits and gradients of finite worlds against sums over every trajectory, in fractions."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore.worlds import (
    World,
    chain,
    cliff,
    exact_optimum,
    exact_policy_gradient,
    exact_values,
    exact_visits,
    frozen_lake,
    garnet,
    grid_world,
    pupil,
    two_arm_bandit,
    with_time_limit,
)
from proofs.methods import worlds
from proofs.methods.exact import Q
from tests.closeness import assert_within
from tests.worlds.literal import UNITS, as_policy, as_world, by_state, in_logits, visits

settings = pytest.mark.parametrize(("rational", "theta"), worlds.SETTINGS)


@settings
def test_values_are_the_mean_returns_of_all_trajectories(rational: worlds.World, theta: worlds.Table) -> None:
    policy = worlds.policy_of(theta)

    found = exact_values(as_world(rational), as_policy(rational, theta))

    expected = [value for row in rational.values(policy)[:-1] for value in row]
    assert_within(found.values, expected, units=UNITS, scale=10.0)
    assert_within(found.objective, float(rational.objective(policy)), units=UNITS, scale=10.0)


@settings
def test_advantages_are_what_a_first_action_is_worth_more(rational: worlds.World, theta: worlds.Table) -> None:
    advantage = rational.advantage(worlds.policy_of(theta))

    found = exact_values(as_world(rational), as_policy(rational, theta)).advantages

    expected = [
        [float(advantage(t, s, a)) for a in range(len(theta[s]))]
        for t in range(rational.horizon) for s in range(len(theta))
    ]
    assert_within(found, expected, units=UNITS, scale=10.0)


@settings
@pytest.mark.parametrize("discounted", [True, False])
def test_visits_are_counted(rational: worlds.World, theta: worlds.Table, discounted: bool) -> None:
    gamma = rational.gamma if discounted else Q(1)

    found = exact_visits(as_world(rational), as_policy(rational, theta), gamma=float(gamma))

    expected = [float(x) for row in visits(rational, worlds.policy_of(theta), gamma) for x in row]
    assert_within(found, expected, units=UNITS, scale=1.0)


@settings
def test_the_policy_gradient_is_the_derivative_of_the_objective(rational: worlds.World, theta: worlds.Table) -> None:
    found = exact_policy_gradient(as_world(rational), as_policy(rational, theta), discount_states=True)

    expected = in_logits(lambda at: rational.objective(worlds.policy_of(at)), theta)
    assert_within(by_state(rational, found), expected, units=UNITS, scale=10.0)


def test_without_discounted_visits_it_is_another_vector() -> None:
    world = as_world(worlds.HALVED)
    policy = as_policy(worlds.HALVED, worlds.EVEN)

    kept, lost = (by_state(worlds.HALVED, exact_policy_gradient(world, policy, discount_states=kind))
                  for kind in (True, False))

    assert np.abs(kept - lost).max() > 0.1
    assert_within(lost[0], kept[0], units=UNITS, scale=10.0)


@pytest.mark.parametrize("world", [garnet(6, 3, 2, seed=4), frozen_lake(), grid_world(3, 4), chain(5, slip=0.1)],
                         ids=["garnet", "lake", "grid", "chain"])
def test_the_optimum_satisfies_bellmans_equation(world: World) -> None:
    best = exact_optimum(world)
    found = exact_values(world, best.policy)

    assert_within(found.action_values.max(axis=1), best.values, units=2.0**14, scale=np.abs(best.values).max())


def test_the_optimum_of_small_worlds_is_found_by_trying_every_policy() -> None:
    for seed in range(5):
        world = garnet(4, 2, 2, seed=seed)
        tables = [np.eye(2)[list(np.unravel_index(i, (2,) * 4))] for i in range(16)]

        best = max(exact_values(world, table).objective for table in tables)

        assert_within(exact_optimum(world).objective, best, units=2.0**12, scale=10.0)


def test_optima_that_anyone_can_check() -> None:
    assert exact_optimum(two_arm_bandit((2.0, -1.0))).objective == 2.0
    assert exact_optimum(grid_world(4, 5, gamma=1.0)).objective == -7.0
    assert exact_optimum(cliff()).values[36] == -13.0
    assert exact_optimum(chain(4)).objective == 1.0
    assert exact_optimum(pupil(6, watched=0.25)).objective == 1.5
    # The figure that Gymnasium states for the slippery lake with its limit of 100 steps.
    assert abs(exact_optimum(with_time_limit(frozen_lake(gamma=1.0), 100)).objective - 0.74) < 0.005


def test_an_episode_that_cannot_end_needs_a_discount() -> None:
    with pytest.raises(ValueError, match=r"gamma is 1, and from state 0 .* never ends"):
        exact_values(grid_world(2, 2, gamma=1.0), np.eye(4)[[0, 0, 0, 0]])


@pytest.mark.parametrize(("change", "says"), [
    ({"chances": [[[0.5, 0.25]]]}, r"World: chances\[0, 0\] adds up to 0.75"),
    ({"chances": [[[1.5, -0.5]]]}, r"chances\[0, 0, 0\] is 1.5"),
    ({"successors": [[[0, 1]]]}, r"successors\[0, 0, 1\] is 1; every successor must be in \[0, 0\]"),
    ({"successors": [[[0.0, 0.0]]]}, r"successors has dtype float64; it must be integer"),
    ({"rewards": [[[np.nan, 0.0]]]}, r"rewards\[0, 0, 0\] is nan"),
    ({"terminated": [[[1, 1]]]}, r"terminated has dtype int64; it must be bool"),
    ({"initial": [0.5]}, r"initial adds up to 0.5"),
    ({"gamma": 1.5}, r"gamma is 1.5; it must be in \[0, 1\]"),
])
def test_a_wrong_world_is_refused(change: dict, says: str) -> None:
    right = {"chances": [[[0.5, 0.5]]], "rewards": [[[1.0, 0.0]]], "successors": [[[0, 0]]],
             "terminated": [[[True, True]]], "initial": [1.0], "gamma": 1.0}

    with pytest.raises((ValueError, TypeError), match=says):
        World(**(right | change))


@pytest.mark.parametrize(("policy", "says"), [
    ([[0.5, 0.4]], r"exact_values: policy\[0\] adds up to 0.9"),
    ([[0.5, 0.25, 0.25]], r"policy has shape \(1, 3\); it must have shape \(1, 2\)"),
    ([0.5, 0.5], r"policy has shape \(2,\)"),
])
def test_a_policy_that_does_not_fit_is_refused(policy: list, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        exact_values(two_arm_bandit(), policy)


def test_a_world_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="read-only"):
        two_arm_bandit().rewards[0, 0, 0] = 5.0
