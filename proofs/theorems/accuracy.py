"""Forward error bounds: the bodies of the shipped kernels over numbers that carry majorants of their errors."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
from flint import fmpq

import ppocore
from ppocore import advantages, losses, optimizers, token_advantages, value_losses
from ppocore._kernels import plain
from ppocore.reductions import CHUNK, LANES
from proofs.bounds import terms
from proofs.bounds.trees import chunked_height, chunked_sum, height, numpy_sum
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.balls import Ball, examined, within
from proofs.methods.exact import everywhere
from proofs.methods.rounding import LIBM_UNITS, ZERO, Desk, Inexact, size

Q = Fraction
UNIT = Q(1, 2**53)


def symbols(count, desk, **kind):
    return [desk.number(**kind) for _ in range(count)]


def array(values):
    """An object array, as the loops around kernels index it."""
    nested = isinstance(values[0], list)
    out = np.empty((len(values), len(values[0])) if nested else len(values), dtype=object)
    out.reshape(-1)[:] = [x for row in values for x in row] if nested else values
    return out


def body(kernel, **named):
    """The plain body of a shipped kernel, with other numbers for the constants or kernels that it names."""
    function = plain(kernel)
    assert set(named) <= set(function.__globals__)
    function.__globals__.update(named)
    return function


# ACC-01 sums and means

REDUCTIONS = [f"ppocore.reductions:{name}"
              for name in ("masked_mean", "sequence_mean", "sequence_sum_mean", "trajectory_mean")]

proof("ACC-01", "coq", "any tree of additions: ((1 + u)^depth - 1) times the sum of the sizes", code=REDUCTIONS)(
    partial(coq.theorem, "Rounding.summation_error_by_depth")
)


@proof("ACC-01", "flint", "NumPy's tree for n <= 48, then a division: (h + 1) mean|x|, coefficient by coefficient")
def _() -> Outcome:
    def sums():
        for n in range(1, 49):
            x = symbols(n, Desk(), error=0)
            mean = numpy_sum(x) / (3 * n)
            claim = (height(n) + 1) * sum((entry.size for entry in x), ZERO) / (3 * n)
            yield mean.within(claim), {"n": n}

    return everywhere("sizes", sums())


@proof("ACC-01", "float64", "trajectory_mean adds in that order: the same bits for n <= 600, so h is the height")
def _() -> Outcome:
    numbers = _of_all_sizes(600)
    return everywhere("sums", (
        (float(ppocore.trajectory_mean(numbers[:n], [n]).mean) == numpy_sum(numbers[:n].tolist()), {"n": n})
        for n in range(1, 601)
    ))


@proof("ACC-01", "float64", "masked_mean adds in lanes and halves: the same bits for n <= 600 and more, no higher")
def _() -> Outcome:
    most = 3 * CHUNK + 5
    numbers, edges = _of_all_sizes(most), (LANES, LANES + 1, 3 * LANES - 1, CHUNK, CHUNK + 1, most)

    def sums():
        for n in (*range(1, 601), *edges):
            mean = float(ppocore.masked_mean(numbers[:n], np.ones(n, dtype=bool)).mean)
            yield mean == chunked_sum(numbers[:n].tolist()) / n, {"n": n}
        for n in (*range(1, 3000), *edges, *(3**k for k in range(8, 20)), *(2**k + 1 for k in range(8, 30))):
            yield chunked_height(n) <= height(n), {"n": n}

    return everywhere("sums", sums())


def _of_all_sizes(count):
    draw = np.random.default_rng(600)
    return draw.normal(size=count) * 10.0 ** draw.integers(-8, 8, count)


def _one_rounding(x):
    """|masked_mean - mean| <= u mean|x|."""
    got = ppocore.masked_mean(list(x), [True] * len(x)).mean
    exact = sum(map(Q, x)) / len(x)
    return abs(Q(float(got)) - exact) <= UNIT * sum(abs(Q(entry)) for entry in x) / len(x)


@refutation("ACC-01", "float64", "a mean costs one rounding, whatever n is", claim=_one_rounding)
def _() -> Outcome:
    tiny = 0.875 * 2.0**-53
    return examined(_one_rounding, x=(1.0, tiny, tiny, 0.0, tiny, 0.0, 0.0, 0.0))


# ACC-02 the exponential of a difference

RATIOS = [f"ppocore.importance:{name}" for name in ("ratio", "importance_estimate", "truncated_importance_estimate")]

proof("ACC-02", "coq", "exp with an error v of its own, at an argument that errs by u", code=RATIOS)(
    partial(coq.theorem, "Rounding.ratio_error")
)


@proof("ACC-02", "flint", "exp(x - y): relative error |x - y| + 2 units; times f: + 1", code=RATIOS)
def _() -> Outcome:
    desk = Desk()
    d, y, f = desk.number(small=True), desk.number(small=True), desk.number()
    ratio = np.exp(Inexact(desk, d.value + y.value) - y)
    relative = d.size + LIBM_UNITS
    return everywhere("outputs", [
        (ratio.within(ratio.value * relative), {"output": "ratio"}),
        ((ratio * f).within(ratio.value * f.size * (relative + 1)), {"output": "term"}),
    ])


def _ratio_to_four_units(log_prob, old_log_prob):
    got = float(ppocore.ratio([log_prob], [old_log_prob]).ratio[0])

    def true():
        return (Ball(log_prob) - old_log_prob).exp()

    return within(got, true, lambda: 4 * UNIT * true())


@refutation("ACC-02", "float64", "the ratio is right to 4 u at any difference", claim=_ratio_to_four_units)
def _() -> Outcome:
    return examined(_ratio_to_four_units, log_prob=0.1, old_log_prob=-300.3)


# ACC-03 errors of the value function, advantages, returns

ROLLOUTS = [f"ppocore.advantages:{name}" for name in (
    "td_error_kernel", "gae_kernel", "return_kernel", "td_errors", "gae", "discounted_returns"
)] + ["ppocore.token_advantages:token_gae"]


@proof("ACC-03", "flint", "td_error_kernel, both branches", code=ROLLOUTS)
def _() -> Outcome:
    desk = Desk()
    r, v, later = symbols(3, desk)
    gamma = desk.number(signed=False)
    kernel = plain(advantages.td_error_kernel)
    return everywhere("branches", [
        (kernel(r, v, later, False, gamma).within(terms.td_error(r.size, v.size, later.size, gamma.size)), {}),
        (kernel(r, v, later, True, gamma).within(terms.td_error(r.size, v.size, ZERO, gamma.size)), {}),
    ])


@proof("ACC-03", "flint", "_gae_loop, T = 4, all 256 patterns of flags; T = 12 without", code=ROLLOUTS)
def _() -> Outcome:
    def rollouts():
        for flags in [*product((False, True), repeat=8), (False,) * 24]:
            steps = len(flags) // 2
            yield _gae_within(flags[:steps], flags[steps:]), {"flags": flags}

    return everywhere("patterns", rollouts())


def _gae_within(terminated, truncated):
    """Whether all advantages of one environment keep sum (3 l + 4) (gamma lambda)^l S."""
    desk, steps = Desk(), len(terminated)
    r, v, later = (symbols(steps, desk) for _ in range(3))
    gamma, decay = symbols(2, desk, signed=False)
    out = np.empty((steps, 1), dtype=object)
    columns = (array([[x] for x in column]) for column in (r, v, later, terminated, truncated))
    plain(advantages._gae_loop)(*columns, gamma, decay, out)
    for t in range(steps):
        claim = ZERO
        for lag in range(steps - t):
            k = t + lag
            reach = ZERO if terminated[k] else gamma.size * later[k].size
            claim += (3 * lag + 4) * (gamma.size * decay.size) ** lag * (r[k].size + reach + v[k].size)
            if terminated[k] or truncated[k]:
                break
        if not out[t, 0].within(claim):
            return False
    return True


@proof("ACC-03", "flint", "_token_gae_loop and _returns_loop, L = T = 5, all 31 masks and 32 cuts", code=ROLLOUTS)
def _() -> Outcome:
    patterns = list(product((False, True), repeat=5))
    masks = [(_token_gae_within(mask), {"mask": mask}) for mask in patterns if any(mask)]
    cuts = [(_returns_within(cut, (True,) * 5 if ended else (False,) * 5), {"cut": cut})
            for cut in patterns for ended in (False, True)]
    return everywhere("patterns", masks + cuts)


def _token_gae_within(mask):
    desk, width = Desk(), len(mask)
    r, v = (symbols(width, desk) for _ in range(2))
    gamma, decay = symbols(2, desk, signed=False)
    out = array([[ZERO] * width])
    plain(token_advantages._token_gae_loop)(array([r]), array([v]), array([list(mask)]), gamma, decay, out)
    used = [t for t in range(width) if mask[t]]
    for place, t in enumerate(used):
        claim = ZERO
        for lag, k in enumerate(used[place:]):
            after = used[place + lag + 1 :]
            reach = gamma.size * v[after[0]].size if after else ZERO
            claim += (3 * lag + 4) * (gamma.size * decay.size) ** lag * (r[k].size + reach + v[k].size)
        if not out[0, t].within(claim):
            return False
    return True


def _returns_within(cut, terminated):
    """Whether all returns keep sum (2 l + 1) gamma^l |r|, and (2 l + 2) gamma^(l + 1) |V'| where they are cut."""
    desk, steps = Desk(), len(cut)
    cut = (*cut[:-1], True)
    r, later = (symbols(steps, desk) for _ in range(2))
    gamma = desk.number(signed=False)
    out = np.empty((steps, 1), dtype=object)
    columns = (array([[x] for x in column]) for column in (r, later, terminated, cut))
    plain(advantages._returns_loop)(*columns, gamma, out)
    for t in range(steps):
        claim = ZERO
        for lag in range(steps - t):
            k = t + lag
            claim += (2 * lag + 1) * gamma.size**lag * r[k].size
            if cut[k] and not terminated[k]:
                claim += (2 * lag + 2) * gamma.size ** (lag + 1) * later[k].size
            if cut[k] or terminated[k]:
                break
        if not out[t, 0].within(claim):
            return False
    return True


def _td_error_is_relative(reward, value, next_value, gamma):
    got = float(ppocore.td_errors([reward], [value], [next_value], [False], [False], gamma=gamma)[0])
    exact = Q(reward) + Q(gamma) * Q(next_value) - Q(value)
    return abs(Q(got) - exact) <= 6 * UNIT * abs(exact)


@refutation("ACC-03", "float64", "the error is 6 u of the TD error itself: it cancels", claim=_td_error_is_relative)
def _() -> Outcome:
    return examined(_td_error_is_relative, reward=0.1, value=1.09, next_value=1.0, gamma=0.99)


# ACC-04 policy losses

CLIP = "ppocore.losses:clip_kernel"
POLICY_LOSSES = [CLIP, *(f"ppocore.losses:{name}" for name in ("surrogate_loss", "clip_loss", "ppo_loss")),
                 "ppocore.diagnostics:clip_fraction"]


@proof("ACC-04", "flint", "_clip_loop with exp, on every path: |rA|(|d| + 3), or 2 |g A| for the end g that it took",
       code=POLICY_LOSSES)
def _() -> Outcome:
    desk = Desk()
    d, old = symbols(2, desk, small=True)
    a, dual = desk.number(), desk.number(signed=False)
    low, high = symbols(2, desk, signed=False)
    desk.name(1 - low)
    new = Inexact(desk, d.value + old.value)
    ratio = desk.value_of("exp", d.value)

    def run():
        terms_out, slopes = array([Inexact(desk, 0)]), array([Inexact(desk, 0)])
        loop = plain(losses._clip_loop)
        loop(array([new]), array([old]), array([a]), low, high, dual, terms_out, slopes)
        return terms_out[0], slopes[0]

    def paths():
        for path, (term, slope) in desk.paths(run):
            claim = 2 * size(term.value) if slope.value == 0 else ratio * a.size * (d.size + LIBM_UNITS + 1)
            yield term.within(claim) and slope.within(ZERO if slope.value == 0 else claim), {"path": path}

    return everywhere("paths", paths())


def _clip_is_one_rounding(advantage, clip_eps):
    """A clipped term is right to one rounding."""
    got = float(ppocore.clip_loss([5.0], [0.0], [advantage], clip_eps=clip_eps).loss)
    exact = -(1 + Q(clip_eps)) * Q(advantage)
    return abs(Q(got) - exact) <= UNIT * abs(exact)


@refutation("ACC-04", "float64", "a clipped term is right to one rounding: 1 + eps is rounded too",
            claim=_clip_is_one_rounding, kept=lambda advantage, clip_eps: advantage > 0)
def _() -> Outcome:
    return examined(_clip_is_one_rounding, advantage=0.4, clip_eps=0.4)


# ACC-05 value losses

VALUES = ["ppocore.value_losses:squared_error_kernel", "ppocore.value_losses:clipped_value_kernel",
          "ppocore.value_losses:value_loss", "ppocore.value_losses:clipped_value_loss"]


@proof("ACC-05", "flint", "both kernels on every path, given that the branch is the right one", code=VALUES)
def _() -> Outcome:
    desk = Desk()
    old, eps = desk.number(), desk.number(signed=False)
    target = desk.number()
    error = desk.number()
    value = Inexact(desk, target.value + error.value)

    def paths():
        square, slope = terms.squared_error(error.size)
        for path, (term, derivative) in desk.paths(
            lambda: plain(value_losses.clipped_value_kernel)(value, target, old, eps)
        ):
            if term.value == error.value * error.value:
                yield term.within(square) and derivative.within(slope), {"path": path}
            else:
                yield _edge_within(desk, term, target, old, eps), {"path": path}

    return everywhere("paths", paths())


def _edge_within(desk, term, target, old, eps):
    """The clipped error: 3 x^2 + 2 |x||edge|, by the sizes of the terms of x and of the edge."""
    edge, x = old.size + eps.size, old.size + eps.size + target.size
    return term.within(terms.edge_error(edge, x))


def _square_is_two_roundings(value, target):
    got = value_losses.squared_error_kernel(value, target)[0]
    exact = (Q(value) - Q(target)) ** 2
    return abs(Q(got) - exact) <= 2 * UNIT * exact


@refutation("ACC-05", "float64", "(V - R)^2 is right to 2 u: the rounding of V - R counts twice",
            claim=_square_is_two_roundings)
def _() -> Outcome:
    return examined(_square_is_two_roundings, value=0.5, target=0.1)


# ACC-13 Adam

ADAM = ["ppocore.optimizers:adam_kernel", "ppocore.optimizers:adam_step"]


@proof("ACC-13", "flint", "adam_kernel, all inputs, 1 - beta^t with relative errors k1 and k2", code=ADAM)
def _() -> Outcome:
    desk = Desk()
    p, g, m, v0 = desk.number(), desk.number(), desk.number(), desk.number(signed=False)
    k1, k2 = symbols(2, desk, signed=False, small=True)
    c1, c2 = desk.number(k1.value, signed=False), desk.number(k2.value, signed=False)
    rate, b1, b2, eps = symbols(4, desk, signed=False)
    w1, w2 = desk.name(1 - b1), desk.name(1 - b2)
    moved, first, second = plain(optimizers.adam_kernel)(p, g, m, v0, c1, c2, rate, b1, b2, eps)
    e1, e2 = terms.adam_moments(m.size, g.size, v0.size, b1.size, w1.size, b2.size, w2.size)
    inverse1 = desk.value_of("inverse", c1.value)
    root = desk.value_of("sqrt", second.value * desk.value_of("inverse", c2.value))
    divisor = desk.value_of("inverse", root + eps.value)
    whole = b1.size * m.size + w1.size * g.size
    move = rate.size * inverse1 * divisor * (e1 + whole * (k1.size + k2.size / 2 + 9))
    return everywhere("outputs", [
        (moved.within(move + p.size), {"output": "params"}),
        (first.within(e1), {"output": "first_moment"}),
        (second.within(e2), {"output": "second_moment"}),
    ])


def _first_moment_is_relative(grad, first_moment, beta1):
    got = float(ppocore.adam_step([0.0], [grad], [first_moment], [1.0], step=1, learning_rate=0.0, beta1=beta1,
                                  beta2=0.5, eps=1.0).first_moment[0])
    exact = Q(beta1) * Q(first_moment) + (1 - Q(beta1)) * Q(grad)
    return abs(Q(got) - exact) <= 4 * UNIT * abs(exact)


@refutation("ACC-13", "float64", "the first moment is right to 4 u of itself: its two terms may cancel",
            claim=_first_moment_is_relative)
def _() -> Outcome:
    return examined(_first_moment_is_relative, grad=-8.9, first_moment=1.0, beta1=0.9)


# ACC-14 the norm

NORM = ["ppocore.optimizers:clip_grad_norm"]


@proof("ACC-14", "flint", "root of a sum of squares by NumPy's tree, n <= 16; scaling by max_norm / norm", code=NORM)
def _() -> Outcome:
    def norms():
        for n in range(1, 17):
            desk = Desk()
            x = symbols(n, desk)
            most = desk.number(signed=False)
            norm = np.sqrt(numpy_sum([entry * entry for entry in x]))
            relative = fmpq(height(n) + 1, 2) + 1
            scaled = x[0] * (most / norm)
            yield norm.within(relative * norm.value) and scaled.within((relative + 2) * size(scaled.value)), {"n": n}

    return everywhere("sizes", norms())


def _norm_is_one_rounding(grads):
    got = ppocore.clip_grad_norm([list(grads)], max_norm=1.0).norm

    def true():
        return _root(sum(Q(x) ** 2 for x in grads))

    return within(float(got), true, lambda: UNIT * true())


def _root(x):
    return Ball(Ball(x).ball.sqrt())


@refutation("ACC-14", "float64", "the norm is right to one rounding", claim=_norm_is_one_rounding)
def _() -> Outcome:
    return examined(_norm_is_one_rounding, grads=(0.1, 0.4))


# ACC-15 the adaptive coefficient

ADAPTIVE = ["ppocore.optimizers:adapt_kl_coef_kernel", "ppocore.optimizers:adapt_kl_coef"]


@proof("ACC-15", "flint", "adapt_kl_coef_kernel on its three paths: no error at all", code=ADAPTIVE)
def _() -> Outcome:
    desk = Desk()
    beta, target = symbols(2, desk, signed=False)
    kl = desk.number()
    results = desk.paths(lambda: plain(optimizers.adapt_kl_coef_kernel)(beta, kl, target))
    return everywhere("paths", ((out.error == 0, {"path": path}) for path, out in results))


RULES = ["ppocore.optimizers:rllib_kl_coef_kernel", "ppocore.optimizers:tf_agents_kl_coef_kernel"]


@proof("ACC-15", "flint", "both other rules on their three paths: one rounding", code=RULES)
def _() -> Outcome:
    def paths():
        for kernel in (optimizers.rllib_kl_coef_kernel, optimizers.tf_agents_kl_coef_kernel):
            desk = Desk()
            beta, target = symbols(2, desk, signed=False)
            kl = desk.number()
            body = plain(kernel)
            for path, out in desk.paths(lambda body=body, beta=beta, kl=kl, target=target: body(beta, kl, target)):
                yield out.within(out.size), {"path": path}

    return everywhere("paths", paths())


def _threshold_is_exact(kl, target_kl):
    return (ppocore.adapt_kl_coef(1.0, kl, target_kl) == 2) == (Q(kl) > Q(3, 2) * Q(target_kl))


@refutation("ACC-15", "float64", "the thresholds are those of the real numbers: 3 t / 2 is rounded",
            claim=_threshold_is_exact)
def _() -> Outcome:
    return examined(_threshold_is_exact, kl=0.15000000000000002, target_kl=0.1)
