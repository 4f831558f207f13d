"""The weights of importance sampling: Gaussian moments, rounding, effective sample size, derivative."""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import flint
import numpy as np
import sympy
import z3

from ppocore import importance, losses
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, unknown
from proofs.methods import coq
from proofs.methods.exact import Q, Row, at, everywhere, is_near, row
from proofs.methods.finite import are_distributions, chi_square, covered, covered_pairs, logs, weight_units, weights
from proofs.methods.lemmas import exp_sum, exp_tangent, exp_zero, log_one
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Exp, Log, Sym, reals, term

MOMENT = ["ppocore.importance:log_second_moment_kernel", "ppocore.importance:gaussian_weight_second_moment"]
ESS = "ppocore.importance:effective_sample_size"
CLIP = "ppocore.losses:clip_kernel"

m, log_s, other_m, other_log_s = reals("mean log_std other_mean other_log_std")
GAUSSIANS = [m, log_s, other_m, other_log_s]


def log_moment(z_square, variance_ratio, gap, log):
    """log E_q[w^2] from z = (m - m')/s', s^2/s'^2 and log s - log s'."""
    return z_square / (2 - variance_ratio) - gap - log(2 - variance_ratio) / 2


def second_moment_kernel():
    return plain(importance.log_second_moment_kernel)(*map(Sym, GAUSSIANS))


@proof("IS-09", "z3", "kernel at equal standard deviations: ((m - m') / s)^2", code=MOMENT)
def _() -> Outcome:
    z = (m - other_m) * Exp(-other_log_s)
    return on_every_path(
        GAUSSIANS, [log_s == other_log_s], second_moment_kernel, lambda out: term(out) == z * z, [exp_zero(), log_one()]
    )


def log_density(x, mean, std):
    return -((x - mean) ** 2) / (2 * std**2) - sympy.log(std) - sympy.log(2 * sympy.pi) / 2


def normal_integral() -> sympy.Expr:
    """Of any normal density over the real line."""
    (x, centre), std = sympy.symbols("x c", real=True), sympy.Symbol("v", positive=True)
    return sympy.integrate(sympy.exp(log_density(x, centre, std)), (x, -sympy.oo, sympy.oo))


def is_multiple_of_a_normal(std, other_std, log_value, variance) -> Outcome:
    """Whether p^2/q = e^log_value times a normal density of this variance, at every x."""
    x, mean, other_mean = sympy.symbols("x m m_q", real=True)
    centre = variance * (2 * mean / std**2 - other_mean / other_std**2)
    left = 2 * log_density(x, mean, std) - log_density(x, other_mean, other_std)
    right = log_value(mean - other_mean) + log_density(x, centre, sympy.sqrt(variance))
    if sympy.simplify(left - right) == 0 and normal_integral() == 1:
        return proved()
    return unknown("the difference does not simplify to 0")


@proof("IS-09", "sympy", "p^2/q is this number times a normal density, whose integral is 1", code=MOMENT)
def _() -> Outcome:
    s = sympy.Symbol("s", positive=True)
    return is_multiple_of_a_normal(s, s, lambda gap: gap**2 / s**2, s**2)


def _halved(mean: Q, other_mean: Q) -> bool:
    moment = plain(importance.log_second_moment_kernel)(float(mean), 0.0, float(other_mean), 0.0)
    return moment == (mean - other_mean) ** 2 / 2


@refutation("IS-09", "exact", "with 2 s^2 in the exponent", claim=_halved)
def _() -> Outcome:
    return at(_halved, mean=Q(2), other_mean=Q(0))


@proof("IS-10", "z3", "d is off by at most |d| u and the exponential by 1 ulp; |d| <= 745",
       code=["ppocore.importance:ratio"])
def _() -> Outcome:
    u = z3.Q(1, 2**53)
    size, x, last = reals("size x last")
    given = [size >= 0, size <= 745, x <= size * u, -x <= size * u, last <= 2 * u, -last <= 2 * u]
    lemmas = [exp_tangent(x), exp_tangent(-x), exp_sum(x, -x), exp_zero()]
    error = Exp(x) * (1 + last) - 1
    return forall([size, x, last], given + lemmas, z3.And(error <= (size + 3) * u, -error <= (size + 3) * u))


def ratio_error(log_prob: float, old_log_prob: float) -> tuple[flint.arb, flint.arb]:
    """Error of the shipped ratio, and the exact ratio e^(log_prob - old_log_prob) of these two floats."""
    exact = (flint.arb(log_prob) - flint.arb(old_log_prob)).exp()
    return abs(flint.arb(float(importance.ratio([log_prob], [old_log_prob]).ratio[0])) - exact), exact


@proof("IS-10", "flint", "the shipped ratio at 861 pairs of log-probabilities", code=["ppocore.importance:ratio"])
def _() -> Outcome:
    def claims():
        for new, old in product(np.linspace(-30, 0, 41), np.linspace(-700, 0, 21)):
            error, exact = ratio_error(float(new), float(old))
            units = abs(flint.arb(float(new)) - flint.arb(float(old))) + 3
            holds = error <= units * exact * flint.arb(2) ** -53
            yield bool(holds), {"log_prob": float(new), "old_log_prob": float(old)}

    return everywhere("pairs", claims())


def _within_one_ulp(log_prob: float, old_log_prob: float) -> bool:
    error, exact = ratio_error(log_prob, old_log_prob)
    return bool(error <= 2 * exact * flint.arb(2) ** -53)


@refutation("IS-10", "flint", "within 1 ulp", claim=_within_one_ulp)
def _() -> Outcome:
    return at(_within_one_ulp, log_prob=-0.1, old_log_prob=-700.3)


@proof("IS-11", "z3", "4 weights, all values", code=[ESS])
def _() -> Outcome:
    w = reals("w0 w1 w2 w3")
    given = [*(x >= 0 for x in w), sum(w) > 0]
    ess = sum(w) * sum(w) / sum(x * x for x in w)
    constant = z3.And(*(x == w[0] for x in w))
    return every([forall(w, given, z3.And(ess >= 1, ess <= 4)), forall(w, given, (ess == 4) == constant)])


@proof("IS-11", "exact", "the shipped count, weights in {1/8, 1, 9}^4", code=[ESS])
def _() -> Outcome:
    def claims():
        for w in product(row("1/8", 1, 9), repeat=4):
            near = is_near(importance.effective_sample_size(logs(w)), 4 * share(w), units=ess_units(w), scale=Q(4))
            yield near, {"w": w}

    return everywhere("quadruples of weights", claims())


def ess_units(w: Row) -> float:
    """Rounding of a shipped count: two sums of weights above the bar, one of their squares below."""
    return 4 * weight_units(w, len(w))


def _at_least_one(w0: Q, w1: Q) -> bool:
    return (w0 + w1) ** 2 >= w0 * w0 + w1 * w1


@refutation("IS-11", "z3", "weights of any sign", claim=_at_least_one, kept=lambda w0, w1: w0 + w1 > 0)
def _() -> Outcome:
    w0, w1 = reals("w0 w1")
    return forall([w0, w1], [w0 + w1 > 0], _at_least_one(w0, w1))


@proof("IS-12", "z3", "kernel: infinite exactly where s^2 / s'^2 >= 2, else the closed form", code=MOMENT)
def _() -> Outcome:
    z, ratio = (m - other_m) * Exp(-other_log_s), Exp(2 * (log_s - other_log_s))

    def claim(out):
        if isinstance(out, float):
            return z3.And(out == math.inf, ratio >= 2)
        return z3.And(ratio < 2, term(out) == log_moment(z * z, ratio, log_s - other_log_s, Log))

    return on_every_path(GAUSSIANS, [], second_moment_kernel, claim)


@proof("IS-12", "sympy", "p^2/q is this number times a normal density, for s^2 = 2 s'^2 - u, u > 0", code=MOMENT)
def _() -> Outcome:
    s, u = sympy.symbols("s u", positive=True)
    other = sympy.sqrt((s**2 + u) / 2)

    def log_value(gap):
        return log_moment((gap / other) ** 2, (s / other) ** 2, sympy.log(s) - sympy.log(other), sympy.log)

    return is_multiple_of_a_normal(s, other, log_value, s**2 * other**2 / u)


@proof("IS-12", "sympy", "the coefficient of x^2 in log(p^2/q) is (s^2 - 2 s'^2) / (2 s^2 s'^2)", code=MOMENT)
def _() -> Outcome:
    (x, mean, other_mean), (s, other) = sympy.symbols("x m m_q", real=True), sympy.symbols("s s_q", positive=True)
    exponent = sympy.expand(2 * log_density(x, mean, s) - log_density(x, other_mean, other))
    gap = exponent.coeff(x, 2) - (s**2 - 2 * other**2) / (2 * s**2 * other**2)
    return proved() if sympy.simplify(gap) == 0 and exponent.coeff(x, 3) == 0 else unknown("it is another")


def _finite_below_twice(std: Q, other_std: Q) -> bool:
    moment = importance.gaussian_weight_second_moment(
        [[0.0]], [[math.log(std)]], [[0.0]], [[math.log(other_std)]]
    )
    return bool(np.isfinite(moment[0])) == (std < 2 * other_std)


@refutation("IS-12", "exact", "finite iff s < 2 s', without the squares", claim=_finite_below_twice)
def _() -> Outcome:
    return at(_finite_below_twice, std=Q(3, 2), other_std=Q(1))


P, old_P, A, slope = reals("P old_P A slope")


def unclipped():
    return plain(losses.clip_kernel)(Sym(P) / Sym(old_P), Sym(A), np.inf, np.inf, np.inf)


@proof("IS-15", "z3", "kernel without a band: its slope times grad P / P is A grad P / P'", code=[CLIP])
def _() -> Outcome:
    return on_every_path(
        [P, old_P, A, slope],
        [P > 0, old_P > 0],
        unclipped,
        lambda out: term(out[1]) * (slope / P) == A * slope / old_P,
    )


@proof("IS-15", "exact", "the shipped ratio: its derivative is itself, and it is P / P'",
       code=["ppocore.importance:ratio"])
def _() -> Outcome:
    def claims():
        for new, old in product(row("1/9", "2/5", 1), row("1/5", "1/2", "7/8")):
            out = importance.ratio(logs([new]), logs([old]))
            near = is_near(out.ratio[0], new / old, units=weight_units([new, old], 1), scale=new / old)
            yield near and out.grad_log_prob[0] == out.ratio[0], {"P": new, "old_P": old}

    return everywhere("pairs of probabilities", claims())


@proof("IS-15", "sympy", "d e^(x - c) / dx = e^(x - c)", code=["ppocore.importance:ratio"])
def _() -> Outcome:
    x, c = sympy.symbols("x c", real=True)
    ratio = sympy.exp(x - c)
    return proved() if sympy.diff(ratio, x) - ratio == 0 else unknown()


def _without_ratio(P: Q, old_P: Q, A: Q, slope: Q) -> bool:
    return A * slope / P == A * slope / old_P


@refutation("IS-15", "z3", "A grad log P without the ratio", claim=_without_ratio,
            kept=lambda P, old_P, **_: P > 0 and old_P > 0)
def _() -> Outcome:
    return forall([P, old_P, A, slope], [P > 0, old_P > 0], _without_ratio(P, old_P, A, slope))


def population(p: Row, q: Row) -> Row:
    """The weights of a sample in which every point occurs exactly n q(x) times, n the common denominator."""
    size = math.lcm(*(b.denominator for b in q))
    return tuple(w for w, b in zip(weights(p, q), q, strict=True) for _ in range(int(size * b)))


def share(w: Row) -> Q:
    """ESS / n."""
    return sum(w) ** 2 / sum(x * x for x in w) / len(w)


@proof("IS-16", "exact", "3 points, probabilities in fourths: ESS / n = 1 / (1 + chi^2), and the shipped ESS",
       code=[ESS])
def _() -> Outcome:
    def claims():
        for p, q in covered_pairs():
            w = population(p, q)
            exact = share(w) == 1 / (1 + chi_square(p, q))
            near = True
            if min(w) > 0:
                got = importance.effective_sample_size(logs(w))
                near = is_near(got, share(w) * len(w), units=ess_units(w), scale=Q(len(w)))
            yield exact and near, {"p": p, "q": q}

    return everywhere("pairs (p, q)", claims())


@proof("IS-16", "exact", "along the segment from q to p, ESS / n = 1 / (1 + t^2 chi^2), decreasing", code=[ESS])
def _() -> Outcome:
    def claims():
        for p, q in covered_pairs():
            steps = [Q(k, 8) for k in range(9)]
            mixed = [tuple(b + t * (a - b) for a, b in zip(p, q, strict=True)) for t in steps]
            shares = [share(population(between, q)) for between in mixed]
            exact = shares == [1 / (1 + t * t * chi_square(p, q)) for t in steps]
            falls = p == q or all(later < sooner for sooner, later in zip(shares, shares[1:], strict=False))
            yield exact and falls, {"p": p, "q": q}

    return everywhere("pairs (p, q), 9 points each", claims())


def _sees_missing_support(p: Row, q: Row) -> bool:
    """Whether a full ESS means that q misses nothing."""
    return share(population(p, q)) != 1 or covered(p, q)


@refutation("IS-16", "exact", "a full ESS shows that the data covers the policy", claim=_sees_missing_support,
            kept=are_distributions)
def _() -> Outcome:
    return at(_sees_missing_support, p=row("1/2", "1/4", "1/4"), q=row(0, "1/2", "1/2"))


for _id, _where, _name in (
    ("IS-10", "the real part", "ImportanceSampling.exp_of_the_log_difference_is_the_ratio"),
    ("IS-11", "any number of weights", "ImportanceSampling.effective_sample_size_is_between_one_and_n"),
    ("IS-11", "any number of weights", "ImportanceSampling.effective_sample_size_is_n_iff_weights_are_equal"),
    ("IS-15", "every real number", "Clip.slope_in_the_log_probability"),
    ("IS-15", "every differentiable positive p", "PolicyGradient.log_derivative"),
):
    proof(_id, "coq", f"{_where}: {_name.split('.')[1]}")(partial(coq.theorem, _name))


def _swapped(p: Q, q: Q) -> bool:
    """e^(log q - log p) is q / p."""
    return q / p == p / q


@refutation("IS-10", "coq", "the difference the other way round (negation)", claim=_swapped,
            kept=lambda p, q: p > 0 and q > 0)
def _() -> Outcome:
    return coq.negation("ImportanceSampling.exp_of_the_swapped_difference_is_not_the_ratio", p=Q(2), q=Q(1))


def _n_times_the_mean(w: Row) -> bool:
    return share(w) * len(w) == sum(w)


@refutation("IS-11", "coq", "n times the mean weight (negation)", claim=_n_times_the_mean, kept=lambda w: min(w) > 0)
def _() -> Outcome:
    return coq.negation("ImportanceSampling.effective_sample_size_is_not_n_times_the_mean_weight", w=row(2, 2))
