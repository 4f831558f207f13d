"""Numbers that know how far honest floating-point code may stray from them.

A `Real` is a 60-digit decimal with a *slack*: how far, in units of the roundoff u, textbook code may be off,
to first order and ignoring lucky cancellation.  Inputs may move by one ulp; every operation adds the slack of
its operands and one rounding of its result; an argument x of exp counts as (|x| + 1) u.  Exact constants have
none.  A Real that descends from `leaves` also remembers its partial derivatives, so that `gradient` gives the
exact derivative of any definition, slack included.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

CONTEXT = decimal.Context(prec=60, Emin=-999999, Emax=999999, traps=[])
NEAR_ULPS = 8
"""Within this many ulp of a kink, either side's derivative is a right answer."""

Array = Any
"""An object array of Reals, or whatever arithmetic makes of one: numpy.typing cannot say it."""


@dataclass
class _Setting:
    unit: float = 2.0**-53
    side: int = 0
    """How near ties break: 0 as the numbers say, 1 towards the first argument, 2 towards the second."""


_setting = _Setting()


@contextmanager
def arithmetic(unit: float, side: int = 0) -> Iterator[None]:
    """Evaluate definitions for a DTYPE with roundoff `unit`, breaking near ties towards `side`."""
    before = (_setting.unit, _setting.side)
    _setting.unit, _setting.side = unit, side
    try:
        # Object arrays pass NumPy the floating-point flags that decimals raise on their way to floats.
        with decimal.localcontext(CONTEXT), np.errstate(all="ignore"):
            yield
    finally:
        _setting.unit, _setting.side = before


class Real:
    """A decimal, its slack in units of u, and (if it is being differentiated) where it came from."""

    __slots__ = ("_magnitude", "parents", "slack", "value")

    def __init__(
        self, value: Decimal, slack: float = 0.0, parents: tuple[tuple[Real, Real], ...] | None = None,
        size: float | None = None,
    ) -> None:
        self.value = value
        self.slack = slack
        self.parents = parents
        self._magnitude = size

    @property
    def size(self) -> float:
        """Its absolute value as a float, worked out once."""
        if self._magnitude is None:
            self._magnitude = abs(float(self.value))
        return self._magnitude

    def __add__(self, other: Any) -> Real:
        if type(other) is not Real:
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = lift(other)
        value = self.value + other.value
        size = abs(float(value))
        if self.parents is None and other.parents is None:
            return Real(value, self.slack + other.slack + size, None, size)
        return Real(value, self.slack + other.slack + size, _parents((self, ONE), (other, ONE)), size)

    def __sub__(self, other: Any) -> Real:
        if type(other) is not Real:
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = lift(other)
        value = self.value - other.value
        size = abs(float(value))
        if self.parents is None and other.parents is None:
            return Real(value, self.slack + other.slack + size, None, size)
        return Real(value, self.slack + other.slack + size, _parents((self, ONE), (other, MINUS_ONE)), size)

    def __mul__(self, other: Any) -> Real:
        if type(other) is not Real:
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = lift(other)
        value = self.value * other.value
        size = abs(float(value))
        slack = self.size * other.slack + other.size * self.slack + size
        if self.parents is None and other.parents is None:
            return Real(value, slack, None, size)
        return Real(value, slack, _parents((self, other), (other, self)), size)

    def __truediv__(self, other: Any) -> Real:
        if type(other) is not Real:
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = lift(other)
        value = self.value / other.value
        if not other.value:
            return Real(value, 0.0, None)
        size = abs(float(value))
        slack = _over(self.slack + size * other.slack, other.size) + size
        if self.parents is None and other.parents is None:
            return Real(value, slack, None, size)
        inverse = stop(ONE) / stop(other)
        links = _parents((self, inverse), (other, -(Real(value, slack, None, size) * inverse)))
        return Real(value, slack, links, size)

    def __neg__(self) -> Real:
        if self.parents is None:
            return Real(-self.value, self.slack, None, self._magnitude)
        return Real(-self.value, self.slack, _parents((self, MINUS_ONE)), self._magnitude)

    def __abs__(self) -> Real:
        return -self if self.value < 0 else self

    def __pow__(self, power: int) -> Real:
        result = self
        for _ in range(power - 1):
            result = result * self
        return result

    def __radd__(self, other: Any) -> Real:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return lift(other) + self

    def __rsub__(self, other: Any) -> Real:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return lift(other) - self

    def __rmul__(self, other: Any) -> Real:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return lift(other) * self

    def __rtruediv__(self, other: Any) -> Real:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return lift(other) / self

    def __lt__(self, other: Any) -> bool:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.value < lift(other).value

    def __gt__(self, other: Any) -> bool:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.value > lift(other).value

    def __le__(self, other: Any) -> bool:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.value <= lift(other).value

    def __ge__(self, other: Any) -> bool:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.value >= lift(other).value

    def exp(self) -> Real:
        """e to this, by the correctly rounded decimal function."""
        value, size = _exp(self.value)
        slack = size * (self.slack + self.size + 1)
        if self.parents is None:
            return Real(value, slack, None, size)
        return Real(value, slack, _parents((self, Real(value, slack, None, size))), size)

    def log(self) -> Real:
        """Natural logarithm; NaN below zero, minus infinity at zero."""
        value, size = _ln(self.value)
        slack = (_over(self.slack, self.size) if self.value else 0.0) + size
        if self.parents is None:
            return Real(value, slack, None, size)
        return Real(value, slack, _parents((self, ONE / stop(self))), size)

    def sqrt(self) -> Real:
        """Square root; NaN below zero."""
        value = self.value.sqrt()
        if not value:
            return Real(value, 0.0, None)
        size = abs(float(value))
        slack = _over(self.slack, 2 * size) + size
        if self.parents is None:
            return Real(value, slack, None, size)
        return Real(value, slack, _parents((self, ONE / (TWO * Real(value, slack, None, size)))), size)

    def tanh(self) -> Real:
        """(e^2x - 1) / (e^2x + 1)."""
        doubled = (self + self).exp()
        return (doubled - 1) / (doubled + 1)

    def atanh(self) -> Real:
        """log((1 + x) / (1 - x)) / 2."""
        return ((1 + self) / (1 - self)).log() / 2

    def __repr__(self) -> str:
        return f"Real({float(self.value):.6g} +- {self.slack:.3g}u)"


@lru_cache(maxsize=1 << 16)
def _exp(value: Decimal) -> tuple[Decimal, float]:
    """To 60 digits, and its size; formulas that are tried on one case ask for the same ones again and again."""
    result = CONTEXT.exp(value)
    return result, _size(result)


@lru_cache(maxsize=1 << 16)
def _ln(value: Decimal) -> tuple[Decimal, float]:
    result = CONTEXT.ln(value)
    return result, _size(result)


def _size(value: Decimal) -> float:
    return abs(float(value))


def _over(slack: float, size: float) -> float:
    """A quotient of slacks; a divisor below the smallest float leaves no bound."""
    return slack / size if size else float("inf")


def _parents(*links: tuple[Real, Real]) -> tuple[tuple[Real, Real], ...] | None:
    """Keep the links (operand, partial derivative) whose operand is being differentiated."""
    kept = tuple((node, stop(partial)) for node, partial in links if node.parents is not None)
    return kept or None


def lift(x: Any) -> Real:
    """A Real of an exact number: int, dyadic float, Decimal; a Real is returned as it is."""
    return x if isinstance(x, Real) else Real(Decimal(x))


def stop(x: Real) -> Real:
    """The same number as a constant: no derivative flows through it."""
    return x if x.parents is None else Real(x.value, x.slack)


ONE, TWO, MINUS_ONE = Real(Decimal(1)), Real(Decimal(2)), Real(Decimal(-1))


def constant(text: str) -> Real:
    """A decimal constant of a formula, such as 1e-8, which code holds rounded."""
    value = Decimal(text)
    return Real(value, _size(value))


def single(x: Real) -> Real:
    """The same number where code may hold it in float32 whatever DTYPE is: a mean of booleans."""
    return Real(x.value, max(x.slack, _size(x.value) * 2.0**-24 / _setting.unit))


def measured(x: Any) -> Any:
    """Reals of inputs: arrays elementwise, each free to move by one ulp."""
    if isinstance(x, np.ndarray):
        out = np.empty(x.shape, dtype=object)
        out.reshape(-1)[:] = [measured(float(v)) for v in x.reshape(-1)]
        return out
    return Real(Decimal(float(x)), abs(float(x)))


def leaves(x: Array) -> Array:
    """The same Reals as variables that `gradient` can differentiate by."""
    return each(lambda v: Real(v.value, v.slack, ()), x)


def each(function: Any, *arrays: Any) -> Array:
    """Apply a scalar function elementwise to object arrays (broadcast), giving an object array."""
    spread = [np.asarray(a, dtype=object) for a in arrays]
    if any(a.shape != spread[0].shape for a in spread):
        spread = list(np.broadcast_arrays(*spread))
    out = np.empty(spread[0].shape, dtype=object)
    out.reshape(-1)[:] = [function(*values) for values in zip(*[s.reshape(-1) for s in spread], strict=True)]
    return out


def exp(x: Array) -> Array:
    return each(lambda v: v.exp(), x)


def log(x: Array) -> Array:
    return each(lambda v: v.log(), x)


def where(condition: Any, a: Any, b: Any) -> Array:
    """Selection: the side not chosen is never looked at, so NaN there does not matter."""
    return each(lambda c, x, y: lift(x) if c else lift(y), condition, a, b)


def minimum(a: Any, b: Any) -> Array:
    """The smaller of two; near ties as the setting says."""
    return each(lambda x, y: _pick(lift(x), lift(y), x < y), a, b)


def maximum(a: Any, b: Any) -> Array:
    """The larger of two; near ties as the setting says."""
    return each(lambda x, y: _pick(lift(x), lift(y), x > y), a, b)


def clip(x: Any, low: Any, high: Any) -> Array:
    """x inside [low, high], else the nearer end."""
    return each(lambda v, lo, hi: _clip(lift(v), lift(lo), lift(hi)), x, low, high)


def _clip(v: Real, low: Real, high: Real) -> Real:
    upper = _pick(v, high, v < high)
    return _pick(upper, low, upper > low)


def _pick(x: Real, y: Real, first: bool) -> Real:
    if _setting.side and _near(x, y):
        return x if _setting.side == 1 else y
    return x if first else y


def _near(x: Real, y: Real) -> bool:
    scale = max(_size(x.value), _size(y.value))
    return _size(x.value - y.value) <= NEAR_ULPS * 2 * _setting.unit * scale


def total(values: Any) -> Real:
    """Sum of any Reals, with room for every order of summation."""
    items = [lift(v) for v in np.asarray(values, dtype=object).reshape(-1)]
    value = sum([v.value for v in items], Decimal(0))
    slack = sum([v.slack + v.size for v in items])
    links: list[tuple[Real, Real]] = [(v, ONE) for v in items if v.parents is not None]
    return Real(value, slack, tuple(links) or None)


def mean(values: Any) -> Real:
    """Arithmetic mean; NaN of nothing."""
    return total(values) / int(np.asarray(values, dtype=object).size)


def gradient(output: Real, variables: Array) -> Array:
    """Exact derivatives of `output` by each of the `variables` (an object array of leaves)."""
    sensitivity: dict[int, Real] = {id(output): ONE}
    for node in _downstream(output):
        own = sensitivity.get(id(node))
        if own is None or not node.parents:
            continue
        for parent, partial in node.parents:
            share = own * partial
            known = sensitivity.get(id(parent))
            sensitivity[id(parent)] = share if known is None else known + share
    return each(lambda v: sensitivity.get(id(v), ZERO), variables)


def _downstream(output: Real) -> Sequence[Real]:
    """Every node that `output` depends on, each before its parents."""
    order: list[Real] = []
    seen: set[int] = set()
    stack: list[tuple[Real, bool]] = [(output, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
            continue
        if id(node) in seen or node.parents is None:
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend((parent, False) for parent, _ in node.parents)
    return order[::-1]


ZERO = Real(Decimal(0))
