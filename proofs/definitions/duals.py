"""Numbers that carry derivatives, so that a gradient is the derivative of the literal formula.

`Dual` is for points where the formula is smooth.  At a kink the derivative is a set; its two ends are the
slopes of a `Ray`, a number seen along a half-line that starts there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

Number = Any


def _quotient(number: Number, by: Number) -> Number:
    """number / by, exact for whole numbers too, which Python itself would divide to a float."""
    return Fraction(number, by) if isinstance(number, int) and isinstance(by, int) else number / by


class Dual:
    """A value and its partial derivatives, by the number of the variable; a partial that is missing is 0."""

    __slots__ = ("partials", "value")

    def __init__(self, value: Number, partials: dict[int, Number]) -> None:
        self.value = value
        self.partials = partials

    @staticmethod
    def total(terms: Sequence[Number]) -> Dual:
        """The sum of many."""
        value: Number = 0
        partials: dict[int, Number] = {}
        for term in terms:
            if isinstance(term, Dual):
                value = value + term.value
                for i, slope in term.partials.items():
                    partials[i] = partials[i] + slope if i in partials else slope
            else:
                value = value + term
        return Dual(value, partials)

    def through(self, value: Number, slope: Number) -> Dual:
        """f of this number, where f and f' have these values here (chain rule)."""
        return Dual(value, {i: slope * partial for i, partial in self.partials.items()})

    def __add__(self, other: Number) -> Dual:
        return Dual.total((self, other))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return self.through(-self.value, -1)

    def __sub__(self, other: Number) -> Dual:
        return Dual.total((self, -other))

    def __rsub__(self, other: Number) -> Dual:
        return Dual.total((other, -self))

    def __mul__(self, other: Number) -> Dual:
        if not isinstance(other, Dual):
            return self.through(self.value * other, other)
        left = self.through(self.value * other.value, other.value)
        right = other.through(0, self.value)
        return Dual.total((left, right))

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Dual:
        if not isinstance(other, Dual):
            partials = {i: _quotient(partial, other) for i, partial in self.partials.items()}
            return Dual(_quotient(self.value, other), partials)
        return self * other.through(_quotient(1, other.value), _quotient(-1, other.value * other.value))

    def __rtruediv__(self, other: Number) -> Dual:
        return self.through(_quotient(other, self.value), _quotient(-other, self.value * self.value))

    def __repr__(self) -> str:
        return f"Dual({self.value}, {self.partials})"


class Ray:
    """value + slope h for small h > 0: rays are ordered as those numbers are, so min and max need no rule for ties."""

    __slots__ = ("slope", "value")

    def __init__(self, value: Number, slope: Number) -> None:
        self.value = value
        self.slope = slope

    @staticmethod
    def of(x: Number) -> Ray:
        """The number itself; a plain number does not move."""
        return x if isinstance(x, Ray) else Ray(x, 0)

    def __add__(self, other: Number) -> Ray:
        other = Ray.of(other)
        return Ray(self.value + other.value, self.slope + other.slope)

    __radd__ = __add__

    def __neg__(self) -> Ray:
        return Ray(-self.value, -self.slope)

    def __sub__(self, other: Number) -> Ray:
        return self + -other

    def __rsub__(self, other: Number) -> Ray:
        return -self + other

    def __mul__(self, other: Number) -> Ray:
        other = Ray.of(other)
        return Ray(self.value * other.value, self.slope * other.value + self.value * other.slope)

    __rmul__ = __mul__

    def __lt__(self, other: Number) -> bool:
        other = Ray.of(other)
        return bool((self.value, self.slope) < (other.value, other.slope))

    def __ge__(self, other: Number) -> bool:
        return not self < other

    def __gt__(self, other: Number) -> bool:
        return Ray.of(other) < self

    def __le__(self, other: Number) -> bool:
        return not self > other

    def __repr__(self) -> str:
        return f"Ray({self.value}, {self.slope})"
