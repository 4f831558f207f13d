"""A finite world: what a policy meets, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Bools, Doorman, Floats, Ints

ROUNDING = 2.0**-45
"""By how much a sum of rounded probabilities may miss 1: a thousand of them, each one ulp off, stay inside."""


@dataclass(frozen=True, eq=False)
class World:
    r"""A Markov decision process with S states, A actions and at most K outcomes of an action.

    Outcome k of action a in state s happens with ``chances[s, a, k]``, pays ``rewards[s, a, k]``, and leads to
    ``successors[s, a, k]``, or ends the episode where ``terminated[s, a, k]``.

    Parameters
    ----------
    chances, rewards : array of float, shape (S, A, K)
        The chances of one action add up to 1.
    successors : array of int, shape (S, A, K)
    terminated : array of bool, shape (S, A, K)
    initial : array of float, shape (S,)
        Chances of the first state.
    gamma : float in [0, 1]
        Discount.

    Raises
    ------
    ValueError
        If shapes disagree, chances are no distributions, a successor is no state, or gamma is outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* An episode ends by termination only; a time limit is made part of the world by `with_time_limit`.
    Outcomes that cannot happen have chance 0.

    References
    ----------
    Sutton and Barto, Reinforcement Learning, section 3.  Mission rows S0, S6, S7.

    Examples
    --------
    >>> world = World([[[1.0], [1.0]]], [[[1.0], [3.0]]], [[[0], [0]]], [[[True], [True]]], [1.0], 1.0)
    >>> world.num_states, world.num_actions
    (1, 2)
    """

    chances: Floats
    rewards: Floats
    successors: Ints
    terminated: Bools
    initial: Floats
    gamma: float

    def __post_init__(self) -> None:
        door = Doorman("World")
        checked: dict[str, Any] = {
            "chances": door.floats("chances", self.chances, "S A K", interval="[0, 1]"),
            "rewards": door.floats("rewards", self.rewards, "S A K"),
            "successors": _states(door, self.successors, np.shape(self.chances)[0]),
            "terminated": door.flags("terminated", self.terminated, "S A K"),
            "initial": door.floats("initial", self.initial, "S", interval="[0, 1]"),
            "gamma": door.number("gamma", self.gamma, "[0, 1]"),
        }
        for name in ("chances", "initial"):
            require_distributions(door, name, checked[name])
        for name, value in checked.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def num_states(self) -> int:
        """S."""
        return int(self.chances.shape[0])

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.chances.shape[1])

    @property
    def expected_rewards(self) -> Floats:
        """Mean reward of an action, shape (S, A)."""
        return cast("Floats", (self.chances * self.rewards).sum(axis=-1))

    @property
    def moves(self) -> Floats:
        """Chance to go on in a state, shape (S, A, S); what is missing to 1 ends the episode."""
        table = np.zeros((self.num_states, self.num_actions, self.num_states))
        states, actions, _ = np.indices(self.chances.shape)
        np.add.at(table, (states, actions, self.successors), np.where(self.terminated, 0.0, self.chances))
        return table


def with_time_limit(world: World, horizon: int) -> World:
    r"""The world whose episodes end after `horizon` steps: the clock becomes part of the state.

    Parameters
    ----------
    world : World
    horizon : int >= 1

    Returns
    -------
    World
        With horizon * S states: state s at time t has number ``t * S + s``.

    Raises
    ------
    ValueError
        If the horizon is below 1.
    TypeError
        If it is no integer.

    Notes
    -----
    *Conventions.* The end of time is an end of the episode (``terminated``), as in the source's trajectories of
    length T_n: nothing is worth anything afterwards.

    References
    ----------
    Pardo et al., Time Limits in Reinforcement Learning, arXiv:1712.00378, section 3.  Mission row S6.

    Examples
    --------
    >>> walk = World([[[1.0]]], [[[1.0]]], [[[0]]], [[[False]]], [1.0], 1.0)
    >>> with_time_limit(walk, 3).num_states
    3
    """
    steps = Doorman("with_time_limit").whole("horizon", horizon, 1)
    count = world.num_states
    later = np.minimum(np.arange(1, steps + 1), steps - 1)[:, None, None, None] * count
    last = (np.arange(steps) == steps - 1)[:, None, None, None]
    shape = (steps, *world.chances.shape)
    flat = (steps * count, *world.chances.shape[1:])
    return World(
        np.broadcast_to(world.chances, shape).reshape(flat),
        np.broadcast_to(world.rewards, shape).reshape(flat),
        (later + world.successors).reshape(flat),
        (last | world.terminated).reshape(flat),
        np.concatenate([world.initial, np.zeros((steps - 1) * count)]),
        world.gamma,
    )


def require_distributions(door: Doorman, name: str, chances: Floats) -> None:
    """Refuse rows (the last axis) that do not add up to 1."""
    totals = chances.sum(axis=-1)
    wrong = np.argwhere(np.abs(totals - 1) > ROUNDING)
    if len(wrong):
        index = tuple(int(i) for i in wrong[0])
        where = f"{name}[{', '.join(map(str, index))}]" if index else name
        raise door.refusal(where, f"adds up to {float(totals[index])!r}", "chances must add up to 1")


def checked_policy(function: str, name: str, policy: ArrayLike, world: World) -> Floats:
    """A table (S, A) of the chances of each action in each state."""
    door = Doorman(function)
    table = door.floats(name, policy, "S A", interval="[0, 1]")
    expected = (world.num_states, world.num_actions)
    if table.shape != expected:
        raise door.refusal(name, f"has shape {table.shape}", f"it must have shape {expected}, that of the world")
    require_distributions(door, name, table)
    return table


def _states(door: Doorman, successors: ArrayLike, count: int) -> Ints:
    table = np.asarray(successors)
    if table.dtype.kind not in "iu":
        raise door.mistake("successors", f"has dtype {table.dtype}", "it must be integer")
    outside = np.argwhere((table < 0) | (table >= count))
    if len(outside):
        index = tuple(int(i) for i in outside[0])
        where = f"successors[{', '.join(map(str, index))}]"
        raise door.refusal(where, f"is {table[index]}", f"every successor must be in [0, {count - 1}]")
    door.floats("successors", table, "S A K")
    return np.require(table, dtype=np.int64, requirements=["C"])
