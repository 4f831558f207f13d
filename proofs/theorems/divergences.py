"""KL divergences of categorical and Gaussian policies, proved on the bodies of the shipped kernels."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import sympy as sp
import z3

from ppocore import divergences, optimizers
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods import coq, lemmas
from proofs.methods.balls import Ball, equal, examined
from proofs.methods.closed_forms import Formula, identical
from proofs.methods.policies import HALF, Pair, are_policies, ball_kl, ideal, score
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Exp, Sym, array, reals, term

HOME = "ppocore.divergences:"
TERM, CATEGORICAL, GAUSSIAN = HOME + "categorical_kl_term_kernel", HOME + "categorical_kl", HOME + "gaussian_kl_kernel"
ADAPT = "ppocore.optimizers:adapt_kl_coef_kernel"
F = Fraction


# KL-01: the sign.


@proof("KL-01", "z3", "4 actions, from e^x >= 1 + x; sum p = 1, sum q <= 1", code=[CATEGORICAL])
def _() -> Outcome:
    pair = Pair(4)
    # Here the roles are turned: the mean is over q, as in KL(q, p).
    given = [z3.Sum(pair.q) == 1, z3.Sum(pair.p) <= 1, *pair.lemmas, *map(lemmas.exp_tangent, pair.x)]
    return forall(pair.variables, given, pair.kl_q_p >= 0)


@refutation("KL-01", "flint", "the second row sums to 2", claim=lambda p, q: ball_kl(p, q) >= 0,
            kept=lambda p, q: sum(p) == 1 and min(q) > 0)
def _() -> Outcome:
    return examined(lambda p, q: ball_kl(p, q) >= 0, p=(HALF, HALF), q=(F(1), F(1)))


# KL-04, KL-05: gradients in the logits.


def softmax(logits):
    powers = [sp.exp(z) for z in logits]
    return [w / sum(powers) for w in powers]


def _gradients(direction):
    """Derivatives of the literal sum, 2 and 3 actions, against `direction(pi, old, kl)`, and a rational point."""
    for n in (2, 3):
        z, old = sp.symbols(f"z:{n}", real=True), sp.symbols(f"q:{n}", positive=True)
        old = (*old[:-1], 1 - sum(old[:-1]))
        at = {x: sp.Rational(i, 3) for i, x in enumerate(z)}
        at |= {x: sp.Rational(1, 5 + i) for i, x in enumerate(old[:-1])}
        kl, claimed = direction(softmax(z), old, z)
        yield from (identical(sp.diff(kl, z[j]), claimed[j], at) for j in range(n))


def old_new(pi, old, z):
    log_total = sp.log(sum(sp.exp(x) for x in z))
    kl = sum(q * (sp.log(q) - x + log_total) for q, x in zip(old, z, strict=True))
    return kl, [p - q for p, q in zip(pi, old, strict=True)]


def new_old(pi, old, z):
    log_total = sp.log(sum(sp.exp(x) for x in z))
    gaps = [x - log_total - sp.log(q) for q, x in zip(old, z, strict=True)]
    kl = sum(p * gap for p, gap in zip(pi, gaps, strict=True))
    return kl, [p * (gap - kl) for p, gap in zip(pi, gaps, strict=True)]


@proof("KL-04", "sympy", "2 and 3 actions, symbolic logits and old policy", code=[CATEGORICAL])
def _() -> Outcome:
    return every(list(_gradients(old_new)))


@proof("KL-05", "sympy", "2 and 3 actions, symbolic logits and old policy", code=[CATEGORICAL])
def _() -> Outcome:
    return every(list(_gradients(new_old)))


def exact_gradient_old_new(pi, old):
    """-sum_a old_a d log pi_a / d z_j, in fractions."""
    n = range(len(pi))
    return [-sum(old[a] * score(pi, a, j) for a in n) for j in n]


def _turned_sign(pi, old):
    return exact_gradient_old_new(pi, old) == [q - p for p, q in zip(pi, old, strict=True)]


@refutation("KL-04", "exact", "old - pi", claim=_turned_sign, kept=lambda pi, old: are_policies(pi, old))
def _() -> Outcome:
    return examined(_turned_sign, pi=(F(1, 4), F(3, 4)), old=(HALF, HALF))


def _without_kl(pi, old):
    # sum_a d(pi_a (log pi_a - log old_a)) / d z_0, by the product rule.
    def gradient():
        parts = (Ball(pi[a] * score(pi, a, 0)) * (Ball(pi[a] / old[a]).log() + 1) for a in range(len(pi)))
        return sum(parts, Ball(0))

    return equal(gradient, lambda: Ball(pi[0]) * Ball(pi[0] / old[0]).log())


@refutation("KL-05", "flint", "without - KL", claim=_without_kl, kept=lambda pi, old: are_policies(pi, old))
def _() -> Outcome:
    return examined(_without_kl, pi=(F(2, 3), F(1, 3)), old=(F(1, 3), F(2, 3)))


# KL-06: Gaussians.

M, N = sp.symbols("m n", real=True)
S, R = sp.symbols("s r", real=True)
"""Means and log standard deviations of the two Gaussians."""
GAUSS_AT = {M: sp.Rational(1, 3), N: sp.Rational(-1, 2), S: sp.Rational(3, 4), R: sp.Rational(1, 5)}


def gaussian_closed_form(m, s, n, r):
    return r - s + (sp.exp(2 * s) + (m - n) ** 2) / (2 * sp.exp(2 * r)) - sp.Rational(1, 2)


def gaussian_integral():
    """E_p[log p - log q] with x = m + e^s z, by moments of z that sympy integrates."""
    z = sp.symbols("z", real=True)
    density = sp.exp(-z**2 / 2) / sp.sqrt(2 * sp.pi)
    log_ratio = sp.Poly(sp.expand(R - S - z**2 / 2 + ((M + sp.exp(S) * z - N) * sp.exp(-R)) ** 2 / 2), z)
    moments = [sp.integrate(z**k * density, (z, -sp.oo, sp.oo)) for k in range(3)]
    return sum(c * moments[k] for (k,), c in log_ratio.terms())


def gaussian_kernel(at):
    out = plain(divergences.gaussian_kl_kernel)(*(Formula(x, at) for x in (M, S, N, R)))
    return [x.expression for x in out]


@proof("KL-06", "sympy", "the integral of p log(p/q) is the closed form; the kernel is it, and its derivatives",
       code=[GAUSSIAN, HOME + "gaussian_kl_terms_kernel", HOME + "gaussian_kl"])
def _() -> Outcome:
    kl, by_mean, by_log_std, by_other_log_std = gaussian_kernel(GAUSS_AT)
    closed = gaussian_closed_form(M, S, N, R)
    pairs = [(gaussian_integral(), closed), (kl, closed), (by_mean, sp.diff(closed, M)), (-by_mean, sp.diff(closed, N)),
             (by_log_std, sp.diff(closed, S)), (by_other_log_std, sp.diff(closed, R))]
    return every([identical(a, b, GAUSS_AT) for a, b in pairs])


@proof("KL-06", "z3", "kernel >= 0 with those derivatives, every real input; k3 exact (KL-11 bounds its error)",
       code=[GAUSSIAN])
def _() -> Outcome:
    m, s, n, r = reals("m s n r")
    gap, z = 2 * (s - r), (m - n) * Exp(-r)

    def claim(out):
        kl, by_mean, by_log_std, by_other = map(term, out)
        return z3.And(
            kl >= 0, 2 * kl == Exp(gap) - 1 - gap + z * z, by_mean == z * Exp(-r), by_log_std == Exp(gap) - 1,
            by_other == 1 - Exp(gap) - z * z,
        )

    def run():
        return ideal(divergences.gaussian_kl_kernel)(*map(Sym, (m, s, n, r)))

    return on_every_path([m, s, n, r], [], run, claim, [lemmas.exp_tangent(gap)])


def _swapped_logs(m, s, n, r):
    def kernel():
        return plain(divergences.gaussian_kl_kernel)(*map(Ball, (m, s, n, r)))[0]

    def swapped():
        spread = (Ball(2 * s).exp() + (m - n) ** 2) / Ball(2 * r).exp() / 2
        return Ball(s) - Ball(r) + spread - HALF

    return equal(kernel, swapped)


@refutation("KL-06", "sympy", "log s - log s' in place of log s' - log s", claim=_swapped_logs)
def _() -> Outcome:
    return identical(gaussian_integral(), gaussian_closed_form(M, S, N, R) + 2 * (S - R), GAUSS_AT)


# KL-08: the adaptive coefficient.


@proof("KL-08", "z3", "all branches of the kernel, every beta, KL and target > 0",
       code=[ADAPT, "ppocore.optimizers:adapt_kl_coef"])
def _() -> Outcome:
    beta, kl, target = reals("beta kl target")

    def claim(out):
        new = term(out)
        large, small = 2 * kl > 3 * target, 3 * kl < 2 * target
        return z3.And(
            new > 0, z3.Not(z3.And(large, small)),
            new == z3.If(large, 2 * beta, z3.If(small, beta / 2, beta)), (new > beta) == large, (new < beta) == small,
        )

    return on_every_path(
        [beta, kl, target], [beta > 0, target > 0],
        lambda: plain(optimizers.adapt_kl_coef_kernel)(Sym(beta), Sym(kl), Sym(target)), claim,
    )


def _never_grows(beta, kl, target):
    return plain(optimizers.adapt_kl_coef_kernel)(beta, kl, target) <= beta


@refutation("KL-08", "z3", "beta never grows", claim=_never_grows,
            kept=lambda beta, kl, target: beta > 0 and target > 0)
def _() -> Outcome:
    beta, kl, target = reals("beta kl target")
    return on_every_path(
        [beta, kl, target], [beta > 0, target > 0],
        lambda: plain(optimizers.adapt_kl_coef_kernel)(Sym(beta), Sym(kl), Sym(target)), lambda out: term(out) <= beta,
    )


# KL-09, KL-10, KL-13, KL-14: how KL grows.


@proof("KL-09", "sympy", "d/dq of KL - 2(p - q)^2 is (q - p)(1/(q(1 - q)) - 4), and KL = 0 at q = p",
       code=[CATEGORICAL])
def _() -> Outcome:
    p, q = sp.symbols("p q", positive=True)
    gap = p * sp.log(p) - p * sp.log(q) + (1 - p) * (sp.log(1 - p) - sp.log(1 - q)) - 2 * (p - q) ** 2
    at = {p: sp.Rational(1, 3), q: sp.Rational(1, 5)}
    slope = identical(sp.diff(gap, q), (q - p) * (1 / (q * (1 - q)) - 4), at)
    return every([slope, identical(gap.subs(q, p), 0, at)])


@proof("KL-09", "z3", "that slope has the sign of q - p", code=[CATEGORICAL])
def _() -> Outcome:
    p, q = reals("p q")
    slope = (q - p) * (1 / (q * (1 - q)) - 4)
    return forall([p, q], [q > 0, q < 1], z3.And(z3.Implies(q >= p, slope >= 0), z3.Implies(q <= p, slope <= 0)))


def _three_squares(p, q):
    return ball_kl((p, 1 - p), (q, 1 - q)) >= 3 * Ball((p - q) ** 2)


@refutation("KL-09", "flint", "3(p - q)^2 <= KL", claim=_three_squares,
            kept=lambda p, q: 0 < p < 1 and 0 < q < 1)
def _() -> Outcome:
    return examined(_three_squares, p=HALF, q=F(3, 5))


@proof("KL-10", "sympy", "log x - (x - 1)(5x + 1)/(2x(x + 2)) is 0 at 1 and has the slope (x - 1)^3/(x(x + 2))^2",
       code=[CATEGORICAL])
def _() -> Outcome:
    x = sp.symbols("x", positive=True)
    gap = sp.log(x) - (x - 1) * (5 * x + 1) / (2 * x * (x + 2))
    at = {x: sp.Rational(1, 3)}
    return every([identical(gap.subs(x, 1), 0, at), identical(sp.diff(gap, x), (x - 1) ** 3 / (x * (x + 2)) ** 2, at)])


def _larger_factor(p, q):
    return ball_kl(p, q) >= 3 * total_variation(p, q) ** 2


@refutation("KL-10", "flint", "3/4 in place of 1/2", claim=_larger_factor, kept=lambda p, q: are_policies(p, q))
def _() -> Outcome:
    return examined(_larger_factor, p=(HALF, HALF), q=(F(1, 4), F(3, 4)))


@proof("KL-13", "sympy", "3 actions: the slope in t is (sum p^2/m - 1) / t, with m = (1 - t) p + t q",
       code=[CATEGORICAL])
def _() -> Outcome:
    t, p0, p1, q0, q1 = sp.symbols("t p0 p1 q0 q1", positive=True)
    p, q = (p0, p1, 1 - p0 - p1), (q0, q1, 1 - q0 - q1)
    m = [(1 - t) * a + t * b for a, b in zip(p, q, strict=True)]
    kl = sum(a * (sp.log(a) - sp.log(c)) for a, c in zip(p, m, strict=True))
    at = {x: sp.Rational(1, k) for x, k in zip((t, p0, p1, q0, q1), (3, 2, 4, 5, 3), strict=True)}
    return identical(sp.diff(kl, t), (sum(a**2 / c for a, c in zip(p, m, strict=True)) - 1) / t, at)


@proof("KL-13", "z3", "3 actions: sum p^2/m >= 1, with equality at m = p only", code=[CATEGORICAL])
def _() -> Outcome:
    p, m = reals("p0 p1 p2"), reals("m0 m1 m2")
    given = [z3.Sum(p) == 1, z3.Sum(m) == 1, *(x >= 0 for x in p), *(x > 0 for x in m)]
    # p^2/m = 2p - m + (p - m)^2/m, so that the sum is 1 + sum (p - m)^2/m.
    excess = z3.Sum([(a - b) * (a - b) / b for a, b in zip(p, m, strict=True)])
    same = z3.And([a == b for a, b in zip(p, m, strict=True)])
    step = [forall([a, b], [b > 0], a * a / b == 2 * a - b + (a - b) * (a - b) / b) for a, b in zip(p, m, strict=True)]
    sign = forall([*p, *m], given, z3.And(excess >= 0, z3.Implies(excess == 0, same)))
    return every([*step, sign])


def _in_proportion(p, q, t):
    mixed = [(1 - t) * a + t * b for a, b in zip(p, q, strict=True)]
    return equal(lambda: ball_kl(p, mixed), lambda: Ball(t) * ball_kl(p, q))


@refutation("KL-13", "flint", "in proportion to t", claim=_in_proportion,
            kept=lambda p, q, t: are_policies(p, q) and 0 < t < 1)
def _() -> Outcome:
    return examined(_in_proportion, p=(HALF, HALF), q=(F(1, 4), F(3, 4)), t=HALF)


NEAR = ((F(1, 100), F(99, 100)), (F(1, 10**10), 1 - F(1, 10**10)))
FAR = ((HALF, HALF), (F(7, 10), F(3, 10)))


def total_variation(p, q):
    return sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2


@proof("KL-14", "flint", "the two pairs of S12, in balls", code=[CATEGORICAL, TERM])
def _() -> Outcome:
    near, far = (shipped_kl(*pair) for pair in (NEAR, FAR))
    facts = [
        total_variation(*NEAR) == F(1, 100) - F(1, 10**10), total_variation(*FAR) == F(1, 5),
        near > F(174, 1000), near < F(175, 1000), far > F(87, 1000), far < F(88, 1000),
    ]
    return proved("KL 0.174 at distance 0.01, KL 0.087 at distance 0.2") if all(facts) else refuted(facts=tuple(facts))


def shipped_kl(p, q):
    """The shipped loop over one row of exact probabilities."""
    rows = [array([Ball(x).log() for x in row]).reshape(1, -1) for row in (p, q)]
    out = array([Ball(0)])
    plain(divergences._categorical_kl_rows)(*rows, array([True] * len(p)).reshape(1, -1), out)
    return out[0]


def _ordered(first, second):
    if total_variation(*first) < total_variation(*second):
        return ball_kl(*first) <= ball_kl(*second)
    return True


@refutation("KL-14", "flint", "the pair at the larger distance has the larger KL", claim=_ordered,
            kept=lambda first, second: are_policies(*first) and are_policies(*second))
def _() -> Outcome:
    return examined(_ordered, first=NEAR, second=FAR)


# KL-12, KL-15: zero, and the terms of the sum.


@proof("KL-12", "z3", "3 actions: KL = 0 only at q = p, from e^x > 1 + x", code=[CATEGORICAL])
def _() -> Outcome:
    pair = Pair(3)
    given = [*pair.sums, *pair.lemmas, *map(lemmas.exp_tangent_strict, pair.x)]
    kl = pair.kl_q_p
    return forall(pair.variables, given, (kl == 0) == z3.And([x == 0 for x in pair.x]))


@proof("KL-12", "z3", "Gaussian kernel: 0 exactly at equal means and log_stds; k3 exact (KL-02 has its zeros)",
       code=[GAUSSIAN])
def _() -> Outcome:
    m, s, n, r = reals("m s n r")
    facts = [lemmas.exp_tangent_strict(2 * (s - r)), lemmas.exp_positive(-r), lemmas.exp_zero()]
    return on_every_path(
        [m, s, n, r], [], lambda: ideal(divergences.gaussian_kl_kernel)(*map(Sym, (m, s, n, r)))[0],
        lambda kl: (term(kl) == 0) == z3.And(m == n, s == r), facts,
    )


def _means_suffice(m, s, n, r):
    return not plain(divergences.gaussian_kl_kernel)(*map(Ball, (m, s, n, r)))[0] > 0


@refutation("KL-12", "flint", "0 whenever the means are equal", claim=_means_suffice, kept=lambda m, s, n, r: m == n)
def _() -> Outcome:
    return examined(_means_suffice, m=F(0), s=F(1), n=F(0), r=F(0))


@proof("KL-15", "z3", "every branch of the kernel: the term is >= 0, and 0 at equal probabilities only", code=[TERM])
def _() -> Outcome:
    log_p, x = reals("log_p x")
    return on_every_path(
        [log_p, x], [], lambda: plain(divergences.categorical_kl_term_kernel)(Sym(log_p), Sym(log_p + x)),
        lambda out: z3.And(term(out) >= 0, (term(out) == 0) == (x == 0)),
        [lemmas.exp_tangent_strict(x), lemmas.exp_sum(log_p, x), lemmas.exp_positive(log_p)],
    )


@proof("KL-15", "z3", "the shipped loop over 3 legal actions and a masked one sums to KL; k3 exact (KL-11 bounds its"
       " error)", code=[TERM, CATEGORICAL])
def _() -> Outcome:
    pair = Pair(3)

    def run():
        log_p = array([*map(Sym, pair.l), None]).reshape(1, -1)
        log_q = array([*(Sym(a + x) for a, x in zip(pair.l, pair.x, strict=True)), None]).reshape(1, -1)
        out = array([Sym(0)])
        ideal(divergences._categorical_kl_rows)(log_p, log_q, array([True] * 3 + [False]).reshape(1, -1), out)
        return out[0]

    return on_every_path(pair.variables, pair.sums, run, lambda out: term(out) == pair.kl_q_p, pair.lemmas)


def _terms_positive(p, q):
    return Ball(p) * Ball(p / q).log() >= 0


@refutation("KL-15", "flint", "p (log p - log q) >= 0 term by term", claim=_terms_positive,
            kept=lambda p, q: 0 < p < 1 and 0 < q < 1)
def _() -> Outcome:
    return examined(_terms_positive, p=F(1, 4), q=HALF)


for _id, _says, _code, _name in (
    ("KL-01", "any number of actions", CATEGORICAL, "Divergence.kl_is_nonnegative"),
    ("KL-04", "any number of actions", CATEGORICAL, "Softmax.gradient_of_kl_from_the_old_policy"),
    ("KL-05", "any number of actions", CATEGORICAL, "Softmax.gradient_of_kl_to_the_old_policy"),
    ("KL-06", "every real input", GAUSSIAN, "Gaussian.gaussian_kl_is_nonnegative"),
    ("KL-10", "any number of actions", CATEGORICAL, "Pinsker.divergence_bounds_the_distance"),
    ("KL-12", "any number of actions", CATEGORICAL, "Divergence.kl_is_zero_iff_equal"),
    ("KL-12", "Gaussians, every real input", GAUSSIAN, "Gaussian.gaussian_kl_is_zero_iff_equal"),
    ("KL-13", "any number of actions (never falls)", CATEGORICAL, "Divergence.kl_grows_along_the_segment"),
):
    proof(_id, "coq", _says, code=[_code])(partial(coq.theorem, _name))
