"""Identities between polynomials with rational coefficients, decided by normal form: for all values at once.

A kernel body that only adds, subtracts and multiplies runs on polynomials as it is.  Two polynomials are equal
everywhere exactly if their normal forms are; where they are not, a point is found at which their values differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly_ctx

from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods.solver import Vacuous

Polynomial = Any


class Ring:
    """Polynomials in named variables."""

    def __init__(self, names: str) -> None:
        self._context = fmpq_mpoly_ctx.get(names.split(), Ordering.lex)
        self._variables = dict(zip(names.split(), self._context.gens(), strict=True))

    def __getitem__(self, name: str) -> Polynomial:
        return self._variables[name]

    def row(self, stem: str, count: int) -> list[Polynomial]:
        """The variables stem0, stem1, ..."""
        return [self[f"{stem}{i}"] for i in range(count)]

    def number(self, value: Fraction | int) -> Polynomial:
        """A constant."""
        exact = Fraction(value)
        return self._context.constant(fmpq(exact.numerator, exact.denominator))


def rows(stems: str, count: int) -> str:
    """Names for `Ring`: each stem with the numbers 0 ... count - 1."""
    return " ".join(f"{stem}{i}" for stem in stems.split() for i in range(count))


def same(pairs: Iterable[tuple[Polynomial, Polynomial]], note: str = "") -> Outcome:
    """Whether both polynomials of every pair are equal; if not, a point where the first unequal pair differs."""
    count = 0
    for left, right in pairs:
        count += 1
        if left - right != 0:
            return refuted(**_apart(left - right))
    if count == 0:
        raise Vacuous("no identity at all was checked")
    return proved(f"{count:,} identities{', ' + note if note else ''}")


def _apart(polynomial: Polynomial) -> dict[str, Fraction]:
    """Values of the variables at which a polynomial that is not 0 is not 0.

    One variable after the other takes the first of 1, 1/2, 1/3, ... that keeps the rest different from 0; at most
    as many can fail as the degree in that variable, so one is found.
    """
    names = polynomial.context().names()
    values: dict[str, Fraction] = {}
    for name, degree in zip(names, polynomial.degrees(), strict=True):
        tries = ((i, polynomial.subs({name: fmpq(1, i)})) for i in range(1, degree + 2))
        taken, polynomial = next((i, rest) for i, rest in tries if rest != 0)
        values[name] = Fraction(1, taken)
    return values
