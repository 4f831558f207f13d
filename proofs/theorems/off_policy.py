"""V-trace, proved on the shipped loop and the shipped kernel of its weights."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import z3

import ppocore
from ppocore import off_policy
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods.exact import everywhere
from proofs.methods.polynomials import same
from proofs.methods.rounding import ZERO, Desk
from proofs.methods.softmax import body
from proofs.methods.solver import on_every_path
from proofs.methods.symbolic import Exp, Sym, reals, term
from proofs.theorems.rollouts import (
    GOES_ON,
    Numbers,
    Rollout,
    coefficients,
    column,
    consistent,
    deltas,
    dyadic_rollout,
    every_flags,
    flag_columns,
    ring,
    rollout,
    shipped,
)

WEIGHT = ["ppocore.off_policy:clipped_weight_kernel", "ppocore.off_policy:least_kernel"]
TRACE = ["ppocore.off_policy:trace_kernel", "ppocore.off_policy:_trace_loop", "ppocore.off_policy:vtrace",
         "ppocore.advantages:td_error_kernel"]
STEMS = "r v n w c"
"""Rewards, values, values after, rho, c."""


def weights(numbers: Numbers, steps: int) -> tuple[list[Any], list[Any]]:
    """rho and c by name."""
    return [numbers[f"w{t}"] for t in range(steps)], [numbers[f"c{t}"] for t in range(steps)]


def shipped_trace(of: Rollout, rho: list[Any], trace: list[Any]) -> list[Any]:
    """Targets, then advantages, by the shipped loop, run on any numbers."""
    returns, advantages = (np.empty((len(of.rewards), 1), dtype=object) for _ in range(2))
    flags = [column([pair[i] for pair in of.flags]) for i in (0, 1)]
    carried = np.zeros((4, 1), dtype=object)
    body(off_policy._trace_loop)(*map(column, of[:3]), *flags, 0, column(rho), column(trace), of.gamma,
                                 len(returns) - 1, *carried, 0, 0, returns, advantages)
    return [*returns[:, 0], *advantages[:, 0]]


def last(of: Rollout, t: int) -> int:
    return next((k for k in range(t, len(of.flags)) if any(of.flags[k])), len(of.flags) - 1)


def literal_trace(of: Rollout, rho: list[Any], trace: list[Any], late: int = 0) -> list[Any]:
    """Equation 1 and section 4.2 word by word; `late` reads every trace that many steps late."""
    errors, steps = deltas(of), range(len(of.rewards))
    targets, gains = [], []
    for t in steps:
        total = of.values[t]
        for k in range(t, last(of, t) + 1):
            weight = of.gamma ** (k - t) * rho[k] * errors[k]
            for i in range(t, k):
                weight = weight * trace[i + late]
            total = total + weight
        targets.append(total)
    for t in steps:
        after = targets[t + 1] if t < last(of, t) else (1 - of.flags[t][0]) * of.next_values[t]
        gains.append(rho[t] * (of.rewards[t] + of.gamma * after - of.values[t]))
    return [*targets, *gains]


# VTR-01 the sums of equation 1


@proof("VTR-01", "flint", "shipped loop = literal sums and advantages: T <= 4, all 4^T flags, every number symbolic",
       code=TRACE)
def _() -> Outcome:
    def pairs():
        for steps in range(1, 5):
            numbers = ring(steps, stems=STEMS)
            for flags in every_flags(steps):
                given = rollout(numbers, flags), *weights(numbers, steps)
                yield from zip(shipped_trace(*given), literal_trace(*given), strict=True)

    return same(pairs())


def _traces_one_step_late(**numbers) -> bool:
    given = rollout(numbers, [GOES_ON] * 2), *weights(numbers, 2)
    return shipped_trace(*given) == literal_trace(*given, late=1)


@refutation("VTR-01", "flint", "the trace of the next step: c_{t+1} in place of c_t", claim=_traces_one_step_late,
            kept=coefficients)
def _() -> Outcome:
    numbers = ring(2, stems=STEMS)
    given = rollout(numbers, [GOES_ON] * 2), *weights(numbers, 2)
    return same(zip(shipped_trace(*given), literal_trace(*given, late=1), strict=True))


# VTR-02 the policy's own data


@proof("VTR-02", "z3", "weight kernel = min(e^d, clip) on every path", code=WEIGHT)
def _() -> Outcome:
    d, clip = reals("d clip")
    least = z3.If(Exp(d) > clip, clip, Exp(d))
    return on_every_path([d, clip], [], lambda: plain(off_policy.clipped_weight_kernel)(Sym(d), Sym(clip)),
                         lambda out: term(out) == least)


def _values_added(of: Rollout) -> list[Any]:
    return [a + v for a, v in zip(shipped(of), of.values, strict=True)]


@proof("VTR-02", "flint", "weights 1 and lambda: targets = V + the shipped GAE, T <= 5, all 4^T flags, symbolic",
       code=TRACE)
def _() -> Outcome:
    def pairs():
        for steps in range(1, 6):
            numbers = ring(steps)
            for flags in every_flags(steps):
                of = consistent(numbers, flags)
                found = shipped_trace(of, [numbers.number(1)] * steps, [of.decay] * steps)
                yield from zip(found[:steps], _values_added(of), strict=True)

    return same(pairs())


@proof("VTR-02", "flint", "rho = c: the advantages are the targets less V, T <= 4, all 4^T flags, symbolic", code=TRACE)
def _() -> Outcome:
    def pairs():
        for steps in range(1, 5):
            numbers = ring(steps, stems=STEMS)
            for flags in every_flags(steps):
                of, (rho, _) = consistent(numbers, flags), weights(numbers, steps)
                found = shipped_trace(of, rho, rho)
                yield from ((found[steps + t], found[t] - of.values[t]) for t in range(steps))

    return same(pairs())


@proof("VTR-02", "float64", "vtrace() on equal policies = gae().returns bit for bit: all 4^6 patterns of T = 6",
       code=["ppocore.off_policy:vtrace", "ppocore.advantages:gae"])
def _() -> Outcome:
    (rewards, values, free), (terminated, truncated) = dyadic_rollout(6), flag_columns(6)
    following = np.where(terminated | truncated, free, np.vstack([values[1:], free[-1:]]))
    rollouts = rewards, values, following, terminated, truncated
    same_policy = np.full(rewards.shape, -1.25)
    found = ppocore.vtrace(same_policy, same_policy, *rollouts, gamma=0.5, gae_lambda=0.5, rho_clip=1.0, c_clip=1.5)
    wanted = ppocore.gae(*rollouts, gamma=0.5, gae_lambda=0.5).returns
    agrees = np.array_equal(found.returns, wanted)
    return proved(f"{rewards.shape[1]:,} patterns") if agrees else refuted("a pattern")


def _advantages_of_gae(**numbers) -> bool:
    of = consistent(numbers, [GOES_ON] * 2)
    found = shipped_trace(of, [Fraction(1)] * 2, [of.decay] * 2)
    return found[2:] == shipped(of)


@refutation("VTR-02", "flint", "then the advantages are those of GAE as well", claim=_advantages_of_gae,
            kept=coefficients)
def _() -> Outcome:
    numbers = ring(2)
    of = consistent(numbers, [GOES_ON] * 2)
    found = shipped_trace(of, [numbers.number(1)] * 2, [of.decay] * 2)
    return same(zip(found[2:], shipped(of), strict=True))


# VTR-03 rounding


@proof("VTR-03", "flint", "_trace_loop given weights that are right: T <= 4, all 4^T flags", code=TRACE)
def _() -> Outcome:
    patterns = (flags for steps in range(1, 5) for flags in product(((False, False), (True, False), (False, True)),
                                                                    repeat=steps))
    return everywhere("patterns", ((_trace_within(flags), {"flags": flags}) for flags in patterns))


def _trace_within(flags) -> bool:
    """Whether every target and advantage keeps its bound; the errors of the weights are those of ACC-02, on top."""
    desk, steps = Desk(), len(flags)
    r, v, after = ([desk.number() for _ in flags] for _ in range(3))
    rho, trace = ([desk.number(signed=False) for _ in flags] for _ in range(2))
    gamma = desk.number(signed=False)
    of = Rollout(r, v, after, flags, gamma, ZERO)
    found = shipped_trace(of, rho, trace)
    sums = [_target_claims(of, rho, trace, t) for t in range(steps)]
    for t in range(steps):
        error, magnitude = sums[t]
        if not found[t].within(error + magnitude):
            return False
        ends = t == last(of, t)
        reach, brought = (after[t].size, ZERO) if ends else (sums[t + 1][1], sum(sums[t + 1], ZERO))
        if flags[t][0]:
            reach = brought = ZERO
        sizes = r[t].size + gamma.size * reach + v[t].size
        if not found[steps + t].within(rho[t].size * (4 * sizes + gamma.size * brought)):
            return False
    return True


def _target_claims(of: Rollout, rho, trace, t: int) -> tuple[Any, Any]:
    """sum of (5 + 3 l) S_l, and a bound of |v_t|: the sum of all sizes."""
    claim, magnitude, weight = ZERO, of.values[t].size, 1
    for k in range(t, last(of, t) + 1):
        reach = ZERO if of.flags[k][0] else of.gamma.size * of.next_values[k].size
        step = weight * rho[k].size * (of.rewards[k].size + reach + of.values[k].size)
        claim, magnitude = claim + (5 + 3 * (k - t)) * step, magnitude + step
        weight = weight * of.gamma.size * trace[k].size
    return claim, magnitude


def _trace_to_eight_units(log_prob, old_log_prob, value) -> bool:
    """The error of a target of one step is 8 u of the target itself."""
    out = ppocore.vtrace([log_prob], [old_log_prob], [0.0], [value], [0.0], [True], [False], gamma=1.0, gae_lambda=1.0,
                         rho_clip=4.0, c_clip=4.0)
    from flint import arb, ctx
    with ctx.workprec(200):
        exact = arb(value) * (1 - (arb(log_prob) - arb(old_log_prob)).exp())
        return bool(abs(arb(float(out.returns[0])) - exact) <= 8 * arb(2) ** -53 * abs(exact))


@refutation("VTR-03", "float64", "the error of a target is 8 u of the target itself: V and the correction cancel",
            claim=_trace_to_eight_units)
def _() -> Outcome:
    witness = {"log_prob": -1.0, "old_log_prob": -1.0009765625, "value": 0.1}
    return refuted("", **witness) if not _trace_to_eight_units(**witness) else proved()
