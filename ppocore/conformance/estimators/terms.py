"""What a term does at a point: its value at every action, and its expected gradient in the logits, exactly."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Literal, Protocol

from ppocore.conformance.estimators.divergences import fractions, logits, softmax
from ppocore.conformance.estimators.language import Arithmetic, BadTerm, evaluate, parse
from ppocore.conformance.estimators.points import Point
from ppocore.conformance.oracle.reals import Array, Real, gradient, leaves, stop, total

Place = Literal["loss", "reward"]
PLACES: tuple[Place, ...] = ("loss", "reward")
TIE = Decimal("1e-45")
"""Numbers of 60 digits nearer than this are equal: no two that differ in our terms come so near."""


class Corner(Exception):
    """Two numbers that min, max, abs or clip chooses between are equal, and their slopes are not."""


@dataclass(frozen=True)
class Seen:
    """A term at a point."""

    point: Point
    values: tuple[Real, ...]
    """Of the term, action by action."""
    pushes: tuple[Real, ...]
    """What stands before the gradient of log_prob, action by action, the chance of the action included."""
    known_apart: bool = True
    """Whether the values are known one by one, and not their mean only."""

    @cached_property
    def gradient(self) -> tuple[Real, ...]:
        """Of the loss, in the logits: the sum of pushes times the gradients of log_prob."""
        z = logits(self.point)
        log_probs = [chance.log() for chance in softmax(z)]
        pushed = total([push * log_prob for push, log_prob in zip(self.pushes, log_probs, strict=True)])
        return tuple(stop(x) for x in gradient(pushed, z))

    @cached_property
    def size(self) -> Decimal:
        """How large the numbers are that make up the gradient, which may cancel to nothing."""
        return sum((abs(push.value) for push in self.pushes), Decimal(0))

    @cached_property
    def mean(self) -> Real:
        """Of the term, over the actions that the old policy draws."""
        return total([q * t for q, t in zip(fractions(self.point.old), self.values, strict=True)])

    @property
    def variance(self) -> Real | None:
        """Of the term, over the same actions."""
        if not self.known_apart:
            return None
        squares = [q * t * t for q, t in zip(fractions(self.point.old), self.values, strict=True)]
        return total(squares) - self.mean * self.mean


class Term(Protocol):
    """Anything that can be looked at, point by point."""

    @property
    def digits(self) -> int:
        """To how many digits it is known."""

    @property
    def largest(self) -> float:
        """Larger numbers than this leave too few digits to see a gradient beside them."""

    def at(self, point: Point, place: Place) -> Seen:
        """Its values and pushes; Corner where it has no gradient."""


class Written:
    """A term in the language of terms, evaluated in 60-digit decimals."""

    digits = 40
    largest = 1e20

    def __init__(self, text: str, stops: bool = True) -> None:
        """With `stops` false, gradients flow through stop(x) as well."""
        self._text = text
        self._tree = parse(text)
        self._stop: Callable[[Real], Real] = stop if stops else lambda x: x

    @property
    def unstopped(self) -> Written:
        """The same term, with nothing held constant."""
        return Written(self._text, stops=False)

    def at(self, point: Point, place: Place) -> Seen:
        """Exactly, but for the rounding of 60 digits; BadTerm where it is not finite."""
        rows = _log_probs(point)
        if place == "reward":
            # A reward is a number: nothing is differentiated through it, so it may have corners.
            rows = [{name: stop(number) for name, number in names.items()} for names in rows]
        found = [_at_action(self._tree, names, self._stop) for names in rows]
        values = [value for value, _ in found]
        for action, (value, slope) in enumerate(found):
            _refuse_infinite(value, slope, action, point)
        slopes = [slope for _, slope in found] if place == "loss" else None
        return seen(point, values, slopes)


def seen(point: Point, values: Sequence[Real], slopes: Sequence[Real] | None, known_apart: bool = True) -> Seen:
    """Values as constants, and pushes.

    In the loss a term pushes as its slope in log_prob says.  In the reward its value, which is subtracted there, is
    what the loss of the surrogate, -mean(ratio A), is pushed by: ratio times the value.  The old policy draws.
    """
    old = fractions(point.old)
    if slopes is None:
        ratio = [p / q for p, q in zip(fractions(point.current), old, strict=True)]
        slopes = [r * value for r, value in zip(ratio, values, strict=True)]
    pushes = tuple(q * slope for q, slope in zip(old, slopes, strict=True))
    return Seen(point, tuple(values), pushes, known_apart)


def _log_probs(point: Point) -> list[dict[str, Real]]:
    """The three log-probabilities of each action; only the current policy's is a variable."""
    current, old, ref = ([chance.log() for chance in fractions(row)] for row in (point.current, point.old, point.ref))
    rows = zip(leaves(current), old, ref, strict=True)
    return [{"log_prob": p, "old_log_prob": q, "ref_log_prob": r} for p, q, r in rows]


def _at_action(tree: ast.expr, names: dict[str, Real], held: Callable[[Real], Real]) -> tuple[Real, Real]:
    """The value and its slope in log_prob, both constants."""
    variable: Array = [names["log_prob"]]

    def slope(x: Real) -> Real:
        return stop(gradient(x, variable)[0])

    def chosen(x: Real, y: Real, first: bool) -> Real:
        # Equal numbers of unequal slopes: frameworks choose differently, and mathematics not at all.
        equal = abs((x - y).value) <= TIE * (1 + abs(x.value))
        if equal and abs((slope(x) - slope(y)).value) > TIE * (1 + abs(slope(x).value)):
            raise Corner
        return x if first else y

    value = evaluate(tree, names, Arithmetic(
        constant=lambda text: Real(Decimal(text)), stop=held,
        lesser=lambda x, y: chosen(x, y, x < y), greater=lambda x, y: chosen(x, y, x > y),
    ))
    return stop(value), slope(value)


def _refuse_infinite(value: Real, slope: Real, action: int, point: Point) -> None:
    if not (value.value.is_finite() and slope.value.is_finite()):
        what = "value" if not value.value.is_finite() else "slope"
        raise BadTerm(f"estimator: the {what} of the term is not finite at action {action} of"
                      f" {described(point)}; every term must be finite at every point.")


def described(point: Point) -> str:
    """The three policies in words."""
    def row(name: str) -> str:
        return f"{name} ({', '.join(map(_brief, getattr(point, name)))})"

    old = "old = current" if point.on_policy else row("old")
    return f"{row('current')}, {row('ref')}, {old}"


def _brief(chance: Fraction) -> str:
    text = str(chance)
    return text if len(text) <= 7 else f"{float(chance):.1e}"
