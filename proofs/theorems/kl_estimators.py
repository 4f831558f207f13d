"""The estimators k1, k2, k3 of KL from samples, proved on the bodies of the shipped kernels."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from itertools import pairwise

import z3

from ppocore import divergences
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods import coq, lemmas
from proofs.methods.balls import Ball, Rounded, U, decided, equal, exact, examined, interval, within
from proofs.methods.policies import HALF, Pair, are_policies, ball_kl, ideal, mean, score
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Exp, Sym, reals, term

HOME = "ppocore.divergences:"
K3, ESTIMATE = HOME + "k3_kernel", HOME + "kl_estimate_kernel"
K1_LOSS, K2_LOSS, K3_LOSS = HOME + "kl_k1", HOME + "kl_k2", HOME + "kl_k3"
F = Fraction


def k3(d):
    return plain(divergences.k3_kernel)(d)


def estimate(d, which):
    """The shipped estimator of one log-ratio: value and slope."""
    return plain(divergences.kl_estimate_kernel)(d, which)


# KL-02, KL-03: sign and mean.


@proof("KL-02", "z3", "k3 kernel >= 0, and 0 at 0 only: both of its branches", code=[K3, ESTIMATE, K3_LOSS])
def _() -> Outcome:
    (d,) = reals("d")
    return on_every_path(
        [d], [], lambda: (k3(Sym(d)), estimate(Sym(d), 3)[0]),
        lambda out: z3.And(term(out[0]) >= 0, (term(out[0]) == 0) == (d == 0), term(out[0]) == term(out[1])),
        [lemmas.exp_tangent_strict(d)],
    )


@refutation("KL-02", "z3", "k1 >= 0", claim=lambda d: estimate(d, 1)[0] >= 0)
def _() -> Outcome:
    (d,) = reals("d")
    return on_every_path([d], [], lambda: estimate(Sym(d), 1)[0], lambda out: term(out) >= 0)


@proof("KL-03", "z3", "3 actions, E_q of the k3 and k1 kernels; k3 exact (KL-11 bounds its error)",
       code=[K3, ESTIMATE, K1_LOSS, K3_LOSS])
def _() -> Outcome:
    pair = Pair(3)

    def run():
        return [[ideal(divergences.kl_estimate_kernel)(Sym(x), which)[0] for x in pair.x] for which in (1, 3)]

    def claim(out):
        return z3.And([mean(pair.q, values) == pair.kl_q_p for values in out])

    return on_every_path(pair.variables, pair.sums, run, claim, pair.lemmas)


def _other_direction(p, q):
    def expected():
        return sum((Ball(b) * estimate(Ball(a / b).log(), 3)[0] for a, b in zip(p, q, strict=True)), Ball(0))

    return equal(expected, lambda: ball_kl(p, q))


@refutation("KL-03", "flint", "E_q[k3] = KL(p, q)", claim=_other_direction, kept=lambda p, q: are_policies(p, q))
def _() -> Outcome:
    return examined(_other_direction, p=(F(1, 16), F(15, 16)), q=(HALF, HALF))


# KL-07, KL-16: expected gradients.


def slope_of(which, expected):
    """The kernel's slope at any d, on every branch of its value."""
    (d,) = reals("d")
    return on_every_path([d], [], lambda: estimate(Sym(d), which)[1], lambda out: term(out) == expected(d))


@proof("KL-07", "z3", "slopes of the k1, k2 and k3 kernels are -1, d and e^d - 1", code=[ESTIMATE])
def _() -> Outcome:
    return every([slope_of(1, lambda d: -1), slope_of(2, lambda d: d), slope_of(3, lambda d: Exp(d) - 1)])


def score_mean(weights, slopes, policy, j):
    """sum_a weight_a slope_a d log policy_a / d logit_j."""
    return mean(weights, [slope * score(policy, a, j) for a, slope in enumerate(slopes)])


@proof("KL-07", "z3", "3 actions: with those slopes both means under q are p - q", code=[K1_LOSS, K3_LOSS])
def _() -> Outcome:
    p, q = reals("p0 p1 p2"), reals("q0 q1 q2")
    given = [z3.Sum(p) == 1, z3.Sum(q) == 1, *(x > 0 for x in (*p, *q))]
    slopes = [[term(-1)] * 3, [a / b - 1 for a, b in zip(p, q, strict=True)]]
    return every([
        forall([*p, *q], given, score_mean(q, found, p, j) == p[j] - q[j]) for found in slopes for j in range(3)
    ])


def expected_gradient(p, q, which):
    """E_{a ~ q} of the kernel's slope at log p - log q times d log p_a / d logit_0."""
    slopes = [estimate(Ball(a / b).log(), which)[1] for a, b in zip(p, q, strict=True)]
    return sum((Ball(b) * s * score(p, a, 0) for a, (b, s) in enumerate(zip(q, slopes, strict=True))), Ball(0))


def _k2_as_well(p, q):
    return equal(lambda: expected_gradient(p, q, 2), lambda: Ball(p[0] - q[0]))


@refutation("KL-07", "flint", "the same for k2", claim=_k2_as_well, kept=lambda p, q: are_policies(p, q))
def _() -> Outcome:
    return examined(_k2_as_well, p=(F(1, 4), F(3, 4)), q=(HALF, HALF))


@proof("KL-16", "z3", "3 actions, slopes of KL-07 at d = log ref - log pi, actions drawn from pi",
       code=[ESTIMATE, K1_LOSS, K2_LOSS, K3_LOSS])
def _() -> Outcome:
    p, q, x = reals("p0 p1 p2"), reals("q0 q1 q2"), reals("x0 x1 x2")
    given = [z3.Sum(p) == 1, z3.Sum(q) == 1, *(a > 0 for a in (*p, *q))]
    kl = mean(p, x)
    # d log pi enters d with a minus sign; x stands for log pi - log ref, and e^d for q / p.
    slopes = [[term(1)] * 3, x, [1 - b / a for a, b in zip(p, q, strict=True)]]
    gradients = [
        [term(0)] * 3, [a * (y - kl) for a, y in zip(p, x, strict=True)], [a - b for a, b in zip(p, q, strict=True)]
    ]
    return every([
        forall([*p, *q, *x], given, score_mean(p, found, p, j) == wanted[j])
        for found, wanted in zip(slopes, gradients, strict=True) for j in range(3)
    ])


def gradient_under_trained(pi, ref, which):
    """E_{a ~ pi} of the derivative of the kernel's estimate in logit 0 of pi."""
    slopes = [estimate(Ball(b / a).log(), which)[1] for a, b in zip(pi, ref, strict=True)]
    return sum((-(Ball(b) * s * score(pi, a, 0)) for a, (b, s) in enumerate(zip(pi, slopes, strict=True))), Ball(0))


def _k3_gives_kl(pi, ref):
    return equal(
        lambda: gradient_under_trained(pi, ref, 3),
        lambda: Ball(pi[0]) * (Ball(pi[0] / ref[0]).log() - ball_kl(pi, ref)),
    )


@refutation("KL-16", "flint", "k3 gives the gradient of KL(pi, ref)", claim=_k3_gives_kl,
            kept=lambda pi, ref: are_policies(pi, ref))
def _() -> Outcome:
    return examined(_k3_gives_kl, pi=(F(1, 4), F(3, 4)), ref=(HALF, HALF))


# KL-11: accuracy of the k3 kernel.

SERIES_CUTS = [F(0), F(1, 8), F(1, 4), F(3, 8), HALF - F(1, 2**27), HALF - F(1, 2**54)]
TERMS = 16
REMAINDER = 2 * HALF ** (TERMS - 1) / math.factorial(TERMS + 1) / (1 - F(1, 36)) / F(5, 6)
"""Relative size of what the series leaves out for |d| <= 1/2: its terms shrink by (1/2)/18 at least, and
k3 >= (5/6) d^2/2 there."""


def relative_error(cell):
    """Bound over all doubles d of a cell."""
    return float(k3(Rounded(interval(*cell))).relative)


def both_signs(cells):
    return [pair for low, high in cells for pair in ((low, high), (-high, -low))]


@proof("KL-11", "exact", "17 rational points fix the polynomial of degree 16: it is the Taylor sum", code=[K3])
def _() -> Outcome:
    points = [F(k, 20) for k in range(-8, 9)]
    for d in points:
        if k3(d) != sum(d**k / F(math.factorial(k)) for k in range(2, TERMS + 1)):
            return refuted("not the Taylor sum", d=d)
    return proved(f"{len(points)} points; the rest of the series is below {float(REMAINDER / U):.4f} u")


@proof("KL-11", "flint", "every double with |d| < 1/2 and no underflow: within 4 ulp, the rest of the series included",
       code=[K3])
def _() -> Outcome:
    worst = max(map(relative_error, both_signs(pairwise(SERIES_CUTS))))
    total = (worst + float(REMAINDER)) * 2**53 * 1.001
    return proved(f"relative error below {total:.2f} u") if total <= 4 else refuted("the bound is too large", u=total)


def outer_cells():
    """Cells that cover every double with 1/2 <= |d| <= 700."""
    yield HALF, HALF
    low = HALF + F(1, 2**53)
    high = HALF + F(1, 2**26)
    while low < 700:
        yield low, high
        # Wider cells lose e^d between the ends of its ball.
        low, high = high, F(math.floor(high * 64) + (1 if high < 1 else math.ceil(min(high, F(4)) * 4)), 64)


@proof("KL-11", "flint", "every double with 1/2 <= |d| <= 700: relative error below 12 u if expm1 is right to one ulp",
       code=[K3])
def _() -> Outcome:
    cells = both_signs(outer_cells())
    # At 53 bits the centre of a narrow cell would be rounded.
    worst = decided(lambda: max(relative_error(cell) for cell in cells), 128) * 2**53
    if worst >= 12:
        return refuted("the bound is too large", u=worst)
    return proved(f"{len(cells)} cells, at most {worst:.1f} u")


def grid():
    """Inputs of the certificate: sizes from 2^-60 to 708, both signs, and both sides of the switch at 1/2."""
    sizes = [math.ldexp(1 + i / 7, -j) for j in range(2, 61) for i in range(7)]
    sizes += [i / 61 for i in range(1, 620)] + [10.0 * i + 1 / 3 for i in range(1, 71)]
    sizes += [math.nextafter(0.5, 0), 0.5, math.nextafter(0.5, 1)]
    return [sign * size for size in sizes for sign in (1.0, -1.0)]


def true_k3(d):
    return Ball(d).expm1() - Ball(d)


def four_ulp(kernel, d):
    got = float(kernel(d))
    return within(got, lambda: true_k3(d), lambda: 4 * exact(math.ulp(got)))


@proof("KL-11", "flint", "compiled kernel within 4 ulp at every point of a grid over |d| <= 708", code=[K3])
def _() -> Outcome:
    points = grid()
    bad = next((d for d in points if not four_ulp(divergences.k3_kernel, d)), None)
    return proved(f"{len(points)} points") if bad is None else refuted(d=bad)


def _expm1_alone(d):
    return four_ulp(lambda d: math.expm1(d) - d, d)


@refutation("KL-11", "flint", "expm1(d) - d within 4 ulp at every d", claim=_expm1_alone)
def _() -> Outcome:
    return examined(_expm1_alone, d=math.ldexp(1 + 1 / 3, -30))


for _id, _code, _name in (
    ("KL-02", K3_LOSS, "k3_is_zero_only_at_zero"),
    ("KL-02", K3_LOSS, "k3_is_nonnegative"),
    ("KL-03", K1_LOSS, "k1_averages_to_the_divergence_from_the_sampler"),
    ("KL-03", K3_LOSS, "k3_averages_to_the_divergence_from_the_sampler"),
    ("KL-07", K1_LOSS, "expected_k1_gradient_is_the_kl_gradient"),
    ("KL-07", K3_LOSS, "expected_k3_gradient_is_the_kl_gradient"),
):
    proof(_id, "coq", "any real d, any number of actions", code=[_code])(partial(coq.theorem, f"Divergence.{_name}"))
