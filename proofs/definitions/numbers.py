"""The numbers that definitions compute with: exact rationals, and balls that surely hold the real number.

Arguments are plain (nested) lists of ints, floats, Fractions or fmpqs; a float stands for the binary fraction
that it is.  A slot that a definition does not use may hold None.  Sums, products and quotients stay rational.
Where exp, log or a square root enters, everything is an `arb` ball at the working precision ``flint.ctx.prec``,
which the caller sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import count
from operator import add
from typing import Any

from flint import arb, fmpq

from proofs.definitions.duals import Dual

Number = Any
Nested = Any

ZERO, ONE = Fraction(0), Fraction(1)


class Undecided(ArithmeticError):
    """Two balls overlap: a higher working precision is needed to tell which number is the smaller."""


def rational(x: Nested) -> Nested:
    """The same numbers with ints and floats as Fractions; every other type of number as it is."""
    if isinstance(x, list):
        return [rational(item) for item in x]
    return Fraction(x) if isinstance(x, int | float) and not isinstance(x, bool) else x


def ball(x: Nested) -> Nested:
    """The same numbers as balls (None stays None)."""
    if isinstance(x, list):
        return [ball(item) for item in x]
    if isinstance(x, Fraction):
        return arb(fmpq(x.numerator, x.denominator))
    return x if x is None or isinstance(x, arb | Dual) else arb(x)


def each(function: Callable[..., Number], *nested: Nested, mask: Nested = None) -> Nested:
    """`function` entry by entry; None where `mask` is False, without a look at the entry."""
    if isinstance(nested[0], list):
        masks = [None] * len(nested[0]) if mask is None else mask
        rows = zip(*nested, masks, strict=True)
        return [each(function, *row[:-1], mask=row[-1]) for row in rows]
    return function(*nested) if mask is None or mask else None


def flat(nested: Nested) -> Iterator[Number]:
    """The entries one after the other, without Nones."""
    if isinstance(nested, list | tuple):
        for item in nested:
            yield from flat(item)
    elif nested is not None:
        yield nested


def total(terms: Sequence[Number]) -> Number:
    """Their sum; 0 of nothing."""
    terms = list(terms)
    if any(isinstance(term, Dual) for term in terms):
        return Dual.total(terms)
    return reduce(add, terms) if terms else ZERO


def mean(terms: Sequence[Number]) -> Number:
    """Their sum over their number."""
    terms = list(terms)
    return total(terms) / len(terms)


def product(factors: Sequence[Number]) -> Number:
    """Their product; 1 of nothing."""
    result: Number = 1
    for factor in factors:
        result = result * factor
    return result


def variance(terms: Sequence[Number]) -> Number:
    """Mean squared deviation from the mean (ddof 0)."""
    centre = mean(terms)
    return mean([(term - centre) * (term - centre) for term in terms])


def less(x: Number, y: Number) -> bool:
    """x < y, if that is certain either way."""
    a, b = _value(x), _value(y)
    if a < b:
        return True
    if a >= b:
        return False
    raise Undecided(f"{a} < {b} cannot be told at this precision")


def minimum(x: Number, y: Number) -> Number:
    """The smaller one; the first where they are equal; a ball around both where balls overlap."""
    try:
        return y if less(y, x) else x
    except Undecided:
        return _either(x, y)


def maximum(x: Number, y: Number) -> Number:
    """The larger one; the first where they are equal; a ball around both where balls overlap."""
    try:
        return y if less(x, y) else x
    except Undecided:
        return _either(x, y)


def clip(x: Number, low: Number, high: Number) -> Number:
    """x inside [low, high], else the nearer end; x itself at the ends."""
    return maximum(minimum(x, high), low)


def exp(x: Number) -> Number:
    """e^x."""
    if isinstance(x, Dual):
        value = exp(x.value)
        return x.through(value, value)
    return ball(x).exp()


def log(x: Number) -> Number:
    """Natural logarithm."""
    if isinstance(x, Dual):
        return x.through(log(x.value), 1 / x.value)
    return ball(x).log()


def sqrt(x: Number) -> Number:
    """Square root."""
    if isinstance(x, Dual):
        root = sqrt(x.value)
        return x.through(root, 1 / (2 * root))
    return ball(x).sqrt()


def solve(matrix: list[list[Number]], right: list[Number]) -> list[Number]:
    """The x with ``matrix x = right``, by elimination in exact arithmetic."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(size):
        pivot = next(k for k in range(i, size) if rows[k][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [entry / rows[i][i] for entry in rows[i]]
        for k in range(size):
            if k != i and rows[k][i] != 0:
                factor = rows[k][i]
                rows[k] = [entry - factor * above for entry, above in zip(rows[k], rows[i], strict=True)]
    return [row[size] for row in rows]


def with_gradients(output: str, formula: Callable[..., Nested], **inputs: Nested) -> dict[str, Nested]:
    """``{output: formula(**inputs)}``, and as ``grad_<input>`` the derivatives of the sum of that output.

    A slot of an input that the formula does not use has derivative 0.
    """
    numbers = count()
    seeded = {name: each(lambda v: None if v is None else Dual(v, {next(numbers): v * 0 + 1}), x)
              for name, x in inputs.items()}
    result = formula(**seeded)
    whole = total(list(flat(result)))
    slopes = whole.partials if isinstance(whole, Dual) else {}
    gradients = {f"grad_{name}": each(lambda x: _slope(x, slopes), leaves) for name, leaves in seeded.items()}
    return {output: each(_value, result), **gradients}


def _slope(leaf: Dual | None, slopes: dict[int, Number]) -> Number:
    return ZERO if leaf is None else slopes.get(next(iter(leaf.partials)), ZERO)


def _value(x: Number) -> Number:
    return x.value if isinstance(x, Dual) else x


def _either(x: Number, y: Number) -> Number:
    """A ball around both numbers, and one around both derivatives."""
    value = ball(_value(x)).union(ball(_value(y)))
    if not isinstance(x, Dual) and not isinstance(y, Dual):
        return value
    a, b = (z.partials if isinstance(z, Dual) else {} for z in (x, y))
    return Dual(value, {i: ball(a.get(i, ZERO)).union(ball(b.get(i, ZERO))) for i in {*a, *b}})
