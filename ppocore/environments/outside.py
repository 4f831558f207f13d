"""Any Gymnasium vector environment as a stream of transitions, whatever its reset protocol.

Only what takes environments from outside imports this file, since it needs Gymnasium.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from ppocore._arrays import Bools, Floats
from ppocore.environments.catalogue import OUTSIDE, SPECS, Spec
from ppocore.environments.refusals import BadEnvironment
from ppocore.environments.spaces import Actor, Observer, actor_for, observer_for


class Transitions(NamedTuple):
    """What one step of all N environments brings; rows that are not `real` have reward 0 and no flag."""

    real: Bools
    """False where the step only began a new episode, as under NEXT_STEP after every end: no action was taken there."""
    rewards: Floats
    terminated: Bools
    truncated: Bools
    final_observations: Floats
    """(N, D): where the step itself led, its episode's last observation included."""
    observations: Floats
    """(N, D): what the next action is chosen by; zeros where the next step only begins an episode."""


class Outside:
    """A Gymnasium vector environment; what it gives is checked as it comes in.

    All three of Gymnasium's autoreset modes lead to the same transitions.  Where a protocol leaves a row undefined
    (the reward of a step that only resets, final observations of episodes that go on, what a masked reset returns for
    the others) it is never read.
    """

    def __init__(self, envs: Any, id: str) -> None:
        self.id, self._envs, self.num_envs = id, envs, int(envs.num_envs)
        self._mode = _mode_of(envs, id)
        self._observer: Observer = observer_for(envs.single_observation_space, id)
        self._actor: Actor = actor_for(envs.single_action_space, id)
        self.spec = Spec(id, OUTSIDE, self._observer.size, self._actor.num_actions, 0, tabular=self._observer.one_hot,
                         action_bounds=self._actor.bounds,
                         action_dimensions=self._actor.dimensions, nvec=self._actor.nvec)  # fmt: skip
        self.waiting: Bools = np.zeros(self.num_envs, dtype=np.bool_)
        """Where the next step only begins an episode."""
        self._steps = 0

    def begin(self, seed: int) -> Floats:
        """New episodes everywhere; their first observations (N, D)."""
        self.waiting = np.zeros(self.num_envs, dtype=np.bool_)
        seen, _ = self._pair(self._called(lambda: self._envs.reset(seed=seed)))
        return self._seen(seen, ~self.waiting)

    def step(self, actions: Floats) -> Transitions:
        """One step everywhere, from actions (N, dimensions) as a policy draws them; real ones are clipped to bounds."""
        self._steps += 1
        taken = self._actor.taken(actions)
        answer = self._called(lambda: self._envs.step(taken))
        if not isinstance(answer, tuple) or len(answer) != 5:
            raise self._refusal("step did not return (observations, rewards, terminated, truncated, infos)")
        seen, rewards, terminated, truncated, infos = answer
        real = ~self.waiting
        terminated, truncated = (self._flags(*given) & real for given in
                                 (("terminated", terminated), ("truncated", truncated)))  # fmt: skip
        ended = terminated | truncated
        final, upcoming = self._around_ends(seen, infos, ended, truncated & ~terminated)
        self.waiting = ended if self._mode is AutoresetMode.NEXT_STEP else np.zeros_like(ended)
        return Transitions(real, self._rewards(rewards, real), terminated, truncated, final, upcoming)

    def close(self) -> None:
        """Let go of what the environments hold."""
        self._envs.close()

    def _around_ends(self, seen: Any, infos: Any, ended: Bools, valued: Bools) -> tuple[Floats, Floats]:
        """Final and upcoming observations; of final ones at ends only those that are `valued` are looked at."""
        if self._mode is AutoresetMode.NEXT_STEP:
            # Where a step only reset, what it led to is the first observation of the new episode.
            final = self._seen(seen, ~ended | valued)
            return final, np.where(ended[:, None], 0.0, final)
        if self._mode is AutoresetMode.SAME_STEP:
            upcoming = self._seen(seen, np.ones_like(ended))
            final = np.where(ended[:, None], 0.0, upcoming)
            for n in np.flatnonzero(valued):
                final[n] = self._final(infos, int(n))
            return final, upcoming
        final = self._seen(seen, ~ended | valued)
        upcoming = final.copy()
        if ended.any():
            fresh, _ = self._pair(self._called(lambda: self._envs.reset(options={"reset_mask": ended.copy()})))
            upcoming[ended] = self._seen(fresh, ended)[ended]
        return final, upcoming

    def _final(self, infos: Any, n: int) -> Floats:
        found = infos.get("final_obs") if isinstance(infos, dict) else None
        if found is None or found[n] is None:
            raise self._refusal('infos have no "final_obs" though its episode was truncated under SAME_STEP', n)
        row: Floats = self._read(found[n], np.array([True]), n)[0]
        return row

    def _pair(self, answer: Any) -> Any:
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise self._refusal("reset did not return (observations, infos)")
        return answer

    def _called(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Raised as raised:
            raise self._refusal(_said(raised.error), raised.index) from raised.error
        except Exception as error:
            raise self._refusal(_said(error)) from error

    def _seen(self, seen: Any, used: Bools) -> Floats:
        return self._read(seen, used, None)

    def _read(self, seen: Any, used: Bools, only: int | None) -> Floats:
        """Rows (n, D) of numbers, all finite where used; zeros elsewhere."""
        problem = self._observer.problem(seen, used, single=only is not None)
        if problem is not None:
            index, found = problem
            raise self._refusal(found, only if only is not None else index)
        return self._observer.rows(seen, used)

    def _rewards(self, given: Any, real: Bools) -> Floats:
        rewards = self._column("rewards", given, "fiub").astype(np.float64)
        bad = np.flatnonzero(real & ~np.isfinite(rewards))
        if len(bad):
            raise self._refusal(f"the reward is {rewards[bad[0]]}; it must be finite", int(bad[0]))
        return np.where(real, rewards, 0.0)

    def _flags(self, name: str, given: Any) -> Bools:
        flags: Bools = self._column(name, given, "b")
        return flags

    def _column(self, name: str, given: Any, kinds: str) -> Any:
        array = np.asarray(given)
        if array.shape != (self.num_envs,) or array.dtype.kind not in kinds:
            raise self._refusal(f"{name} are {array.dtype} of shape {array.shape}; they must have shape"
                                f" ({self.num_envs},)")  # fmt: skip
        return array

    def _refusal(self, found: str, index: int | None = None) -> BadEnvironment:
        where = "" if index is None else f", environment {index}"
        return BadEnvironment(f"{self.id}, {f'step {self._steps}' if self._steps else 'reset'}{where}: {found}.")


class Raised(Exception):
    """One of the environments side by side raised."""

    def __init__(self, index: int, error: Exception) -> None:
        super().__init__(index)
        self.index, self.error = index, error


class Numbered(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Tells which of the environments went wrong; Gymnasium's vector environments do not."""

    def __init__(self, env: Any, index: int) -> None:
        super().__init__(env)
        self._index = index

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """The environment's own."""
        try:
            observation, info = self.env.reset(seed=seed, options=options)
            return self._fitting(observation), info
        except Exception as error:
            raise Raised(self._index, error) from error

    def step(self, action: Any) -> Any:
        """The environment's own."""
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
            whole = float(np.asarray(reward, dtype=np.float64).reshape(()))
            return self._fitting(observation), whole, bool(terminated), bool(truncated), info
        except Exception as error:
            raise Raised(self._index, error) from error

    def _fitting(self, observation: Any) -> Any:
        required = self.observation_space.shape
        if np.shape(observation) != required:
            raise BadEnvironment(f"the observation has shape {np.shape(observation)}; its space says {required}")
        return observation


def make(id: str, num_envs: int) -> SyncVectorEnv:
    """Gymnasium's environments of an id, side by side in this process; `package:id` imports the package first."""

    def one(index: int) -> Callable[[], Any]:
        # What the checker warns of is refused here.
        return lambda: Numbered(gymnasium.make(id, disable_env_checker=True), index)

    try:
        return SyncVectorEnv([one(index) for index in range(num_envs)], autoreset_mode=AutoresetMode.SAME_STEP)
    except gymnasium.error.UnregisteredEnv:
        near = difflib.get_close_matches(id, [*SPECS, *gymnasium.registry], n=4)
        advice = f"near ones are {', '.join(near)}" if near else f"compiled here are {', '.join(SPECS)}"
        raise BadEnvironment(f"train: env is {id!r}; it must be an id that Gymnasium knows; {advice}.") from None
    except Exception as error:
        raise BadEnvironment(f"{id}: cannot be made ({_said(error)}).") from error


def _mode_of(envs: Any, id: str) -> AutoresetMode:
    found = (getattr(envs, "metadata", None) or {}).get("autoreset_mode")
    try:
        return AutoresetMode(found)
    except ValueError:
        modes = ", ".join(mode.name for mode in AutoresetMode)
        raise BadEnvironment(f'{id}: metadata["autoreset_mode"] is {found!r}; it must be one of Gymnasium\'s'
                             f" AutoresetMode: {modes}.") from None  # fmt: skip


def _said(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text if isinstance(error, BadEnvironment) else f"{type(error).__name__}: {text}"
