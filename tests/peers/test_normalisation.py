"""Running normalisation beside Stable-Baselines3's VecNormalize, on the same observations, rewards and ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppocore.training import Config, scaling
from ppocore.training.scaling import new_scaling, scale_rows
from tests.closeness import assert_within
from tests.optional import require
from tests.outer import outer

require("stable_baselines3")
gymnasium = require("gymnasium")

from stable_baselines3.common.vec_env import VecEnv, VecNormalize  # noqa: E402

count_rows, scale_rewards = outer(scaling.count_rows), outer(scaling.scale_rewards)
STEPS, ENVS, SIZE = 300, 5, 3
UNITS = 64
"""Theirs are rounded to float32 at the end; ours are compared in units of float32 at the size of an entry or 1."""


class Script(VecEnv):
    """Plays given observations, rewards and ends."""

    def __init__(self, seen: np.ndarray, rewards: np.ndarray, ended: np.ndarray, final: np.ndarray) -> None:
        self.seen, self.rewards, self.ended, self.final, self.t = seen, rewards, ended, final, 0
        space = gymnasium.spaces.Box(-np.inf, np.inf, (SIZE,), np.float64)
        super().__init__(ENVS, space, gymnasium.spaces.Discrete(2))

    def reset(self) -> Any:
        return self.seen[0].copy()

    def step_async(self, actions: Any) -> None:
        pass

    def step_wait(self) -> Any:
        t, self.t = self.t, self.t + 1
        infos: list[dict] = [{"terminal_observation": row.copy()} for row in self.final[t]]
        return self.seen[t + 1].copy(), self.rewards[t].copy(), self.ended[t].copy(), infos

    def close(self) -> None:
        pass

    def get_attr(self, *given: Any, **named: Any) -> Any:
        return [None] * ENVS

    set_attr = env_method = close

    def env_is_wrapped(self, *given: Any, **named: Any) -> Any:
        return [False] * ENVS


def near(found: np.ndarray, theirs: Any) -> None:
    expected = np.asarray(theirs, dtype=np.float64)
    assert_within(found.astype(np.float32), expected, units=UNITS, scale=np.maximum(1.0, np.abs(expected)))


def test_step_by_step() -> None:
    rng = np.random.default_rng(0)
    seen, final = rng.normal(2.0, 3.0, (STEPS + 1, ENVS, SIZE)), rng.normal(5.0, 30.0, (STEPS, ENVS, SIZE))
    rewards, ended = rng.normal(1.0, 20.0, (STEPS, ENVS)), rng.random((STEPS, ENVS)) < 0.1
    theirs, every = VecNormalize(Script(seen, rewards, ended, final), gamma=0.9), np.ones(ENVS, dtype=np.bool_)
    ours = new_scaling(Config("any", num_envs=ENVS, gamma=0.9, normalize_observations=True, normalize_rewards=True),
                       SIZE)

    count_rows(ours, seen[0], every)
    near(scale_rows(ours, seen[0].copy()), theirs.reset())
    for t in range(STEPS):
        told, their_rewards, _, infos = theirs.step(np.zeros(ENVS))
        count_rows(ours, seen[t + 1], every)
        our_rewards = rewards[t].copy()
        scale_rewards(ours, our_rewards, ended[t], ~every, every)
        near(scale_rows(ours, seen[t + 1].copy()), told)
        near(our_rewards, their_rewards)
        for n in np.flatnonzero(ended[t]):
            near(scale_rows(ours, final[t, n : n + 1].copy())[0], infos[n]["terminal_observation"])
