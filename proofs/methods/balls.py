"""Ball arithmetic that never guesses: a comparison that the balls leave open raises, and precision is doubled.

Kernel bodies run on all three numbers of this file: `Ball` encloses a real number, `Dual` carries derivatives of
any kind of number, and `Rounded` encloses what float64 makes of a real number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq

from proofs.definitions.numbers import Undecided
from proofs.ledger.outcome import Outcome, proved, refuted

U = Fraction(1, 2**53)
"""Unit roundoff of float64."""
START, LIMIT = 64, 4096


def decided(claim: Callable[[], Any], start: int = START) -> Any:
    """What `claim` returns at the first working precision at which it is not `Undecided`."""
    before = ctx.prec
    ctx.prec = start
    try:
        while True:
            try:
                return claim()
            except Undecided:
                if ctx.prec >= LIMIT:
                    raise
                ctx.prec *= 2
    finally:
        ctx.prec = before


def within(got: float, true: Callable[[], Any], allowed: Callable[[], Any]) -> bool:
    """Whether ``|got - true()| <= allowed()``, certainly, either way."""
    return bool(decided(lambda: abs(Ball(got) - Ball(true())) <= Ball(allowed())))


def exact(x: Any) -> arb:
    """The ball of a number: a float is the binary fraction that it is."""
    if isinstance(x, Ball):
        return x.ball
    if isinstance(x, Fraction):
        return arb(fmpq(x.numerator, x.denominator))
    return arb(x)


def interval(low: Any, high: Any) -> arb:
    """A ball around both ends, and nothing more where centre and radius are short binary fractions."""
    return arb(exact((Fraction(low) + Fraction(high)) / 2), exact((Fraction(high) - Fraction(low)) / 2))


class Ball:
    """A real number somewhere in a ball."""

    __slots__ = ("ball",)

    def __init__(self, x: Any) -> None:
        self.ball = exact(x)

    def _apply(self, other: Any, operation: Callable[[arb, arb], arb]) -> Any:
        return NotImplemented if isinstance(other, Dual) else Ball(operation(self.ball, exact(other)))

    def __add__(self, other: Any) -> Any:
        return self._apply(other, operator.add)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._apply(other, operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return Ball(exact(other) - self.ball)

    def __mul__(self, other: Any) -> Any:
        return self._apply(other, operator.mul)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._apply(other, operator.truediv)

    def __rtruediv__(self, other: Any) -> Any:
        return Ball(exact(other) / self.ball)

    def __neg__(self) -> Ball:
        return Ball(-self.ball)

    def __abs__(self) -> Ball:
        return Ball(abs(self.ball))

    def __lt__(self, other: Any) -> bool:
        return _certain(self.ball, other, operator.lt, operator.ge)

    def __le__(self, other: Any) -> bool:
        return _certain(self.ball, other, operator.le, operator.gt)

    def __gt__(self, other: Any) -> bool:
        return _certain(self.ball, other, operator.gt, operator.le)

    def __ge__(self, other: Any) -> bool:
        return _certain(self.ball, other, operator.ge, operator.lt)

    def exp(self) -> Ball:
        return Ball(self.ball.exp())

    def expm1(self) -> Ball:
        return Ball(self.ball.expm1())

    def log(self) -> Ball:
        return Ball(self.ball.log())

    def log1p(self) -> Ball:
        return Ball(self.ball.log1p())

    def tanh(self) -> Ball:
        return Ball(self.ball.tanh())

    def __repr__(self) -> str:
        return self.ball.str(20)


def _certain(left: arb, other: Any, yes: Callable[..., Any], no: Callable[..., Any]) -> bool:
    right = exact(other)
    if yes(left, right):
        return True
    if no(left, right):
        return False
    raise Undecided(f"{left} against {right} at {ctx.prec} bits")


class Dual:
    """A number of any kind, and its partial derivatives by name; a partial that is missing is 0."""

    __slots__ = ("partials", "value")

    def __init__(self, value: Any, partials: dict[Any, Any] | None = None) -> None:
        self.value = value
        self.partials = partials or {}

    def _through(self, value: Any, slope: Any) -> Dual:
        return Dual(value, {name: partial * slope for name, partial in self.partials.items()})

    def _joined(self, other: Dual, value: Any, slope: Any, other_slope: Any) -> Dual:
        partials = {name: partial * slope for name, partial in self.partials.items()}
        for name, partial in other.partials.items():
            part = partial * other_slope
            partials[name] = partials[name] + part if name in partials else part
        return Dual(value, partials)

    def __add__(self, other: Any) -> Dual:
        other = _dual(other)
        return self._joined(other, self.value + other.value, 1, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Dual:
        other = _dual(other)
        return self._joined(other, self.value - other.value, 1, -1)

    def __rsub__(self, other: Any) -> Dual:
        return _dual(other) - self

    def __mul__(self, other: Any) -> Dual:
        other = _dual(other)
        return self._joined(other, self.value * other.value, other.value, self.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        other = _dual(other)
        quotient = self.value / other.value
        return self._joined(other, quotient, 1 / other.value, -quotient / other.value)

    def __rtruediv__(self, other: Any) -> Dual:
        return _dual(other) / self

    def __neg__(self) -> Dual:
        return self._through(-self.value, -1)

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < _dual(other).value)

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > _dual(other).value)

    def exp(self) -> Dual:
        value = self.value.exp()
        return self._through(value, value)

    def log(self) -> Dual:
        return self._through(self.value.log(), 1 / self.value)

    def log1p(self) -> Dual:
        return self._through(self.value.log1p(), 1 / (1 + self.value))

    def partial(self, name: Any) -> Any:
        return self.partials.get(name, self.value * 0)


def _dual(x: Any) -> Dual:
    return x if isinstance(x, Dual) else Dual(x)


def seeded(values: Iterable[Any], name: str = "x") -> list[Dual]:
    """The numbers as variables ``(name, 0)``, ``(name, 1)`` ..."""
    return [Dual(value, {(name, i): value * 0 + 1}) for i, value in enumerate(values)]


class Rounded:
    """What float64 computes instead of a real number: the real number's ball, and bounds on the error.

    Every operation adds its own rounding (half an ulp for + - * /, an assumed whole ulp for exp, expm1 and log1p;
    multiplying by a power of two is exact) to what the errors of its arguments do.  Valid where nothing overflows
    or falls below the normal range.
    """

    __slots__ = ("error", "relative", "true")

    def __init__(self, true: Any, error: Any = 0, relative: Any = 0) -> None:
        """|computed - true| <= error, and <= relative |true|."""
        self.true = exact(true)
        self.relative = exact(relative).upper()
        self.error = exact(error).upper()
        if self.relative.is_finite():
            self.error = self.error.min(self.relative * abs(self.true).upper()).upper()

    def _rounded(self, true: arb, error: arb, relative: arb, units: Fraction) -> Rounded:
        u = exact(units)
        error = error + u * (abs(true).upper() + error)
        return Rounded(true, error, (relative + u * (1 + relative)).min(_ratio(error, true)))

    def _plus(self, other: Rounded, true: arb) -> Rounded:
        error = self.error + other.error
        size = abs(self.true) + abs(other.true)
        same_sign = (self.true >= 0 and other.true >= 0) or (self.true <= 0 and other.true <= 0)
        spread = self.relative.max(other.relative)
        relative = spread if same_sign or spread == 0 else spread * _ratio(size.upper(), true)
        return self._rounded(true, error, relative.min(_ratio(error, true)), U)

    def __add__(self, other: Any) -> Rounded:
        other = _rounded(other)
        return self._plus(other, self.true + other.true)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Rounded:
        return self + -_rounded(other)

    def __mul__(self, other: Any) -> Rounded:
        other = _rounded(other)
        true = self.true * other.true
        error = self.error * (abs(other.true) + other.error) + other.error * abs(self.true)
        relative = self.relative + other.relative + self.relative * other.relative
        units = Fraction(0) if self._is_power_of_two() or other._is_power_of_two() else U
        return self._rounded(true, error.upper(), relative, units)

    def __truediv__(self, other: Any) -> Rounded:
        other = _rounded(other)
        if other.error != 0:
            raise NotImplementedError("no kernel divides by a computed number")
        units = Fraction(0) if other._is_power_of_two() else U
        return self._rounded(self.true / other.true, (self.error / abs(other.true)).upper(), self.relative, units)

    def __neg__(self) -> Rounded:
        return Rounded(-self.true, self.error, self.relative)

    def __lt__(self, other: Any) -> bool:
        return _certain(self._computed(), _rounded(other)._computed(), operator.lt, operator.ge)

    def __gt__(self, other: Any) -> bool:
        return _certain(self._computed(), _rounded(other)._computed(), operator.gt, operator.le)

    def exp(self) -> Rounded:
        grown = arb(self.error).expm1().upper()
        return self._rounded(self.true.exp(), (grown * self.true.exp()).upper(), grown, 2 * U)

    def expm1(self) -> Rounded:
        error = (arb(self.error).expm1() * self.true.exp()).upper()
        return self._rounded(self.true.expm1(), error, _ratio(error, self.true.expm1()), 2 * U)

    def log1p(self) -> Rounded:
        """The slope is 1 / (1 + x), largest at the lowest x."""
        lowest = (1 + self._computed()).lower()
        if not lowest > 0:
            raise Undecided("the logarithm of a number that may be 0")
        error = (self.error / lowest).upper()
        return self._rounded(self.true.log1p(), error, _ratio(error, self.true.log1p()), 2 * U)

    def _computed(self) -> arb:
        return self.true + arb(0, self.error)

    def _is_power_of_two(self) -> bool:
        mantissa, _ = self.true.mid().man_exp() if self.error == 0 and self.true.is_exact() else (0, 0)
        return abs(mantissa) == 1


def _rounded(x: Any) -> Rounded:
    return x if isinstance(x, Rounded) else Rounded(x)


def _ratio(error: arb, true: arb) -> arb:
    lower = abs(true).lower()
    return (error / lower).upper() if lower > 0 else arb("inf")


def equal(left: Callable[[], Any], right: Callable[[], Any]) -> bool:
    """False once the balls of the two numbers are apart; True if they are not at the highest precision tried."""
    def apart() -> bool:
        if exact(left()).overlaps(exact(right())):
            raise Undecided("the two balls overlap")
        return True

    try:
        return not decided(apart)
    except Undecided:
        return True


def examined(claim: Callable[..., Any], **witness: Any) -> Outcome:
    """The outcome of a false claim at the point that was chosen to refute it."""
    return proved("the claim holds at the chosen point") if claim(**witness) else refuted(**witness)
