"""Worlds with names: small enough to be solved, rich enough to go wrong in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ppocore._arrays import Doorman
from ppocore.worlds.world import World

LEFT, DOWN, RIGHT, UP = range(4)
LAKES = {
    "4x4": ("SFFF", "FHFH", "FFFH", "HFFG"),
    "8x8": ("SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"),
}
"""The lakes of Gymnasium: start, frozen, hole, goal."""


class Outcome(NamedTuple):
    """One thing that an action can lead to."""

    chance: float
    successor: int
    reward: float
    terminated: bool


def tabulated(
    outcomes: Callable[[int, int], Sequence[Outcome]], states: int, actions: int, starts: Sequence[int], gamma: float
) -> World:
    """The world in which action a in state s has ``outcomes(s, a)``; it begins in any of `starts` alike."""
    rows = [[list(outcomes(s, a)) for a in range(actions)] for s in range(states)]
    width = max(len(cell) for row in rows for cell in row)
    filled = [[cell + [Outcome(0.0, 0, 0.0, True)] * (width - len(cell)) for cell in row] for row in rows]
    chances, successors, rewards, terminated = (
        np.array([[[outcome[field] for outcome in cell] for cell in row] for row in filled]) for field in range(4)
    )
    initial = np.zeros(states)
    initial[list(starts)] = 1.0 / len(starts)
    return World(chances, rewards, successors, terminated, initial, gamma)


def two_arm_bandit(rewards: tuple[float, float] = (0.0, 1.0)) -> World:
    """One state, one step: the source's one-step problem, where every formula of it is exact.

    Examples
    --------
    >>> two_arm_bandit().expected_rewards
    array([[0., 1.]])
    """
    return tabulated(lambda s, a: [Outcome(1.0, 0, float(rewards[a]), True)], 1, 2, [0], 1.0)


def chain(length: int, *, slip: float = 0.0, gamma: float = 1.0) -> World:
    """States in a row: action 1 goes right, action 0 back to the start; only the right end pays.

    A wrong step happens with chance `slip`.  Going back costs nothing, ends the episode and pays 1/(2 length): what is
    near and small against what is far and large.

    Examples
    --------
    >>> chain(3).num_states
    3
    """
    door = Doorman("chain")
    count, wrong = door.whole("length", length, 1), door.number("slip", slip, "[0, 1]")

    def move(s: int, a: int) -> Outcome:
        if a == 0:
            return Outcome(1.0, 0, 0.5 / count, True)
        last = s == count - 1
        return Outcome(1.0, 0 if last else s + 1, 1.0 if last else 0.0, last)

    def outcomes(s: int, a: int) -> list[Outcome]:
        right, other = move(s, a), move(s, 1 - a)
        return [right._replace(chance=1.0 - wrong), other._replace(chance=wrong)]

    return tabulated(outcomes, count, 2, [0], gamma)


def grid_world(rows: int, columns: int, *, gamma: float = 0.95) -> World:
    """Every step costs 1 until the far corner is reached; actions are left, down, right, up.

    Examples
    --------
    >>> from ppocore.worlds import exact_optimum
    >>> exact_optimum(grid_world(3, 3, gamma=1.0)).objective
    -4.0
    """
    door = Doorman("grid_world")
    height, width = door.whole("rows", rows, 1), door.whole("columns", columns, 1)
    goal = height * width - 1

    def outcomes(s: int, a: int) -> list[Outcome]:
        if s == goal:
            return [Outcome(1.0, s, 0.0, True)]
        reached = _moved(s, a, height, width)
        return [Outcome(1.0, reached, -1.0, reached == goal)]

    return tabulated(outcomes, height * width, 4, [0], gamma)


def cliff(*, gamma: float = 1.0) -> World:
    """CliffWalking of Gymnasium: 4 x 12 cells, -1 a step, -100 and back to the start for a step off the cliff.

    Its actions are up, right, down, left.

    Examples
    --------
    >>> from ppocore.worlds import exact_optimum
    >>> float(exact_optimum(cliff()).values[36])
    -13.0
    """
    start, goal = 36, 47

    def outcomes(s: int, a: int) -> list[Outcome]:
        reached = _moved(s, (UP, RIGHT, DOWN, LEFT)[a], 4, 12)
        if start < reached < goal:
            return [Outcome(1.0, start, -100.0, False)]
        return [Outcome(1.0, reached, -1.0, reached == goal)]

    return tabulated(outcomes, 48, 4, [start], gamma)


def frozen_lake(lake: str = "4x4", *, slippery: bool = True, gamma: float = 0.99) -> World:
    """FrozenLake of Gymnasium: 1 for the goal; on slippery ice two times out of three one drifts to a side.

    Examples
    --------
    >>> frozen_lake().num_states, frozen_lake("8x8").num_states
    (16, 64)
    """
    rows = LAKES[Doorman("frozen_lake").option("lake", lake, tuple(LAKES))]
    cells, width = "".join(rows), len(rows[0])

    def step(s: int, a: int, chance: float) -> Outcome:
        reached = _moved(s, a, len(rows), width)
        return Outcome(chance, reached, float(cells[reached] == "G"), cells[reached] in "GH")

    def outcomes(s: int, a: int) -> list[Outcome]:
        if cells[s] in "GH":
            return [Outcome(1.0, s, 0.0, True)]
        if not slippery:
            return [step(s, a, 1.0)]
        return [step(s, (a + turn) % 4, 1.0 / 3.0) for turn in (-1, 0, 1)]

    return tabulated(outcomes, len(cells), 4, [cells.index("S")], gamma)


def taxi(*, gamma: float = 0.99) -> World:
    """Taxi of Gymnasium: fetch the passenger at one of four stands and bring him to another; 500 states, 6 actions.

    State ((row 5 + column) 5 + passenger) 4 + destination, passenger 4 sits in the taxi; actions south, north, east,
    west, pick up, drop off.

    Reference: Dietterich, Hierarchical reinforcement learning with the MAXQ value function decomposition, 2000.

    Examples
    --------
    >>> taxi().num_states, int((taxi().initial > 0).sum())
    (500, 300)
    """
    shape, stands, riding = (5, 5, 5, 4), ((0, 0), (0, 4), (4, 0), (4, 3)), 4
    # Walls stand east of these cells.
    walls = {(0, 1), (1, 1), (3, 0), (4, 0), (3, 2), (4, 2)}

    def outcomes(s: int, a: int) -> list[Outcome]:
        row, column, passenger, destination = (int(part) for part in np.unravel_index(s, shape))
        cell, reward, ended = (row, column), -1.0, False
        if a == 4:
            waiting = passenger != riding and cell == stands[passenger]
            passenger, reward = (riding, -1.0) if waiting else (passenger, -10.0)
        elif a == 5 and passenger == riding and cell in stands:
            ended = cell == stands[destination]
            passenger, reward = stands.index(cell), 20.0 if ended else -1.0
        elif a == 5:
            reward = -10.0
        else:
            row, column = _driven(row, column, a, walls)
        reached = np.ravel_multi_index((row, column, passenger, destination), shape)
        return [Outcome(1.0, int(reached), reward, ended)]

    states = range(500)
    starts = [s for s in states if s // 4 % 5 not in (riding, s % 4)]
    return tabulated(outcomes, 500, 6, starts, gamma)


def garnet(states: int, actions: int, branching: int, *, seed: int, gamma: float = 0.9) -> World:
    """A random world: every action leads to `branching` random states with random chances, and pays at random.

    Reference: Archibald, McKinnon, Thomas, On the generation of Markov decision processes, 1995.

    Examples
    --------
    >>> garnet(5, 3, 2, seed=1).chances.shape
    (5, 3, 2)
    """
    door = Doorman("garnet")
    count, choices = door.whole("states", states, 1), door.whole("actions", actions, 1)
    width = door.whole("branching", branching, 1)
    if width > count:
        raise door.refusal("branching", f"is {width}", f"it must be at most the number of states, {count}")
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(width), size=(count, choices))
    successors = np.array([[rng.permutation(count)[:width] for _ in range(choices)] for _ in range(count)])
    rewards = np.repeat(rng.normal(size=(count, choices, 1)), width, axis=2)
    initial = np.full(count, 1.0 / count)
    return World(chances, rewards, successors, np.zeros(chances.shape, dtype=bool), initial, gamma)


def pupil(lessons: int = 4, *, watched: float = 0.5, gamma: float = 1.0) -> World:
    """The source's classroom: in every lesson the pupil plays (action 0) or listens (action 1).

    The teacher looks with chance `watched`, and only then blames (-1) the one or praises (+1) the other: the reward is
    partial.  Playing, seen or not, costs the next lesson too, with what could have been earned there.

    Examples
    --------
    >>> from ppocore.worlds import exact_optimum
    >>> exact_optimum(pupil()).objective
    2.0
    """
    door = Doorman("pupil")
    count, seen = door.whole("lessons", lessons, 1), door.number("watched", watched, "[0, 1]")

    def outcomes(s: int, a: int) -> list[Outcome]:
        following = s + (1 if a == 1 else 2)
        place = (min(following, count - 1), following >= count)
        praise = 1.0 if a == 1 else -1.0
        return [Outcome(seen, place[0], praise, place[1]), Outcome(1.0 - seen, place[0], 0.0, place[1])]

    return tabulated(outcomes, count, 2, [0], gamma)


def _driven(row: int, column: int, action: int, walls: set[tuple[int, int]]) -> tuple[int, int]:
    if action == 2 and (row, column) not in walls:
        return row, min(column + 1, 4)
    if action == 3 and (row, column - 1) not in walls:
        return row, max(column - 1, 0)
    if action in (0, 1):
        return min(max(row + (1 if action == 0 else -1), 0), 4), column
    return row, column


def _moved(cell: int, direction: int, height: int, width: int) -> int:
    row, column = divmod(cell, width)
    if direction in (LEFT, RIGHT):
        column = min(max(column + (1 if direction == RIGHT else -1), 0), width - 1)
    else:
        row = min(max(row + (1 if direction == DOWN else -1), 0), height - 1)
    return row * width + column
