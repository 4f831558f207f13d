"""Proofs on exact rational instances: gradients by dual numbers, floats against fractions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

from proofs.definitions.duals import Dual
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods.solver import Vacuous

Q = Fraction
UNIT = Q(1, 2**53)
Row = tuple[Any, ...]
Table = tuple[Row, ...]


def row(*numbers: int | str | Fraction) -> tuple[Fraction, ...]:
    """Rationals, as ``row(1, "7/10")``."""
    return tuple(Q(number) for number in numbers)


def mean(f: Iterable[Any], p: Iterable[Any]) -> Any:
    """E_p[f], the literal sum."""
    return sum((weight * value for weight, value in zip(p, f, strict=True)), Q(0))


def everywhere(what: str, claims: Iterable[tuple[bool, dict[str, Any]]]) -> Outcome:
    """Proved if every claim holds and there is one; refuted by the first that does not.

    A claim comes with its instance, by name.
    """
    checked = 0
    for holds, instance in claims:
        checked += 1
        if not holds:
            return refuted(**instance)
    if not checked:
        raise Vacuous("no instance at all was checked")
    return proved(f"{checked:,} {what}")


def at(claim: Callable[..., bool], **witness: Any) -> Outcome:
    """Whether the claim holds at this one instance; if not, that is its refutation."""
    return proved() if claim(**witness) else refuted(**witness)


def jacobian(field: Callable[[Table], Sequence[Any]], theta: Table) -> tuple[Row, ...]:
    """Row i holds the partial derivatives of component i of a vector field, in the entries of theta row by row."""
    places = count()
    seeded = tuple(tuple(Dual(entry, {next(places): Q(1)}) for entry in entries) for entries in theta)
    size = next(places)
    return tuple(
        tuple(component.partials.get(i, Q(0)) if isinstance(component, Dual) else Q(0) for i in range(size))
        for component in field(seeded)
    )


def gradient(function: Callable[[Table], Any], theta: Table) -> Row:
    """Partial derivatives of a function of a table of numbers, row by row; exact."""
    return jacobian(lambda at: (function(at),), theta)[0]


def is_near(got: float, exact: Fraction, *, units: float, scale: Fraction) -> bool:
    """Whether a float is within units * 2^-53 * scale of the exact number."""
    return abs(Q(got) - exact) <= Q(units) * UNIT * scale
