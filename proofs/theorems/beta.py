"""Beta policies, proved on the bodies of the shipped kernels."""

from __future__ import annotations

import math
from itertools import product
from types import FunctionType

import numpy as np
import z3
from flint import arb
from scipy import special

from ppocore import beta, beta_function
from ppocore._kernels import plain
from proofs.bounds.beta import ABOVE, GAP, TRIGAMMA, gap, log_beta, log_beta_error, log_gamma_above, trigamma
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
ENTROPY_KERNEL, ENTROPY = "ppocore.beta:beta_entropy_kernel", "ppocore.beta:beta_entropy"
FUNCTION = "ppocore.beta_function:"
LOG_BETA, DIGAMMA_GAP = FUNCTION + "log_beta_kernel", FUNCTION + "digamma_gap_kernel"
TRIGAMMA_KERNEL = FUNCTION + "trigamma_kernel"
KL_KERNEL, KL = "ppocore.beta:beta_kl_kernel", "ppocore.beta:beta_kl"
LOG_ABOVE, LOG_GAMMA_ABOVE = FUNCTION + "log_above_kernel", FUNCTION + "log_gamma_above_kernel"
DIGAMMA_STEP, SERIES_ABOVE = FUNCTION + "digamma_step_kernel", FUNCTION + "_series_above"
POINTS = (0.001, 0.05, 0.25, 1.0, 1.5, 3.7, 11.5, 12.0, 30.0, 100.0, 1e6)
U = 2.0**-53
BLUR = 2.0**-200
"""More than the radius of balls of this precision, log Gamma of 1e6 among them."""
GAP_OFF = 16 * 3617 / 8160 / 12**17 + 2 * U / 12 / 12**3
"""What psi(a + b) - psi(a) leaves out, over b."""


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
    off = 3 * 3617 / 122400 / large**15 + U / 2 + 3 * U / 12 / large
    dropped = 16 * 3617 / 8160 * b / large**17 + 2 * b * U / 12 / large**3
    return bool(abs(got - log_beta(x, y)) <= off
                and abs(slope - gap(x, y)) <= dropped)


def _mirrored(a, b, x):
    """Exchanging alpha and beta changes nothing."""
    kernel = plain(beta.beta_log_prob_kernel)
    return equal(lambda: kernel(Ball(a), Ball(b), Ball(x))[0], lambda: kernel(Ball(b), Ball(a), Ball(x))[0])


@refutation("BET-01", "flint", "alpha and beta may be exchanged", claim=_mirrored)
def _() -> Outcome:
    return examined(_mirrored, a=2.0, b=3.0, x=0.25)


def with_any_entropy_terms(alpha, other, log_beta, gaps, slopes):
    """The shipped body with any log B, any psi(a + b) - psi(a) and psi(a + b) - psi(b), and any psi'(a + b) ..."""
    body = beta.beta_entropy_kernel.py_func
    gaps, slopes = iter(gaps), iter(slopes)
    named = {"log_beta_kernel": lambda a, b: log_beta, "digamma_gap_kernel": lambda a, b: next(gaps),
             "trigamma_kernel": lambda x: next(slopes)}
    return FunctionType(body.__code__, {**body.__globals__, **named})(alpha, other)


@proof("BET-02", "z3", "whatever log B, psi and its slope are: the derivatives of the body are the slopes returned",
       code=[ENTROPY_KERNEL, ENTROPY])
def _() -> Outcome:
    a, b, log_beta, by_a, by_b, at_a, at_b, at_sum = reals("a b log_beta by_a by_b at_a at_b at_sum")

    def run():
        x, y = ("x", 0), ("x", 1)
        function = Dual(Sym(log_beta), {x: Sym(-by_a), y: Sym(-by_b)})
        gaps = [Dual(Sym(by_a), {x: Sym(at_sum - at_a), y: Sym(at_sum)}),
                Dual(Sym(by_b), {x: Sym(at_sum), y: Sym(at_sum - at_b)})]
        bends = map(Sym, (at_sum, at_a, at_b))
        value, *slopes = with_any_entropy_terms(*seeded([Sym(a), Sym(b)]), function, gaps, bends)
        return [(value.partial(name), slope.value) for name, slope in zip((x, y), slopes, strict=True)]

    return on_every_path([a, b, log_beta, by_a, by_b, at_a, at_b, at_sum], [a > 0, b > 0], run,
                         lambda out: z3.And([term(left) == term(right) for left, right in out]))


@proof("BET-02", "flint", "psi', value and slopes: bodies in balls, against flint, at pairs of 11 numbers",
       code=[TRIGAMMA_KERNEL, ENTROPY_KERNEL, ENTROPY])
def _() -> Outcome:
    def claims():
        for a, b in product(POINTS, repeat=2):
            yield at_precision(lambda a=a, b=b: _entropy_within(a, b)), {"a": a, "b": b}

    return everywhere("pairs", claims())


def _trigamma_off(x):
    """What the series leaves out; 1/6 is rounded to half an ulp of 1/8, the other constants add less."""
    beyond = max(x, beta_function.LARGE)
    return 3617 / 510 / beyond**17 + U / 6 / beyond**3


def _entropy_within(a, b):
    """What the parts leave out, times their factors."""
    x, y, large = arb(a), arb(b), beta_function.LARGE
    got, by_a, by_b = (part.ball for part in plain(beta.beta_entropy_kernel)(Ball(a), Ball(b)))
    first, second = (x - 1) * gap(x, y), (y - 1) * gap(y, x)
    series = 3 * 3617 / 122400 / large**15 + U / 2 + 3 * U / 12 / large
    gaps = 16 * 3617 / 8160 / large**17 + 2 * U / 12 / large**3
    off = series + gaps * (abs(a - 1) * b + abs(b - 1) * a)
    both, off_both = (x + y - 2) * trigamma(x + y), abs(a + b - 2) * _trigamma_off(a + b)
    return bool(abs(got - (log_beta(x, y) + first + second)) <= off
                and abs(plain(beta_function.trigamma_kernel)(Ball(a)).ball - trigamma(x)) <= _trigamma_off(a)
                and abs(by_a - (both - (x - 1) * trigamma(x))) <= off_both + abs(a - 1) * _trigamma_off(a)
                and abs(by_b - (both - (y - 1) * trigamma(y))) <= off_both + abs(b - 1) * _trigamma_off(b))


def _wider_is_more(a, b):
    """The entropy falls where alpha grows, as the variance does here."""
    kernel = plain(beta.beta_entropy_kernel)
    return bool(kernel(Ball(a), Ball(b))[1] < 0)


@refutation("BET-02", "flint", "more concentration, less entropy", claim=_wider_is_more)
def _() -> Outcome:
    return examined(_wider_is_more, a=0.5, b=0.5)


def with_any_gamma(points, turns, bends):
    """The shipped body with any A, which has the slopes psi(y) - psi(x) (`turns`) and -(y - x) psi'(x) (`bends`)."""
    body = beta.beta_kl_kernel.py_func
    slopes, steps, sites = iter(bends), iter(turns), iter([1, 2, 0])

    def above(own, other, step):
        site = next(sites)
        return other * turns[site] - own * (step.value * bends[site])

    named = {"log_gamma_above_kernel": above, "trigamma_kernel": lambda x: next(slopes),
             "digamma_step_kernel": lambda own, other, step: next(steps)}
    return FunctionType(body.__code__, {**body.__globals__, **named})(*points)


@proof("BET-03", "z3", "whatever log Gamma is: the derivatives of the body are the slopes returned",
       code=[KL_KERNEL, KL])
def _() -> Outcome:
    points = reals("a b other_a other_b")
    known = reals("turn turn_a turn_b bend bend_a bend_b")

    def run():
        # The body asks for those of the sum first, then of alpha and of beta.
        turns, bends = [Sym(x) for x in known[:3]], [Sym(x) for x in known[3:]]
        value, *slopes = with_any_gamma(seeded(map(Sym, points)), turns, bends)
        return [(value.partial(("x", i)), slope.value if isinstance(slope, Dual) else slope)
                for i, slope in enumerate(slopes)]

    return on_every_path([*points, *known], [x > 0 for x in points], run,
                         lambda out: z3.And([term(left) == term(right) for left, right in out]))


@proof("BET-03", "flint", "A at pairs of 11 numbers, KL and slopes at fours of 5: bodies in balls, against flint",
       code=[LOG_ABOVE, LOG_GAMMA_ABOVE, SERIES_ABOVE, DIGAMMA_STEP, KL_KERNEL, KL])
def _() -> Outcome:
    def claims():
        for ratio in (-0.75, -0.5, -0.375, -0.25, -0.125, 2.0**-20, 0.125, 0.25, 0.5, 3.0):
            yield at_precision(lambda r=ratio: _log_above_within(r)), {"ratio": ratio}
        for x, y in product(POINTS, repeat=2):
            yield at_precision(lambda x=x, y=y: _above_within(x, y)), {"x": x, "y": y}
        for four in product((0.05, 1.0, 3.7, 13.0, 100.0), repeat=4):
            yield at_precision(lambda four=four: _kl_within(*four)), {"four": four}

    return everywhere("pairs and fours", claims())


def _log_above_within(ratio):
    """What the series drops is largest at -1/4: below 2^-56 of the whole."""
    got = plain(beta_function.log_above_kernel)(Ball(1), Ball(1 + ratio), Ball(ratio)).ball
    true = arb(ratio) - arb(ratio).log1p()
    return bool(abs(got - true) <= 2.0**-56 * true + BLUR)


def _above_within(x, y):
    got = plain(beta_function.log_gamma_above_kernel)(Ball(x), Ball(y), Ball(y) - Ball(x)).ball
    return bool(abs(got - log_gamma_above(arb(x), arb(y))) <= 2 * U * log_gamma_above(arb(x), arb(y)) + BLUR)


def _kl_within(a, b, other_a, other_b):
    """Each part to what its series leaves out; of the slopes that is BET-01 and BET-02."""
    x, y, other_x, other_y = map(arb, (a, b, other_a, other_b))
    got = [part.ball for part in plain(beta.beta_kl_kernel)(*map(Ball, (a, b, other_a, other_b)))]
    left, right, whole, other = other_x - x, other_y - y, x + y, other_x + other_y
    on, off = x.digamma() - whole.digamma(), y.digamma() - whole.digamma()
    parts = (log_gamma_above(x, other_x) + log_gamma_above(y, other_y) + log_gamma_above(whole, other))
    literal = log_beta(other_x, other_y) - log_beta(x, y) - left * on - right * off
    bend, turn = (left + right) * trigamma(whole), other.digamma() - whole.digamma()
    true = (literal, bend - left * trigamma(x), bend - right * trigamma(y),
            other_x.digamma() - x.digamma() - turn, other_y.digamma() - y.digamma() - turn)
    h = abs(left) + abs(right)
    room = (2 * U * parts, *[2 * h * _trigamma_off(12)] * 2, *[4 * h * GAP_OFF] * 2)
    return all(bool(abs(found - exact) <= off + BLUR) for found, exact, off in zip(got, true, room, strict=True))


def _symmetric(alpha, other, new_alpha, new_other):
    """KL(p, q) = KL(q, p)."""
    kernel = plain(beta.beta_kl_kernel)
    policies = [[Ball(alpha), Ball(other)], [Ball(new_alpha), Ball(new_other)]]
    return equal(lambda: kernel(*policies[0], *policies[1])[0], lambda: kernel(*policies[1], *policies[0])[0])


@refutation("BET-03", "flint", "KL(p, q) = KL(q, p)", claim=_symmetric)
def _() -> Outcome:
    return examined(_symmetric, alpha=1.0, other=1.0, new_alpha=2.0, new_other=1.0)


@proof("ACC-33", "float64", "compiled log B, gap, psi' and A at pairs of 11 numbers; functions on 16 kinds of draws",
       code=[LOG_BETA, DIGAMMA_GAP, TRIGAMMA_KERNEL, LOG_GAMMA_ABOVE, KERNEL, LOG_PROB, ENTROPY_KERNEL, ENTROPY,
             KL_KERNEL, KL])
def _() -> Outcome:
    def claims():
        for a, b in product(POINTS, repeat=2):
            yield at_precision(lambda a=a, b=b: _rounded_within(a, b)), {"a": a, "b": b}
            yield at_precision(lambda a=a, b=b: _above_rounded_within(a, b)), {"own": a, "other": b}
        for x in POINTS:
            yield at_precision(lambda x=x: _trigamma_rounded_within(x)), {"x": x}
        for name, kind in product(("beta_log_prob", "beta_entropy", "beta_kl"), range(16)):
            yield held(name, made(name, kind)), {"function": name, "kind": kind}

    return everywhere("pairs and draws", claims())


def _above_rounded_within(x, y):
    true = log_gamma_above(arb(x), arb(y))
    off = abs(beta_function.log_gamma_above_kernel(x, y, y - x) - true)
    return bool(off <= U * ABOVE * true + BLUR)


def _trigamma_rounded_within(x):
    true = trigamma(arb(x))
    return bool(abs(beta_function.trigamma_kernel(x) - true) <= U * TRIGAMMA * true)


def _rounded_within(a, b):
    x, y = arb(a), arb(b)
    off = abs(beta_function.log_beta_kernel(a, b) - log_beta(x, y))
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


def _a_difference_of_log_betas_is_as_good(a, b, other_a, other_b):
    """KL as log B' - log B and the two products keeps the bound."""
    psi, log_beta = special.digamma, special.betaln
    steps = (a - other_a) * (psi(a) - psi(a + b)) + (b - other_b) * (psi(b) - psi(a + b))
    usual = log_beta(other_a, other_b) - log_beta(a, b) + steps
    names = ("alpha", "beta", "other_alpha", "other_beta")
    target = Target("beta_kl", {name: np.array([[x]]) for name, x in zip(names, (a, b, other_a, other_b), strict=True)})
    return all(use.fraction <= 1 for use in target.uses({"kl": np.array([usual])}).values())


@refutation("ACC-33", "float64", "the usual formula of KL keeps the bound too",
            claim=_a_difference_of_log_betas_is_as_good)
def _() -> Outcome:
    return examined(_a_difference_of_log_betas_is_as_good, a=2.0, b=3.0, other_a=2.0 + 2.0**-20, other_b=3.0)
