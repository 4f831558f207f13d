"""Forward error bounds of what is made of exp and log: policies, divergences, weights; and of moments."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from flint import arb, fmpq

import ppocore
from ppocore import distributions, divergences, importance, softmax_rows, squashed
from ppocore._kernels import plain
from proofs.bounds import terms
from proofs.bounds.measure import Target
from proofs.bounds.trees import height, numpy_sum
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods.balls import Ball, examined, interval, within
from proofs.methods.exact import everywhere
from proofs.methods.rounding import LIBM_UNITS, TANH_UNITS, ZERO, Desk, Inexact
from proofs.methods.softmax import body as row_body
from proofs.methods.softmax import table
from proofs.theorems.accuracy import UNIT, array, body, symbols

Q = Fraction
LIBM = LIBM_UNITS


def kept_with(function, results, **inputs):
    """Whether other results for the same call keep the bound of a function."""
    uses = Target(function, {name: np.array(x) for name, x in inputs.items()}).uses(results)
    return all(use.fraction <= 1 for use in uses.values())


# ACC-06 log-softmax, log-probability, entropy

CATEGORICAL = ["ppocore.distributions:log_softmax_kernel", "ppocore.distributions:categorical_log_prob",
               "ppocore.distributions:categorical_log_prob_and_entropy",
               "ppocore.distributions:categorical_entropy"]


@proof("ACC-06", "flint", "log_softmax_kernel, 1 to 6 legal actions and an illegal one, all logits", code=CATEGORICAL)
def _() -> Outcome:
    return everywhere("rows", ((_log_softmax_within(legal), {"legal": legal}) for legal in range(1, 7)))


def _log_softmax_within(legal):
    desk = Desk()
    top, gaps = desk.number(), symbols(legal - 1, desk, signed=False, small=True)
    logits = [top, *(Inexact(desk, top.value - gap.value) for gap in gaps), desk.number()]
    out = array([None] * len(logits))
    plain(distributions.log_softmax_kernel)(array(logits), [True] * legal + [False], out)
    weights = [desk.value_of("exp", -gap.value) for gap in gaps]
    inverse = desk.value_of("inverse", 1 + sum(weights, ZERO))
    log_total = desk.value_of("log1p", sum(weights, ZERO)) if gaps else ZERO
    rest = sum((terms.log_softmax_rest(gap.size, inverse * weight, legal - 1)
                for gap, weight in zip(gaps, weights, strict=True)), ZERO)
    claims = [terms.log_softmax(gap, log_total, rest) for gap in [ZERO, *(gap.size for gap in gaps)]]
    return all(x.within(claim) for x, claim in zip(out, claims, strict=False))


@proof("ACC-06", "flint", "pi, 1 - pi, entropy and its derivative from log-probabilities with errors, 2 to 9 actions",
       code=CATEGORICAL)
def _() -> Outcome:
    return everywhere("sizes", ((_entropy_within(n), {"actions": n}) for n in range(2, 10)))


def _entropy_within(n):
    desk = Desk()
    surprise, error = symbols(n, desk, signed=False, small=True), symbols(n, desk, signed=False, small=True)
    log_probs = [Inexact(desk, -s.value, e.value) for s, e in zip(surprise, error, strict=True)]
    probs = [np.exp(x) for x in log_probs]
    rest = -np.expm1(log_probs[0])
    entropy = numpy_sum([p * -x for p, x in zip(probs, log_probs, strict=True)])
    h = height(n)
    claim = sum((p.value * (s.size * (e.size + LIBM + 1 + h) + e.size)
                 for p, s, e in zip(probs, surprise, error, strict=True)), ZERO)
    gap = desk.name(-log_probs[0] - entropy, signed=True)
    slope = probs[0] * (-log_probs[0] - entropy)
    by_slope = probs[0].value * (error[0].size + claim + gap.size * (error[0].size + LIBM + 2))
    return (
        probs[0].within(probs[0].value * (error[0].size + LIBM))
        and rest.within(probs[0].value * error[0].size + LIBM * rest.size)
        and entropy.within(claim)
        and slope.within(by_slope)
    )


CHUNKS = [f"ppocore.softmax_rows:{name}" for name in ("_totals", "_chosen_slopes", "_entropies")]


@proof("ACC-06", "flint", "in chunks: e^-g: g + 2; 1 + R: 1 + (A - 2) R / (1 + R); pi from both: 2 more, 1 at the top;"
       " 1 to 7 actions, with every number of ties", code=[*CATEGORICAL, *CHUNKS])
def _() -> Outcome:
    return everywhere("rows", (
        (_prob_within(others, ties), {"others": others, "ties": ties})
        for others in range(7) for ties in range(7 - others)
    ))


def _prob_within(others, ties):
    """Logits below the largest, the largest and `ties` as large, and an illegal one."""
    desk = Desk()
    gap = desk.number(signed=False, small=True)
    weight_is_right = np.exp(Inexact(desk, -gap.value, gap.value)).within(
        desk.value_of("exp", -gap.value) * (gap.size + LIBM))
    weights = symbols(others, desk, signed=False)
    legal = others + ties + 1
    row = table(*weights, *[1.0] * (ties + 1), Inexact(desk, 0))
    gaps, totals = table(*[-1.0] * others, *[0.0] * (ties + 1), -np.inf), table(0.0)[0]
    row_body(softmax_rows._totals)(gaps, row, totals)
    rest = sum((weight.value for weight in weights), ZERO) + ties
    whole = 1 + totals[0]
    if legal == 1:
        return weight_is_right and whole.within(ZERO)
    relative = desk.steady(whole)
    inverse = desk.value_of("inverse", whole.value)
    slopes = row.copy()
    # The illegal action is the one taken: the derivatives of all others are -pi.
    row_body(softmax_rows._chosen_slopes)(row, totals, [legal], [Inexact(desk, 0)], slopes)
    return (
        weight_is_right
        and whole.within(1 + rest + (legal - 2) * rest)
        and all(slope.within(weight.value * inverse * (relative + 2))
                for slope, weight in zip(slopes[0], weights, strict=False))
        and all(slope.within(inverse * (relative + 1)) for slope in slopes[0, others:legal])
    )


@proof("ACC-06", "flint", "3 + (1 - 2 pi)(s + 2) <= 3 s + 2 with pi = e^-s <= 1/2: cells up to s = 2, then at once",
       code=CATEGORICAL)
def _() -> Outcome:
    # e^-s = 1/2 lies above s = 44/64; from s = 3/2 on, 1 - 2 pi <= 1 is enough.
    cells = [interval(Q(k, 64), Q(k + 1, 64)) for k in range(44, 128)]
    return everywhere("cells", (
        (bool(3 + (1 - 2 * (-s).exp()) * (s + 2) <= 3 * s + 2), {"cell": k}) for k, s in enumerate(cells)
    ))


@proof("ACC-06", "flint", "in chunks: entropy, added in halves, and its derivative, from pi and -log pi with errors,"
       " 2 to 9 actions", code=[*CATEGORICAL, *CHUNKS])
def _() -> Outcome:
    return everywhere("sizes", ((_entropy_in_chunks_within(n), {"actions": n}) for n in range(2, 10)))


def _entropy_in_chunks_within(n):
    """The totals are 0, so that the weights are the probabilities and the gaps are log pi."""
    desk = Desk()
    surprise, error = symbols(n, desk, signed=False, small=True), symbols(n, desk, signed=False, small=True)
    probs = symbols(n, desk, signed=False)
    gaps = table(*(Inexact(desk, -s.value, e.value) for s, e in zip(surprise, error, strict=True)))
    weights = table(*(Inexact(desk, p.value, p.value * (e.value + LIBM)) for p, e in zip(probs, error, strict=True)))
    exact = sum((p.value * s.value for p, s in zip(probs, surprise, strict=True)), ZERO)
    gap = desk.name(Inexact(desk, surprise[0].value - exact), signed=True)
    entropy, slopes, terms_, zero = table(0.0)[0], table(*[0.0] * n), table(*[0.0] * n)[0], table(0.0)[0]

    def run():
        row_body(softmax_rows._entropies)(gaps.copy(), weights.copy(), zero, zero, terms_, entropy, slopes)

    # The first path: every probability is above 0.
    next(desk.paths(run))
    h = height(n)
    claim = sum((p.value * (s.size * (e.size + LIBM + 1 + h) + e.size)
                 for p, s, e in zip(probs, surprise, error, strict=True)), ZERO)
    by_slope = probs[0].value * (error[0].size + claim + gap.size * (error[0].size + LIBM + 2))
    return entropy[0].within(claim) and slopes[0, 0].within(by_slope)


def _log_prob_is_relative(logits, action):
    got = float(ppocore.categorical_log_prob([list(logits)], [action]).log_prob[0])

    def true():
        return Ball(_log_prob(logits, action))

    return within(got, true, lambda: 8 * UNIT * abs(true()))


def _log_prob(logits, action):
    total = sum((arb(z).exp() for z in logits), arb(0))
    return arb(logits[action]) - total.log()


@refutation("ACC-06", "float64", "log pi is right to 8 u of itself, also where the policy is sure of the action",
            claim=_log_prob_is_relative)
def _() -> Outcome:
    return examined(_log_prob_is_relative, logits=(0.1, -30.3), action=0)


# ACC-07 k3 and the estimates of KL

K3 = ["ppocore.divergences:k3_kernel"]
ESTIMATES = ["ppocore.divergences:kl_estimate_kernel", *(f"ppocore.divergences:kl_k{i}" for i in (1, 2, 3))]


@proof("ACC-07", "flint", "k3_kernel for |d| < 1/2: coefficients 1/k! up to k = 16; errors and the rest below 10 u k3",
       code=K3)
def _() -> Outcome:
    desk = Desk()
    d = desk.number()
    series = dict(desk.paths(lambda: plain(divergences.k3_kernel)(d)))[True, True]
    taylor = sum((d.value**k / math.factorial(k) for k in range(2, 19)), ZERO)
    dropped = Q(2, math.factorial(17)) / 2**15
    used = max(k for k in range(2, 19) if _coefficient(series.value, k))
    # k3 >= 5/12 d^2 there; the errors are multiples of d^2.
    error = sum(Q(int(c.p), int(c.q)) / 2 ** (int(sum(powers)) - 2) for powers, c in series.error.to_dict().items())
    return everywhere("facts", [
        (all(_coefficient(series.value, k) == _coefficient(taylor, k) for k in range(2, used + 1)), {"fact": "1/k!"}),
        (min(sum(powers) for powers in series.error.to_dict()) >= 2, {"fact": "multiples of d^2"}),
        (used >= 16 and error * UNIT + dropped <= terms.K3 * UNIT * Q(5, 12), {"fact": "error"}),
    ])


def _coefficient(p, k):
    return p.to_dict().get((k, *[0] * 63), fmpq(0))


@proof("ACC-07", "flint", "k3_kernel beyond: 2|e^d - 1| + k3 units, and |e^d - 1| <= 4.5 k3 at both ends", code=K3)
def _() -> Outcome:
    desk = Desk()
    d = desk.number()
    k3 = desk.name(np.expm1(d) - d)
    growth = desk.value_of("expm1", d.value, signed=True)
    _, out = next(path for path in desk.paths(lambda: plain(divergences.k3_kernel)(d)) if path[0] == (False,))
    ends = [abs(arb(x).expm1()) <= arb(4.5) * (arb(x).expm1() - x) for x in (0.5, -0.5)]
    return everywhere("facts", [
        (out.within(LIBM * growth + k3.value), {"fact": "branch"}),
        *((end, {"fact": "at 1/2 and -1/2"}) for end in ends),
    ])


@proof("ACC-07", "float64", "known_k3_kernel, given e^d - 1: the bits of k3_kernel, at 4,001 numbers from -2 to 2",
       code=["ppocore.divergences:known_k3_kernel"])
def _() -> Outcome:
    whole, given = plain(divergences.k3_kernel), plain(divergences.known_k3_kernel)
    return everywhere("numbers", ((whole(d) == given(d, np.expm1(d)), {"d": d}) for d in np.linspace(-2, 2, 4001)))


@proof("ACC-07", "exact", "|d (e^d - 1)| <= (2 + |d|) k3(d): all coefficients of both series are >= 0", code=K3)
def _() -> Outcome:
    # d > 0: 2 (e^d - 1 - d) - d^2;  d = -x < 0, times e^x: 2 (1 + x) + (x^2 - 2) e^x.
    return everywhere("coefficients", (
        (Q(2, math.factorial(k)) - (k == 2) >= 0 and k * (k - 1) - 2 >= 0, {"k": k}) for k in range(2, 101)
    ))


@proof("ACC-07", "flint", "kl_estimate_kernel: k1, k2, and the derivative of k3, of a rounded d", code=ESTIMATES)
def _() -> Outcome:
    desk = Desk()
    d = desk.number(1, small=True)
    kernel = body(divergences.kl_estimate_kernel, k3_kernel=lambda x: x)
    (k1, _), (k2, by_k2), (_, by_k3) = (kernel(d, which) for which in (1, 2, 3))
    slope, growth = desk.value_of("exp", d.value), desk.value_of("expm1", d.value)
    return everywhere("outputs", [
        (k1.within(d.size), {"output": "k1"}),
        (k2.within(3 * d.size * d.size / 2) and by_k2.within(d.size), {"output": "k2"}),
        (by_k3.within(d.size * slope + LIBM * growth), {"output": "k3"}),
    ])


def _by_expm1(d):
    """expm1(d) - d is within the bound of k3_kernel."""
    return within(float(np.expm1(d) - d), lambda: Ball(d).expm1() - d, lambda: terms.K3 * UNIT * (Ball(d).expm1() - d))


@refutation("ACC-07", "float64", "no series is needed: expm1(d) - d keeps 10 u", claim=_by_expm1)
def _() -> Outcome:
    return examined(_by_expm1, d=1e-5)


# ACC-08 KL of categorical policies

CATEGORICAL_KL = ["ppocore.divergences:categorical_kl_term_kernel", "ppocore.divergences:categorical_kl",
                  "ppocore.kl_penalty:kl_penalty_loss"]


@proof("ACC-08", "flint", "categorical_kl_term_kernel, both branches, from any log-probabilities; q - p",
       code=CATEGORICAL_KL)
def _() -> Outcome:
    desk = Desk()
    s_p, d = desk.number(signed=False, small=True), desk.number(small=True)
    e_p, e_q = symbols(2, desk, signed=False, small=True)
    k3, moved = symbols(2, desk, signed=False)
    log_p, log_q = Inexact(desk, -s_p.value, e_p.value), Inexact(desk, d.value - s_p.value, e_q.value)
    # ACC-07 and the error of d together.
    kernel = body(divergences.categorical_kl_term_kernel,
                  k3_kernel=lambda x: Inexact(desk, k3.value, terms.K3 * k3.value + moved.value))
    (_, below), (_, above) = desk.paths(lambda: kernel(log_p, log_q))
    p, q = desk.value_of("exp", log_p.value), desk.value_of("exp", log_q.value)
    d_error = e_p.size + e_q.size + d.size
    gap, larger = Inexact(desk, s_p.value, d_error), Inexact(desk, -e_q.value, e_p.value)
    difference = np.exp(larger) * -np.expm1(-gap)
    share, slope = desk.value_of("expm1", -gap.value), desk.value_of("exp", -gap.value)
    top = desk.value_of("exp", larger.value)
    return everywhere("terms", [
        (below.within(terms.kl_term_below(e_p.size, p, k3.value, p * moved.value)), {"branch": "d < 1/2"}),
        (above.within(terms.kl_term_above(e_p.size, e_q.size, d_error, p, q, d.size)), {"branch": "d >= 1/2"}),
        (difference.within(top * slope * d_error + top * share * (e_p.size + 2 * LIBM + 1)), {"branch": "q - p"}),
    ])


def _usual_kl_is_as_good(logits, other_logits):
    """sum p (log p - log q), from log-probabilities as good as ours, keeps our bound."""
    log_p, log_q = (np.asarray(z) - np.log(np.exp(z).sum()) for z in (logits, other_logits))
    usual = (np.exp(log_p) * (log_p - log_q)).sum()
    return kept_with("categorical_kl", {"kl": np.array([usual])}, logits=[logits], other_logits=[other_logits])


@refutation("ACC-08", "float64", "the usual sum p (log p - log q) keeps the bound too", claim=_usual_kl_is_as_good)
def _() -> Outcome:
    return examined(_usual_kl_is_as_good, logits=(0.3, 0.1, -0.4), other_logits=(0.3, 0.1 + 1e-7, -0.4))


# ACC-09 Gaussians

GAUSSIAN = ["ppocore.distributions:gaussian_log_prob_kernel", "ppocore.distributions:gaussian_terms_kernel",
            "ppocore.distributions:gaussian_log_prob", "ppocore.distributions:gaussian_entropy"]
GAUSSIAN_KL = ["ppocore.divergences:gaussian_kl_kernel", "ppocore.divergences:gaussian_kl_terms_kernel",
               "ppocore.divergences:gaussian_kl"]
MOMENT = ["ppocore.importance:log_second_moment_kernel", "ppocore.importance:gaussian_weight_second_moment"]


@proof("ACC-09", "flint", "gaussian_log_prob_kernel: value and both derivatives", code=GAUSSIAN)
def _() -> Outcome:
    desk = Desk()
    mean, gap, log_std = desk.number(), desk.number(), desk.number(small=True)
    constant = desk.number(1, signed=False)
    kernel = body(distributions.gaussian_log_prob_kernel, HALF_LOG_TWO_PI=constant)
    value, by_mean, by_log_std = kernel(mean, log_std, Inexact(desk, mean.value + gap.value))
    inverse = desk.value_of("exp", -log_std.value)
    claim, curve = terms.gaussian_log_prob(gap.size * inverse, log_std.size, constant.size)
    return everywhere("outputs", [
        (value.within(claim), {"output": "log_prob"}),
        (by_mean.within(terms.gaussian_slope(gap.size * inverse, inverse)), {"output": "grad_mean"}),
        (by_log_std.within(curve), {"output": "grad_log_std"}),
    ])


@proof("ACC-09", "flint", "gaussian_kl_kernel: value and three derivatives, given ACC-07", code=GAUSSIAN_KL)
def _() -> Outcome:
    desk = Desk()
    mean, gap, log_std, g = desk.number(), desk.number(), desk.number(small=True), desk.number(small=True)
    k3 = desk.number(signed=False)
    kernel = body(divergences.gaussian_kl_kernel,
                  k3_kernel=lambda x: Inexact(desk, k3.value, (terms.K3 + 2 + 2 * g.size) * k3.value))
    value, by_mean, by_log_std, by_other = kernel(
        Inexact(desk, mean.value + gap.value), Inexact(desk, log_std.value + g.value), mean, log_std
    )
    inverse = desk.value_of("exp", -log_std.value)
    z = gap.size * inverse
    grown = LIBM * desk.value_of("expm1", 2 * g.value) + 2 * g.size * desk.value_of("exp", 2 * g.value)
    return everywhere("outputs", [
        (value.within(((terms.K3 + 3 + 2 * g.size) * k3.value + 10 * z * z) / 2), {"output": "kl"}),
        (by_mean.within(terms.gaussian_slope(z, inverse)), {"output": "grad_mean"}),
        (by_log_std.within(grown), {"output": "grad_log_std"}),
        (by_other.within(grown + desk.value_of("expm1", 2 * g.value) + 10 * z * z), {"output": "grad_other_log_std"}),
    ])


@proof("ACC-09", "flint", "log_second_moment_kernel below its edge, where u E_G < 2^-21 t", code=MOMENT)
def _() -> Outcome:
    desk = Desk()
    mean, gap, log_std, g = desk.number(), desk.number(), desk.number(small=True), desk.number(small=True)
    growth = Inexact(desk, desk.value_of("expm1", 2 * g.value, signed=True))
    edge = desk.name(1 - growth)
    edge_error = desk.steady(edge)
    kernel = plain(importance.log_second_moment_kernel)
    paths = dict(desk.paths(lambda: kernel(
        Inexact(desk, mean.value + gap.value), Inexact(desk, log_std.value + g.value), mean, log_std
    )))
    grown = LIBM * growth.size + 2 * g.size * desk.value_of("exp", 2 * g.value)
    inverse, log = desk.value_of("inverse", edge.value), desk.value_of("log1p", -growth.value)
    z = gap.size * desk.value_of("exp", -log_std.value)
    claim = terms.log_second_moment(z, g.size, edge_error, grown, inverse, log)
    finite = [out for out in paths.values() if isinstance(out, Inexact)]
    computed = 1 - np.expm1(2 * (Inexact(desk, log_std.value + g.value) - log_std))
    return everywhere("facts", [
        *((out.within(claim), {"fact": "value"}) for out in finite),
        (computed.within(grown + edge.value), {"fact": "the error of t"}),
    ])


def _usual_gaussian_kl_is_as_good(mean, log_std, other_mean, other_log_std):
    variance, other = math.exp(2 * log_std), math.exp(2 * other_log_std)
    usual = other_log_std - log_std + (variance + (mean - other_mean) ** 2) / (2 * other) - 0.5
    return kept_with("gaussian_kl", {"kl": np.array([usual])}, mean=[[mean]], log_std=[[log_std]],
                     other_mean=[[other_mean]], other_log_std=[[other_log_std]])


@refutation("ACC-09", "float64", "the usual formula of the KL keeps the bound too", claim=_usual_gaussian_kl_is_as_good)
def _() -> Outcome:
    return examined(_usual_gaussian_kl_is_as_good, mean=0.0, log_std=0.3, other_mean=1e-6, other_log_std=0.3 + 1e-6)


# ACC-10 the tanh-Gaussian

SQUASHED = [f"ppocore.squashed:{name}" for name in (
    "artanh_kernel", "log_tanh_slope_kernel", "squashed_gaussian_log_prob", "squashed_gaussian_entropy"
)]


@proof("ACC-10", "flint", "artanh_kernel, log_tanh_slope_kernel, a Gaussian whose action has an error", code=SQUASHED)
def _() -> Outcome:
    desk = Desk()
    action = desk.number()
    both = plain(squashed.artanh_kernel)(action)
    up, down = (desk.value_of("log1p", sign * action.value, signed=True) for sign in (1, -1))
    u, log_two = desk.number(), desk.number(1, signed=False)
    kernel = body(squashed.log_tanh_slope_kernel, LOG_TWO=log_two)

    def slopes():
        for sign, (_, out) in zip((1, -1), desk.paths(lambda: kernel(u)), strict=True):
            x = desk.value_of("exp", sign * 2 * u.value)
            log, share = desk.value_of("log1p", x), x * desk.value_of("inverse", 1 + x)
            # x / (1 + x) <= log(1 + x): the last two terms are at most 10 log(1 + x).
            yield out.within(6 * log_two.size + 4 * u.size + 6 * log + 4 * share), {}

    claims = [(x.within(claim), {}) for x, claim in zip(both, terms.artanh(up, down), strict=True)]
    return everywhere("results", [*claims, *slopes(), (_moved_gaussian_within(), {})])


def _moved_gaussian_within():
    desk = Desk()
    mean, gap, log_std = desk.number(), desk.number(), desk.number(small=True)
    moved, constant = desk.number(signed=False), desk.number(1, signed=False)
    kernel = body(distributions.gaussian_log_prob_kernel, HALF_LOG_TWO_PI=constant)
    value, by_mean, by_log_std = kernel(mean, log_std, Inexact(desk, mean.value + gap.value, moved.value))
    inverse = desk.value_of("exp", -log_std.value)
    z = gap.size * inverse
    claim, curve = terms.gaussian_log_prob(z, log_std.size, constant.size)
    more, more_curve = terms.gaussian_from_action_error(z, moved.size, inverse)
    return (
        value.within(claim + more)
        and by_mean.within(terms.gaussian_slope(z, inverse) + moved.size * inverse * inverse)
        and by_log_std.within(curve + more_curve)
    )


@proof("ACC-10", "flint", "_squashed_entropy_rows, 1 to 6 nodes: N - 1 additions, and the errors of nodes and weights",
       code=SQUASHED)
def _() -> Outcome:
    return everywhere("numbers of nodes", ((_entropy_rows_within(n), {"nodes": n}) for n in range(1, 7)))


def _entropy_rows_within(n):
    desk = Desk()
    mean, log_std = desk.number(), desk.number(small=True)
    nodes, rho = symbols(n, desk), symbols(n, desk, signed=False, small=True)
    weights = [desk.number(r.value, signed=False) for r in rho]
    slopes = symbols(n, desk, signed=False)
    constant = desk.number(signed=False)
    std = desk.value_of("exp", log_std.value)
    at = [desk.name(mean + Inexact(desk, std) * node, signed=True) for node in nodes]
    errors = [3 * std * node.size + u.size for node, u in zip(nodes, at, strict=True)]

    def slope_kernel(u):
        k = [x.value for x in at].index(u.value)
        return Inexact(desk, -slopes[k].value, 2 * u.error)

    out = array([None]), array([[None]]), array([[None]])
    rows = body(squashed._squashed_entropy_rows, log_tanh_slope_kernel=slope_kernel, HALF_LOG_TWO_PI=constant)
    rows(array([[mean]]), array([[log_std]]), nodes, weights, *out)
    each = list(zip(weights, rho, slopes, nodes, at, errors, strict=True))
    total = sum((w.value * (f.value * (n + r.size) + 2 * e) for w, r, f, _, _, e in each), ZERO)
    size = log_std.size + 2 * (constant.size + fmpq(1, 2)) + sum((w.value * f.value for w, _, f, *_ in each), ZERO)
    by_mean = sum((2 * w.value * (desk.value_of("tanh", u.value, signed=True) * (n + r.size + TANH_UNITS) + e)
                   for w, r, _, _, u, e in each), ZERO)
    by_std = sum((2 * w.value * std * node.size * (
        desk.value_of("tanh", u.value, signed=True) * (n + r.size + TANH_UNITS + LIBM + 2) + e
    ) for w, r, _, node, u, e in each), ZERO)
    whole = sum((2 * w.value * std * node.size * desk.value_of("tanh", u.value, signed=True)
                 for w, _, _, node, u, _ in each), ZERO)
    return (
        out[0][0].within(total + 2 * size)
        and out[1][0, 0].within(by_mean)
        and out[2][0, 0].within(by_std + 1 + whole)
    )


def _through_tanh(u):
    """log1p(-tanh(u)^2) keeps the bound of log_tanh_slope_kernel."""
    def true():
        return Ball(-2 * (arb(u).cosh()).log())

    def allowed():
        x = (-2 * abs(arb(u))).exp()
        return Ball(arb(2) ** -53 * terms.log_tanh_slope(abs(arb(u)), x.log1p(), arb(2).log()))

    return within(float(np.log1p(-np.tanh(u) ** 2)), true, allowed)


@refutation("ACC-10", "float64", "log1p(-tanh(u)^2) keeps the bound too", claim=_through_tanh)
def _() -> Outcome:
    return examined(_through_tanh, u=15.3)


# ACC-11 normalised weights and products

WEIGHTS = [f"ppocore.importance:{name}" for name in (
    "self_normalized_estimate", "effective_sample_size", "per_decision_importance_estimate"
)]


@proof("ACC-11", "flint", "weighted means, their derivatives and the effective size, 2 to 9 samples", code=WEIGHTS)
def _() -> Outcome:
    return everywhere("sizes", ((_normalised_within(n), {"samples": n}) for n in range(2, 10)))


def _normalised_within(n):
    desk = Desk()
    error = symbols(n, desk, signed=False, small=True)
    weights = [desk.number(e.value, signed=False) for e in error]
    f, h = symbols(n, desk), height(n)
    total = numpy_sum(weights)
    total_error = desk.steady(total)
    squares = numpy_sum([w * w for w in weights])
    squares_error = desk.steady(squares)
    inverse = desk.value_of("inverse", total.value)
    probs = [w / total for w in weights]
    sizes = [w.value * inverse for w in weights]
    each = [e.size + total_error + 1 for e in error]
    estimate = numpy_sum([p * x for p, x in zip(probs, f, strict=True)])
    claim = sum((p * x.size * (e + 1 + h) for p, x, e in zip(sizes, f, each, strict=True)), ZERO)
    gap = desk.name(f[0] - estimate, signed=True)
    by_log_p = probs[0] * (f[0] - estimate)
    square = Inexact(desk, total.value * total.value, total.value * total.value * (2 * total_error + LIBM))
    effective = square / squares
    return (
        total.within(sum((w.value * (e.size + h) for w, e in zip(weights, error, strict=True)), ZERO))
        and squares.within(sum((w.value**2 * (2 * e.size + 1 + h) for w, e in zip(weights, error, strict=True)), ZERO))
        and probs[0].within(sizes[0] * each[0])
        and estimate.within(claim)
        and by_log_p.within(sizes[0] * (claim + gap.size * (each[0] + 2)))
        and effective.within(effective.value * (2 * total_error + LIBM + squares_error + 1))
    )


@proof("ACC-11", "flint", "products of up to 6 ratios by exp of a running sum: c_t + 2 units", code=WEIGHTS)
def _() -> Outcome:
    desk = Desk()
    gaps = [desk.number(1, small=True) for _ in range(6)]
    running, drift, claims = gaps[0], gaps[0].size, []
    for gap in gaps[1:]:
        part = desk.name(running + gap, signed=True, small=True)
        running = running + gap
        drift = drift + gap.size + part.size
        product = np.exp(running)
        claims.append((running.within(drift) and product.within(product.value * (drift + LIBM)), {}))
    return everywhere("products", claims)


def _weights_lose_nothing(log_p, log_q, fx):
    """The estimate is right to 16 u of the largest |f|, however large the log-densities are."""
    got = float(ppocore.self_normalized_estimate(list(fx), list(log_p), list(log_q)).estimate)

    def true():
        weights = [(arb(p) - arb(q)).exp() for p, q in zip(log_p, log_q, strict=True)]
        return Ball(sum((w * arb(x) for w, x in zip(weights, fx, strict=True)), arb(0)) / sum(weights, arb(0)))

    return within(got, true, lambda: 16 * UNIT * max(map(abs, fx)))


@refutation("ACC-11", "float64", "16 u of the largest |f|: log p - log q is rounded before the largest is taken away",
            claim=_weights_lose_nothing)
def _() -> Outcome:
    return examined(_weights_lose_nothing, log_p=(1000.1, 999.9), log_q=(0.9, 0.7), fx=(1.0, -1.0))


# ACC-12 means, variances, normalisation

MOMENTS = ["ppocore.optimizers:running_moments", "ppocore.optimizers:update_moments",
           "ppocore.normalization:normalize_advantages", "ppocore.diagnostics:explained_variance"]


@proof("ACC-12", "flint", "the error of the mean enters a two-pass variance squared, n <= 12", code=MOMENTS)
def _() -> Outcome:
    def identities():
        for n in range(2, 13):
            desk = Desk()
            free = [x.value for x in symbols(n - 1, desk)]
            shift = desk.number().value
            gaps = [*free, -sum(free, ZERO)]
            moved = sum(((gap - shift) ** 2 for gap in gaps), ZERO) / n
            yield moved == sum((gap**2 for gap in gaps), ZERO) / n + shift**2, {"n": n}

    return everywhere("sizes", identities())


@proof("ACC-12", "flint", "mean of squares of rounded deviations: n + 3 one by one, h + 4 by NumPy's tree",
       code=MOMENTS)
def _() -> Outcome:
    def sizes():
        for n in range(2, 13):
            gaps = symbols(n, Desk(), error=1)
            squares = [gap * gap for gap in gaps]
            one_by_one = sum(squares[1:], squares[0]) / (3 * n)
            tree = numpy_sum(squares) / (3 * n)
            whole = sum((gap.size**2 for gap in gaps), ZERO) / (3 * n)
            yield one_by_one.within((n + 3) * whole) and tree.within((height(n) + 4) * whole), {"n": n}

    return everywhere("sizes", sizes())


@proof("ACC-12", "flint", "update_moments' two formulas from a batch mean and variance with errors", code=MOMENTS)
def _() -> Outcome:
    desk = Desk()
    mean, gap, var, spread = desk.number(), desk.number(), desk.number(signed=False), desk.number(signed=False)
    e_mean, e_var = symbols(2, desk, signed=False)
    old, new, total = 30, 20, 50
    batch_mean = Inexact(desk, mean.value + gap.value, e_mean.value)
    batch_var = Inexact(desk, spread.value, e_var.value)
    moved = batch_mean - mean
    target = desk.name(mean + gap * fmpq(new, total), signed=True)
    share, other = Inexact(desk, fmpq(new, total), fmpq(new, total)), Inexact(desk, fmpq(old, total), fmpq(old, total))
    new_mean = mean + moved * share
    new_var = (old * var + new * batch_var) / total + moved * moved * other * share
    a, b = fmpq(old, total), fmpq(new, total)
    e_gap = e_mean.size + gap.size
    curve = 2 * e_gap * gap.size + e_gap * e_gap / 2**53 + 6 * gap.size * gap.size
    return everywhere("outputs", [
        (new_mean.within(b * (e_mean.size + 3 * gap.size) + target.size), {"output": "mean"}),
        (new_var.within(a * 4 * var.size + b * (e_var.size + 4 * spread.size) + a * b * curve), {"output": "var"}),
    ])


def _one_pass_is_as_good(x):
    """mean(x^2) - mean(x)^2 keeps the bound of the variance."""
    rows = np.array(x)
    variance = (rows * rows).mean() - rows.mean() ** 2
    target = Target("running_moments", {"batches": [rows[:, None]]})
    return target.uses({"var": np.array([variance])})["var"].fraction <= 1


@refutation("ACC-12", "float64", "one pass will do: mean(x^2) - mean(x)^2 keeps the bound", claim=_one_pass_is_as_good)
def _() -> Outcome:
    return examined(_one_pass_is_as_good, x=(100000.1, 100000.2, 100000.4))
