"""Normalised advantages: mean, variance, what affine maps, ddof and eps do to them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from ppocore import normalization
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.polynomials import Ring, rows, same
from proofs.methods.solver import every, forall
from proofs.methods.symbolic import reals

NORMALISE = ["ppocore.normalization:normalize_advantages"]
EPS = 1e-8


def deviations(numbers: Sequence[Any]) -> list[Any]:
    mean = sum(numbers) / len(numbers)
    return [number - mean for number in numbers]


def variance(numbers: Sequence[Any]) -> Any:
    return sum(d * d for d in deviations(numbers)) / len(numbers)


@proof("NORM-01", "flint", "up to 8 numbers, all symbolic: deviations add up to 0; an affine map scales them, and the "
       "variance by its square", code=NORMALISE)
def _() -> Outcome:
    def pairs():
        for count in range(1, 9):
            ring = Ring(f"{rows('a', count)} k b")
            a, k, b = ring.row("a", count), ring["k"], ring["b"]
            moved = [k * x + b for x in a]
            yield sum(deviations(a)), ring.number(0)
            yield from zip(deviations(moved), [k * d for d in deviations(a)], strict=True)
            yield variance(moved), k * k * variance(a)

    return same(pairs())


@proof("NORM-01", "z3",
       "with sigma > 0, any eps >= 0 and any d: the variance, and the affine map k d, for k > 0 and k < 0")
def _() -> Outcome:
    sigma, eps, d, k, moved, mean_square = reals("sigma eps d k moved mean_square")
    given = [sigma > 0, eps >= 0, mean_square == sigma * sigma]
    # Mean of z^2, where z = d / (sigma + eps) and sigma^2 is the mean of d^2.
    spread = mean_square / ((sigma + eps) * (sigma + eps))
    share = sigma / (sigma + eps)
    scaled = [*given, k != 0, moved >= 0, moved * moved == k * k * mean_square]
    after = k * d / (moved + eps)
    return every([
        forall([sigma, eps, mean_square], given, spread == share * share),
        forall([sigma, eps, mean_square], [*given, eps == 0], spread == 1),
        forall([sigma, eps, d, k, moved], [*scaled, k > 0], after == d / (sigma + eps / k)),
        forall([sigma, eps, d, k, moved], [*scaled, k < 0], after == -d / (sigma - eps / k)),
    ])


for _name in (
    "normalised_values_average_to_zero",
    "normalised_values_have_unit_variance",
    "normalisation_ignores_increasing_affine_changes",
):
    proof("NORM-01", "coq", f"every n, eps = 0: {_name}")(partial(coq.theorem, f"Normalisation.{_name}"))


def rounded(numbers: Sequence[Fraction], sigma: Fraction) -> list[float]:
    """d / (sigma + 1e-8), rounded where float64 must: the sum once, the quotient once."""
    below = Fraction(float(sigma + Fraction(EPS)))
    return [float(d / below) for d in deviations(numbers)]


@proof("NORM-01", "float64",
       "normalize_advantages() on images of (-7, -1, 1, 7), whose sigma is 5, with and without NaN in masked "
       "slots: bit for bit")
def _() -> Outcome:
    count = 0
    for k in (Fraction(1, 8), Fraction(1), Fraction(-1), Fraction(-4), Fraction(512)):
        for b in (0, 3, -16):
            numbers = [k * x + b for x in (-7, -1, 1, 7)]
            expected = rounded(numbers, 5 * abs(k))
            a, b_, c, d = map(float, numbers)
            valid = np.array([[True, False, True], [False, True, True]])
            padded = np.array([[a, np.nan, b_], [np.nan, c, d]])
            plain = normalization.normalize_advantages([a, b_, c, d])
            masked = normalization.normalize_advantages(padded, mask=valid)
            if plain.tolist() != expected or masked[valid].tolist() != expected or masked[~valid].any():
                return refuted(f"k = {k}, b = {b}")
            count += 1
    return proved(f"{count} affine maps")


def _unmoved(d, k, sigma, moved) -> bool:
    return k * d / moved == d / sigma


@refutation("NORM-01", "z3", "unchanged by every affine map (eps = 0)", claim=_unmoved,
            kept=lambda d, k, sigma, moved: sigma > 0 and moved > 0 and k != 0 and moved**2 == k**2 * sigma**2)
def _() -> Outcome:
    d, k, sigma, moved = reals("d k sigma moved")
    given = [sigma > 0, moved > 0, k != 0, moved * moved == k * k * sigma * sigma]
    return forall([d, k, sigma, moved], given, k * d / moved == d / sigma)


def _blind_to_factors(a, k) -> bool:
    """Whether k times the advantages are normalised to the same floats."""
    return bool(np.array_equal(*(normalization.normalize_advantages([factor * x for x in a]) for factor in (1, k))))


@refutation("NORM-01", "coq", "unchanged by k = -1", claim=_blind_to_factors, kept=lambda a, k: k != 0 < variance(a))
def _() -> Outcome:
    return coq.negation("Normalisation.normalisation_does_not_ignore_a_change_of_sign", a=(1, -1), k=-1)


def _unmoved_with_eps(a) -> bool:
    return _blind_to_factors(a, 2)


@refutation("NORM-01", "float64", "exactly unchanged by k > 0 although eps > 0", claim=_unmoved_with_eps)
def _() -> Outcome:
    a = (1e-6, 3e-6)
    return proved() if _unmoved_with_eps(a) else refuted(a=a)


# -- NORM-02: conventions ----------------------------------------------------------------------------


@proof("NORM-02", "z3", "any n > 1, any sum of squares: ddof 1 divides by n - 1, its result has variance (n - 1) / n",
       code=NORMALISE)
def _() -> Outcome:
    n, squares, d, below, below1 = reals("n squares d below below1")
    given = [n > 1, squares > 0, below > 0, below1 > 0, n * below * below == squares,
             (n - 1) * below1 * below1 == squares]
    variables = [n, squares, d, below, below1]
    ratio = (d / below1) * (d / below1) == (d / below) * (d / below) * (n - 1) / n
    return every([
        forall(variables, given, ratio),
        forall(variables, given, squares / (n * below1 * below1) == (n - 1) / n),
    ])


@proof("NORM-02", "float64",
       "normalize_advantages() of 1, 2, 4, 8 equal dyadic numbers, and of any one number, is 0; of (1, 3) it is "
       "1 / (1 + 1e-8)")
def _() -> Outcome:
    constants = [[x] * count for x in (0.0, 0.375, -5.0, 1024.0) for count in (1, 2, 4, 8)]
    singles = [[0.1], [-1e300], [5e-324]]
    zero = all(not normalization.normalize_advantages(batch).any() for batch in [*constants, *singles])
    two = normalization.normalize_advantages([1.0, 3.0]).tolist()
    expected = rounded([Fraction(1), Fraction(3)], Fraction(1))
    if not zero or two != expected:
        return refuted(f"{two}")
    return proved(f"{len(constants) + len(singles)} constant batches")


@refutation("NORM-02", "z3", "ddof 1 and ddof 0 give the same standard deviation",
            claim=lambda n, squares, square0, square1: square0 == square1,
            kept=lambda n, squares, square0, square1: n > 1 and n * square0 == squares == (n - 1) * square1 > 0)
def _() -> Outcome:
    n, squares, square0, square1 = reals("n squares square0 square1")
    given = [n > 1, squares > 0, n * square0 == squares, (n - 1) * square1 == squares]
    return forall([n, squares, square0, square1], given, square0 == square1)


@refutation("NORM-02", "z3", "eps inside the root is the same as outside",
            claim=lambda sigma, eps, root: sigma + eps == root,
            kept=lambda sigma, eps, root: eps > 0 < sigma and root > 0 and root**2 == sigma**2 + eps)
def _() -> Outcome:
    sigma, eps, root = reals("sigma eps root")
    # A rational root, so that the witness is exact.
    given = [sigma > 0, eps > 0, root == 2 * sigma, root * root == sigma * sigma + eps]
    return forall([sigma, eps, root], given, sigma + eps == root)
