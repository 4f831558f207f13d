"""Gaussian and tanh-Gaussian policies, proved on the bodies of the shipped kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
import sympy as sp
from flint import arb

from ppocore import distributions, squashed
from ppocore._kernels import plain
from proofs.definitions.distributions import (
    squashed_gaussian_entropy,
    squashed_gaussian_entropy_of_density,
    squashed_gaussian_log_prob_by_slope,
)
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods import coq
from proofs.methods.balls import Ball, U, decided, equal, examined, within
from proofs.methods.closed_forms import Formula, identical
from proofs.methods.solver import every
from proofs.methods.symbolic import array

KERNEL, LOG_PROB = "ppocore.distributions:gaussian_log_prob_kernel", "ppocore.distributions:gaussian_log_prob"
TERMS = "ppocore.distributions:gaussian_terms_kernel"
ENTROPY = "ppocore.distributions:gaussian_entropy"
SLOPE, ARTANH = "ppocore.squashed:log_tanh_slope_kernel", "ppocore.squashed:artanh_kernel"
SQUASHED, SQUASHED_ENTROPY = "ppocore.squashed:squashed_gaussian_log_prob", "ppocore.squashed:squashed_gaussian_entropy"
F = Fraction
X, M, S, T = sp.symbols("x m s t", real=True)
AT = {X: sp.Rational(2, 3), M: sp.Rational(1, 4), S: sp.Rational(-1, 2), T: sp.Rational(1, 3)}
LOG_DENSITY = -(((X - M) / sp.exp(S)) ** 2) / 2 - S - sp.log(2 * sp.pi) / 2


def rational(x: float):
    return sp.Rational(*x.as_integer_ratio())


def moment(k):
    """E[z^k], z standard normal, integrated."""
    return sp.integrate(T**k * sp.exp(-(T**2) / 2) / sp.sqrt(2 * sp.pi), (T, -sp.oo, sp.oo))


# GAU-01, GAU-02: the Gaussian.


@proof("GAU-01", "sympy", "kernel = log of the density, up to the rounding of log(2 pi)/2; slopes are its derivatives;"
       " the density integrates to 1", code=[KERNEL, TERMS, LOG_PROB])
def _() -> Outcome:
    value, by_mean, by_log_std = (
        x.expression for x in plain(distributions.gaussian_log_prob_kernel)(*(Formula(x, AT) for x in (M, S, X)))
    )
    constant = rational(distributions.HALF_LOG_TWO_PI) - sp.log(2 * sp.pi) / 2
    if not abs(sp.N(constant, 40)) < sp.Rational(1, 2**53):
        return refuted(constant=distributions.HALF_LOG_TWO_PI)
    pairs = [(value, LOG_DENSITY - constant), (by_mean, sp.diff(LOG_DENSITY, M)), (by_log_std, sp.diff(LOG_DENSITY, S)),
             (sp.exp(LOG_DENSITY) * sp.exp(S), sp.exp(-(((X - M) / sp.exp(S)) ** 2) / 2) / sp.sqrt(2 * sp.pi)),
             (moment(0), 1)]
    return every([identical(a, b, AT) for a, b in pairs])


def _bare_square(mean, log_std, action):
    """d log p / d log s = z^2."""
    def kernel():
        return plain(distributions.gaussian_log_prob_kernel)(*map(Ball, (mean, log_std, action)))[2]

    return equal(kernel, lambda: Ball((action - mean) ** 2) / Ball(2 * log_std).exp())


@refutation("GAU-01", "flint", "d log p / d log s = z^2", claim=_bare_square)
def _() -> Outcome:
    return examined(_bare_square, mean=F(0), log_std=F(0), action=F(1))


def surprise():
    """E[-log p(m + e^s z)], by the moments that sympy integrates."""
    at_draw = sp.Poly(sp.expand(-LOG_DENSITY.subs(X, M + sp.exp(S) * T)), T)
    return sum(c * moment(k) for (k,), c in at_draw.terms())


ENTROPY_FORMULA = sp.Rational(1, 2) + S + sp.log(2 * sp.pi) / 2


@proof("GAU-02", "sympy", "the integral of -p log p", code=[ENTROPY])
def _() -> Outcome:
    return identical(surprise(), ENTROPY_FORMULA, AT)


NOISE = Ball(arb(0, 4 * 2.0**-53))
"""Holds what rounding adds to the float64 numbers that siblings are compared with: they differ by far more."""


def _without_half(s):
    shipped = float(distributions.gaussian_entropy([[0.0]], [[float(s)]]).entropy[0])
    return equal(lambda: shipped + NOISE, lambda: Ball(s) + Ball(2 * arb.pi()).log() / 2)


@refutation("GAU-02", "sympy", "without 1/2", claim=_without_half)
def _() -> Outcome:
    return identical(surprise(), ENTROPY_FORMULA - sp.Rational(1, 2), {S: sp.Rational(1, 4)})


# GAU-03, GAU-04: tanh.


def log_tanh_slope(sign):
    """The body at u = x with x of this sign, as a formula."""
    return plain(squashed.log_tanh_slope_kernel)(Formula(X, {X: sign})).expression


@proof("GAU-03", "sympy", "kernel = log(1 - tanh^2 u) for u < 0 and u > 0, up to the rounding of log 2; tanh' = 1 -"
       " tanh^2", code=[SLOPE])
def _() -> Outcome:
    tanh = (sp.exp(X) - sp.exp(-X)) / (sp.exp(X) + sp.exp(-X))
    constant = 2 * (rational(squashed.LOG_TWO) - sp.log(2))
    if not abs(sp.N(constant, 40)) < sp.Rational(1, 2**53):
        return refuted(constant=squashed.LOG_TWO)
    results = [identical(sp.diff(tanh, X), 1 - tanh**2, AT)]
    for sign in (1, -1):
        # Equal at 0, and equal slopes: equal.
        body = log_tanh_slope(sign)
        results.append(identical(body.subs(X, 0), constant, AT))
        results.append(identical(sp.diff(body, X), -2 * tanh, {X: sp.Rational(sign, 3)}))
    return every(results)


def _plus_two(u):
    """2 (log 2 - u - log(1 + e^(2u)))."""
    return equal(
        lambda: plain(squashed.log_tanh_slope_kernel)(Ball(u)) + NOISE,
        lambda: 2 * (Ball(2).log() - u - Ball(2 * u).exp().log1p()),
    )


@refutation("GAU-03", "flint", "with softplus(2u)", claim=_plus_two)
def _() -> Outcome:
    return examined(_plus_two, u=F(1))


@proof("GAU-03", "flint", "compiled kernel: finite, and within 4 u (1 + |u|), at 1106 points with |u| <= 8e307",
       code=[SLOPE])
def _() -> Outcome:
    sizes = [0.0, *(10.0**k for k in range(-300, 308, 4)), *(k / 16 for k in range(1, 400)), 8e307]
    for u in (sign * size for size in sizes for sign in (1.0, -1.0)):
        got = float(squashed.log_tanh_slope_kernel(u))
        allowed = 4 * U * (1 + abs(F(u)))
        close = partial(within, got, lambda u=u: true_log_tanh_slope(u), lambda allowed=allowed: allowed)
        if not (math.isfinite(got) and close()):
            return refuted(u=u)
    return proved(f"{2 * len(sizes)} inputs")


def true_log_tanh_slope(u):
    """log(1 - tanh^2 u) = 2 (log 2 + u - log(1 + e^(2u))), for u <= 0 (it is even)."""
    size = Ball(-abs(F(u)))
    return 2 * (Ball(2).log() + size - (2 * size).exp().log1p())


@proof("GAU-04", "sympy", "both outputs of the artanh kernel: equal at 0, equal derivatives on (-1, 1)", code=[ARTANH])
def _() -> Outcome:
    inverse, log_slope = (x.expression for x in plain(squashed.artanh_kernel)(Formula(X, AT)))
    zero = {X: 0}
    return every([
        identical(inverse.subs(zero), 0, AT), identical(sp.diff(inverse, X), 1 / (1 - X**2), AT),
        identical(log_slope.subs(zero), 0, AT), identical(sp.diff(log_slope, X), -2 * X / (1 - X**2), AT),
    ])


def log_density(mean, log_std, action, sign=-1):
    """The shipped bodies put together: log N(artanh a) - log(1 - a^2)."""
    inner, log_slope = plain(squashed.artanh_kernel)(Ball(action))
    gaussian = plain(distributions.gaussian_log_prob_kernel)(Ball(mean), Ball(log_std), inner)[0]
    return gaussian + sign * log_slope


def by_slope(mean, log_std, action):
    """log of the derivative of the distribution function."""
    return squashed_gaussian_log_prob_by_slope([[mean]], [[log_std]], [[action]])["log_prob"][0]


CASES = [(F(m, 2), F(s, 2), F(a, 100)) for m in (-3, 0, 1) for s in (-4, 0, 3) for a in (-99, -50, 0, 10, 90)]


@proof("GAU-04", "flint", "bodies against the derivative of the distribution function, up to u for the constant",
       code=[ARTANH, KERNEL, SQUASHED])
def _() -> Outcome:
    bad = [case for case in CASES if not decided(lambda case=case: abs(log_density(*case) - by_slope(*case)) <= U)]
    return refuted(case=bad[0]) if bad else proved(f"{len(CASES)} points")


def _plus_log_slope(mean, log_std, action):
    return equal(
        lambda: log_density(mean, log_std, action, sign=1) + NOISE, lambda: by_slope(mean, log_std, action)
    )


@refutation("GAU-04", "flint", "+ log(1 - a^2)", claim=_plus_log_slope,
            kept=lambda mean, log_std, action: abs(action) < 1)
def _() -> Outcome:
    return examined(_plus_log_slope, mean=F(0), log_std=F(0), action=F(1, 2))


# GAU-05, GAU-06: the entropy of the tanh-Gaussian.

POINTS = [(F(0), F(-3)), (F(0), F(0)), (F(1), F(-1, 10)), (F(3), F(0)), (F(0), F(1)), (F(10), F(2))]


@proof("GAU-05", "flint", "enclosed integrals of E[-log p(a)] and of the formula meet, and stay below log 2",
       code=[SQUASHED_ENTROPY])
def _() -> Outcome:
    def check():
        for m, s in POINTS:
            formula = squashed_gaussian_entropy([[m]], [[s]])["entropy"][0]
            literal = squashed_gaussian_entropy_of_density([[m]], [[s]])["entropy"][0]
            narrow = Ball(abs(formula - literal).upper()) < F(1, 10**12)
            if not (narrow and Ball(formula) < Ball(2).log() and Ball(literal) < Ball(2).log()):
                return refuted(m=m, s=s)
        return proved(f"{len(POINTS)} Gaussians")

    return decided(check)


def _entropy_of_u(m, s):
    return equal(
        lambda: squashed_gaussian_entropy([[m]], [[s]])["entropy"][0],
        lambda: Ball(s) + F(1, 2) + Ball(2 * arb.pi()).log() / 2,
    )


@refutation("GAU-05", "flint", "it is the entropy of u", claim=_entropy_of_u)
def _() -> Outcome:
    return examined(_entropy_of_u, m=F(0), s=F(0))


def trapezoid(m, s):
    """The shipped loop with its nodes, in balls: the rule without rounding."""
    nodes = [Ball(float(z)) for z in squashed._NODES]
    weights = [(-(z * z) / 2).exp() for z in nodes]
    total = sum(weights, Ball(0))
    cells = [array([None]).reshape(1, 1) for _ in range(2)]
    entropy = array([None])
    inputs = [array([Ball(x)]).reshape(1, 1) for x in (m, s)]
    plain(squashed._squashed_entropy_rows)(*inputs, array(nodes), array([w / total for w in weights]), entropy, *cells)
    return entropy[0]


def quadrature_cases() -> Iterator[tuple[Fraction, Fraction]]:
    """Where the kink of |u| lies on a node, between two, and far off."""
    means = {-5: [F(0)], 0: [F(1)], 1: [F(0)], 2: [F(0), F(1, 8), F(10)], 3: [F(0), F(1, 3)]}
    yield from ((m, F(s)) for s, found in means.items() for m in found)


@proof("GAU-06", "flint", "the rule against the enclosed integral, 8 Gaussians with log s <= 3",
       code=[SQUASHED_ENTROPY])
def _() -> Outcome:
    def check():
        worst = {True: F(0), False: F(0)}
        for m, s in quadrature_cases():
            error = abs(trapezoid(m, s) - squashed_gaussian_entropy([[m]], [[s]])["entropy"][0])
            std = Ball(s).exp()
            allowed = 3 * U * (1 + abs(m) + std) if s <= 2 else F(1, 10**8) * std
            share = error / allowed
            worst[s <= 2] = max(worst[s <= 2], F(float(share.ball.upper())))
            if not share <= 1:
                return refuted(m=m, s=s)
        return proved(f"{float(worst[True]) * 3:.1f} u (1 + |m| + s), and {float(worst[False]):.2f}e-8 s at log s = 3")

    return decided(check)


def _hermite_to_three_digits(m, s):
    """Gauss-Hermite with 64 nodes has a relative error below 1/1000."""
    z, w = np.polynomial.hermite_e.hermegauss(64)
    u = np.abs(float(m) + math.exp(s) * z)
    shrinkage = np.average(2 * (math.log(2) - u - np.log1p(np.exp(-2 * u))), weights=w)
    found = float(s) + 0.5 * math.log(2 * math.pi * math.e) + float(shrinkage)
    return within(
        found, lambda: squashed_gaussian_entropy([[m]], [[s]])["entropy"][0],
        lambda: abs(Ball(squashed_gaussian_entropy([[m]], [[s]])["entropy"][0])) / 1000,
    )


@refutation("GAU-06", "flint", "Gauss-Hermite with 64 nodes is right to 1/1000 at log s = 2",
            claim=_hermite_to_three_digits)
def _() -> Outcome:
    return examined(_hermite_to_three_digits, m=F(0), s=F(2))


for _id, _code, _name in (
    ("GAU-01", LOG_PROB, "score_in_the_mean"),
    ("GAU-01", LOG_PROB, "score_in_the_log_deviation"),
    ("GAU-03", SLOPE, "derivative_of_tanh"),
    ("GAU-03", SLOPE, "log_derivative_of_tanh_by_softplus"),
):
    proof(_id, "coq", "every real input", code=[_code])(partial(coq.theorem, f"Gaussian.{_name}"))
