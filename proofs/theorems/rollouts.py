"""Streams of transitions over any numbers, for the theorems about loops through time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ppocore import advantages
from ppocore._kernels import plain
from proofs.methods.polynomials import Ring, rows

GOES_ON, TERMINATED, TRUNCATED, BOTH = (False, False), (True, False), (False, True), (True, True)
STEP_FLAGS = (GOES_ON, TERMINATED, TRUNCATED, BOTH)
Flags = Sequence[tuple[bool, bool]]
Numbers = Mapping[str, Any] | Ring


class Rollout(NamedTuple):
    """One stream of T transitions, over any numbers, with the two coefficients."""

    rewards: list[Any]
    values: list[Any]
    next_values: list[Any]
    flags: Flags
    gamma: Any
    decay: Any

    def rows(self, start: int, stop: int) -> Rollout:
        """The transitions start ... stop - 1 alone."""
        parts = (part[start:stop] for part in self[:4])
        return Rollout(*parts, self.gamma, self.decay)


def rollout(numbers: Numbers, flags: Flags, chained: bool = False) -> Rollout:
    """r0 v0 n0 r1 ... by name, from a ring or from a witness; `chained`: next_values[t] is values[t + 1]."""
    steps = range(len(flags))
    values = [numbers[f"v{t}"] for t in steps]
    following = [*values[1:], numbers[f"v{len(flags)}"]] if chained else [numbers[f"n{t}"] for t in steps]
    return Rollout([numbers[f"r{t}"] for t in steps], values, following, flags, numbers["gamma"], numbers["lam"])


def symbols(flags: Flags, chained: bool = False) -> Rollout:
    """The same with a variable for every number."""
    steps = len(flags)
    return rollout(ring(steps, f"v{steps}", "r v") if chained else ring(steps), flags, chained)


def ring(steps: int, more: str = "", stems: str = "r v n") -> Ring:
    """The variables of `rollout`, and more."""
    return Ring(f"{rows(stems, steps)} gamma lam {more}")


def coefficients(gamma: Any, lam: Any, **_: Any) -> bool:
    """Whether a witness has coefficients as the public functions take them."""
    return 0 <= gamma <= 1 and 0 <= lam <= 1


def consistent(numbers: Numbers, flags: Flags) -> Rollout:
    """next_values[t] is values[t + 1] wherever transition t goes on inside the rows, and free elsewhere."""
    of = rollout(numbers, flags)
    last = len(flags) - 1
    following = [
        of.values[t + 1] if t < last and not any(flags[t]) else of.next_values[t] for t in range(len(flags))
    ]
    return of._replace(next_values=following)


def every_flags(steps: int) -> Iterator[Flags]:
    """All 4^T patterns of terminated and truncated."""
    return product(STEP_FLAGS, repeat=steps)


def column(entries: Sequence[Any]) -> Any:
    """An object array of shape (T, 1)."""
    out = np.empty((len(entries), 1), dtype=object)
    for t, entry in enumerate(entries):
        out[t, 0] = entry
    return out


def shipped(of: Rollout) -> list[Any]:
    """The advantages by the shipped loop, run on any numbers."""
    out = np.empty((len(of.rewards), 1), dtype=object)
    flags = [column([pair[i] for pair in of.flags]) for i in (0, 1)]
    plain(advantages._gae_loop)(*map(column, of[:3]), *flags, of.gamma, of.decay, out)
    return list(out[:, 0])


def deltas(of: Rollout) -> list[Any]:
    """r + gamma (1 - terminated) V' - V."""
    steps = zip(*of[:4], strict=True)
    return [r + of.gamma * (1 - flags[0]) * following - v for r, v, following, flags in steps]


def flag_columns(steps: int) -> tuple[Any, Any]:
    """Every pattern of flags as one stream: two arrays of shape (T, 4^T)."""
    codes = np.arange(4**steps) >> (2 * np.arange(steps)[:, None])
    return codes & 1 == 1, codes & 2 == 2


def dyadic_rollout(steps: int) -> tuple[Any, ...]:
    """Numbers of a few binary digits for `flag_columns`, the same in every stream."""
    table = np.array([[3, -5, 4], [-2, 7, 1], [6, 2, -3], [1, -4, 8], [-7, 3, 5], [5, 6, -2], [2, -1, 7], [-4, 8, 3]])
    return tuple(np.repeat(table[:steps, i, None] / 2, 4**steps, axis=1) for i in range(3))


def plain_steps(*rewards: int, gamma: int | str, lam: int | str, values: str = "v n") -> dict[str, Fraction]:
    """A witness by name: steps with these rewards, and 0 for every value; v has one more for chained rollouts."""
    zeros = {f"{stem}{t}": Fraction(0) for stem in values.split() for t in range(len(rewards) + (stem == "v"))}
    numbers = {f"r{t}": Fraction(reward) for t, reward in enumerate(rewards)}
    return {**numbers, **zeros, "gamma": Fraction(gamma), "lam": Fraction(lam)}


def no_flags(numbers: Mapping[str, Any]) -> Flags:
    """As many steps without flags as the witness has rewards."""
    return [GOES_ON] * sum(name.startswith("r") for name in numbers)
