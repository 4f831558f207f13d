"""Runs a kernel body on symbolic float64 numbers: every bit pattern at once, roundings included.

For questions of comparison, selection and one rounding; z3 does not get through two symbolic products.
"""

from __future__ import annotations

from typing import Any

import z3

from proofs.methods.symbolic import Flag

SORT = z3.Float64()
NEAREST = z3.RNE()


def doubles(names: str) -> list[Any]:
    """z3 float64 variables from a string of names."""
    return list(z3.FPs(names, SORT))


def double(value: Any) -> Any:
    """The z3 term of a number."""
    if isinstance(value, Double):
        return value.term
    return value if isinstance(value, z3.ExprRef) else z3.FPVal(float(value), SORT)


def is_finite(x: Any) -> Any:
    """Neither infinite nor NaN."""
    return z3.Not(z3.Or(z3.fpIsInf(x), z3.fpIsNaN(x)))


class Double:
    """A symbolic float64; a comparison forks, as IEEE 754 has it for NaN and signed zeros."""

    __slots__ = ("term",)

    def __init__(self, value: Any) -> None:
        self.term = double(value)

    def __add__(self, other: Any) -> Double:
        return Double(z3.fpAdd(NEAREST, self.term, double(other)))

    def __radd__(self, other: Any) -> Double:
        return Double(z3.fpAdd(NEAREST, double(other), self.term))

    def __sub__(self, other: Any) -> Double:
        return Double(z3.fpSub(NEAREST, self.term, double(other)))

    def __rsub__(self, other: Any) -> Double:
        return Double(z3.fpSub(NEAREST, double(other), self.term))

    def __mul__(self, other: Any) -> Double:
        return Double(z3.fpMul(NEAREST, self.term, double(other)))

    def __rmul__(self, other: Any) -> Double:
        return Double(z3.fpMul(NEAREST, double(other), self.term))

    def __lt__(self, other: Any) -> bool:
        return bool(Flag(z3.fpLT(self.term, double(other))))

    def __gt__(self, other: Any) -> bool:
        return bool(Flag(z3.fpGT(self.term, double(other))))
