"""Losses for long answers: the ratio of an answer, the weight that is held, the weight outside of the clip."""

from __future__ import annotations

from fractions import Fraction
from math import exp

import numpy as np
import sympy as sp
import z3

from ppocore import losses, sequence_losses
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods.closed_forms import identical
from proofs.methods.exact import at, everywhere
from proofs.methods.solver import every, on_every_path
from proofs.methods.symbolic import Sym, reals, term

HOME = "ppocore.sequence_losses:"
Q = Fraction


# SEQ-01


@proof("SEQ-01", "sympy", "T = 1 ... 5: the product of roots, and the derivative in every token",
       code=[HOME + "gspo_loss"])
def _() -> Outcome:
    def claims(count: int) -> list[Outcome]:
        new = sp.symbols(f"n0:{count}", real=True)
        old = sp.symbols(f"o0:{count}", real=True)
        gaps = [n - o for n, o in zip(new, old, strict=True)]
        s = sp.exp(sum(gaps) / count)
        at_point = {x: sp.Rational(i - 2, 3) for i, x in enumerate((*new, *old))}
        roots = sp.Mul(*(sp.exp(gap / count) for gap in gaps))
        return [identical(s, roots, at_point), *(identical(sp.diff(s, n), s / count, at_point) for n in new)]

    return every([outcome for count in range(1, 6) for outcome in claims(count)])


def _one_token_batches():
    """Batches of answers of one token: size, band, the three arrays as columns, and what gspo_loss() gives."""
    draw = np.random.default_rng(1)
    for size in (1, 2, 7, 64):
        for band in ({"clip_eps": 0.2}, {"clip_eps_low": 3e-4, "clip_eps_high": 4e-4}):
            new, old, a = (draw.normal(size=(size, 1)) for _ in range(3))
            mask = np.ones((size, 1), dtype=bool)
            yield size, band, (new, old, a), sequence_losses.gspo_loss(new, old, a[:, 0], mask, **band)


@proof("SEQ-01", "float64", "answers of one token: gspo_loss() is clip_loss() with an all-True mask, bit for bit",
       code=[HOME + "gspo_loss"])
def _() -> Outcome:
    def claims():
        for size, band, samples, whole in _one_token_batches():
            token = losses.clip_loss(*samples, **band, mask=np.ones((size, 1), dtype=bool))
            same = whole.loss == token.loss and np.array_equal(whole.grad_log_prob, token.grad_log_prob)
            yield bool(same), {"size": size, **band}

    return everywhere("batches", claims())


ROUND = 2.0**-53 * (1 + 2.0**-40)
"""One rounding, and room for the products of roundings."""


@proof("SEQ-01", "float64", "answers of one token: gspo_loss() is clip_loss() without a mask within 8 u of every "
       "derivative, and u (2 B + 6) mean(max(r, 1) |A|) of the loss", code=[HOME + "gspo_loss"])
def _() -> Outcome:
    def claims():
        for size, band, (new, old, a), whole in _one_token_batches():
            token = losses.clip_loss(new[:, 0], old[:, 0], a[:, 0], **band)
            slopes, others = whole.grad_log_prob[:, 0], token.grad_log_prob
            scale = np.mean(np.maximum(np.exp(new - old), 1) * abs(a))
            near = abs(float(whole.loss) - float(token.loss)) <= ROUND * (2 * size + 6) * scale
            yield bool(near and (abs(slopes - others) <= 8 * ROUND * abs(slopes)).all()), {"size": size, **band}

    return everywhere("batches", claims())


def _arithmetic_mean(first, second):
    """The ratio of an answer is the mean of the ratios of its tokens."""
    new = np.array([[first, second]])
    out = sequence_losses.gspo_loss(new, new * 0, [1.0], np.ones((1, 2), dtype=bool), clip_eps_low=1, clip_eps_high=1e9)
    return abs(-float(out.loss) - (exp(first) + exp(second)) / 2) < 1e-9


@refutation("SEQ-01", "float64", "the ratio is the mean of the token ratios", claim=_arithmetic_mean)
def _() -> Outcome:
    return at(_arithmetic_mean, first=1.0, second=-1.0)


# SEQ-02

CISPO = [HOME + "cispo_kernel", HOME + "cispo_loss"]


def _cispo(claim) -> Outcome:
    ratio, advantage, log_prob, low, high = numbers = reals("ratio advantage log_prob low high")
    return on_every_path(
        numbers, [ratio > 0, low >= 0, low < 1, high >= 0],
        lambda: plain(sequence_losses.cispo_kernel)(*map(Sym, numbers)), lambda out: claim(out, *numbers),
    )


@proof("SEQ-02", "z3", "all branches of the kernel, every number", code=CISPO)
def _() -> Outcome:
    def claim(out, ratio, advantage, log_prob, low, high):
        value, slope = map(term, out)
        weight = z3.If(ratio > 1 + high, 1 + high, z3.If(ratio < 1 - low, 1 - low, ratio))
        return z3.And(slope == weight * advantage, value == slope * log_prob, weight >= 1 - low, weight <= 1 + high,
                      (slope == 0) == (advantage == 0))

    return _cispo(claim)


def _cut_outside(ratio, advantage, log_prob, low, high):
    """Where PPO's objective is flat, there is no gradient here either."""
    slope = plain(sequence_losses.cispo_kernel)(ratio, advantage, log_prob, low, high)[1]
    return not (advantage > 0 and ratio > 1 + high) or slope == 0


@refutation("SEQ-02", "z3", "clipped tokens have no gradient, as in PPO", claim=_cut_outside,
            kept=lambda ratio, advantage, log_prob, low, high: ratio > 0 and 0 <= low < 1 and high >= 0)
def _() -> Outcome:
    return _cispo(lambda out, ratio, advantage, log_prob, low, high: z3.Implies(
        z3.And(advantage > 0, ratio > 1 + high), term(out[1]) == 0))


# SEQ-03


def _both(ratio, advantage, weight, low, high):
    """Term and slope with the weight at the advantage, and outside."""
    body = plain(losses.clip_kernel)
    return (*body(ratio, weight * advantage, low, high, np.inf),
            *(weight * part for part in body(ratio, advantage, low, high, np.inf)))


def _homogeneous(sign) -> Outcome:
    ratio, advantage, weight, low, high = numbers = reals("ratio advantage weight low high")
    return on_every_path(
        numbers, [ratio > 0, low >= 0, low <= 1, high >= 0, sign(weight)], lambda: _both(*map(Sym, numbers)),
        lambda out: z3.And(term(out[0]) == term(out[2]), term(out[1]) == term(out[3])),
    )


@proof("SEQ-03", "z3", "clip_kernel on every path, every weight > 0", code=[HOME + "truncated_is_loss"])
def _() -> Outcome:
    return _homogeneous(lambda weight: weight > 0)


@proof("SEQ-03", "float64", "truncated_is_loss() is clip_loss() of the weighted advantages, bit for bit",
       code=[HOME + "truncated_is_loss"])
def _() -> Outcome:
    draw = np.random.default_rng(2)

    def claims():
        for size in (1, 5, 33):
            new, old, rollout, a = (draw.normal(size=size) for _ in range(4))
            weighted = losses.clip_loss(new, old, np.minimum(np.exp(old - rollout), 2.0) * a, clip_eps=0.2)
            out = sequence_losses.truncated_is_loss(new, old, rollout, a, max_weight=2.0, clip_eps=0.2)
            same = out.loss == weighted.loss and np.array_equal(out.grad_log_prob, weighted.grad_log_prob)
            yield bool(same), {"size": size}

    return everywhere("batches", claims())


def _any_weight(ratio, advantage, weight, low, high):
    left, slope, right, other = _both(ratio, advantage, weight, low, high)
    return left == right and slope == other


@refutation("SEQ-03", "z3", "a weight of any sign", claim=_any_weight,
            kept=lambda ratio, advantage, weight, low, high: ratio > 0 and 0 <= low <= 1 and high >= 0)
def _() -> Outcome:
    return _homogeneous(lambda weight: weight == weight)
