"""The policy-gradient loss and the Huber loss, on the bodies of the shipped kernels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import z3

from ppocore import losses, value_losses
from ppocore._kernels import plain
from proofs.bounds import terms
from proofs.definitions.losses import huber_error, huber_error_by_clipping
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods.balls import examined
from proofs.methods.exact import everywhere
from proofs.methods.rounding import Desk, Inexact
from proofs.methods.solver import on_every_path
from proofs.methods.symbolic import Sym, reals, term

Q = Fraction
UNIT = Q(1, 2**53)
GRADIENT = "ppocore.losses:policy_gradient_kernel"
GRADIENT_LOSS = "ppocore.losses:policy_gradient_loss"
HUBER = "ppocore.value_losses:huber_kernel"
HUBER_LOSS = "ppocore.value_losses:huber_value_loss"
lp, A, ratio, low, high, dual, t = reals("lp A ratio low high dual t")
v, R, delta = reals("v R delta")


# ONP-01 the gradient of the surrogate at the old policy


def policy_gradient(log_prob=lp):
    return plain(losses.policy_gradient_kernel)(Sym(log_prob), Sym(A))


def clipped(at):
    return plain(losses.clip_kernel)(Sym(at), Sym(A), Sym(low), Sym(high), Sym(dual))


@proof("ONP-01", "z3", "kernel: value + slope t = value at log P + t, for every t", code=[GRADIENT, GRADIENT_LOSS])
def _() -> Outcome:
    def claim(out):
        (value, slope), (moved, _) = out
        return z3.And(term(moved) == term(value) + term(slope) * t, term(value) == lp * A)

    return on_every_path([lp, A, t], [], lambda: (policy_gradient(), policy_gradient(lp + t)), claim)


@proof("ONP-01", "z3", "its slope is that of the clipped kernel at ratio 1, in every band and under every dual clip",
       code=[GRADIENT, "ppocore.losses:clip_kernel"])
def _() -> Outcome:
    return on_every_path([lp, A, low, high, dual], [low >= 0, high >= 0, dual > 1],
                         lambda: (policy_gradient()[1], clipped(z3.RealVal(1))[1]),
                         lambda out: term(out[0]) == term(out[1]))


def _batch(reduction):
    draw = np.random.default_rng(5)
    log_prob, advantages = -draw.random((3, 4)), draw.normal(size=(3, 4))
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0]], dtype=bool)
    return log_prob, advantages, {"mask": mask, "reduction": reduction}


@proof("ONP-01", "float64", "policy_gradient_loss and surrogate_loss at equal policies: the same gradient, bit for bit",
       code=[GRADIENT_LOSS, "ppocore.losses:surrogate_loss"])
def _() -> Outcome:
    def agrees(reduction):
        log_prob, advantages, how = _batch(reduction)
        one = losses.policy_gradient_loss(log_prob, advantages, **how)
        other = losses.surrogate_loss(log_prob, log_prob, advantages, **how)
        return bool((one.grad_log_prob == other.grad_log_prob).all())

    return everywhere("reductions", ((agrees(name), {"reduction": name}) for name in (
        "mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean")))


def _same_away_from_it(lp, A, ratio, low, high, dual):
    slope = plain(losses.policy_gradient_kernel)(lp, A)[1]
    return slope == plain(losses.clip_kernel)(ratio, A, low, high, dual)[1]


@refutation("ONP-01", "z3", "the same slope away from the old policy", claim=_same_away_from_it,
            kept=lambda ratio, low, high, dual, **_: ratio > 0 and low >= 0 and high >= 0 and dual > 1)
def _() -> Outcome:
    return on_every_path([lp, A, ratio, low, high, dual], [ratio > 0, low >= 0, high >= 0, dual > 1],
                         lambda: (policy_gradient()[1], clipped(ratio)[1]),
                         lambda out: term(out[0]) == term(out[1]))


# ONP-02 rounding


@proof("ONP-02", "flint", "policy_gradient_kernel: the term within u of itself, the slope exact",
       code=[GRADIENT, GRADIENT_LOSS])
def _() -> Outcome:
    desk = Desk()
    log_prob, gain = desk.number(), desk.number()
    value, slope = plain(losses.policy_gradient_kernel)(log_prob, gain)
    return everywhere("outputs", [(value.within(log_prob.size * gain.size), {"output": "value"}),
                                  (slope is gain, {"output": "slope"})])


def _product_is_exact(log_prob, advantage):
    got = losses.policy_gradient_kernel(log_prob, advantage)[0]
    return Q(got) == Q(log_prob) * Q(advantage)


@refutation("ONP-02", "float64", "the term is exact", claim=_product_is_exact)
def _() -> Outcome:
    return examined(_product_is_exact, log_prob=-0.1, advantage=0.3)


# HUB-01 the Huber error


def huber(value=v):
    return plain(value_losses.huber_kernel)(Sym(value), Sym(R), Sym(delta))


WIDE = [delta > 0]
error = v - R
size = z3.If(error < 0, -error, error)


@proof("HUB-01", "z3", "kernel = Huber's two pieces, slope = e clipped; at most e^2 / 2, equal exactly within delta",
       code=[HUBER, HUBER_LOSS])
def _() -> Outcome:
    pieces = z3.If(size <= delta, error * error / 2, delta * (size - delta / 2))
    inside = z3.If(error > delta, delta, z3.If(error < -delta, -delta, error))
    return on_every_path([v, R, delta], WIDE, huber, lambda out: z3.And(
        term(out[0]) == pieces, term(out[1]) == inside, term(out[0]) >= 0, term(out[0]) <= error * error / 2,
        (term(out[0]) == error * error / 2) == (size <= delta)))


@proof("HUB-01", "z3", "kernel: between its tangent and the tangent plus t^2 / 2, for every t",
       code=[HUBER, HUBER_LOSS])
def _() -> Outcome:
    def claim(out):
        (value, slope), (moved, _) = out
        gap = term(moved) - term(value) - term(slope) * t
        return z3.And(gap >= 0, gap <= t * t / 2)

    return on_every_path([v, R, delta, t], WIDE, lambda: (huber(), huber(v + t)), claim)


@proof("HUB-01", "exact", "kernel = both routes of the definition, on a grid with both ends", code=[HUBER])
def _() -> Outcome:
    def instances():
        for k in range(-12, 13):
            for width in (Q(1, 2), Q(1), Q(5, 2)):
                value = plain(value_losses.huber_kernel)(Q(k, 4), Q(0), width)[0]
                routes = huber_error(Q(k, 4), width), huber_error_by_clipping(Q(k, 4), width)
                yield (value, value) == routes, {"error": Q(k, 4), "delta": width}

    return everywhere("instances", instances())


def _is_smooth_l1(v, R, delta):
    size = abs(v - R)
    smooth = size * size / (2 * delta) if size < delta else size - delta / 2
    return plain(value_losses.huber_kernel)(v, R, delta)[0] == smooth


@refutation("HUB-01", "z3", "the smooth L1 loss", claim=_is_smooth_l1, kept=lambda delta, **_: delta > 0)
def _() -> Outcome:
    smooth = z3.If(size < delta, error * error / (2 * delta), size - delta / 2)
    return on_every_path([v, R, delta], WIDE, huber, lambda out: term(out[0]) == smooth)


# HUB-02 rounding


@proof("HUB-02", "flint", "huber_kernel on every path: 3 u h within delta, u delta (3 |e| + delta) beyond",
       code=[HUBER, HUBER_LOSS])
def _() -> Outcome:
    desk = Desk()
    target, gap, width = desk.number(), desk.number(), desk.number(signed=False)
    value = Inexact(desk, target.value + gap.value)

    def paths():
        for path, (found, slope) in desk.paths(lambda: plain(value_losses.huber_kernel)(value, target, width)):
            near = found.value == gap.value * gap.value / 2
            claim = terms.huber_near(gap.size) if near else terms.huber_far(gap.size, width.size)
            yield found.within(claim) and slope.within(gap.size), {"path": path}

    return everywhere("paths", paths())


def _linear_piece_is_two_roundings(value, target, delta):
    got = value_losses.huber_kernel(value, target, delta)[0]
    exact = Q(delta) * (abs(Q(value) - Q(target)) - Q(delta) / 2)
    return abs(Q(got) - exact) <= 2 * UNIT * exact


@refutation("HUB-02", "float64", "the linear piece is right to 2 u of itself", claim=_linear_piece_is_two_roundings,
            kept=lambda value, target, delta: abs(value - target) > delta > 0)
def _() -> Outcome:
    return examined(_linear_piece_is_two_roundings, value=0.45, target=0.96, delta=0.45)
