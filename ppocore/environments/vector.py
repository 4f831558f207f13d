"""Several copies of a compiled environment, stepped together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppocore._arrays import Bools, Doorman, Floats, Ints
from ppocore._kernels import kernel
from ppocore.environments.catalogue import Spec, spec_of
from ppocore.environments.dynamics import DRAWS, STATE_SIZE, Tables, observe, reset, step, tables_of


class Steps(NamedTuple):
    """What one step of all N environments brings."""

    observations: NDArray[Any]
    """Of the states that come next, (N, D) float32, or (N,) int64 numbers of states: after the end of an episode, the
    first of a new one."""
    rewards: Floats
    terminated: Bools
    truncated: Bools
    """The time limit; both flags can be True on one step."""
    final_observations: NDArray[Any]
    """What each step itself led to: differs from `observations` only where an episode ended."""


class VectorEnvironment:
    r"""N copies of a compiled environment; an episode that ends is followed by the next one in the same step.

    Parameters
    ----------
    id : str
        A Gymnasium id: CartPole-v1, Acrobot-v1, MountainCar-v0, MountainCarContinuous-v0, Pendulum-v1, FrozenLake-v1,
        FrozenLake8x8-v1, CliffWalking-v1, Taxi-v4.
    num_envs : int >= 1
    seed : int >= 0

    Raises
    ------
    ValueError
        If the id is none of these or a number is out of range.

    Notes
    -----
    *Conventions.* Gymnasium's ``AutoresetMode.SAME_STEP``.  Rewards and states are float64, observations float32 as
    Gymnasium's.  The dynamics are Gymnasium's to rounding; the random numbers are not, so the same seed gives other
    episodes there.

    Examples
    --------
    >>> envs = VectorEnvironment("CartPole-v1", num_envs=3, seed=0)
    >>> envs.reset().shape, envs.step([0, 1, 1]).rewards
    ((3, 4), array([1., 1., 1.]))
    """

    def __init__(self, id: str, *, num_envs: int, seed: int) -> None:
        door = Doorman("VectorEnvironment")
        self.spec: Spec = spec_of(id)
        self.num_envs = door.whole("num_envs", num_envs, 1)
        self._rng = np.random.default_rng(door.whole("seed", seed, 0))
        self._tables: Tables = tables_of(self.spec)
        self._states = np.zeros((self.num_envs, STATE_SIZE))
        self._elapsed = np.zeros(self.num_envs, dtype=np.int64)
        self._begun = False

    def reset(self) -> NDArray[Any]:
        """Begin new episodes everywhere; their first observations."""
        _reset_all(self.spec.kind, self._tables, self._states, self._rng.random((self.num_envs, DRAWS)))
        self._elapsed[:] = 0
        self._begun = True
        return self._seen(self._states)

    def step(self, actions: ArrayLike) -> Steps:
        """One step everywhere, from actions (N,) int, or (N, 1) or (N,) float where actions are real numbers."""
        if not self._begun:
            raise RuntimeError("VectorEnvironment.step: no episode has begun; reset must be called first.")
        chosen = self._checked(actions)
        draws = self._rng.random((self.num_envs, 1 + DRAWS))
        reached = np.empty_like(self._states)
        rewards = np.empty(self.num_envs)
        ends = np.empty((2, self.num_envs), dtype=np.bool_)
        _step_all(self.spec.kind, self._tables, self._states, self._elapsed, chosen, draws,
                  self.spec.max_episode_steps, reached, rewards, ends)  # fmt: skip
        return Steps(self._seen(self._states), rewards, ends[0], ends[1], self._seen(reached))

    def _checked(self, actions: ArrayLike) -> Floats:
        door, array = Doorman("VectorEnvironment.step"), np.asarray(actions)
        if self.spec.continuous:
            flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
            chosen = door.floats("actions", flat, "N")
        else:
            legal = np.ones((len(array) if array.ndim else 0, self.spec.num_actions), dtype=np.bool_)
            chosen = door.actions("actions", array, "N", legal).astype(np.float64)
        if len(chosen) != self.num_envs:
            required = f"it must have one for each of {self.num_envs} environments"
            raise door.refusal("actions", f"has {len(chosen)} entries", required)
        return chosen

    def _seen(self, states: Floats) -> NDArray[Any]:
        if self.spec.tabular:
            numbers: Ints = states[:, 0].astype(np.int64)
            return numbers
        observations = np.empty((self.num_envs, self.spec.observation_size))
        _observe_all(self.spec.kind, states, observations)
        return observations.astype(np.float32)


@kernel
def _step_all(
    kind: int,
    tables: Tables,
    states: Floats,
    elapsed: Ints,
    actions: Floats,
    draws: Floats,
    limit: int,
    reached: Floats,
    rewards: Floats,
    ends: Bools,
) -> None:
    for n in range(len(states)):
        rewards[n], ends[0, n] = step(kind, tables, states[n], actions[n], draws[n, 0])
        elapsed[n] += 1
        ends[1, n] = limit > 0 and elapsed[n] >= limit
        reached[n] = states[n]
        if ends[0, n] or ends[1, n]:
            reset(kind, tables, states[n], draws[n, 1:])
            elapsed[n] = 0


@kernel
def _reset_all(kind: int, tables: Tables, states: Floats, draws: Floats) -> None:
    for n in range(len(states)):
        reset(kind, tables, states[n], draws[n])


@kernel
def _observe_all(kind: int, states: Floats, observations: Floats) -> None:
    for n in range(len(states)):
        observe(kind, states[n], observations[n])
