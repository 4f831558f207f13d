r"""Expectations on finite spaces, in exact rational arithmetic.

A float stands for exactly the binary fraction that it is; integers and `fractions.Fraction` stand for
themselves; every result is a `Fraction`.  Here the importance identity is an equality, not an approximation.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from ppocore._arrays import Doorman

Number: TypeAlias = int | float | Fraction


def exact_expectation(f: Sequence[Number], p: Sequence[Number]) -> Fraction:
    r"""E_p[f] on a finite space.

    .. math:: E_{x \sim p}[f(x)] = \sum_x f(x)\, p(x)

    Parameters
    ----------
    f, p : sequence of int, float or Fraction
        Value and probability of each point.  The probabilities add up to 1 (floats: up to one rounding each).

    Returns
    -------
    Fraction
        The exact sum.

    Raises
    ------
    ValueError
        If lengths differ or are 0, an entry is not finite, or `p` is no distribution.
    TypeError
        If an entry is no real number.

    Notes
    -----
    *Accuracy.* Exact.

    *Theorems.* IS-14.

    References
    ----------
    Mission row S3.

    Examples
    --------
    >>> exact_expectation([1, 5], [Fraction(7, 10), Fraction(3, 10)])
    Fraction(11, 5)
    """
    door = Doorman("exact_expectation")
    return _mean(door.rationals("f", f), door.probabilities("p", p))


def exact_variance(f: Sequence[Number], p: Sequence[Number]) -> Fraction:
    r"""Var_p[f] on a finite space: of one plain draw.

    .. math:: \sum_x p(x)\, \big(f(x) - E_p[f]\big)^2

    Parameters
    ----------
    f, p : sequence of int, float or Fraction
        Value and probability of each point.

    Returns
    -------
    Fraction
        The exact variance.

    Raises
    ------
    ValueError
        If lengths differ or are 0, an entry is not finite, or `p` is no distribution.
    TypeError
        If an entry is no real number.

    Notes
    -----
    *Accuracy.* Exact.

    *Theorems.* IS-13.

    References
    ----------
    Mission row S5.

    Examples
    --------
    >>> float(exact_variance([1, 5], [Fraction(7, 10), Fraction(3, 10)]))
    3.36
    """
    door = Doorman("exact_variance")
    return _variance(door.rationals("f", f), door.probabilities("p", p))


def exact_importance_expectation(f: Sequence[Number], p: Sequence[Number], q: Sequence[Number]) -> Fraction:
    r"""E_q[f p / q] on a finite space, which is E_p[f].

    .. math:: \sum_{x:\, q(x) > 0} q(x) \, f(x)\, \frac{p(x)}{q(x)}

    Parameters
    ----------
    f, p, q : sequence of int, float or Fraction
        Value, target probability and sampling probability of each point.

    Returns
    -------
    Fraction
        Equal to `exact_expectation` of f under p.

    Raises
    ------
    ValueError
        If lengths differ or are 0, an entry is not finite, `p` or `q` is no distribution, or the identity
        does not hold: q(x) = 0 at a point where f(x) p(x) is not 0.
    TypeError
        If an entry is no real number.

    Notes
    -----
    *Conventions.* The source omits the support condition.  Without it samples of q still have a mean, and it
    is wrong by exactly the f p that they never see.

    *Accuracy.* Exact.

    *Theorems.* IS-01, IS-02.

    References
    ----------
    Mission row S4.

    Examples
    --------
    >>> p, q = [Fraction(7, 10), Fraction(3, 10)], [Fraction(1, 5), Fraction(4, 5)]
    >>> exact_importance_expectation([1, 5], p, q)
    Fraction(11, 5)
    >>> exact_importance_expectation([1, 5], [0.5, 0.5], [1, 0])
    Traceback (most recent call last):
    ValueError: exact_importance_expectation: q[1] is 0; it must be positive where f p is not 0.
    """
    values, target, sampling = _supported("exact_importance_expectation", f, p, q)
    return _mean(_weighted(values, target, sampling), sampling)


def exact_importance_variance(f: Sequence[Number], p: Sequence[Number], q: Sequence[Number]) -> Fraction:
    r"""Var_q[f p / q] on a finite space: of one weighted draw.

    .. math:: \sum_x \frac{p(x)^2 f(x)^2}{q(x)} - \big(E_p[f]\big)^2

    Parameters
    ----------
    f, p, q : sequence of int, float or Fraction
        Value, target probability and sampling probability of each point.

    Returns
    -------
    Fraction
        The exact variance.

    Raises
    ------
    ValueError
        As `exact_importance_expectation`.
    TypeError
        If an entry is no real number.

    Notes
    -----
    *Conventions.* In general not Var_p[f]: the source's "=" between the two sample means (S5) is false.

    *Accuracy.* Exact.

    *Theorems.* IS-03, IS-04, IS-13.

    References
    ----------
    Mission row S5.

    Examples
    --------
    >>> p, q = [Fraction(7, 10), Fraction(3, 10)], [Fraction(1, 5), Fraction(4, 5)]
    >>> float(exact_importance_variance([1, 5], p, q))
    0.4225
    """
    values, target, sampling = _supported("exact_importance_variance", f, p, q)
    return _variance(_weighted(values, target, sampling), sampling)


def exact_truncation_bias(
    f: Sequence[Number], p: Sequence[Number], q: Sequence[Number], *, max_weight: Number
) -> Fraction:
    r"""Bias of `truncated_importance_estimate` on a finite space: its expectation minus E_p[f].

    .. math:: -E_q\big[f \max(p/q - c, 0)\big]

    Parameters
    ----------
    f, p, q : sequence of int, float or Fraction
        Value, target probability and sampling probability of each point.
    max_weight : int, float or Fraction > 0
        The c above.

    Returns
    -------
    Fraction
        The exact bias.

    Raises
    ------
    ValueError
        As `exact_importance_expectation`, or if `max_weight` is not positive.
    TypeError
        If an entry is no real number.

    Notes
    -----
    *Accuracy.* Exact.

    *Theorems.* IS-08.

    References
    ----------
    Mission row S5.

    Examples
    --------
    >>> exact_truncation_bias([1, 5], [0.5, 0.5], [0.75, 0.25], max_weight=1)
    Fraction(-5, 4)
    """
    values, target, sampling = _supported("exact_truncation_bias", f, p, q)
    door = Doorman("exact_truncation_bias")
    most = door.rational("max_weight", max_weight, "(0, inf)")
    triples = zip(values, target, sampling, strict=True)
    return -sum((v * max(a - most * b, Fraction(0)) for v, a, b in triples if b), Fraction(0))


def _supported(
    function: str, f: Sequence[Number], p: Sequence[Number], q: Sequence[Number]
) -> tuple[list[Fraction], list[Fraction], list[Fraction]]:
    door = Doorman(function)
    values, target, sampling = door.rationals("f", f), door.probabilities("p", p), door.probabilities("q", q)
    for index, (value, a, b) in enumerate(zip(values, target, sampling, strict=True)):
        if b == 0 and value * a != 0:
            raise door.refusal(f"q[{index}]", "is 0", "it must be positive where f p is not 0")
    return values, target, sampling


def _weighted(f: list[Fraction], p: list[Fraction], q: list[Fraction]) -> list[Fraction]:
    return [v * a / b if b else Fraction(0) for v, a, b in zip(f, p, q, strict=True)]


def _mean(f: list[Fraction], p: list[Fraction]) -> Fraction:
    return sum((v * a for v, a in zip(f, p, strict=True)), Fraction(0))


def _variance(f: list[Fraction], p: list[Fraction]) -> Fraction:
    mean = _mean(f, p)
    return _mean([(v - mean) ** 2 for v in f], p)
