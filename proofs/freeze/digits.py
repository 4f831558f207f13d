"""Numbers as decimal strings: inputs exactly, answers to forty significant digits, the last of them certain."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

DIGITS = 40
"""More than any format in use holds (quadruple precision: 34), fewer than the 60 that the gate's oracle carries."""

# Holds every float32 number: its expansion ends after at most 149 places, and begins within 39.
_EXACT = Context(prec=200)


class Uncertain(ArithmeticError):
    """The enclosure is too wide to tell all digits; a higher working precision is needed."""


def exact(number: Fraction) -> str:
    """A number whose decimal expansion ends."""
    quotient = _EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))
    assert Fraction(quotient) == number, f"{number} has no short decimal expansion"
    return _text(quotient)


def rounded(number: Any) -> str:
    """A definition's answer (int, Fraction or ball), correctly rounded to DIGITS digits, ties to even."""
    if isinstance(number, int | Fraction):
        return _text(_nearest(Fraction(number)))
    centre, radius = _fraction(number.mid()), _fraction(number.rad())
    low, high = _nearest(centre - radius), _nearest(centre + radius)
    if low != high:
        raise Uncertain(f"{number} is not known to {DIGITS} digits")
    return _text(low)


def _fraction(point: Any) -> Fraction:
    """An exact ball as the number that it is."""
    value = point.fmpq()
    return Fraction(int(value.p), int(value.q))


def _nearest(number: Fraction) -> Decimal:
    if not number:
        return Decimal(0)
    size = abs(number)
    # The exponent of the first digit, guessed from the lengths and then put right.
    first = len(str(size.numerator)) - len(str(size.denominator))
    first -= size < Fraction(10) ** first
    scaled = round(number / Fraction(10) ** (first - DIGITS + 1))
    return Decimal(scaled).scaleb(first - DIGITS + 1, _EXACT)


def _text(number: Decimal) -> str:
    """Plain where that is short, else with an exponent; never a trailing zero."""
    short = number.normalize(_EXACT)
    if not short:
        return "0"
    return f"{short:f}" if -7 <= short.adjusted() < 21 else f"{short:e}"
