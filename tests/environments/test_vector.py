"""Many environments at once: ends, limits, seeds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore.environments import VectorEnvironment, spec_of


def test_an_episode_that_ends_is_followed_by_the_next() -> None:
    envs = VectorEnvironment("CartPole-v1", num_envs=4, seed=3)
    before = envs.reset()
    for _ in range(200):
        found = envs.step([1, 1, 1, 1])
        ended = found.terminated | found.truncated
        same = (found.observations == found.final_observations).all(axis=1)
        assert (same == ~ended).all()
        assert (np.abs(found.observations[ended]) <= 0.05).all()
        assert (np.abs(found.final_observations[found.terminated][:, 2]) > 0.2).all()
        assert not (found.observations == before).all()
        before = found.observations


def test_terminated_and_truncated_may_fall_on_one_step() -> None:
    """Along the upper shore for 99 steps, then down, into a hole from the second or fourth cell."""
    envs = VectorEnvironment("FrozenLake-v1", num_envs=100, seed=0)
    envs.reset()
    for _ in range(99):
        found = envs.step([3] * 100)
        assert not found.terminated.any()
        assert not found.truncated.any()

    found = envs.step([1] * 100)

    assert found.truncated.all()
    assert found.terminated.any()


def test_same_seed_same_steps() -> None:
    def run(seed: int) -> list[float]:
        envs = VectorEnvironment("Pendulum-v1", num_envs=2, seed=seed)
        envs.reset()
        return [float(envs.step([0.5, -0.5]).rewards.sum()) for _ in range(250)]

    assert run(1) == run(1) != run(2)


def test_earlier_ids_are_known() -> None:
    assert spec_of("Taxi-v3") is spec_of("Taxi-v4")


@pytest.mark.parametrize(("id", "actions", "says"), [
    ("CartPole-v1", [0, 2], r"actions\[1\] is 2; every action must be in \[0, 1\]"),
    ("CartPole-v1", [0.0, 1.0], r"actions has dtype float64; it must be integer"),
    ("CartPole-v1", [0], r"actions has 1 entries; it must have one for each of 2 environments"),
    ("Pendulum-v1", [np.nan, 0.0], r"actions\[0\] is nan"),
    ("Pendulum-v1", [[0.0, 0.0], [0.0, 0.0]], r"actions has shape \(2, 2\)"),
])
def test_wrong_actions_are_refused(id: str, actions: list, says: str) -> None:
    envs = VectorEnvironment(id, num_envs=2, seed=0)
    envs.reset()

    with pytest.raises((ValueError, TypeError), match=says):
        envs.step(actions)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"id is 'Pong-v5'; it must be one of CartPole-v1"):
        VectorEnvironment("Pong-v5", num_envs=1, seed=0)
    with pytest.raises(ValueError, match=r"num_envs is 0; it must be at least 1"):
        VectorEnvironment("CartPole-v1", num_envs=0, seed=0)
    with pytest.raises(RuntimeError, match="reset must be called first"):
        VectorEnvironment("CartPole-v1", num_envs=1, seed=0).step([0])
