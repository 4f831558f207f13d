"""Which gradient is it?  An expected gradient is held against those of the named divergences, at every point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Literal

from ppocore.conformance.estimators.divergences import DIVERGENCES, MEANT, Divergence, slope, value
from ppocore.conformance.estimators.language import BadTerm
from ppocore.conformance.estimators.points import POINTS, Point
from ppocore.conformance.estimators.terms import Corner, Place, Seen, Term, described
from ppocore.conformance.oracle.reals import Real

Kind = Literal["zero", "follows", "none", "corner"]
Row = tuple[Decimal, ...]
WIDEST = 1000
"""Multiples are named as fractions up to this denominator, where they are such."""


@dataclass(frozen=True)
class Verdict:
    """What a term follows in one regime."""

    regime: str
    kind: Kind
    parts: tuple[tuple[Fraction, str], ...] = ()
    """Follows: the divergences and their multiples; more than one is a sum."""
    everywhere: bool = True
    """Follows and zero: whether also where log-ratios are beyond the usual clamps."""
    estimates: str | None = None
    """The divergence whose value the mean of the term is, at every point that is not far."""
    variance: float | None = None
    """Of the term, at the first point."""

    @property
    def follows_meant(self) -> bool:
        """Whether it is what a KL penalty is meant to follow, or a positive multiple of it."""
        return len(self.parts) == 1 and self.parts[0][1] == MEANT and self.parts[0][0] > 0


@dataclass(frozen=True)
class _Sight:
    """A term at the points of a regime, and how well it is known."""

    seen: tuple[Seen, ...]
    gradients: tuple[Row, ...]
    tolerance: Decimal


def judge(term: Term, place: Place, regime: str) -> tuple[Verdict, tuple[Seen, ...]]:
    """The verdict of a regime, and the term at its points; nothing is seen where the term has a corner."""
    try:
        near, far = (_look(term, place, _points(regime, far)) for far in (False, True))
    except Corner:
        return Verdict(regime, "corner"), ()
    kind, parts, everywhere = _named(near, far)
    variance = near.seen[0].variance
    known = None if variance is None else float(variance.value)
    return Verdict(regime, kind, parts, everywhere, _estimated(near), known), near.seen + far.seen


def _points(regime: str, far: bool) -> list[Point]:
    return [point for point in POINTS if point.regime == regime and point.far == far]


def _look(term: Term, place: Place, points: Sequence[Point]) -> _Sight:
    seen = tuple(term.at(point, place) for point in points)
    for sight in seen:
        if sight.size > term.largest and not sight.point.far:
            raise BadTerm(f"estimator: the term has numbers of size {float(sight.size):.1e} at"
                          f" {described(sight.point)}; above {term.largest:.0e} too few digits are left, so scale it.")
    return _Sight(seen, tuple(_numbers(s.gradient) for s in seen), Decimal(10) ** -term.digits)


def _numbers(row: Sequence[Real]) -> Row:
    return tuple(x.value for x in row)


def _named(near: _Sight, far: _Sight) -> tuple[Kind, tuple[tuple[Fraction, str], ...], bool]:
    """The first that fits at every near point: zero, one divergence, the sum of two."""
    for weights in _combinations(near):
        if _fits(near, weights):
            parts = tuple((_fraction(weight, near.tolerance), divergence.name) for divergence, weight in weights)
            return ("follows" if parts else "zero"), parts, _fits(far, weights)
    return "none", (), False


Weights = tuple[tuple[Divergence, Decimal], ...]


def _combinations(near: _Sight) -> Iterator[Weights]:
    """Sums of none, one and two divergences, weighted as fits best."""
    yield ()
    points = [seen.point for seen in near.seen]
    known = [(d, [slope_at(d, point) for point in points]) for d in DIVERGENCES]
    flat = [(d, [x for row in rows for x in row]) for d, rows in known]
    # On-policy, what compares the current policy with the old one has no gradient.
    present = [(d, row) for d, row in flat if any(abs(x) > Decimal("1e-40") for x in row)]
    target = [x for row in near.gradients for x in row]
    for d, row in present:
        yield ((d, _dot(row, target) / _dot(row, row)),)
    for (d, x), (e, y) in combinations(present, 2):
        xx, xy, yy = _dot(x, x), _dot(x, y), _dot(y, y)
        xt, yt, determinant = _dot(x, target), _dot(y, target), xx * yy - xy * xy
        # On-policy some of them have the same gradient: of such a pair no weights can be told.
        if determinant > Decimal("1e-30") * xx * yy:
            yield (d, (xt * yy - yt * xy) / determinant), (e, (yt * xx - xt * xy) / determinant)


def _dot(x: Sequence[Decimal], y: Sequence[Decimal]) -> Decimal:
    return sum((a * b for a, b in zip(x, y, strict=True)), Decimal(0))


def _fits(sight: _Sight, weights: Weights) -> bool:
    """Whether the sum is the gradient at every point, to as many digits as the term is known."""
    for seen, found in zip(sight.seen, sight.gradients, strict=True):
        rows = [(weight, slope_at(divergence, seen.point)) for divergence, weight in weights]
        # Beside the size of what cancels: a divergence may be large where the term is cut off.
        room = sight.tolerance * (seen.size + sum((abs(w * x) for w, row in rows for x in row), Decimal(0)))
        for j, number in enumerate(found):
            if abs(number - sum((w * row[j] for w, row in rows), Decimal(0))) > room:
                return False
    return True


@cache
def slope_at(divergence: Divergence, point: Point) -> Row:
    """The gradient of a divergence at a point."""
    return _numbers(slope(divergence, point))


@cache
def value_at(divergence: Divergence, point: Point) -> Decimal:
    """A divergence at a point."""
    return value(divergence, point).value


def _fraction(weight: Decimal, tolerance: Decimal) -> Fraction:
    """The weight as a short fraction, if it is one as far as is known."""
    exact = Fraction(weight)
    near = exact.limit_denominator(WIDEST)
    # Solving for a weight loses some digits of what the gradients are known to.
    return near if abs(exact - near) <= 1000 * Fraction(tolerance) * abs(exact) else exact


def _estimated(near: _Sight) -> str | None:
    """The divergence that the mean of the term is at every point."""
    for divergence in DIVERGENCES:
        wanted = [value_at(divergence, seen.point) for seen in near.seen]
        if any(wanted) and all(
            abs(seen.mean.value - number) <= near.tolerance * (1 + abs(number))
            for seen, number in zip(near.seen, wanted, strict=True)
        ):
            return divergence.name
    return None


def short(multiple: Fraction) -> str:
    """As it is read: a fraction of small denominator, else a decimal number."""
    return str(multiple) if multiple.denominator <= WIDEST else f"{float(multiple):.6g}"


def same_pushes(left: Sequence[Seen], right: Sequence[Seen], digits: int) -> bool:
    """Whether two terms push every action alike at every point that is not far, but for a factor."""
    rows = [[push.value for seen in sight if not seen.point.far for push in seen.pushes] for sight in (left, right)]
    if len(rows[0]) != len(rows[1]) or not any(rows[0]) or not any(rows[1]):
        return False
    factor = _dot(*rows) / _dot(rows[1], rows[1])
    room = max(abs(x) for x in rows[0]) * Decimal(10) ** -digits
    return all(abs(x - factor * y) <= room for x, y in zip(*rows, strict=True))
