"""Forward error bounds of a kernel's body for all inputs at once.

An `Inexact` stands for a number that float64 holds with an error.  It carries its real value, a polynomial in
symbols, and a majorant: a polynomial E with coefficients >= 0 in the absolute values of the symbols, such that

    |computed - value| <= u E

for every input and every way to round.  An operation adds one rounding (``LIBM_UNITS`` for exp, expm1, log and
log1p) to what the errors of its arguments do; products of errors are kept, with u = 2^-53, in the coefficients.
A function value is a new symbol.  Valid where nothing overflows or falls below the normal range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

U = fmpq(1, 2**53)
"""Unit roundoff of float64."""
LIBM_UNITS = 2
"""Assumed of exp, expm1, log, log1p and pow: within one ulp, which is at most 2 u of the value."""
TANH_UNITS = 4
"""Assumed of tanh: within two ulp."""
LIMIT = fmpq(2**24)
"""Symbols declared `small` (log-probabilities and the like) are at most this in size."""
SLACK = 1 + fmpq(1, 2**20)
"""What all products of errors together may add to a bound of the first order."""
ROOM = 64
_CONTEXT = fmpq_mpoly_ctx.get([f"x{i}" for i in range(ROOM)], Ordering.lex)
Poly = fmpq_mpoly
ZERO: Poly = _CONTEXT.from_dict({})
_LIMIT_OF_PERTURBATION = fmpq(1, 2**21)


class TooCoarse(ArithmeticError):
    """A majorant that should be small against its number is not: no bound can be given this way."""


def size(p: Poly) -> Poly:
    """The sum of the absolute terms: a bound on |p|."""
    return _CONTEXT.from_dict({powers: abs(c) for powers, c in p.to_dict().items()})


def within(error: Poly, claim: Any) -> bool:
    """Whether a majorant is below ``SLACK`` times the claimed one, coefficient by coefficient."""
    allowed = (ZERO + claim).to_dict()
    return all(c <= SLACK * allowed.get(powers, fmpq(0)) for powers, c in error.to_dict().items())


class Desk:
    """The symbols of one derivation, and the branches that it has still to follow."""

    def __init__(self) -> None:
        self._count = 0
        self._small: set[int] = set()
        self._signed: set[int] = set()
        self._functions: dict[tuple[str, str], Inexact] = {}
        self._named: dict[str, Inexact] = {}
        self._steady: dict[str, Poly] = {}
        self._script: list[bool] = []
        self._step = 0

    def number(self, error: Any = 0, *, signed: bool = True, small: bool = False) -> Inexact:
        """A new symbol, computed with a relative error of `error` units; 0 for an input."""
        index = self._count
        self._count += 1
        value = _CONTEXT.gen(index)
        if small:
            self._small.add(index)
        if signed:
            self._signed.add(index)
        return Inexact(self, value, value * error)

    def name(self, value: Inexact, *, signed: bool = False, small: bool = False) -> Inexact:
        """A symbol for a difference, used wherever the body computes this real number."""
        symbol = self.number(signed=signed, small=small)
        self._named[str(value.value)] = symbol
        return symbol

    def steady(self, value: Inexact) -> Poly:
        """A symbol for the relative error of this positive number, which is taken to be small."""
        symbol = self.number(signed=False, small=True).value
        self._steady[str(value.value)] = symbol
        return symbol

    def named(self, value: Poly) -> Poly:
        """The symbol that was given to this value, else the value."""
        symbol = self._named.get(str(value))
        return value if symbol is None else symbol.value

    def value_of(self, function: str, argument: Poly, *, signed: bool = False) -> Poly:
        """The symbol of a function's value at a polynomial."""
        key = function, str(argument)
        if key not in self._functions:
            self._functions[key] = self.number(signed=signed)
        return self._functions[key].value

    def never_negative(self, p: Poly) -> bool:
        """Whether every term is >= 0 whatever the symbols are."""
        return all(c > 0 and not any(n % 2 and i in self._signed for i, n in enumerate(powers))
                   for powers, c in p.to_dict().items())

    def relative(self, error: Poly, of: Poly) -> Poly | None:
        """A polynomial q in small symbols with ``error <= q of``, if term by term there is one."""
        found: dict[Any, fmpq] = {}
        for powers, c in error.to_dict().items():
            best = None
            for base, d in of.to_dict().items():
                rest = tuple(a - b for a, b in zip(powers, base, strict=True))
                if min(rest) < 0 or any(n and i not in self._small for i, n in enumerate(rest)):
                    continue
                if best is None or sum(base) > sum(best[0]):
                    best = base, rest, c / d
            if best is None:
                return None
            found[best[1]] = max(best[2], found.get(best[1], fmpq(0)))
        return _CONTEXT.from_dict(found)

    def inverse(self, of: Poly, error: Poly) -> tuple[Poly, Poly, fmpq]:
        """For a positive y with majorant E: the symbol of 1 / y, E / y, and a bound on u E / y below 2^-21."""
        if not self.never_negative(of):
            raise TooCoarse(f"{of} may be 0")
        symbol = self.value_of("inverse", of)
        ratio = self._steady.get(str(of), self.relative(error, size(of)))
        if ratio is None:
            raise TooCoarse(f"the error of {of} is not relative")
        return symbol, ratio, self.perturbation(ratio)

    def perturbation(self, error: Poly) -> fmpq:
        """u times the largest value of a polynomial in small symbols; refuses what is not below 2^-21."""
        if any(n and i not in self._small for powers in error.to_dict() for i, n in enumerate(powers)):
            raise TooCoarse(f"{error} is not a polynomial in small symbols")
        largest = U * sum((c * LIMIT ** sum(powers) for powers, c in error.to_dict().items()), fmpq(0))
        if largest > _LIMIT_OF_PERTURBATION:
            raise TooCoarse(f"u times {error} may reach {float(largest.p) / float(largest.q):.3g}")
        return largest

    def ask(self) -> bool:
        """Which way a comparison goes that the symbols leave open; the other way is followed later."""
        self._step += 1
        if self._step > len(self._script):
            self._script.append(True)
        return self._script[self._step - 1]

    def paths(self, run: Callable[[], Any]) -> Iterator[tuple[tuple[bool, ...], Any]]:
        """Every way through `run`: the answers to its comparisons, and what it returns."""
        self._script = []
        while True:
            self._step = 0
            result = run()
            taken = self._script[: self._step]
            yield tuple(taken), result
            while taken and not taken[-1]:
                taken.pop()
            if not taken:
                return
            self._script = [*taken[:-1], False]


class Inexact:
    """A number, the polynomial that it should be, and a majorant of its error in units of u."""

    __slots__ = ("desk", "error", "value")

    def __init__(self, desk: Desk, value: Any, error: Any = 0) -> None:
        self.desk = desk
        self.value: Poly = ZERO + value
        self.error: Poly = ZERO + error

    @property
    def size(self) -> Poly:
        """A bound on the absolute value of the real number."""
        return size(self.value)

    def exactly(self) -> Inexact:
        """The same real number as an input, without an error."""
        return Inexact(self.desk, self.value)

    def within(self, claim: Any) -> bool:
        """Whether the error is below the claimed majorant."""
        return within(self.error, claim)

    def _of(self, x: Any) -> Inexact:
        return x if isinstance(x, Inexact) else Inexact(self.desk, _rational(x))

    def _is_zero(self) -> bool:
        return self.value == 0 and self.error == 0

    def _constant(self) -> fmpq | None:
        return self.value.to_dict().get((0,) * ROOM) if self.error == 0 and self.value.is_constant() else None

    def _rounded(self, value: Poly, error: Poly, units: Any = 1) -> Inexact:
        value = self.desk.named(value)
        return Inexact(self.desk, value, error + units * (size(value) + U * error))

    def __add__(self, other: Any) -> Inexact:
        other = self._of(other)
        if other._is_zero():
            return self
        if self._is_zero():
            return other
        return self._rounded(self.value + other.value, self.error + other.error)

    __radd__ = __add__

    def __neg__(self) -> Inexact:
        return Inexact(self.desk, -self.value, self.error)

    def __sub__(self, other: Any) -> Inexact:
        return self + -self._of(other)

    def __rsub__(self, other: Any) -> Inexact:
        return -self + other

    def __mul__(self, other: Any) -> Inexact:
        other = self._of(other)
        error = self.size * other.error + other.size * self.error + self._errors_multiplied(other)
        exact = _is_power_of_two(self._constant()) or _is_power_of_two(other._constant())
        return self._rounded(self.value * other.value, error, 0 if exact else 1)

    __rmul__ = __mul__

    def _errors_multiplied(self, other: Inexact) -> Poly:
        """A bound on u E_x E_y: one of the two errors is small against its number, where that can be seen."""
        for one, two in ((self, other), (other, self)):
            ratio = self.desk.relative(one.error, one.size)
            if ratio is not None:
                return one.size * two.error * self.desk.perturbation(ratio)
        return U * self.error * other.error

    def __truediv__(self, other: Any) -> Inexact:
        other = self._of(other)
        divisor = other._constant()
        if divisor is not None:
            units = 0 if _is_power_of_two(divisor) else 1
            return self._rounded(self.value / divisor, self.error / abs(divisor), units)
        return self._divided_by(other)

    def _divided_by(self, other: Inexact) -> Inexact:
        """A relative error e of y becomes e / (1 - e) of 1 / y."""
        inverse, ratio, most = self.desk.inverse(other.value, other.error)
        error = (self.size * ratio + self.error) * inverse / (1 - most)
        return self._rounded(self.value * inverse, error)

    def __rtruediv__(self, other: Any) -> Inexact:
        return self._of(other) / self

    def __lt__(self, other: Any) -> bool:
        return self._below(self._of(other)) if np.isfinite(_float(other)) else bool(_float(other) > 0)

    def __gt__(self, other: Any) -> bool:
        return self._of(other)._below(self) if np.isfinite(_float(other)) else bool(_float(other) < 0)

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def _below(self, other: Inexact) -> bool:
        if self.desk.never_negative(self.value - other.value):
            return False
        gap = (other.value - self.value).to_dict()
        if list(gap) == [(0,) * ROOM]:
            return True
        return self.desk.ask()

    # What NumPy's functions call on an object.

    def exp(self) -> Inexact:
        """|e^(x+t) - e^x| <= e^x |t| (1 + |t|) for |t| <= 1."""
        value = self.desk.value_of("exp", self.value)
        return self._rounded(value, value * self._through_exp(), LIBM_UNITS)

    def expm1(self) -> Inexact:
        slope = self.desk.value_of("exp", self.value)
        value = self.desk.value_of("expm1", self.value, signed=True)
        return self._rounded(value, slope * self._through_exp(), LIBM_UNITS)

    def _through_exp(self) -> Poly:
        return self.error * (1 + self.desk.perturbation(self.error))

    def log1p(self) -> Inexact:
        """|log1p(x+t) - log1p(x)| <= |t| / (1 + x) / (1 - e), with e a bound on |t| / (1 + x)."""
        if self._is_zero():
            return self
        value = self.desk.value_of("log1p", self.value, signed=not self.desk.never_negative(self.value))
        if self.error == 0:
            return self._rounded(value, ZERO, LIBM_UNITS)
        whole = self.desk.named(1 + self.value)
        inverse, _, most = self.desk.inverse(whole, self.error)
        return self._rounded(value, inverse * self.error / (1 - most), LIBM_UNITS)

    def tanh(self) -> Inexact:
        """Its slope, 1 - tanh^2, is at most 1."""
        value = self.desk.value_of("tanh", self.value, signed=True)
        return self._rounded(value, self.error, TANH_UNITS)

    def sqrt(self) -> Inexact:
        """A relative error e of x becomes at most (e / 2) / (1 - e) of its root."""
        value = self.desk.value_of("sqrt", self.value)
        ratio = self.desk.relative(self.error, self.size)
        if ratio is None or not self.desk.never_negative(self.value):
            raise TooCoarse(f"the root of {self.value}, whose error is not relative")
        return self._rounded(value, value * ratio / 2 / (1 - self.desk.perturbation(ratio)))


def _rational(x: Any) -> fmpq:
    if isinstance(x, fmpq):
        return x
    exact = Fraction(x)
    return fmpq(exact.numerator, exact.denominator)


def _float(x: Any) -> float:
    return x if isinstance(x, float) else 0.0


def _is_power_of_two(x: fmpq | None) -> bool:
    return x is not None and all(int(n) & (int(n) - 1) == 0 for n in (abs(x.p), x.q))
