"""Finite Markov decision processes: every trajectory, exact values and gradients; rational or dual numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

from proofs.methods.exact import Q, Row, Table, row

Step = tuple[int, int]
Path = tuple[Step, ...]
"""A trajectory: (state, action) of every step."""
Function = Callable[[int, int, int], Any]
"""Of the time, the state and the action."""


def policy_of(theta: Table) -> Table:
    """The rational policy pi(a|s) = theta[s][a] / sum_b theta[s][b], for theta > 0: its gradients are rational."""
    return tuple(tuple(entry / sum(entries[1:], entries[0]) for entry in entries) for entries in theta)


def score(theta: Table, state: int, action: int) -> Row:
    """Partial derivatives of log pi(action|state) in every theta."""
    whole = sum(theta[state][1:], theta[state][0])
    return tuple(
        Q(0) if s != state else (1 / theta[s][a] if a == action else Q(0)) - 1 / whole
        for s, entries in enumerate(theta)
        for a in range(len(entries))
    )


@dataclass(frozen=True)
class World:
    """Rewards belong to (state, action); every episode has `horizon` steps."""

    start: Row
    moves: tuple[Table, ...]
    """Probability ``moves[s][a][next]``."""
    rewards: Table
    gamma: Fraction
    horizon: int

    @cached_property
    def paths(self) -> tuple[tuple[Fraction, Path], ...]:
        """Every trajectory that the world allows, with what the world (not the policy) contributes to its
        probability."""
        found = []
        states, actions = range(len(self.start)), range(len(self.rewards[0]))
        for visited in product(states, repeat=self.horizon):
            for taken in product(actions, repeat=self.horizon):
                chance = self.start[visited[0]]
                for t in range(self.horizon - 1):
                    chance *= self.moves[visited[t]][taken[t]][visited[t + 1]]
                if chance:
                    found.append((chance, tuple(zip(visited, taken, strict=True))))
        return tuple(found)

    def trajectories(self, policy: Table) -> Iterator[tuple[Any, Path]]:
        """Every trajectory with its probability."""
        for chance, path in self.paths:
            yield chance * likelihood(policy, path), path

    def expected(self, policy: Table, function: Callable[[Path], Any]) -> Any:
        """Expectation over all trajectories of the policy, the literal sum."""
        return sum((chance * function(path) for chance, path in self.trajectories(policy)), Q(0))

    def expected_vector(self, policy: Table, function: Callable[[Path], Row]) -> Row:
        """The same for tuples, entry by entry."""
        return added(tuple(chance * x for x in function(path)) for chance, path in self.trajectories(policy))

    def discounted(self, path: Path, since: int = 0) -> Fraction:
        """Sum of gamma^(t - since) r_t over the steps from `since` on."""
        return sum((self.gamma**k * self.rewards[s][a] for k, (s, a) in enumerate(path[since:])), Q(0))

    def objective(self, policy: Table) -> Any:
        """J: the expected discounted return."""
        return self.expected(policy, self.discounted)

    def values(self, policy: Table) -> list[list[Any]]:
        """``values[t][s]`` by backward induction: expected return from time t on; 0 after the last step."""
        later = [Q(0)] * len(self.start)
        table = [later]
        for _ in range(self.horizon):
            later = [
                sum((policy[s][a] * self._reached(s, a, later) for a in range(len(policy[s]))), Q(0))
                for s in range(len(later))
            ]
            table.insert(0, later)
        return table

    def action_value(self, policy: Table) -> Function:
        """Q^pi at time t."""
        values = self.values(policy)
        return lambda t, s, a: self._reached(s, a, values[t + 1])

    def advantage(self, policy: Table) -> Function:
        """A^pi = Q^pi - V^pi at time t."""
        values = self.values(policy)
        return lambda t, s, a: self._reached(s, a, values[t + 1]) - values[t][s]

    def _reached(self, state: int, action: int, later: list[Any]) -> Any:
        following = sum((chance * later[s] for s, chance in enumerate(self.moves[state][action]) if chance), Q(0))
        return self.rewards[state][action] + self.gamma * following


def likelihood(policy: Table, path: Path) -> Any:
    """The policy's part of the probability of a trajectory, or of its beginning."""
    whole = Q(1)
    for state, action in path:
        whole = whole * policy[state][action]
    return whole


def added(rows: Iterable[Row]) -> Row:
    """Sum of tuples, entry by entry."""
    whole: list[Any] = []
    for entries in rows:
        whole = [a + b for a, b in zip(whole, entries, strict=True)] if whole else list(entries)
    return tuple(whole)


MIXED = World(
    start=row("2/3", "1/3"),
    moves=((row("3/4", "1/4"), row("1/4", "3/4")), (row("1/2", "1/2"), row("1/8", "7/8"))),
    rewards=(row(1, -2), row(3, "1/2")),
    gamma=Q(3, 4),
    horizon=3,
)
"""Two states, two actions, three steps: 64 trajectories, all possible."""
FORK = World(
    start=row(1, 0, 0),
    moves=(
        (row(0, 1, 0), row(0, 0, 1)),
        (row(0, 1, 0), row(0, 1, 0)),
        (row(0, 0, 1), row(0, 0, 1)),
    ),
    rewards=(row(0, 0), row(1, -1), row(-1, 1)),
    gamma=Q(1),
    horizon=2,
)
"""The first action chooses where one ends; the second is praised in one place and blamed in the other."""
BANDIT = World(start=row(1), moves=((row(1), row(1), row(1)),), rewards=(row(1, 3, -2),), gamma=Q(1), horizon=1)
"""One state, one step, three actions."""
OLD = (row(1, 2), row(3, 1))
"""Parameters of the policy that collects the data."""
NEW = (row(2, 1), row(1, 1))
"""Parameters of the policy that is trained."""


def two_actions(*numbers: Fraction) -> Table:
    """Parameters of a policy with two actions from a flat row."""
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def flat(theta: Table) -> Row:
    """The entries row by row."""
    return tuple(entry for entries in theta for entry in entries)


def coins(*chances: Fraction) -> Table:
    """Parameters with which the first action of state s has probability chances[s]."""
    return tuple((chance, 1 - chance) for chance in chances)


def by_coin(slopes: Row) -> Row:
    """Partial derivatives in those chances, from the partial derivatives in the parameters."""
    return tuple(first - second for first, second in zip(slopes[::2], slopes[1::2], strict=True))


def positive(**parameters: Row) -> bool:
    """Whether all parameters are, as a policy needs."""
    return all(entry > 0 for entries in parameters.values() for entry in entries)


EVEN = coins(Q(1, 2), Q(1, 2), Q(1, 2))
"""The undecided policy of FORK."""
HALVED = replace(FORK, gamma=Q(1, 2))
ARMS = (row(1, 2, 3),)
SETTINGS = [
    (MIXED, OLD), (MIXED, NEW), (FORK, EVEN), (FORK, coins(Q(1, 3), Q(3, 4), Q(1, 5))), (HALVED, EVEN), (BANDIT, ARMS),
]
"""Worlds with parameters at which statements are checked."""
MOVED = coins(Q(3, 4), Q(3, 4), Q(3, 4))
"""Another one, an equal distance away in every state."""
PAIRS = [
    (MIXED, OLD, NEW), (MIXED, NEW, OLD), (MIXED, OLD, two_actions(*row(5, 1, 1, 4))), (BANDIT, ARMS, (row(4, 1, 1),)),
    *((FORK, coins(*old), coins(*new)) for old, new in product(product(row("1/4", "2/3"), repeat=3), repeat=2)),
]
"""Worlds with two policies."""
