"""Closed forms by sympy: derivatives and integrals of what a kernel body computes on symbols.

`simplify` may fail on a true identity and never refutes a false one: what it leaves is evaluated at a rational
point, in balls, before anything is called refuted.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from proofs.ledger.outcome import Outcome, proved, refuted, unknown

DIGITS = 30


class Formula:
    """A sympy expression with the operators and functions that kernel bodies use.

    A comparison is decided at the point `at`; the result is the formula of the whole region of inputs that compare
    alike.
    """

    __slots__ = ("at", "expression")

    def __init__(self, expression: Any, at: Mapping[Any, Any]) -> None:
        self.expression = sp.sympify(expression)
        self.at = at

    def _new(self, expression: Any) -> Formula:
        return Formula(expression, self.at)

    def __add__(self, other: Any) -> Formula:
        return self._new(self.expression + _expression(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Formula:
        return self._new(self.expression - _expression(other))

    def __rsub__(self, other: Any) -> Formula:
        return self._new(_expression(other) - self.expression)

    def __mul__(self, other: Any) -> Formula:
        return self._new(self.expression * _expression(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Formula:
        return self._new(self.expression / _expression(other))

    def __rtruediv__(self, other: Any) -> Formula:
        return self._new(_expression(other) / self.expression)

    def __neg__(self) -> Formula:
        return self._new(-self.expression)

    def __lt__(self, other: Any) -> bool:
        return bool(self._here() < self._new(_expression(other))._here())

    def __gt__(self, other: Any) -> bool:
        return bool(self._here() > self._new(_expression(other))._here())

    def _here(self) -> Any:
        return self.expression.subs(self.at)

    def exp(self) -> Formula:
        return self._new(sp.exp(self.expression))

    def expm1(self) -> Formula:
        return self._new(sp.exp(self.expression) - 1)

    def log1p(self) -> Formula:
        return self._new(sp.log(1 + self.expression))


def _expression(x: Any) -> Any:
    """Floats become the rational that they are."""
    if isinstance(x, Formula):
        return x.expression
    return x if isinstance(x, sp.Basic) else sp.Rational(*Fraction(x).as_integer_ratio())


def identical(left: Any, right: Any, at: Mapping[Any, Any]) -> Outcome:
    """Whether two expressions are the same function; `at` is a rational point at which a difference would show."""
    difference = sp.expand_log(sp.sympify(left) - right, force=True)
    if sp.simplify(difference) == 0:
        return proved()
    value = sp.N(difference.subs(at), DIGITS)
    if abs(value) > sp.Float(10) ** (-DIGITS // 2):
        return refuted(f"they differ by {sp.N(value, 6)}", **{str(x): Fraction(str(v)) for x, v in at.items()})
    return unknown(f"sympy leaves {sp.simplify(difference)}")
