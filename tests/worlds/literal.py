"""The rational worlds of the proofs, as ppocore's: every expectation here is a sum over all trajectories."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ppocore.worlds import World, with_time_limit
from proofs.methods import worlds
from proofs.methods.exact import Q, Table, gradient

UNITS = 2.0**12
"""Units of rounding: systems of at most 12 equations of condition below 50, gradients of sums of some 64 terms."""


def as_world(rational: worlds.World) -> World:
    """The same world in float64; its clock is part of the state."""
    states, actions = len(rational.start), len(rational.rewards[0])
    shape = (states, actions, states)
    return with_time_limit(
        World(
            np.array(rational.moves, dtype=float),
            np.broadcast_to(np.array(rational.rewards, dtype=float)[:, :, None], shape),
            np.broadcast_to(np.arange(states), shape),
            np.zeros(shape, dtype=bool),
            np.array(rational.start, dtype=float),
            float(rational.gamma),
        ),
        rational.horizon,
    )


def as_policy(rational: worlds.World, theta: Table) -> np.ndarray:
    """softmax(log theta), the same at every time."""
    return np.tile(np.array(worlds.policy_of(theta), dtype=float), (rational.horizon, 1))


def by_state(rational: worlds.World, table: np.ndarray) -> np.ndarray:
    """Entries that belong to one state at any time, added up."""
    return table.reshape(rational.horizon, len(rational.start), -1).sum(axis=0)


def in_logits(function: Any, theta: Table) -> list[list[float]]:
    """Exact derivatives in the logits z = log theta of a function of theta."""
    slopes = iter(gradient(function, theta))
    return [[float(entry * next(slopes)) for entry in entries] for entries in theta]


def visits(rational: worlds.World, policy: Table, gamma: Fraction) -> list[list[Fraction]]:
    """``[t][s]``: gamma^t times the chance to be in s at time t."""
    table = [[Q(0)] * len(rational.start) for _ in range(rational.horizon)]
    for chance, path in rational.trajectories(policy):
        for t, (s, _) in enumerate(path):
            table[t][s] += gamma**t * chance
    return table
