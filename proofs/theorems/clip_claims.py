"""What the source says of clipping: the run that passes 1.2, the misprint, the ends of clip, and the distance."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import z3

from ppocore import losses
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods.balls import Ball, decided
from proofs.methods.doubles import SORT, Double, double, doubles, is_finite
from proofs.methods.exact import at, everywhere
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import term
from proofs.theorems.clip import (
    ABOVE,
    BAND,
    CLIP,
    LOSS,
    LOWER,
    UPPER,
    VARIABLES,
    A,
    clipped,
    held,
    high,
    in_band,
    low,
    r,
    slope,
    smaller,
    symbolic,
    value,
)

Q = Fraction


# CLIP-11 the ratio is not bounded: a run

EPS = Q(1, 5)
POLICY = (Q(3, 10), Q(6, 10), Q(1, 10))
OPPOSED = ((0, 1), (1, -1))
"""(action, advantage) of two samples of one state."""
RUN = {"steps": 93, "step": Q(1, 100)}


def climb(policy, samples, steps, step, eps):
    """Gradient ascent in the logits of a softmax on the mean of the shipped kernel's objectives.

    Returns every action's ratio and every sample's slope at the end.  Numbers of any type; weights are e^logit.
    """
    weights = list(policy)
    for count in range(steps + 1):
        total = sum(weights)
        now = [weight / total for weight in weights]
        ratios = [p / q for p, q in zip(now, policy, strict=True)]
        slopes = [slope(ratios[action], gain, eps, eps) for action, gain in samples]
        if count < steps:
            for j, probability in enumerate(now):
                pulls = zip(samples, slopes, strict=True)
                uphill = sum(pull * ((action == j) - probability) for (action, _), pull in pulls) / len(samples)
                weights[j] = weights[j] * np.exp(step * uphill)
    return ratios, slopes


def certified(policy, samples, steps, step):
    """The run in balls."""
    return climb([Ball(p) for p in policy], samples, steps, step, EPS)


def _along(policy, samples, steps, step):
    """The ratios after the run in float64."""
    return climb([float(p) for p in policy], samples, steps, float(step), float(EPS))[0]


@proof("CLIP-11", "flint", f"{RUN['steps']} steps of {RUN['step']} in balls: the ratio ends in (1.37, 1.371), slopes 0",
       code=[CLIP])
def _() -> Outcome:
    def stopped():
        ratios, slopes = certified(POLICY, OPPOSED, **RUN)
        return Q(137, 100) < ratios[0] < Q(1371, 1000) and ratios[1] < 1 - EPS and slopes == [0, 0]

    return proved() if decided(stopped) else refuted(**RUN)


@refutation("CLIP-11", "flint", "with A > 0 the ratio cannot exceed 1.2 (a run with two samples)",
            claim=lambda steps, step: _along(POLICY, OPPOSED, steps, step)[0] <= 1 + EPS,
            kept=lambda steps, step: steps > 0 and 0 < step <= Q(1, 100))
def _() -> Outcome:
    below = decided(lambda: certified(POLICY, OPPOSED, **RUN)[0][0] <= 1 + EPS)
    return proved() if below else refuted("A = +1 on one action, -1 on another: the ratio goes to 1.37", **RUN)


def _stopped_by_reward(r, reward, baseline):
    return slope(r, reward - baseline, EPS, EPS) == 0


@refutation("CLIP-11", "exact", "the sign of the reward decides: with reward 1 a sample beyond 1.2 has slope 0",
            claim=_stopped_by_reward, kept=lambda r, reward, baseline: reward > 0 and r > 1 + EPS)
def _() -> Outcome:
    return at(_stopped_by_reward, r=Q(3, 2), reward=1, baseline=2)


# CLIP-12 the misprint


def printed(r, A, eps):
    """min(A r, clip(r), 1 - eps, 1 + eps) A."""
    return min(A * r, held(r, eps, eps), 1 - eps, 1 + eps) * A


def outer(r, A, eps):
    """min(A r, clip(r, 1 - eps, 1 + eps)) A: clip mended, A still outside of the min."""
    return min(A * r, held(r, eps, eps)) * A


SYMMETRIC = [low > 0, low < 1, high == low, r >= 0]


def _agrees(reading, where):
    return on_every_path(VARIABLES, SYMMETRIC, symbolic, lambda out: (term(out[0]) == reading) == where)


@proof("CLIP-12", "z3", "as printed: min(rA, 1 - eps) A, equal to the kernel only at A = 0 and a few points of A > 0",
       code=[CLIP])
def _() -> Outcome:
    four = smaller(smaller(r * A, clipped(r)), smaller(LOWER, UPPER)) * A
    same = z3.Or(A == 0, z3.And(A > 0, z3.Or(r == 0, z3.And(A == 1, r <= LOWER), z3.And(A >= 1, r == LOWER))))
    reduced = forall(VARIABLES, SYMMETRIC, four == smaller(r * A, LOWER) * A)
    return every([reduced, _agrees(four, same)])


@proof("CLIP-12", "z3", "A outside of a mended min: where it equals the kernel, and rA^2 for A < 0", code=[CLIP])
def _() -> Outcome:
    two = smaller(r * A, clipped(r)) * A
    same = z3.Or(A == 0, z3.And(A > 0, z3.Or(
        r == 0, A == 1, z3.And(r >= LOWER, r <= UPPER, A >= 1), z3.And(r >= UPPER, r * A >= UPPER)
    )))
    wrong_way = forall(VARIABLES, [*SYMMETRIC, A < 0], z3.And(two == r * A * A, two >= 0))
    return every([wrong_way, _agrees(two, same)])


def _as_printed(r, A, eps):
    return value(r, A, eps, eps) == printed(r, A, eps)


def _as_outer(r, A, eps):
    return value(r, A, eps, eps) == outer(r, A, eps)


def _proper(r, eps, **_):
    return r >= 0 and 0 < eps < 1


@refutation("CLIP-12", "exact", "the objective is min(A r, clip(r), 1 - eps, 1 + eps) A: 12/5 against 8/5",
            claim=_as_printed, kept=_proper)
def _() -> Outcome:
    return at(_as_printed, r=Q(3, 2), A=Q(2), eps=EPS)


@refutation("CLIP-12", "exact", "the objective is min(A r, clip(r, 1 - eps, 1 + eps)) A: -4/5 against +1/2",
            claim=_as_outer, kept=_proper)
def _() -> Outcome:
    return at(_as_outer, r=Q(1, 2), A=Q(-1), eps=EPS)


# CLIP-13 both ends and special numbers


@proof("CLIP-13", "z3", "all reals: the ends themselves are unclipped; eps = 0; r = 0; beyond the end r is not used",
       code=[CLIP])
def _() -> Outcome:
    def at_ratio(ratio, hypotheses, expected):
        return on_every_path([A, low, high], [*BAND, *hypotheses], lambda: symbolic(ratio),
                             lambda out: z3.And(*(term(x) == y for x, y in zip(out, expected, strict=True))))

    return every([
        at_ratio(UPPER, [A > 0], (UPPER * A, UPPER * A)),
        at_ratio(LOWER, [A < 0], (LOWER * A, LOWER * A)),
        at_ratio(z3.RealVal(1), [low == 0, high == 0], (A, A)),
        at_ratio(z3.RealVal(0), [A > 0], (0, 0)),
        at_ratio(z3.RealVal(0), [A < 0], (LOWER * A, 0)),
        on_every_path(VARIABLES, [*BAND, ABOVE], symbolic,
                      lambda out: z3.And(term(out[0]) == UPPER * A, term(out[1]) == 0)),
    ])


@proof("CLIP-13", "z3", "all float64 A and bands: r = NaN gives NaN, r = inf gives the upper end or -inf",
       code=[CLIP])
def _() -> Outcome:
    gain, down, up = doubles("A low high")
    infinite, nan, zero = z3.fpPlusInfinity(SORT), z3.fpNaN(SORT), double(0.0)
    band = [down >= zero, down <= 1, up >= zero, is_finite(up), is_finite(gain)]
    upper = ((Double(1.0) + up) * gain).term

    def at_ratio(ratio, hypotheses, claim):
        run = plain(losses.clip_kernel)
        return on_every_path([gain, down, up], hypotheses,
                             lambda: run(Double(ratio), Double(gain), Double(down), Double(up), np.inf), claim)

    def are(value, slope):
        return lambda out: z3.And(double(out[0]) == value, z3.fpEQ(double(out[1]), slope))

    return every([
        at_ratio(nan, [], lambda out: z3.And(*(z3.fpIsNaN(double(x)) for x in out))),
        at_ratio(infinite, [*band, gain > zero], are(upper, zero)),
        at_ratio(infinite, [*band, gain < zero], are(z3.fpMinusInfinity(SORT), z3.fpMinusInfinity(SORT))),
    ])


SPECIAL = [math.inf, -math.inf, math.nan]


@proof("CLIP-13", "float64", "clip_loss refuses NaN and infinity in every argument", code=[LOSS])
def _() -> Outcome:
    good = {"log_prob": 0.1, "old_log_prob": 0.2, "advantages": 1.0, "clip_eps": 0.2}
    return everywhere("refusals", (
        (_refuses(**{**good, name: bad}), {"name": name, "bad": str(bad)}) for name in good for bad in SPECIAL
    ))


def _refuses(clip_eps, **arrays):
    try:
        losses.clip_loss(**{name: [x] for name, x in arrays.items()}, clip_eps=clip_eps)
    except ValueError:
        return True
    return False


@refutation("CLIP-13", "z3", "at the upper end itself the slope is already 0", claim=lambda A, low, high: slope(
    1 + high, A, low, high) == 0, kept=lambda A, low, high: in_band(low, high) and A > 0)
def _() -> Outcome:
    return on_every_path([A, low, high], [*BAND, A > 0], lambda: symbolic(UPPER), lambda out: term(out[1]) == 0)


def _no_gain_no_value(r):
    return losses.clip_kernel(r, 0.0, 0.2, 0.2, np.inf)[0] == 0


@refutation("CLIP-13", "float64", "A = 0 gives 0 for every r, an overflowed one included (so the loop skips A = 0)",
            claim=_no_gain_no_value, kept=lambda r: r >= 0)
def _() -> Outcome:
    return at(_no_gain_no_value, r=math.inf)


# CLIP-15 what the band bounds


def _policies(actions):
    """Symbolic old policy and ratios, and that both policies are distributions."""
    old_policy, ratios = z3.RealVector("q", actions), z3.RealVector("ratio", actions)
    new_total = z3.Sum([q * x for q, x in zip(old_policy, ratios, strict=True)])
    return old_policy, ratios, [*(q >= 0 for q in old_policy), z3.Sum(old_policy) == 1, new_total == 1]


def _distance(old_policy, ratios):
    return z3.Sum([q * z3.If(x >= 1, x - 1, 1 - x) for q, x in zip(old_policy, ratios, strict=True)])


@proof("CLIP-15", "z3", "3 actions: if the kernel clips no action for either sign of A, L1 <= max(low, high)",
       code=[CLIP])
def _() -> Outcome:
    old_policy, ratios, policies = _policies(3)

    def unclipped():
        return [term(symbolic(x, sign)[0]) == sign * x for x in ratios for sign in (1, -1)]

    return on_every_path(
        [*old_policy, *ratios, low, high], [*BAND, *policies], unclipped,
        lambda free: z3.Implies(z3.And(*free), _distance(old_policy, ratios) <= z3.If(low > high, low, high)),
    )


DOMINANT = (Q(4, 5), Q(3, 20), Q(1, 20))
ONE_SAMPLE = ((0, 1),)


def _moved(policy, ratios):
    """The L1 distance of the policies."""
    return sum(p * abs(x - 1) for p, x in zip(policy, ratios, strict=True))


@refutation("CLIP-15", "flint", "it is enough that the sampled ratios are in the band (a run with one sample)",
            claim=lambda steps, step: _moved(map(float, DOMINANT), _along(DOMINANT, ONE_SAMPLE, steps, step)) <= EPS,
            kept=lambda steps, step: 1 - EPS <= _along(DOMINANT, ONE_SAMPLE, steps, step)[0] <= 1 + EPS)
def _() -> Outcome:
    witness = {"steps": 60, "step": Q(1, 10)}
    near = decided(lambda: _moved(DOMINANT, certified(DOMINANT, ONE_SAMPLE, **witness)[0]) <= EPS)
    return proved() if near else refuted("L1 above 0.26, an unsampled ratio below 1/3", **witness)
