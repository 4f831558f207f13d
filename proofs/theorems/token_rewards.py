"""The KL reward, and the rules that move its coefficient, proved on the bodies of the shipped kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import z3

from ppocore import optimizers, token_rewards
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods.polynomials import Ring, rows, same
from proofs.methods.solver import every, on_every_path
from proofs.methods.symbolic import Sym, array, reals, term

REWARD = ["ppocore.token_rewards:kl_reward_kernel", "ppocore.token_rewards:kl_reward"]
Q = Fraction


# REW-01


def by_tokens(score: Any, log_prob: Sequence[Any], ref: Sequence[Any], valid: Sequence[bool], beta: Any) -> list[Any]:
    """The rewards of one row by the shipped loop; 0 at masked slots."""
    new, old, scores = (array(list(part))[None] for part in (log_prob, ref, [score]))
    out = np.zeros((1, len(valid)), dtype=object)
    plain(token_rewards._kl_reward_loop)(scores[0], new, old, np.array([valid]), beta, out)
    return list(out[0])


@proof("REW-01", "flint", "shipped loop, L <= 6, all masks, every number symbolic", code=REWARD)
def _() -> Outcome:
    def pairs():
        for length in range(1, 7):
            ring = Ring(f"{rows('n o', length)} beta s")
            new, old = ring.row("n", length), ring.row("o", length)
            for valid in product((False, True), repeat=length):
                if not any(valid):
                    continue
                found = by_tokens(ring["s"], new, old, valid, ring["beta"])
                log_ratio = sum((n - o for n, o, use in zip(new, old, valid, strict=True) if use), ring.number(0))
                yield sum(found, ring.number(0)), ring["s"] - ring["beta"] * log_ratio
                last = max(t for t, use in enumerate(valid) if use)
                for t, use in enumerate(valid):
                    paid = ring["s"] if t == last else ring.number(0)
                    yield ring.number(0) + found[t], (paid - ring["beta"] * (new[t] - old[t])) * int(use)

    return same(pairs())


@proof("REW-01", "float64", "kl_reward() with NaN in masked slots, L <= 6, all masks: bit for bit", code=REWARD)
def _() -> Outcome:
    count = 0
    for length in range(1, 7):
        masks = np.array([m for m in product((False, True), repeat=length) if any(m)])
        new = -np.arange(1.0, length + 1) / 2
        ref = new[::-1] * 2 - 0.25
        scores = np.arange(len(masks)) / 4.0
        poisoned = [np.where(masks, part, np.nan) for part in (new, ref)]
        found = token_rewards.kl_reward(scores, *poisoned, masks, kl_coef=0.5)
        for score, mask, row in zip(scores, masks, found, strict=True):
            exact = by_tokens(Q(score), [Q(x) for x in new], [Q(x) for x in ref], mask.tolist(), Q(1, 2))
            if [Q(float(x)) for x in row] != [Q(0) + x for x in exact]:
                return refuted(f"mask {mask.tolist()}")
            count += 1
    return proved(f"{count} masks")


def _adds_up_to_the_score(score, gap, beta):
    return sum(by_tokens(score, [gap, 0], [0, 0], (True, True), beta)) == score


@refutation("REW-01", "z3", "the rewards add up to the score", claim=_adds_up_to_the_score,
            kept=lambda score, gap, beta: beta > 0)
def _() -> Outcome:
    score, gap, beta = reals("score gap beta")
    zero = Sym(z3.RealVal(0))
    return on_every_path(
        [score, gap, beta], [beta > 0],
        lambda: sum(by_tokens(Sym(score), [Sym(gap), zero], [zero, zero], (True, True), Sym(beta)), zero),
        lambda out: term(out) == score,
    )


# KLC-01

RULES: dict[str, tuple[Any, Q, Q, Q, Q]] = {
    "rllib_kl_coef_kernel": (optimizers.rllib_kl_coef_kernel, Q(2), Q(1, 2), Q(3, 2), Q(1, 2)),
    "tf_agents_kl_coef_kernel": (optimizers.tf_agents_kl_coef_kernel, Q(13, 10), Q(7, 10), Q(3, 2), Q(2, 3)),
}
RULE_CODE = [*(f"ppocore.optimizers:{name}" for name in RULES), "ppocore.optimizers:adapt_kl_coef"]


def _exactly(x: Q) -> Any:
    return z3.Q(x.numerator, x.denominator)


@proof("KLC-01", "z3", "all branches of both kernels, every beta, KL and target > 0", code=RULE_CODE)
def _() -> Outcome:
    beta, kl, target = reals("beta kl target")

    def rule(kernel: Any, *numbers: Q) -> Outcome:
        high, low, up, down = map(_exactly, numbers)

        def claim(out: Any) -> Any:
            new, large, small = term(out), kl > high * target, kl < low * target
            return z3.And(
                new > 0, z3.Not(z3.And(large, small)), (new > beta) == large, (new < beta) == small,
                new == z3.If(large, up * beta, z3.If(small, down * beta, beta)),
            )

        return on_every_path([beta, kl, target], [beta > 0, target > 0],
                             lambda: plain(kernel)(Sym(beta), Sym(kl), Sym(target)), claim)

    return every([rule(*row) for row in RULES.values()])


def _same_rule(beta, kl, target):
    both = (plain(kernel)(Q(beta), Q(kl), Q(target)) for kernel, *_ in RULES.values())
    return next(both) == next(both)


@refutation("KLC-01", "exact", "the two rules are one", claim=_same_rule,
            kept=lambda beta, kl, target: beta > 0 < target)
def _() -> Outcome:
    witness = {"beta": Q(1), "kl": Q(3, 2), "target": Q(1)}
    return proved() if _same_rule(**witness) else refuted(**witness)


# KLC-02

PROPORTIONAL = ["ppocore.optimizers:proportional_kl_coef_kernel", "ppocore.optimizers:adapt_kl_coef_proportional"]
NAMES = "beta quotient target share horizon"


def _on_every_path(given: Callable[..., list[Any]], claim: Callable[..., Any]) -> Outcome:
    """KL = quotient target and batch_steps = share horizon, so that the solver meets no fractions."""
    beta, quotient, target, share, horizon = numbers = reals(NAMES)
    return on_every_path(
        numbers, [beta > 0, target > 0, share > 0, horizon > 0, *given(*numbers)],
        lambda: plain(optimizers.proportional_kl_coef_kernel)(
            Sym(beta), Sym(quotient * target), Sym(target), Sym(share * horizon), Sym(horizon)),
        lambda out: claim(term(out), *numbers),
    )


def _nothing(*numbers: Any) -> list[Any]:
    return []


@proof("KLC-02", "z3", "all branches of the kernel: the formula, its bound, and its direction", code=PROPORTIONAL)
def _() -> Outcome:
    fifth = _exactly(Q(1, 5))

    def formula(new: Any, beta: Any, quotient: Any, target: Any, share: Any, horizon: Any) -> Any:
        error = z3.If(quotient - 1 > fifth, fifth, z3.If(quotient - 1 < -fifth, -fifth, quotient - 1))
        return new == beta * (1 + error * share)

    def direction(new: Any, beta: Any, quotient: Any, target: Any, share: Any, horizon: Any) -> Any:
        most = beta * share * fifth
        return z3.And((new > beta) == (quotient > 1), (new < beta) == (quotient < 1), new - beta <= most,
                      beta - new <= most)

    return every([
        _on_every_path(_nothing, formula), _on_every_path(_nothing, direction),
        _on_every_path(lambda b, q, t, share, h: [share < 5], lambda new, *_: new > 0),
    ])


def _stays_positive(beta, quotient, target, share, horizon):
    body = plain(optimizers.proportional_kl_coef_kernel)
    return body(beta, quotient * target, target, share * horizon, horizon) > 0


@refutation("KLC-02", "z3", "beta stays positive however long the batch is", claim=_stays_positive,
            kept=lambda beta, quotient, target, share, horizon: min(beta, target, share, horizon) > 0)
def _() -> Outcome:
    return _on_every_path(_nothing, lambda new, *_: new > 0)
