"""Environments from outside as transitions: the same under every reset protocol; what is wrong is refused by name."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.optional import require

gymnasium = require("gymnasium")

from gymnasium import spaces  # noqa: E402
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # noqa: E402

from ppocore.environments.outside import Outside, make  # noqa: E402
from ppocore.environments.refusals import BadEnvironment  # noqa: E402
from ppocore.environments.scripted import Episode, ScriptedVectorEnv, transitions_of  # noqa: E402

MODES = list(AutoresetMode)
POISONS = [np.nan, 1e300]
SCRIPTS = [
    [Episode((1.0, 2.0, 0.5), True, False), Episode((4.0,), False, True), Episode((8.0, -1.0), True, True)],
    [Episode((0.25, 0.5), False, True)],
    [Episode((3.0,) * 9, True, False)],
]


def played(outside: Outside, steps: int) -> list[list[tuple]]:
    """The true transitions of each environment, as the adapter tells them."""
    found: list[list[tuple]] = [[] for _ in range(outside.num_envs)]
    seen = outside.begin(0)
    for _ in range(steps):
        acted, waiting = seen, outside.waiting
        step = outside.step(np.zeros((outside.num_envs, 1)))
        np.testing.assert_array_equal(step.real, ~waiting)
        for n in np.flatnonzero(step.real):
            ends = bool(step.terminated[n]), bool(step.truncated[n])
            found[n].append((acted[n].tolist(), float(step.rewards[n]), *ends, step.final_observations[n].tolist()))
        seen = step.observations
    return found


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("mode", MODES)
def test_every_protocol_gives_the_true_transitions(mode: AutoresetMode, poison: float) -> None:
    """Final observations of terminated episodes are not used, and so may be zeros."""
    outside = Outside(ScriptedVectorEnv(SCRIPTS, autoreset_mode=mode, poison=poison), "scripted")

    for n, rows in enumerate(played(outside, 40)):
        assert len(rows) >= 20
        for row, true in zip(rows, transitions_of(SCRIPTS, n), strict=False):
            final = [0.0] * 3 if true.terminated else true.final_observation.tolist()
            assert row == (true.observation.tolist(), true.reward, true.terminated, true.truncated, final)


def test_only_next_step_has_steps_that_reset() -> None:
    lengths = {}
    for mode in MODES:
        envs = ScriptedVectorEnv(SCRIPTS, autoreset_mode=mode, poison=np.nan)
        lengths[mode] = [len(rows) for rows in played(Outside(envs, "scripted"), 30)]

    assert lengths[AutoresetMode.SAME_STEP] == lengths[AutoresetMode.DISABLED] == [30, 30, 30]
    assert lengths[AutoresetMode.NEXT_STEP] == [21, 20, 27]


@pytest.mark.parametrize("mode", MODES)
def test_gymnasiums_own_vector_environments_agree(mode: AutoresetMode) -> None:
    """Pendulum cut after 7 steps: every step's own end is the next step's beginning, until the episode is cut."""
    envs = SyncVectorEnv([lambda: gymnasium.make("Pendulum-v1", max_episode_steps=7)] * 3, autoreset_mode=mode)
    outside = Outside(envs, "Pendulum-v1")
    assert (outside.spec.continuous, outside.spec.action_dimensions, outside.spec.observation_size) == (True, 1, 3)

    for rows in played(outside, 40):
        assert [row[3] for row in rows[:35]] == [t % 7 == 6 for t in range(35)]
        for before, after in itertools.pairwise(rows):
            assert (before[4] == after[0]) == (not before[3])
            assert np.hypot(before[4][0], before[4][1]) > 0.99


def test_actions_are_clipped_to_their_space_and_keep_its_shape() -> None:
    class Kept(Given):
        action_space = spaces.Box(np.float32([[-1.0, 0.0]]), np.float32([[1.0, 0.5]]))

    env = Kept()
    outside = Outside(SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP), "kept")
    outside.begin(0)
    outside.step(np.array([[-7.0, 0.25]]))

    assert outside.spec.action_dimensions == 2
    np.testing.assert_array_equal(env.action, np.float32([[-1.0, 0.25]]))


def test_numbers_of_states_and_of_actions_may_begin_anywhere() -> None:
    class Shifted(Given):
        observation_space, action_space = spaces.Discrete(4, start=5), spaces.Discrete(3, start=-1)
        observation = 7

    env = Shifted()
    outside = Outside(SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP), "shifted")

    np.testing.assert_array_equal(outside.begin(0), [[0.0, 0.0, 1.0, 0.0]])
    outside.step(np.array([[2.0]]))
    assert env.action == 1


def test_several_choices_at_once_begin_where_their_space_says() -> None:
    class Several(Given):
        action_space = spaces.MultiDiscrete([2, 3], start=[0, 5])

    env = Several()
    outside = Outside(SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP), "several")
    outside.begin(0)
    outside.step(np.array([[1.0, 2.0]]))

    assert (outside.spec.nvec, outside.spec.continuous) == ((2, 3), False)
    np.testing.assert_array_equal(env.action, [1, 7])


class Given(gymnasium.Env):
    """Answers what its class says."""

    observation_space: Any = spaces.Box(-1.0, 1.0, (2,))
    action_space: Any = spaces.Discrete(2)
    observation: Any = np.zeros(2, dtype=np.float32)
    reward: Any = 1.0

    def reset(self, *, seed=None, options=None):
        return self.observation, {}

    def step(self, action):
        self.action = action
        return self.observation, self.reward, False, False, {}


@pytest.mark.parametrize(("place", "space", "says"), [
    ("observation_space", spaces.Tuple([spaces.Discrete(2)]), "observation space is Tuple(Discrete(2)); it must be"),
    ("observation_space", spaces.Dict(a=spaces.Discrete(2)), "observation space is Dict('a': Discrete(2)); it must be"),
    ("observation_space", spaces.MultiBinary(3), "observation space is MultiBinary(3); it must be Box or Discrete"),
    ("action_space", spaces.MultiBinary(2), "action space is MultiBinary(2); it must be Discrete, MultiDiscrete, or"),
    ("action_space", spaces.Box(0, 3, (2,), np.int64), "action space is Box(0, 3, (2,), int64); it must be"),
])
def test_other_spaces_are_refused(place: str, space: Any, says: str) -> None:
    env = type("Odd", (Given,), {place: space})
    with pytest.raises(BadEnvironment) as refusal:
        Outside(SyncVectorEnv([env], autoreset_mode=AutoresetMode.SAME_STEP), "Odd-v0")

    assert str(refusal.value).startswith("Odd-v0: its ")
    assert says in str(refusal.value)


def test_a_reset_mode_that_is_not_told_is_refused() -> None:
    envs = SyncVectorEnv([Given], autoreset_mode=AutoresetMode.SAME_STEP)
    envs.metadata = {}
    with pytest.raises(BadEnvironment, match=r'metadata\["autoreset_mode"\] is None; it must be one of .* NEXT_STEP'):
        Outside(envs, "silent")


@pytest.mark.parametrize(("id", "says"), [
    ("CartPoel-v1", "near ones are CartPole-v1"),
    ("Qqqq-v0", "compiled here are CartPole-v1, "),
    ("no.such.package:Thing-v0", "cannot be made (ModuleNotFoundError"),
])
def test_unknown_ids_are_refused_with_near_ones(id: str, says: str) -> None:
    with pytest.raises(BadEnvironment) as refusal:
        make(id, 2)

    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
