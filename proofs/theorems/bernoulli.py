"""Bernoulli policies, proved on the bodies of the shipped kernels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import z3

from ppocore import bernoulli
from ppocore._kernels import plain
from proofs.bounds.measure import Target
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import lemmas
from proofs.methods.balls import Ball, equal, examined, seeded
from proofs.methods.exact import everywhere
from proofs.methods.policies import ideal
from proofs.methods.rounding import LIBM_UNITS, Desk
from proofs.methods.solver import every, on_every_path
from proofs.methods.symbolic import Exp, Log, Sym, reals, term

HOME = "ppocore.bernoulli:"
SIGMOID, KERNEL, LOG_PROB = (HOME + name for name in (
    "log_sigmoid_kernel", "bernoulli_log_prob_kernel", "bernoulli_log_prob"))
ENTROPY_KERNEL, ENTROPY = HOME + "bernoulli_entropy_kernel", HOME + "bernoulli_entropy"
KL_KERNEL, KL = HOME + "bernoulli_kl_kernel", HOME + "bernoulli_kl"
F = Fraction


def facts(z):
    """What a proof needs of exp and log at one logit, on either side of 0."""
    found = [lemmas.exp_zero(), lemmas.exp_sum(z, -z)]
    for x in (z, -z):
        log_total = Log(1 + Exp(x))
        found += [lemmas.exp_positive(x), lemmas.exp_log(1 + Exp(x)), lemmas.exp_positive(log_total),
                  lemmas.exp_sum(-log_total, log_total), lemmas.exp_sum(x - log_total, log_total)]
    return found


def sides(z):
    """log p and log(1 - p) by the shipped body."""
    kernel = plain(bernoulli.bernoulli_log_prob_kernel)
    return kernel(z, 1), kernel(z, 0)


@proof("BER-01", "z3", "both actions, every branch: sum 1, log-odds z, slope a - p", code=[SIGMOID, KERNEL, LOG_PROB])
def _() -> Outcome:
    (z,) = reals("z")

    def claim(out):
        (on, by_on), (off, by_off) = ((term(x) for x in side) for side in out)
        return z3.And(Exp(on) + Exp(off) == 1, on - off == z, by_on == Exp(off), by_off == -Exp(on))

    return on_every_path([z], [], lambda: sides(Sym(z)), claim, facts(z))


@proof("BER-01", "z3", "the derivative of the body is the slope that it returns", code=[SIGMOID, KERNEL])
def _() -> Outcome:
    (z,) = reals("z")

    def run():
        (moved,) = seeded([Sym(z)], "z")
        return [(value.partial(("z", 0)), slope.value) for value, slope in sides(moved)]

    return on_every_path([z], [z != 0], run, lambda out: z3.And([term(a) == term(b) for a, b in out]), facts(z))


def _opposite(z):
    """log(1 - p) is -log p."""
    (on, _), (off, _) = sides(Ball(z))
    return equal(lambda: off, lambda: -on)


@refutation("BER-01", "flint", "the log-probabilities of 1 and 0 are opposite numbers", claim=_opposite)
def _() -> Outcome:
    return examined(_opposite, z=F(1))


@proof("BER-02", "z3", "every branch: the value is the entropy of the shipped probabilities, the slope -z p (1 - p)",
       code=[ENTROPY_KERNEL, ENTROPY])
def _() -> Outcome:
    (z,) = reals("z")

    def run():
        return sides(Sym(z)), plain(bernoulli.bernoulli_entropy_kernel)(Sym(z))

    def claim(out):
        ((on, _), (off, _)), (value, slope) = out
        p, rest = Exp(term(on)), Exp(term(off))
        return z3.And(term(value) == -p * term(on) - rest * term(off), term(slope) == -z * p * rest)

    return on_every_path([z], [], run, claim, facts(z))


def _without_variance(z):
    """The slope is -z p."""
    _, slope = plain(bernoulli.bernoulli_entropy_kernel)(Ball(z))
    (on, _), _ = sides(Ball(z))
    return equal(lambda: slope, lambda: -Ball(z) * on.exp())


@refutation("BER-02", "flint", "the slope is -z p", claim=_without_variance)
def _() -> Outcome:
    return examined(_without_variance, z=F(1))


def _kl_of_sides(given):
    """The shipped body with log-probabilities of 1 and of 0 (BER-01) where it calls log_sigmoid_kernel."""
    on, off, other_on, other_off = given
    # What it returns beside log sigmoid is the probability of the other side.
    answers = iter([(on, off), (off, on), (other_on, other_off), (other_off, other_on)])
    body = ideal(bernoulli.bernoulli_kl_kernel)

    def log_sigmoid(_):
        here, there = next(answers)
        return Sym(here), Sym(Exp(there))

    body.__globals__["log_sigmoid_kernel"] = log_sigmoid
    return body(Sym(on - off), Sym(other_on - other_off))


@proof("BER-03", "z3", "every branch, from logs as BER-01 has them: the literal sum and both slopes; k3 exact",
       code=[KL_KERNEL, KL])
def _() -> Outcome:
    on, off, other_on, other_off = reals("on off other_on other_off")
    p, rest, q, other_rest = map(Exp, (on, off, other_on, other_off))
    gap = on - off - other_on + other_off
    known = [p + rest == 1, q + other_rest == 1,
             lemmas.exp_sum(on, other_on - on), lemmas.exp_sum(off, other_off - off),
             lemmas.exp_sum(off, other_on), lemmas.exp_sum(on, other_off),
             lemmas.exp_sum(off + other_on, gap), lemmas.exp_sum(on + other_off, -gap)]

    def claim(out):
        value, by_logit, by_other = map(term, out)
        literal = p * (on - other_on) + rest * (off - other_off)
        return z3.And(value == literal, by_logit == p * rest * gap, by_other == q - p)

    variables = [on, off, other_on, other_off]
    return on_every_path(variables, known, lambda: _kl_of_sides(variables), claim)


def _symmetric(z, w):
    kernel = ideal(bernoulli.bernoulli_kl_kernel)
    return equal(lambda: kernel(Ball(z), Ball(w))[0], lambda: kernel(Ball(w), Ball(z))[0])


@refutation("BER-03", "flint", "KL(p, q) = KL(q, p)", claim=_symmetric)
def _() -> Outcome:
    return examined(_symmetric, z=F(0), w=F(2))


# ACC-31 rounding


@proof("ACC-31", "flint", "log_sigmoid_kernel and bernoulli_entropy_kernel, both branches",
       code=[SIGMOID, KERNEL, LOG_PROB, ENTROPY_KERNEL, ENTROPY])
def _() -> Outcome:
    return everywhere("branches", [
        *((_sigmoid_within(positive), {"kernel": "log sigmoid", "positive": positive}) for positive in (True, False)),
        (_entropy_within(), {"kernel": "entropy"}),
    ])


def _sigmoid_within(positive):
    desk = Desk()
    size = desk.number(signed=False, small=True)
    value, slope = plain(bernoulli.log_sigmoid_kernel)(size if positive else -size)
    rest = desk.value_of("exp", -size.value)
    log_total, unlikely = desk.value_of("log1p", rest), rest * desk.value_of("inverse", 1 + rest)
    # unlikely <= log_total, so that this is at most 5 of what is added.
    claim = 2 * unlikely + (LIBM_UNITS if positive else LIBM_UNITS + 1) * log_total
    exact = unlikely if positive else desk.value_of("inverse", 1 + rest)
    return value.within(claim if positive else claim + size.value) and slope.within(6 * exact)


def _entropy_within():
    desk = Desk()
    size = desk.number(signed=False, small=True)
    value, slope = plain(bernoulli.bernoulli_entropy_kernel)(size)
    rest = desk.value_of("exp", -size.value)
    log_total, inverse = desk.value_of("log1p", rest), desk.value_of("inverse", 1 + rest)
    unlikely = rest * inverse
    return (value.within(2 * unlikely + 3 * log_total + 8 * size.value * unlikely)
            and slope.within(11 * size.value * unlikely * inverse))


@proof("ACC-31", "flint", "slopes of bernoulli_kl_kernel, from sides with errors of 6 u", code=[KL_KERNEL, KL])
def _() -> Outcome:
    desk = Desk()
    p, other = desk.number(6, signed=False), desk.number(6, signed=False)
    gap = desk.number(1, signed=False, small=True)
    growth, slope = desk.value_of("expm1", -gap.value, signed=True), desk.value_of("exp", -gap.value)
    by_logit, by_other = p * other * gap, p * other * np.expm1(-gap)
    pair = p.value * other.value
    return everywhere("slopes", [
        (by_logit.within(15 * pair * gap.value), {"slope": "logit"}),
        (by_other.within(pair * (16 * growth + gap.value * slope)), {"slope": "other"}),
    ])


@proof("ACC-31", "flint", "x e^-x <= 1 - e^-x and r / (1 + r) <= log(1 + r), by their series in x >= 0 and slopes",
       code=[KL_KERNEL, SIGMOID])
def _() -> Outcome:
    # e^x - 1 - x and the slope of log(1 + r) - r / (1 + r), which is r / (1 + r)^2: nothing is negative.
    (x,) = reals("x")
    return every([on_every_path([x], [], lambda: Sym(x),
                                lambda out: Exp(x) - 1 - x >= 0, [lemmas.exp_tangent(x)]),
                  on_every_path([x], [x >= 0], lambda: Sym(x), lambda out: x / ((1 + x) * (1 + x)) >= 0)])


def _one_minus_p_is_as_good(z):
    """log(1 - sigmoid(z)) keeps the bound of log sigmoid(-z)."""
    usual = float(np.log(1 - 1 / (1 + np.exp(-z))))
    target = Target("bernoulli_log_prob", {"logits": np.array([[z]]), "actions": np.array([[0]])})
    return all(use.fraction <= 1 for use in target.uses({"log_prob": np.array([usual])}).values())


@refutation("ACC-31", "float64", "the usual log(1 - sigmoid(z)) keeps the bound too", claim=_one_minus_p_is_as_good)
def _() -> Outcome:
    return examined(_one_minus_p_is_as_good, z=20.3)
