"""log B, its slope and trigamma: the formulas of the kernels, run in ball arithmetic, against what flint has."""

from __future__ import annotations

import itertools

import pytest

from ppocore._kernels import plain
from ppocore.beta_function import (
    LARGE,
    digamma_gap_kernel,
    log_beta_kernel,
    log_gamma_above_kernel,
    trigamma_kernel,
)
from tests.optional import require

flint = require("flint")

from proofs.methods.balls import Ball  # noqa: E402

POINTS = (0.05, 0.25, 1.0, 1.5, 3.7, 11.5, 12.0, 30.0, 100.0)
U = 2.0**-53
PAIRS = pytest.mark.parametrize(("a", "b"), [*itertools.product(POINTS, repeat=2)])


@pytest.fixture(autouse=True)
def precision():
    before, flint.ctx.prec = flint.ctx.prec, 220
    yield
    flint.ctx.prec = before


@PAIRS
def test_log_beta_leaves_out_no_more_than_the_first_dropped_term(a: float, b: float) -> None:
    """Of three series, each at LARGE or beyond; the constant and 1/12 are rounded to half an ulp."""
    x, y = flint.arb(a), flint.arb(b)
    got = plain(log_beta_kernel)(Ball(a), Ball(b)).ball
    dropped, constants = 3 * 3617 / 122400 / LARGE**15, U / 2 + 3 * U / 12 / LARGE

    assert abs(got - (x.lgamma() + y.lgamma() - (x + y).lgamma())) <= dropped + constants


@PAIRS
def test_digamma_gap_leaves_out_no_more_than_the_first_dropped_term(a: float, b: float) -> None:
    """c (X^-16 - Y^-16) for X < Y, at most 16 c (Y - X) / X^17; 1/12 of X^-2 - Y^-2 is rounded, the others are less."""
    x, y = flint.arb(a), flint.arb(b)
    got = plain(digamma_gap_kernel)(Ball(a), Ball(b)).ball
    dropped, constants = 16 * 3617 / 8160 * b / LARGE**17, 2 * b * U / 12 / LARGE**3

    assert abs(got - ((x + y).digamma() - x.digamma())) <= dropped + constants


@pytest.mark.parametrize("x", [*POINTS, 1e6])
def test_trigamma_leaves_out_no_more_than_the_first_dropped_term(x: float) -> None:
    """psi'(x) is zeta(2, x); 1/6 of x^-3 is rounded to half an ulp of 1/8, the other constants add less."""
    got = plain(trigamma_kernel)(Ball(x)).ball
    beyond = max(x, LARGE)
    dropped, constants = 3617 / 510 / beyond**17, U / 6 / beyond**3

    assert abs(got - flint.arb(2).zeta(flint.arb(x))) <= dropped + constants


@PAIRS
def test_log_gamma_above_its_tangents_is_right_to_two_roundings_of_the_constants(a: float, b: float) -> None:
    """What the series drops has a second derivative below 0.35 u of that of log Gamma; BET-03."""
    x, y = flint.arb(a), flint.arb(b)
    got = plain(log_gamma_above_kernel)(Ball(a), Ball(b), Ball(b) - Ball(a)).ball
    true = y.lgamma() - x.lgamma() - x.digamma() * (y - x)

    assert abs(got - true) <= 2 * U * true if a != b else got == 0
