"""Distributions on a few points: grids of them, their weights, and how far float64 may be from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product

from proofs.methods.exact import Q, Row


def distributions(points: int, denominator: int) -> Iterator[tuple[Fraction, ...]]:
    """Every distribution on so many points whose probabilities have this denominator, zeros included."""
    for counts in product(range(denominator + 1), repeat=points):
        if sum(counts) == denominator:
            yield tuple(Q(count, denominator) for count in counts)


def are_distributions(p: Row, q: Row, **_: Row) -> bool:
    """Whether both add up to 1 and have no negative entry."""
    return sum(p) == sum(q) == 1 and min(p) >= 0 and min(q) >= 0


def covered(p: Row, q: Row, **_: Row) -> bool:
    """Both are distributions, and q has mass wherever p has."""
    return are_distributions(p, q) and all(b > 0 or a == 0 for a, b in zip(p, q, strict=True))


def covered_pairs() -> Iterator[tuple[Row, Row]]:
    """All pairs on three points with probabilities in fourths where q covers p."""
    pairs = product(distributions(3, 4), repeat=2)
    return ((p, q) for p, q in pairs if covered(p, q))


def weights(p: Row, q: Row) -> Row:
    """p / q; 0 where q has no mass."""
    return tuple(a / b if b else Q(0) for a, b in zip(p, q, strict=True))


def chi_square(p: Row, q: Row) -> Fraction:
    """sum (p - q)^2 / q over the points that q can draw."""
    return sum(((a - b) ** 2 / b for a, b in zip(p, q, strict=True) if b), Q(0))


def logs(numbers: Sequence[Fraction]) -> list[float]:
    return [math.log(number) for number in numbers]


def weight_units(probabilities: Iterable[Fraction], terms: int) -> float:
    r"""Relative error, in units of 2^-53, of a mean of `terms` numbers $f e^{\pm\log p_1 \pm \log p_2 \ldots}$
    that is computed from rounded probabilities.

    A rounded p moves its logarithm by 1, the logarithm itself is right to 1 ulp (at most 2 |log p|), each sum of
    logarithms adds at most sum |log p|, the exponential 2, the products, the mean and the second order the rest.
    """
    sizes = [abs(log) for log in logs([p for p in probabilities if p])]
    return sum(1 + 2 * size for size in sizes) + len(sizes) * sum(sizes) + 8 + terms
