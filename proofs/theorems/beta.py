"""Beta policies, proved on the bodies of the shipped kernels."""

from __future__ import annotations

import math
from itertools import product
from types import FunctionType

import numpy as np
import z3
from flint import arb

from ppocore import beta, beta_function
from ppocore._kernels import plain
from proofs.bounds.beta import GAP, gap, log_beta_error
from proofs.bounds.book import at_precision
from proofs.bounds.inputs import made
from proofs.bounds.measure import Target, held
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods.balls import Ball, Dual, equal, examined, seeded
from proofs.methods.exact import everywhere
from proofs.methods.solver import on_every_path
from proofs.methods.symbolic import Sym, reals, term

KERNEL, LOG_PROB = "ppocore.beta:beta_log_prob_kernel", "ppocore.beta:beta_log_prob"
FUNCTION = "ppocore.beta_function:"
LOG_BETA, DIGAMMA_GAP = FUNCTION + "log_beta_kernel", FUNCTION + "digamma_gap_kernel"
POINTS = (0.001, 0.05, 0.25, 1.0, 1.5, 3.7, 11.5, 12.0, 30.0, 100.0, 1e6)
U = 2.0**-53


def with_any_beta_function(alpha, other, action, log_beta, gaps):
    """The shipped body with any log B, and any psi(a + b) - psi(a) as minus its slopes."""
    body = beta.beta_log_prob_kernel.py_func
    slopes = iter(gaps)
    named = {"log_beta_kernel": lambda a, b: log_beta, "digamma_gap_kernel": lambda a, b: next(slopes)}
    return FunctionType(body.__code__, {**body.__globals__, **named})(alpha, other, action)


@proof("BET-01", "z3", "whatever log B is: the derivatives of the body are the slopes that it returns",
       code=[KERNEL, LOG_PROB])
def _() -> Outcome:
    a, b, x, log_beta, by_a, by_b = reals("a b x log_beta by_a by_b")

    def run():
        moved = seeded([Sym(a), Sym(b), Sym(x)])
        function = Dual(Sym(log_beta), {("x", 0): Sym(-by_a), ("x", 1): Sym(-by_b)})
        value, *slopes = with_any_beta_function(*moved, function, [Sym(by_a), Sym(by_b)])
        return [(value.partial(("x", i)), slope.value if isinstance(slope, Dual) else slope)
                for i, slope in enumerate(slopes)]

    return on_every_path([a, b, x, log_beta, by_a, by_b], [x > 0, x < 1], run,
                         lambda out: z3.And([term(left) == term(right) for left, right in out]))


@proof("BET-01", "flint", "log B and the gap: body in balls, against lgamma and digamma, at pairs of 11 numbers",
       code=[LOG_BETA, DIGAMMA_GAP, KERNEL, LOG_PROB])
def _() -> Outcome:
    def claims():
        for a, b in product(POINTS, repeat=2):
            yield at_precision(lambda a=a, b=b: _series_within(a, b)), {"a": a, "b": b}

    return everywhere("pairs", claims())


def _series_within(a, b):
    """The constants log(2 pi) / 2 and 1/12 are rounded to half an ulp, the others add less."""
    x, y, large = arb(a), arb(b), beta_function.LARGE
    got = plain(beta_function.log_beta_kernel)(Ball(a), Ball(b)).ball
    slope = plain(beta_function.digamma_gap_kernel)(Ball(a), Ball(b)).ball
    log_beta = 3 * 3617 / 122400 / large**15 + U / 2 + 3 * U / 12 / large
    dropped = 16 * 3617 / 8160 * b / large**17 + 2 * b * U / 12 / large**3
    return bool(abs(got - (x.lgamma() + y.lgamma() - (x + y).lgamma())) <= log_beta
                and abs(slope - gap(x, y)) <= dropped)


def _mirrored(a, b, x):
    """Exchanging alpha and beta changes nothing."""
    kernel = plain(beta.beta_log_prob_kernel)
    return equal(lambda: kernel(Ball(a), Ball(b), Ball(x))[0], lambda: kernel(Ball(b), Ball(a), Ball(x))[0])


@refutation("BET-01", "flint", "alpha and beta may be exchanged", claim=_mirrored)
def _() -> Outcome:
    return examined(_mirrored, a=2.0, b=3.0, x=0.25)


@proof("ACC-33", "float64", "compiled log B and gap at pairs of 11 numbers, beta_log_prob on 12 kinds of draws",
       code=[LOG_BETA, DIGAMMA_GAP, KERNEL, LOG_PROB])
def _() -> Outcome:
    def claims():
        for a, b in product(POINTS, repeat=2):
            yield at_precision(lambda a=a, b=b: _rounded_within(a, b)), {"a": a, "b": b}
        for kind in range(12):
            yield held("beta_log_prob", made("beta_log_prob", kind)), {"kind": kind}

    return everywhere("pairs and draws", claims())


def _rounded_within(a, b):
    x, y = arb(a), arb(b)
    true = x.lgamma() + y.lgamma() - (x + y).lgamma()
    off = abs(beta_function.log_beta_kernel(a, b) - true)
    slope = abs(beta_function.digamma_gap_kernel(a, b) - gap(x, y))
    return bool(off <= U * log_beta_error(x, y) and slope <= U * GAP * gap(x, y))


def _three_log_gammas_are_as_good(a, b, x):
    """log B as a difference of log-gammas keeps the bound."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    usual = (a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_beta
    target = Target("beta_log_prob", {name: np.array([[value]]) for name, value in
                                      (("alpha", a), ("beta", b), ("actions", x))})
    return all(use.fraction <= 1 for use in target.uses({"log_prob": np.array([usual])}).values())


@refutation("ACC-33", "float64", "three log-gammas keep the bound too", claim=_three_log_gammas_are_as_good)
def _() -> Outcome:
    return examined(_three_log_gammas_are_as_good, a=0.9, b=1e6, x=1e-6)
