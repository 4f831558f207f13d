"""Step by step beside Gymnasium: 10,000 steps of each environment, every one from the same state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocore.environments import SPECS, VectorEnvironment, dynamics
from ppocore.environments.dynamics import tables_of
from tests.environments.theirs import make, registered
from tests.optional import require
from tests.outer import outer

gymnasium = require("gymnasium")
observe, step = outer(dynamics.observe), outer(dynamics.step)
CLASSIC = [id for id, spec in SPECS.items() if not spec.tabular]
TABULAR = [id for id, spec in SPECS.items() if spec.tabular]
STEPS = 10_000
NEAR = 16
"""Units of float32 rounding, at the size of an entry or 1: Gymnasium's observations are float32, and so is the state of
the continuous mountain car; libm and NumPy differ by one unit of float64 in sin and cos, which the 16 far exceed."""


def action_for(spec: Any, rng: np.random.Generator) -> Any:
    """Real actions a fifth outside the bounds, so that clipping shows."""
    if spec.continuous:
        return np.array([1.2 * rng.uniform(*spec.action_bounds)], dtype=np.float32)
    return int(rng.integers(spec.num_actions))


def near(found: Any, expected: Any) -> bool:
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    return bool((np.abs(found - expected) <= NEAR * 2.0**-24 * np.maximum(1.0, np.abs(expected))).all())


@pytest.mark.parametrize("id", CLASSIC)
def test_every_step_agrees(id: str) -> None:
    spec, rng = SPECS[id], np.random.default_rng(3)
    theirs = make(id).unwrapped
    seen, ends = np.zeros(spec.observation_size), 0
    theirs.reset(seed=1)
    state = np.zeros(4)
    for t in range(STEPS):
        if t % 50 == 0:
            theirs.reset()
            state[: len(theirs.state)] = theirs.state
        size = len(theirs.state)
        theirs.state = np.array(state[:size], dtype=np.float32 if "Continuous" in id else np.float64)
        action = action_for(spec, rng)

        observation, reward, terminated, _, _ = theirs.step(action)
        our_reward, our_end = step(spec.kind, tables_of(spec), state, float(np.asarray(action).item()), 0.5)

        observe(spec.kind, state, seen)
        assert near(seen, observation), (t, seen, observation)
        assert near(our_reward, reward)
        assert our_end == terminated
        ends += terminated
        if terminated:
            theirs.reset()
            state[:size] = theirs.state
    # Fifty random steps from rest topple the pole and nothing else.
    assert (ends > 0) == (id == "CartPole-v1")


@pytest.mark.parametrize(("id", "state", "actions"), [
    ("CartPole-v1", [2.39, 1.0, 0.0, 0.0], [0, 1]),
    ("CartPole-v1", [-2.39, -1.0, 0.0, 0.0], [0, 1]),
    ("CartPole-v1", [0.0, 0.0, -0.2094, -0.3], [0, 1]),
    ("Acrobot-v1", [3.0, 0.1, 2.0, 1.0], [0, 1, 2]),
    ("Acrobot-v1", [-3.1, -3.1, -12.5, -28.0], [0, 1, 2]),
    ("MountainCar-v0", [0.47, 0.06], [0, 1, 2]),
    ("MountainCar-v0", [-1.19, -0.05], [0, 1, 2]),
    ("MountainCar-v0", [0.499, 0.069], [0, 1, 2]),
    ("MountainCarContinuous-v0", [0.44, 0.05], [[-2.0], [0.3], [2.0]]),
    ("MountainCarContinuous-v0", [-1.19, -0.069], [[-1.0], [1.0]]),
    ("Pendulum-v1", [3.1, 7.99], [[-2.0], [2.0], [3.0]]),
    ("Pendulum-v1", [-9.5, -8.0], [[-2.0], [0.5]]),
])
def test_goals_walls_and_limits_agree(id: str, state: list, actions: list) -> None:
    """Corners that random steps do not reach."""
    spec = SPECS[id]
    theirs = make(id).unwrapped
    seen = np.zeros(spec.observation_size)
    for action in actions:
        theirs.reset(seed=1)
        kind = np.float32 if "Continuous" in id else np.float64
        theirs.state = np.array(state, dtype=kind)
        ours = np.zeros(4)
        ours[: len(state)] = theirs.state
        given = np.array(action, dtype=np.float32) if spec.continuous else action

        observation, reward, terminated, _, _ = theirs.step(given)
        our_reward, our_end = step(spec.kind, tables_of(spec), ours, float(np.asarray(given).item()), 0.5)

        observe(spec.kind, ours, seen)
        assert near(seen, observation)
        assert near(our_reward, reward)
        assert our_end == terminated


@pytest.mark.parametrize("id", TABULAR)
def test_every_step_is_one_of_the_tables(id: str) -> None:
    """Drawn with the stated chances: over 10,000 steps every outcome's frequency lies within six standard deviations.

    Six sigma over at most 9,000 outcomes: a false alarm once in 50,000 such tests, and the seed is fixed.
    """
    spec, rng = SPECS[id], np.random.default_rng(5)
    tables = make(id).unwrapped.P
    envs = VectorEnvironment(id, num_envs=8, seed=1)
    states = envs.reset()
    expected: dict = {}
    drawn: dict = {}
    for _ in range(STEPS // 8):
        actions = rng.integers(spec.num_actions, size=8)
        found = envs.step(actions)
        for n in range(8):
            s, a = int(states[n]), int(actions[n])
            key = (int(found.final_observations[n]), float(found.rewards[n]), bool(found.terminated[n]))
            chances: dict = {}
            for chance, successor, reward, ended in tables[s][a]:
                outcome = (int(successor), float(reward), bool(ended))
                chances[outcome] = chances.get(outcome, 0.0) + chance
            assert key in chances
            drawn[s, a, key] = drawn.get((s, a, key), 0) + 1
            for outcome, chance in chances.items():
                mean, variance = expected.get((s, a, outcome), (0.0, 0.0))
                expected[s, a, outcome] = (mean + chance, variance + chance * (1 - chance))
        states = found.observations
    for place, (mean, variance) in expected.items():
        assert abs(drawn.get(place, 0) - mean) <= 6 * np.sqrt(variance) + 1e-9


@pytest.mark.parametrize("id", ["MountainCar-v0", "Pendulum-v1", "MountainCarContinuous-v0", "FrozenLake-v1"])
def test_the_time_limit_is_gymnasiums(id: str) -> None:
    limit = gymnasium.spec(registered(id)).max_episode_steps
    envs = VectorEnvironment(id, num_envs=2, seed=1)
    envs.reset()
    still = {"MountainCar-v0": [1, 1], "FrozenLake-v1": [3, 3]}.get(id, [0.0, 0.0])

    found = [envs.step(still) for _ in range(limit + 1)]

    lasting = [n for n in range(2) if not any(row.terminated[n] for row in found[:limit])]
    for n in lasting:
        assert [t for t, row in enumerate(found) if row.truncated[n]] == [limit - 1]
    assert lasting or id == "FrozenLake-v1"


@pytest.mark.parametrize("id", SPECS)
def test_spaces_and_limits_are_gymnasiums(id: str) -> None:
    spec, theirs = SPECS[id], make(id)

    assert (spec.max_episode_steps or None) == theirs.spec.max_episode_steps
    if spec.continuous:
        assert (theirs.action_space.low.item(), theirs.action_space.high.item()) == spec.action_bounds
    else:
        assert theirs.action_space.n == spec.num_actions
    space = theirs.observation_space
    assert spec.observation_size == (space.n if spec.tabular else space.shape[0])


@pytest.mark.parametrize("id", CLASSIC)
def test_first_states_have_gymnasiums_distribution(id: str) -> None:
    """Each entry of 4,000 first observations: Kolmogorov and Smirnov's distance of two samples.

    False alarms: 2 exp(-2 d^2 n m / (n + m)) = 1e-6 at d = 0.0603, n = m = 4000; and the seeds are fixed.
    """
    envs = VectorEnvironment(id, num_envs=4000, seed=7)
    ours = envs.reset()
    env = make(id)
    env.reset(seed=9)
    theirs = np.array([env.reset()[0] for _ in range(4000)])

    for column in range(ours.shape[1]):
        samples = [np.sort(ours[:, column]), np.sort(theirs[:, column])]
        below = [np.searchsorted(sample, np.concatenate(samples), side="right") / 4000 for sample in samples]
        assert np.abs(below[0] - below[1]).max() < 0.0603
