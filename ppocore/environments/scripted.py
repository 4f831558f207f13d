"""A Gymnasium vector environment that plays given episodes under any reset protocol, so that any trainer can be run
against it: what it collects must be `transitions_of`, whatever the protocol and whatever stands in undefined rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from ppocore._arrays import Bools, Floats


@dataclass(frozen=True)
class Episode:
    """Its rewards, one a step, and how it ends: both flags may be True."""

    rewards: tuple[float, ...]
    terminated: bool
    truncated: bool


class Transition(NamedTuple):
    """One true step."""

    observation: Floats
    reward: float
    terminated: bool
    truncated: bool
    final_observation: Floats
    """Where it led, of the same episode."""


class ScriptedVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """N scripts side by side, each a list of episodes played again and again, whatever the actions are.

    Parameters
    ----------
    scripts : N lists of `Episode`
    autoreset_mode : gymnasium.vector.AutoresetMode
    poison : float
        What stands where the protocol leaves a number undefined: the reward of a NEXT_STEP step that only resets, rows
        of ``infos["final_obs"]`` where no episode ended, rows of a masked reset that were not reset.

    Notes
    -----
    An observation is (environment, episode counted from 0, step of it), so every value met can be looked up.

    Examples
    --------
    >>> script = [Episode((1.0, 2.0), terminated=True, truncated=False)]
    >>> envs = ScriptedVectorEnv([script], autoreset_mode=AutoresetMode.NEXT_STEP, poison=float("nan"))
    >>> _ = envs.reset()
    >>> [float(envs.step([0])[1][0]) for _ in range(4)]
    [1.0, 2.0, nan, 1.0]
    """

    def __init__(self, scripts: Sequence[Sequence[Episode]], *, autoreset_mode: AutoresetMode, poison: float) -> None:
        self.scripts, self.mode, self.poison = scripts, autoreset_mode, poison
        self.num_envs = len(scripts)
        self.metadata = {"autoreset_mode": autoreset_mode}
        self.single_observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
        self.single_action_space = gymnasium.spaces.Discrete(2)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, self.num_envs)
        self._episode = np.full(self.num_envs, -1)
        self._step = np.zeros(self.num_envs, dtype=np.int64)
        self._ended: Bools = np.zeros(self.num_envs, dtype=np.bool_)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """The next episode of each script, or of those in ``options["reset_mask"]``."""
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=np.bool_))
        self._begin_all(mask)
        return np.where(np.asarray(mask)[:, None], self._seen(), self.poison), {}

    def step(self, actions: Any) -> tuple[Floats, Floats, Bools, Bools, dict[str, Any]]:
        """The next step of each script."""
        if self.mode is AutoresetMode.DISABLED and self._ended.any():
            raise RuntimeError("an episode that has ended was not reset")
        rewards, flags = np.full(self.num_envs, self.poison), np.zeros((2, self.num_envs), dtype=np.bool_)
        for n in range(self.num_envs):
            if self._ended[n]:
                self._begin(n)
            else:
                rewards[n], flags[0, n], flags[1, n] = self._advance(n)
        infos: dict[str, Any] = {}
        if self.mode is AutoresetMode.SAME_STEP and self._ended.any():
            final = np.where(self._ended[:, None], self._seen(), self.poison)
            infos = {"final_obs": final, "_final_obs": self._ended.copy()}
            self._begin_all(self._ended)
        return self._seen(), rewards, flags[0], flags[1], infos

    def _begin_all(self, mask: Any) -> None:
        for n in range(self.num_envs):
            if mask[n]:
                self._begin(n)

    def _begin(self, n: int) -> None:
        self._episode[n] += 1
        self._step[n], self._ended[n] = 0, False

    def _advance(self, n: int) -> tuple[float, bool, bool]:
        episode = self.scripts[n][self._episode[n] % len(self.scripts[n])]
        reward = episode.rewards[self._step[n]]
        self._step[n] += 1
        self._ended[n] = self._step[n] == len(episode.rewards)
        return reward, bool(self._ended[n] and episode.terminated), bool(self._ended[n] and episode.truncated)

    def _seen(self) -> Floats:
        return np.stack([np.arange(self.num_envs), self._episode, self._step], axis=1).astype(np.float64)


def transitions_of(scripts: Sequence[Sequence[Episode]], n: int) -> Iterator[Transition]:
    """The true steps of environment n, without end."""
    number = 0
    while True:
        episode = scripts[n][number % len(scripts[n])]
        for t, reward in enumerate(episode.rewards):
            here, there = (np.array([n, number, float(step)]) for step in (t, t + 1))
            over = t + 1 == len(episode.rewards)
            yield Transition(here, reward, over and episode.terminated, over and episode.truncated, there)
        number += 1
