"""Several choices at once: what adding up the shipped categoricals means."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import z3

import ppocore
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import lemmas
from proofs.methods.balls import Ball, equal, examined
from proofs.methods.exact import everywhere
from proofs.methods.policies import mean
from proofs.methods.rounding import ZERO, Desk
from proofs.methods.solver import every, forall
from proofs.methods.symbolic import Exp, reals

HOME = "ppocore.multidiscrete:"
LOG_PROB, ENTROPY, KL = (HOME + f"multidiscrete_{name}" for name in ("log_prob", "entropy", "kl"))
F = Fraction
PAIRS = list(product(range(2), range(3)))


@proof("MUL-01", "z3", "2 and 3 actions: product of the softmaxes = softmax of the sums", code=[LOG_PROB])
def _() -> Outcome:
    z, w = reals("z0 z1"), reals("w0 w1 w2")
    products = [forall([*z, *w], [lemmas.exp_sum(z[a], w[b])], Exp(z[a] + w[b]) == Exp(z[a]) * Exp(w[b]))
                for a, b in PAIRS]
    # Hence a polynomial identity in the exponentials, whatever they are; both sides over both totals, so that nothing
    # is divided.  (In one query with exp in it z3 finds it on some days and not on others.)
    first, second = reals("e0 e1"), reals("f0 f1 f2")
    joint = {(a, b): first[a] * second[b] for a, b in PAIRS}
    claims = [first[a] * second[b] * z3.Sum(list(joint.values())) == joint[a, b] * z3.Sum(first) * z3.Sum(second)
              for a, b in PAIRS]
    return every(products + [forall([*first, *second], [], claim) for claim in claims])


def _one_softmax(z, w, a, b):
    """The same probability from one softmax over all columns, as the product of both entries."""
    first, second = [Ball(x).exp() for x in z], [Ball(x).exp() for x in w]
    whole = sum((*first, *second), Ball(0))
    return equal(lambda: first[a] / sum(first, Ball(0)) * (second[b] / sum(second, Ball(0))),
                 lambda: first[a] / whole * (second[b] / whole))


@refutation("MUL-01", "flint", "one softmax over all columns does as well", claim=_one_softmax)
def _() -> Outcome:
    return examined(_one_softmax, z=(F(0), F(1)), w=(F(0), F(0), F(2)), a=0, b=1)


def _joint_mean(p, q, first, second):
    """The mean of first[a] + second[b] over all combinations."""
    return z3.Sum([p[a] * q[b] * (first[a] + second[b]) for a, b in PAIRS])


@proof("MUL-02", "z3", "2 and 3 actions, any probabilities and logarithms", code=[ENTROPY])
def _() -> Outcome:
    p, q, log_p, log_q = reals("p0 p1"), reals("q0 q1 q2"), reals("l0 l1"), reals("m0 m1 m2")
    claim = _joint_mean(p, q, log_p, log_q) == mean(p, log_p) + mean(q, log_q)
    return forall([*p, *q, *log_p, *log_q], [z3.Sum(p) == 1, z3.Sum(q) == 1], claim)


def _entropy(row):
    return sum((-(Ball(p) * Ball(p).log()) for p in row), Ball(0))


def _joint(p, q):
    return [a * b for a in p for b in q]


def _multiplied(p, q):
    return equal(lambda: _entropy(_joint(p, q)), lambda: _entropy(p) * _entropy(q))


@refutation("MUL-02", "flint", "entropies multiply, as probabilities do", claim=_multiplied,
            kept=lambda p, q: sum(p) == sum(q) == 1)
def _() -> Outcome:
    return examined(_multiplied, p=(F(1, 2), F(1, 2)), q=(F(1, 3), F(1, 3), F(1, 3)))


@proof("MUL-03", "z3", "2 and 3 actions, any probabilities and differences of logarithms", code=[KL])
def _() -> Outcome:
    p, q, first, second = reals("p0 p1"), reals("q0 q1 q2"), reals("d0 d1"), reals("e0 e1 e2")
    claim = _joint_mean(p, q, first, second) == mean(p, first) + mean(q, second)
    return forall([*p, *q, *first, *second], [z3.Sum(p) == 1, z3.Sum(q) == 1], claim)


def _kl(p, q):
    return sum((Ball(a) * Ball(F(a) / b).log() for a, b in zip(p, q, strict=True)), Ball(0))


def _averaged(p, q, other_p, other_q):
    return equal(lambda: _kl(_joint(p, q), _joint(other_p, other_q)),
                 lambda: (_kl(p, other_p) + _kl(q, other_q)) / 2)


@refutation("MUL-03", "flint", "the mean over the choices", claim=_averaged,
            kept=lambda p, q, other_p, other_q: all(sum(row) == 1 for row in (p, q, other_p, other_q)))
def _() -> Outcome:
    return examined(_averaged, p=(F(1, 2), F(1, 2)), q=(F(1, 4), F(3, 4)), other_p=(F(1, 3), F(2, 3)),
                    other_q=(F(1, 2), F(1, 2)))


@proof("ACC-32", "flint", "1 to 12 numbers of one sign", code=[LOG_PROB, ENTROPY, KL])
def _() -> Outcome:
    return everywhere("counts", ((_sum_within(count), {"choices": count}) for count in range(1, 13)))


def _sum_within(count):
    desk = Desk()
    parts = [desk.number(3, signed=False) for _ in range(count)]
    whole = sum((part.value for part in parts), ZERO)
    added = 0.0
    for part in parts:
        added = part + added
    return added.within(3 * whole + (count - 1) * whole)


def _adding_is_exact(choices):
    """The log-probability of equal choices of three equal actions is a multiple of one of them."""
    one = ppocore.categorical_log_prob([[0.0] * 3], [0]).log_prob[0]
    got = ppocore.multidiscrete_log_prob(np.zeros((1, 3 * choices)), [[0] * choices], [3] * choices).log_prob[0]
    return F(float(got)) == choices * F(float(one))


@refutation("ACC-32", "float64", "adding up rounds nothing", claim=_adding_is_exact)
def _() -> Outcome:
    return examined(_adding_is_exact, choices=7)
