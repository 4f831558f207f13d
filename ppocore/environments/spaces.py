"""Gymnasium's spaces: rows of numbers from observations, and actions as an environment takes them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from ppocore._arrays import Bools, Floats
from ppocore.environments.refusals import BadEnvironment


class Observer(NamedTuple):
    """How observations become rows: flattened numbers, or a row with one 1."""

    size: int
    one_hot: bool
    start: int
    """Number of the first state; 0 for real observations."""
    shape: tuple[int, ...]
    """Of one observation."""

    def problem(self, seen: Any, used: Bools, *, single: bool) -> tuple[int | None, str] | None:
        """What is wrong with observations, and in which row; None where nothing is."""
        array = np.asarray(seen)
        required = self.shape if single else (len(used), *self.shape)
        if array.shape != required or array.dtype.kind not in ("iu" if self.one_hot else "fiub"):
            return None, f"observations are {array.dtype} of shape {array.shape}; they must have shape {required}"
        rows = array.reshape(len(used), -1)
        if self.one_hot:
            bad = np.flatnonzero(used & ((rows[:, 0] < self.start) | (rows[:, 0] >= self.start + self.size)))
            says = f"it must be in [{self.start}, {self.start + self.size - 1}]"
        else:
            # float32: what networks are fed.
            with np.errstate(over="ignore"):
                rows = rows.astype(np.float32)
            bad, says = np.flatnonzero(used & ~np.isfinite(rows).all(axis=1)), "it must be finite in float32"
        if not len(bad):
            return None
        worst = rows[bad[0]]
        found = worst[0] if self.one_hot else worst[~np.isfinite(worst)][0]
        return int(bad[0]), f"the observation holds {found}; {says}"

    def rows(self, seen: Any, used: Bools) -> Floats:
        """(n, size) float64; zeros where not used."""
        array = np.asarray(seen).reshape(len(used), -1)
        found = np.zeros((len(used), self.size))
        if self.one_hot:
            found[used, array[used, 0].astype(np.int64) - self.start] = 1.0
        else:
            found[used] = array[used]
        return found


class Actor(NamedTuple):
    """How what a policy draws becomes an action."""

    num_actions: int
    """0 where actions are real or several choices."""
    nvec: tuple[int, ...]
    """Of several choices at once."""
    dimensions: int
    bounds: tuple[tuple[float, ...], tuple[float, ...]]
    """Of real actions."""
    space: Any

    def taken(self, actions: Floats) -> Any:
        """From (N, dimensions) to what a vector environment's step takes."""
        if self.num_actions:
            return actions[:, 0].astype(np.int64) + self.space.start
        if self.nvec:
            return actions.astype(self.space.dtype) + self.space.start
        shaped = actions.reshape(len(actions), *self.space.shape)
        return np.clip(shaped, self.space.low, self.space.high).astype(self.space.dtype)


def observer_for(space: Any, id: str) -> Observer:
    """For Box and Discrete observations; others are refused."""
    if isinstance(space, spaces.Discrete):
        return Observer(int(space.n), True, int(space.start), ())
    if isinstance(space, spaces.Box) and np.prod(space.shape) > 0:
        return Observer(int(np.prod(space.shape)), False, 0, space.shape)
    raise BadEnvironment(f"{id}: its observation space is {_named(space)}; it must be Box or Discrete.")


def actor_for(space: Any, id: str) -> Actor:
    """For Discrete, MultiDiscrete (of one axis) and real Box actions; others are refused."""
    nowhere: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0,), (0.0,))
    if isinstance(space, spaces.Discrete):
        return Actor(int(space.n), (), 1, nowhere, space)
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) == 1:
        return Actor(0, tuple(map(int, space.nvec)), 1, nowhere, space)
    if isinstance(space, spaces.Box) and np.prod(space.shape) > 0 and np.issubdtype(space.dtype, np.floating):
        low, high = (tuple(map(float, bound.ravel())) for bound in (space.low, space.high))
        return Actor(0, (), int(np.prod(space.shape)), (low, high), space)
    raise BadEnvironment(f"{id}: its action space is {_named(space)}; it must be Discrete, MultiDiscrete, or Box of"
                         " real numbers.")


def _named(space: Any) -> str:
    return " ".join(str(space).split())
