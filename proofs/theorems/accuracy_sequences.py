"""Forward error bounds of group advantages, sequence losses, token rewards and the proportional coefficient."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb, fmpq

import ppocore
from ppocore import losses, optimizers, sequence_losses, token_rewards
from ppocore._kernels import plain
from proofs.bounds.trees import height, numpy_sum
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods.balls import examined
from proofs.methods.exact import everywhere
from proofs.methods.rounding import LIBM_UNITS, ZERO, Desk, Inexact, size
from proofs.methods.symbolic import array

Q = Fraction


# ACC-21 groups

GROUPS = [f"ppocore.groups:{name}_advantages" for name in ("grpo", "rloo", "dr_grpo")]


@proof("ACC-21", "flint", "Dr. GRPO and RLOO for G <= 24, by NumPy's tree, coefficient by coefficient", code=GROUPS)
def _() -> Outcome:
    def sizes():
        for group in range(2, 25):
            desk = Desk()
            rewards = [desk.number() for _ in range(group)]
            gap = rewards[0] - numpy_sum(rewards) / group
            shift = (height(group) + 1) * sum((r.size for r in rewards), ZERO) / group
            factor = fmpq(group, group - 1)
            whole = gap * Inexact(desk, factor, factor)
            yield gap.within(shift + gap.size), {"G": group, "rule": "Dr. GRPO"}
            yield whole.within((shift + gap.size) * factor + 2 * whole.size), {"G": group, "rule": "RLOO"}

    return everywhere("sizes", sizes())


def _relatively_exact(rewards):
    """Advantages are right to a few roundings of themselves."""
    exact = [Q(r) - sum(map(Q, rewards)) / len(rewards) for r in rewards]
    got = ppocore.dr_grpo_advantages([rewards])[0]
    return all(abs(Q(float(x)) - y) <= 8 * abs(y) / 2**53 for x, y in zip(got, exact, strict=True))


@refutation("ACC-21", "float64", "the error is relative to the advantage: a common level of the rewards costs digits",
            claim=_relatively_exact)
def _() -> Outcome:
    return examined(_relatively_exact, rewards=(100000.1, 100000.2, 100000.4))


# ACC-22 losses for long answers

LOSSES = ["ppocore.sequence_losses:cispo_kernel",
          *(f"ppocore.sequence_losses:{name}" for name in ("gspo_loss", "cispo_loss", "truncated_is_loss"))]


@proof("ACC-22", "flint", "_cispo_loop with exp, on every path: |w A|(|d| + 3), and with log P one product more",
       code=LOSSES)
def _() -> Outcome:
    desk = Desk()
    d, old = (desk.number(small=True) for _ in range(2))
    advantage = desk.number()
    low, high = (desk.number(signed=False) for _ in range(2))
    edges = [1 + high, desk.name(1 - low)]
    new = Inexact(desk, d.value + old.value)
    ratio = desk.value_of("exp", d.value)

    def run():
        terms, slopes = array([Inexact(desk, 0)]), array([Inexact(desk, 0)])
        loop = plain(sequence_losses._cispo_loop)
        loop(array([new]), array([old]), array([advantage]), low, high, terms, slopes)
        return terms[0], slopes[0]

    def paths():
        for path, (term, slope) in desk.paths(run):
            clipped = any(slope.value == edge.value * advantage.value for edge in edges)
            assert clipped or slope.value == ratio * advantage.value
            claim = LIBM_UNITS + 1 + (ZERO if clipped else d.size)
            held = slope.within(claim * slope.size) and term.within((claim + 1) * slope.size * new.size)
            yield held, {"path": path}

    return everywhere("paths", paths())


@proof("ACC-22", "flint", "_clip_loop on a mean log-ratio with an error e, and on a weighted advantage", code=LOSSES)
def _() -> Outcome:
    def paths():
        for weighted in (False, True):
            desk = Desk()
            d, drift = (desk.number(small=True) for _ in range(2))
            e = desk.number(signed=False, small=True)
            advantage, more = desk.number(), ZERO
            low, high = (desk.number(signed=False) for _ in range(2))
            desk.name(1 - low)
            moved = d.size if weighted else e.value
            if weighted:
                advantage, more = drift.exp() * advantage, drift.size + LIBM_UNITS + 1
            log_ratio = Inexact(desk, d.value, moved)
            ratio = desk.value_of("exp", d.value)
            unit = size(advantage.value)

            def run(desk=desk, log_ratio=log_ratio, advantage=advantage, low=low, high=high):
                terms, slopes = array([Inexact(desk, 0)]), array([Inexact(desk, 0)])
                nothing = array([Inexact(desk, 0)])
                loop = plain(losses._clip_loop)
                loop(array([log_ratio]), nothing, array([advantage]), low, high, np.inf, terms, slopes)
                return terms[0], slopes[0]

            for path, (term, slope) in desk.paths(run):
                # A product of two errors stays below the factor 1 + 2^-20 that every bound has.
                room = 1 + fmpq(1, 2**20)
                claim = (2 + more) * term.size if slope.value == 0 else ratio * unit * (moved + LIBM_UNITS + 1 + more)
                yield term.within(room * claim), {"path": path, "weighted": weighted}

    return everywhere("paths", paths())


def _mean_is_exact(log_ratios):
    """The ratio of an answer is right to the roundings of one exp."""
    new = np.array([log_ratios])
    got = -float(ppocore.gspo_loss(new, new * 0, [1.0], new < np.inf, clip_eps_low=1.0, clip_eps_high=1e9).loss)
    mean = sum(map(Q, log_ratios)) / len(log_ratios)
    exact = arb(fmpq(mean.numerator, mean.denominator)).exp()
    return bool(abs(arb(got) - exact) <= 3 * exact * arb(2) ** -53)


@refutation("ACC-22", "flint", "the ratio of an answer is as good as that of a token: cancelling costs digits",
            claim=_mean_is_exact)
def _() -> Outcome:
    return examined(_mean_is_exact, log_ratios=(30.1, -30.3, 30.7, -30.6, 17.3))


# ACC-23 token rewards and the proportional coefficient

REWARDS = ["ppocore.token_rewards:kl_reward_kernel", "ppocore.token_rewards:kl_reward"]
CONTROL = ["ppocore.optimizers:proportional_kl_coef_kernel", "ppocore.optimizers:adapt_kl_coef_proportional"]


@proof("ACC-23", "flint", "kl_reward_kernel: 2 |beta d|; with a score one rounding more", code=REWARDS)
def _() -> Outcome:
    desk = Desk()
    d, ref, score = (desk.number() for _ in range(3))
    beta = desk.number(signed=False)
    penalty = plain(token_rewards.kl_reward_kernel)(Inexact(desk, d.value + ref.value), ref, beta)
    whole = penalty + score
    claim = 2 * beta.size * d.size
    return everywhere("outputs", [(penalty.within(claim), {"output": "penalty"}),
                                  (whole.within(claim + size(whole.value)), {"output": "with a score"})])


@proof("ACC-23", "flint", "proportional_kl_coef_kernel on its three paths", code=CONTROL)
def _() -> Outcome:
    desk = Desk()
    beta, target, steps, horizon = (desk.number(signed=False) for _ in range(4))
    kl = desk.number()
    quotient, share = kl / target, steps / horizon
    error = desk.name(quotient - 1, signed=True)
    ends = [desk.name(1 + share * move) for move in (fmpq(1, 5), fmpq(-1, 5))]
    middle = desk.name(1 + Inexact(desk, error.value) * Inexact(desk, share.value))
    body = plain(optimizers.proportional_kl_coef_kernel)

    def paths():
        for path, out in desk.paths(lambda: body(beta, kl, target, steps, horizon)):
            clipped = any(out.value == beta.value * end.value for end in ends)
            assert clipped or out.value == beta.value * middle.value
            moved = fmpq(3, 5) if clipped else size(quotient.value) + 3 * error.size
            yield out.within(beta.size * share.size * moved + 2 * out.size), {"path": path}

    return everywhere("paths", paths())


def _one_rounding(kl_coef, kl, target_kl, batch_steps, horizon):
    """The new coefficient is right to one rounding."""
    given = {"kl_coef": kl_coef, "kl": kl, "target_kl": target_kl, "batch_steps": batch_steps, "horizon": horizon}
    step = (Q(kl) / Q(target_kl) - 1) * Q(batch_steps) / Q(horizon)
    exact = Q(kl_coef) * (1 + step)
    return abs(Q(ppocore.adapt_kl_coef_proportional(**given)) - exact) <= abs(exact) / 2**53


@refutation("ACC-23", "float64", "one rounding is all there is", claim=_one_rounding)
def _() -> Outcome:
    return examined(_one_rounding, kl_coef=0.3, kl=0.0111, target_kl=0.01, batch_steps=300.0, horizon=77.0)
