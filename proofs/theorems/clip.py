"""The clipped objective, proved on the body of the shipped kernel."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import z3

from ppocore import losses
from ppocore._kernels import plain
from proofs.definitions.losses import clip_loss_slopes, clip_objective
from proofs.ledger import mutant, proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.exact import at, everywhere
from proofs.methods.lemmas import exp_positive, exp_sum, exp_tangent, exp_zero
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Exp, Sym, array, reals, term

CLIP = "ppocore.losses:clip_kernel"
LOOP = "ppocore.losses:_clip_loop"
LOSS = "ppocore.losses:clip_loss"
SURROGATE = "ppocore.losses:surrogate_loss"
Q = Fraction
r, A, low, high = reals("r A low high")
s, t, c = reals("s t c")
VARIABLES = [r, A, low, high]
BAND = [low >= 0, low <= 1, high >= 0]
UPPER, LOWER = 1 + high, 1 - low
ABOVE, BELOW = z3.And(A > 0, r > UPPER), z3.And(A < 0, r < LOWER)


def symbolic(ratio=r, advantage=A, dual=np.inf):
    """The shipped kernel on symbols: value, and slope in log_prob."""
    bound = dual if dual is np.inf else Sym(dual)
    return plain(losses.clip_kernel)(Sym(ratio), Sym(advantage), Sym(low), Sym(high), bound)


def value(r, A, low, high, dual=np.inf):
    """The shipped kernel's objective on numbers of any type."""
    return plain(losses.clip_kernel)(r, A, low, high, dual)[0]


def slope(r, A, low, high, dual=np.inf):
    """The shipped kernel's derivative in log_prob on numbers of any type."""
    return plain(losses.clip_kernel)(r, A, low, high, dual)[1]


def smaller(a, b):
    return z3.If(a <= b, a, b)


def clipped(ratio):
    """clip(r, 1 - low, 1 + high) as a term."""
    return z3.If(ratio < LOWER, LOWER, z3.If(ratio > UPPER, UPPER, ratio))


def held(r, low, high):
    """clip(r, 1 - low, 1 + high) of numbers."""
    return min(max(r, 1 - low), 1 + high)


def in_band(low, high, **_):
    return 0 <= low <= 1 and high >= 0


# CLIP-01 closed form


@proof("CLIP-01", "z3", "kernel = min(rA, g(A)), and = min(rA, clip(r) A)", code=[CLIP])
def _() -> Outcome:
    bound = z3.If(A >= 0, UPPER * A, LOWER * A)
    return on_every_path(
        VARIABLES, BAND, symbolic,
        lambda out: z3.And(term(out[0]) == smaller(r * A, bound), term(out[0]) == smaller(r * A, clipped(r) * A)),
    )


ENDS = [(Q(1, 4), Q(1, 4)), (Q(1, 4), Q(1, 2)), (Q(0), Q(0)), (Q(1), Q(2))]


def grid():
    """Ratios on, between and beyond all ends, advantages of both signs and 0, four bands, three dual clips."""
    ratios = [Q(k, 8) for k in range(33)]
    gains = [Q(k, 2) for k in range(-4, 5)]
    for ratio, gain, (down, up), dual in product(ratios, gains, ENDS, (None, Q(3, 2), Q(3))):
        yield ratio, gain, down, up, dual


def _is_literal(r, A, low, high, dual):
    return value(r, A, low, high, np.inf if dual is None else dual) == clip_objective(r, A, low, high, dual)


NAMES = ("r", "A", "low", "high", "dual")


@proof("CLIP-01", "exact", "kernel = literal min, clip and max on a grid, all signs, sides and ends", code=[CLIP])
def _() -> Outcome:
    return everywhere("instances", ((_is_literal(*case), dict(zip(NAMES, case, strict=True))) for case in grid()))


def _swapped(r, A, low, high):
    bound = (1 - low) * A if A >= 0 else (1 + high) * A
    return value(r, A, low, high) == min(r * A, bound)


@refutation("CLIP-01", "z3", "g with its two branches swapped", claim=_swapped, kept=in_band)
def _() -> Outcome:
    bound = z3.If(A >= 0, LOWER * A, UPPER * A)
    return on_every_path(VARIABLES, BAND, symbolic, lambda out: term(out[0]) == smaller(r * A, bound))


# CLIP-02 pessimism


@proof("CLIP-02", "z3", "kernel <= rA for all real r, A and every band", code=[CLIP])
def _() -> Outcome:
    return on_every_path(VARIABLES, BAND, symbolic, lambda out: term(out[0]) <= r * A)


@refutation("CLIP-02", "z3", "the clipped term alone, without the min",
            claim=lambda r, A, low, high: held(r, low, high) * A <= r * A, kept=in_band)
def _() -> Outcome:
    return forall(VARIABLES, BAND, clipped(r) * A <= r * A)


# CLIP-03 where nothing is clipped


@proof("CLIP-03", "z3", "kernel value is rA iff on the two half-lines", code=[CLIP])
def _() -> Outcome:
    free = z3.Or(z3.And(A >= 0, r <= UPPER), z3.And(A <= 0, r >= LOWER))
    return on_every_path(VARIABLES, BAND, symbolic, lambda out: (term(out[0]) == r * A) == free)


def _free_in_band(r, A, low, high):
    return (value(r, A, low, high) == r * A) == (1 - low <= r <= 1 + high)


@refutation("CLIP-03", "z3", "iff r is in the band, whatever the sign of A", claim=_free_in_band, kept=in_band)
def _() -> Outcome:
    band = z3.And(r >= LOWER, r <= UPPER)
    return on_every_path(VARIABLES, BAND, symbolic, lambda out: (term(out[0]) == r * A) == band)


# CLIP-04 slopes

RIGHT = z3.If(A > 0, z3.If(r < UPPER, A, 0), z3.If(r < LOWER, 0, A))
LEFT = z3.If(A > 0, z3.If(r <= UPPER, A, 0), z3.If(r <= LOWER, 0, A))


def _difference(step):
    return lambda: term(symbolic(r + step)[0] - symbolic()[0])


@proof("CLIP-04", "z3", "difference quotients of the kernel to the right and to the left, up to the next kink",
       code=[CLIP])
def _() -> Outcome:
    def between(x, y):
        return [t > 0, z3.Not(z3.And(A > 0, x < UPPER, y > UPPER)), z3.Not(z3.And(A < 0, x < LOWER, y > LOWER))]

    right = on_every_path([*VARIABLES, t], [*BAND, *between(r, r + t)], _difference(t), lambda d: d == t * RIGHT)
    left = on_every_path([*VARIABLES, t], [*BAND, *between(r - t, r)], _difference(-t), lambda d: d == -t * LEFT)
    return every([right, left])


@proof("CLIP-04", "z3", "kernel slope = r times the slope on the unclipped side, kinks included", code=[CLIP])
def _() -> Outcome:
    return on_every_path(
        VARIABLES, BAND, symbolic, lambda out: term(out[1]) == r * z3.If(A > 0, LEFT, RIGHT)
    )


def _flat_outside(r, A, low, high):
    return (slope(r, A, low, high) == 0) == (not 1 - low <= r <= 1 + high)


@refutation("CLIP-04", "z3", "the slope is 0 iff r is outside the band, whatever the sign of A", claim=_flat_outside,
            kept=lambda r, A, low, high: in_band(low, high) and r > 0 and A != 0)
def _() -> Outcome:
    outside = z3.Or(r < LOWER, r > UPPER)
    return on_every_path(VARIABLES, [*BAND, r > 0, A != 0], symbolic, lambda out: (term(out[1]) == 0) == outside)


# CLIP-05 shape


def _clip_by_kernel():
    """The kernel's value at A = 1 and A = -1: min(r, 1 + high) and -max(r, 1 - low)."""
    return symbolic(advantage=1)[0] - symbolic(advantage=-1)[0] - r


@proof("CLIP-05", "z3", "clip(r) = L(r, 1) - L(r, -1) - r, and it lies between the ends", code=[CLIP])
def _() -> Outcome:
    return on_every_path(
        [r, low, high], BAND, _clip_by_kernel,
        lambda out: z3.And(term(out) == clipped(r), term(out) >= LOWER, term(out) <= UPPER),
    )


@proof("CLIP-05", "z3", "kernel concave in r: chords with every weight t", code=[CLIP])
def _() -> Outcome:
    def gap():
        weight = Sym(t)
        ends = weight * symbolic()[0] + (1 - weight) * symbolic(s)[0]
        return term(symbolic(t * r + (1 - t) * s)[0] - ends)

    return on_every_path([*VARIABLES, s, t], [*BAND, t >= 0, t <= 1], gap, lambda gap: gap >= 0)


@proof("CLIP-05", "z3", "L(r, cA) = c L(r, A) for c >= 0; monotone in A for r >= 0", code=[CLIP])
def _() -> Outcome:
    scaled = on_every_path(
        [*VARIABLES, c], [*BAND, c >= 0], lambda: term(symbolic(advantage=c * A)[0] - Sym(c) * symbolic()[0]),
        lambda gap: gap == 0,
    )
    rising = on_every_path(
        [*VARIABLES, s], [*BAND, r >= 0, s >= A], lambda: term(symbolic(advantage=s)[0] - symbolic()[0]),
        lambda gap: gap >= 0,
    )
    return every([scaled, rising])


@refutation("CLIP-05", "z3", "monotone in A also for negative r",
            claim=lambda r, A, low, high, s: value(r, A, low, high) <= value(r, s, low, high),
            kept=lambda low, high, A, s, **_: in_band(low, high) and s >= A)
def _() -> Outcome:
    return on_every_path([*VARIABLES, s], [*BAND, s >= A], lambda: term(symbolic(advantage=s)[0] - symbolic()[0]),
                         lambda gap: gap >= 0)


# CLIP-06 the first step


def _first(ratio=1):
    return symbolic(ratio)


@proof("CLIP-06", "z3", "at r = 1 kernel value and slope are A", code=[CLIP, LOSS, SURROGATE])
def _() -> Outcome:
    return on_every_path([A, low, high], BAND, _first, lambda out: z3.And(term(out[0]) == A, term(out[1]) == A))


@proof("CLIP-06", "float64", "clip_loss at theta = theta' is surrogate_loss, bit for bit", code=[LOSS, SURROGATE])
def _() -> Outcome:
    gains = [0.3, -1.7, 0.0, 5e-324, -1e300]
    log_prob = [-0.1, -2.5, -1e-9, -40.0, -0.7]
    free = losses.surrogate_loss(log_prob, log_prob, gains)
    return everywhere("bands", (
        (_same(losses.clip_loss(log_prob, log_prob, gains, clip_eps=eps), free), {"eps": eps})
        for eps in (0.0, 1e-300, 0.1, 0.2, 1.0)
    ))


def _same(one, other):
    return one.loss == other.loss and np.array_equal(one.grad_log_prob, other.grad_log_prob)


@refutation("CLIP-06", "z3", "also for a negative eps (the band misses 1)", claim=lambda A, low, high: value(
    1, A, low, high) == A, kept=lambda A, low, high: 0 <= low <= 1)
def _() -> Outcome:
    return on_every_path([A, low, high], [low >= 0, low <= 1], _first, lambda out: term(out[0]) == A)


@refutation("CLIP-06", "z3", "L is differentiable at r = 1 also for eps = 0",
            claim=lambda A, t: value(1 + t, A, 0, 0) - value(1, A, 0, 0) == value(1, A, 0, 0) - value(1 - t, A, 0, 0),
            kept=lambda A, t: t > 0)
def _() -> Outcome:
    def bend():
        return term(_first(1 + t)[0] + _first(1 - t)[0] - 2 * _first()[0])

    return on_every_path([A, t], [low == 0, high == 0, t > 0], bend, lambda bend: bend == 0)


# CLIP-07 slope in the log-probability

new, old = reals("new old")
GROWTH = [exp_positive(new - old)]


def _sample(log_prob=new):
    """The shipped loop around the kernel on one symbolic sample: objective, slope."""
    terms, slopes = array([Sym(0)]), array([Sym(0)])
    inputs = (array([Sym(x)]) for x in (log_prob, old, A))
    plain(losses._clip_loop)(*inputs, Sym(low), Sym(high), np.inf, terms, slopes)
    return term(terms[0]), term(slopes[0])


def is_active(r, A, low, high):
    """Whether a sample pulls: not (A > 0 above the band or A < 0 below it)."""
    return not (A > 0 and r > 1 + high or A < 0 and r < 1 - low)


@proof("CLIP-07", "z3", "loop with exp, from exp > 0: objective min(rA, clip(r) A), slope rA where active",
       code=[CLIP, LOOP, LOSS])
def _() -> Outcome:
    ratio = Exp(new - old)
    still = z3.Or(z3.And(A > 0, ratio > UPPER), z3.And(A < 0, ratio < LOWER))
    return on_every_path(
        [new, old, A, low, high], BAND, _sample,
        lambda out: z3.And(
            out[0] == smaller(ratio * A, clipped(ratio) * A), out[1] == z3.If(still, 0, ratio * A)
        ),
        lemmas=GROWTH,
    )


@proof("CLIP-07", "z3", "loop: slope t <= L(log p + t) - L(log p) <= slope t e^t for A > 0, reversed for A < 0",
       code=[CLIP, LOOP, LOSS])
def _() -> Outcome:
    ratio, later = Exp(new - old), Exp(new + t - old)
    # t <= e^t - 1 <= t e^t is e^x >= 1 + x at x = t and x = -t.
    chord = (1 - t) * Exp(t) <= 1
    bounded = forall([t], [exp_positive(t), exp_tangent(-t), exp_sum(t, -t), exp_zero()], chord)
    steps = [exp_sum(new - old, t), exp_tangent(t), chord]
    free = z3.Or(z3.And(A > 0, ratio <= UPPER, later <= UPPER), z3.And(A < 0, ratio >= LOWER, later >= LOWER))
    flat = z3.Or(z3.And(A > 0, ratio > UPPER, later > UPPER), z3.And(A < 0, ratio < LOWER, later < LOWER))

    def bracketed(out):
        (before, pull), (after, _) = out
        rise, near, far = after - before, pull * t, pull * t * Exp(t)
        rising = z3.If(A > 0, z3.And(near <= rise, rise <= far), z3.And(far <= rise, rise <= near))
        return z3.And(z3.Implies(free, rising), z3.Implies(flat, z3.And(rise == 0, pull == 0)))

    moved = on_every_path([new, old, A, low, high, t], BAND, lambda: (_sample(), _sample(new + t)), bracketed,
                          lemmas=[*GROWTH, *steps])
    return every([bounded, moved])


def _without_ratio(new, old, A, low, high):
    """The false slope A where active, at log-probabilities, in float64: a factor away, far above rounding."""
    ratio = math.exp(new - old)
    return slope(ratio, float(A), float(low), float(high)) == (float(A) if is_active(ratio, A, low, high) else 0)


@refutation("CLIP-07", "exact", "slope A in place of rA", claim=_without_ratio, kept=in_band)
def _() -> Outcome:
    return at(_without_ratio, new=1, old=0, A=-1, low=Q(1, 4), high=Q(1, 4))


# CLIP-08 in float64: Coq's theorems are about rounding, these about the kernel

THRESHOLDS = [0.0, 0.1, 0.2, 0.3, 0.5, 1.0]
GAINS = [1.0, 0.3, math.pi, 1 / 3, 7e-9, 5e-324, 3e-310, 1.7e308]


def near_the_ends(eps):
    """Floats at 0, 1, both ends, up to three ulps from them, and far away."""
    for centre in (1 - eps, 1.0, 1 + eps):
        point = math.nextafter(math.nextafter(math.nextafter(centre, 0), 0), 0)
        for _ in range(7):
            yield abs(point)
            point = math.nextafter(point, 9)
    yield from (0.0, 5e-324, 1e-160, 0.5, 1.7, 1e20, 1.7e308)


def _is_rounded_min(r, A, eps):
    """Compiled kernel against the literal formula, every operation rounded; and below the rounded rA."""
    got = losses.clip_kernel(r, A, eps, eps, np.inf)[0]
    return got == min(r * A, held(r, eps, eps) * A) and got <= r * A


@proof("CLIP-08", "float64", "compiled kernel = literal formula in float64, equal as numbers, and <= fl(rA)",
       code=[CLIP])
def _() -> Outcome:
    cases = ((ratio, sign * gain, eps) for eps in THRESHOLDS for ratio in near_the_ends(eps)
             for gain in GAINS for sign in (1, -1))
    return everywhere("triples", ((_is_rounded_min(*case), dict(zip(("r", "A", "eps"), case, strict=True)))
                                  for case in cases))


def _multiplied_out(r, A, eps):
    """The kernel's value beyond the upper end, if the end's product is rounded as A + eps A."""
    return losses.clip_kernel(r, A, eps, eps, np.inf)[0] == A + eps * A


@refutation("CLIP-08", "float64", "1 + eps multiplied out: bit-exact value A + eps A beyond the end",
            claim=_multiplied_out, kept=lambda r, A, eps: A > 0 and r > 1 + eps and 0 <= eps <= 1)
def _() -> Outcome:
    return at(_multiplied_out, r=2.0, A=0.3, eps=0.1)


# CLIP-09 dual clip

DUAL = [*BAND, c > 1]


def _both():
    return (*symbolic(dual=c), *symbolic())


@proof("CLIP-09", "z3", "kernel with c > 1: max(L, cA) and bounds for A < 0, else L; same as L for r <= c; slope",
       code=[CLIP, LOSS])
def _() -> Outcome:
    def claim(out):
        dual, dual_slope, plain_value, plain_slope = map(term, out)
        bottom = z3.If(A < 0, z3.If(plain_value < c * A, c * A, plain_value), plain_value)
        return z3.And(
            dual == bottom,
            z3.Implies(A < 0, z3.And(c * A <= dual, dual <= LOWER * A)),
            z3.Implies(z3.Or(A >= 0, r <= c), z3.And(dual == plain_value, dual_slope == plain_slope)),
            z3.Implies(z3.And(A < 0, r > c), z3.And(dual == c * A, dual_slope == 0)),
        )

    return on_every_path([*VARIABLES, c], DUAL, _both, claim)


@refutation("CLIP-09", "z3", "cA <= L without the dual clip", claim=lambda r, A, low, high, c: value(
    r, A, low, high) >= c * A, kept=lambda A, low, high, c, **_: in_band(low, high) and c > 1 and A < 0)
def _() -> Outcome:
    return on_every_path([*VARIABLES, c], [*DUAL, A < 0], symbolic, lambda out: term(out[0]) >= c * A)


# CLIP-10 a zero gradient is no restoring force


@proof("CLIP-10", "z3", "every r beyond the end, however far: slope 0 and the same value, on both flat sides",
       code=[CLIP])
def _() -> Outcome:
    beyond = z3.Or(z3.And(ABOVE, s > UPPER), z3.And(BELOW, s < LOWER))
    return on_every_path(
        [*VARIABLES, s], [*BAND, beyond], lambda: (symbolic(), symbolic(s)),
        lambda out: z3.And(term(out[0][1]) == 0, term(out[1][1]) == 0, term(out[0][0]) == term(out[1][0])),
    )


@refutation("CLIP-10", "z3", "beyond the upper end the objective falls, which would pull r back",
            claim=lambda r, A, low, high, s: value(s, A, low, high) < value(r, A, low, high),
            kept=lambda r, A, low, high, s: in_band(low, high) and A > 0 and 1 + high < r < s)
def _() -> Outcome:
    return on_every_path(
        [*VARIABLES, s], [*BAND, ABOVE, r < s], lambda: term(symbolic(s)[0] - symbolic()[0]), lambda rise: rise < 0
    )


# CLIP-14 gradients at the kinks

g = z3.Real("g")


def _tangent(kink, distance):
    """Objective at the kink plus distance, minus the line with slope g there."""
    return lambda: term(symbolic(kink + distance)[0] - symbolic(kink)[0]) - g * distance


KINKS = [("upper", UPPER, A > 0, z3.And(g >= 0, g <= A)), ("lower", LOWER, A < 0, z3.And(g >= A, g <= 0))]
WITH_G = [A, low, high, g]


@proof("CLIP-14", "z3", "every slope of the interval is a supergradient, at every distance t; so is kernel slope / r",
       code=[CLIP, LOSS])
def _() -> Outcome:
    outcomes = []
    for _, kink, sign, interval in KINKS:
        outcomes.append(on_every_path([*WITH_G, t], [*BAND, sign, interval], _tangent(kink, t), lambda gap: gap <= 0))
        outcomes.append(on_every_path([A, low, high], [*BAND, sign], lambda kink=kink: symbolic(kink),
                                      lambda out, kink=kink: term(out[1]) == kink * A))
    return every(outcomes)


@proof("CLIP-14", "z3", "no other slope is one: the line fails at distance +1 or -1", code=[CLIP])
def _() -> Outcome:
    return every([
        on_every_path(
            WITH_G, [*BAND, sign, z3.Not(interval)], lambda kink=kink: (_tangent(kink, 1)(), _tangent(kink, -1)()),
            lambda gaps: z3.Or(gaps[0] > 0, gaps[1] > 0),
        )
        for _, kink, sign, interval in KINKS
    ])


def _between(r, A, low, high, dual):
    ends = clip_loss_slopes(r, A, low, high, dual)
    return min(ends) <= slope(r, A, low, high, np.inf if dual is None else dual) <= max(ends)


@proof("CLIP-14", "exact", "kernel slope between the one-sided slopes of the definition, dual clip included",
       code=[CLIP])
def _() -> Outcome:
    return everywhere("instances", ((_between(*case), dict(zip(NAMES, case, strict=True))) for case in grid()))


def _supports(A, low, high, g, t):
    """The line with slope g through the upper kink lies above the objective at distance t."""
    return value(1 + high + t, A, low, high) <= value(1 + high, A, low, high) + g * t


@refutation("CLIP-14", "z3", "slopes up to 2A belong to the set as well", claim=_supports,
            kept=lambda A, low, high, g, t: in_band(low, high) and 0 <= g <= 2 * A)
def _() -> Outcome:
    return on_every_path([*WITH_G, t], [*BAND, A > 0, g >= 0, g <= 2 * A], _tangent(UPPER, t), lambda gap: gap <= 0)


# Coq: every ordered band, derivatives as limits, every float, any number of actions

IN_COQ = {
    "CLIP-01": ("minimum with the saturating end", ["Clip.objective_is_the_minimum_with_the_ceiling"]),
    "CLIP-02": ("at most rA", ["Clip.objective_is_pessimistic"]),
    "CLIP-03": ("rA iff on the two half-lines", ["Clip.objective_is_unclipped_iff"]),
    "CLIP-04": ("derivatives as limits, one-sided ones at the kinks, none there", [
        "Clip.slope_is_the_advantage_below_the_upper_end", "Clip.slope_is_the_advantage_above_the_lower_end",
        "Clip.slope_is_zero_above_the_upper_end", "Clip.slope_is_zero_below_the_lower_end",
        "Clip.one_sided_slopes_at_the_upper_kink", "Clip.one_sided_slopes_at_the_lower_kink",
        "Clip.there_is_no_derivative_at_the_kinks",
    ]),
    "CLIP-05": ("clip in bounds; concave; homogeneous; monotone", [
        "Clip.clip_stays_in_the_band", "Clip.objective_is_concave_in_the_ratio",
        "Clip.objective_is_homogeneous_in_the_advantage", "Clip.objective_is_monotone_in_the_advantage",
    ]),
    "CLIP-07": ("derivative of the unclipped term in log_prob", ["Clip.slope_in_the_log_probability"]),
    "CLIP-08": ("binary64, all floats without overflow: closed form, pessimism, the clip itself without rounding", [
        "FloatClip.closed_form_is_exact_in_floats", "FloatClip.pessimism_survives_rounding",
        "FloatClip.rounding_commutes_with_the_minimum", "FloatClip.clip_is_exact_in_floats",
    ]),
    "CLIP-13": ("clip is the identity inside the band, else the nearer end", [
        "Clip.clip_is_the_identity_inside_else_the_nearer_end"
    ]),
    "CLIP-15": ("any finite number of actions: all ratios in the band bound the L1 distance", [
        "TrustRegion.ratios_in_the_band_bound_the_distance"
    ]),
}

for theorem, (says, names) in IN_COQ.items():
    proof(theorem, "coq", says, code=[CLIP])(lambda names=names: every([coq.theorem(name) for name in names]))


@refutation("CLIP-02", "coq", "the clipped term alone, without the min (negation)",
            claim=lambda r, A, low, high: held(r, low, high) * A <= r * A, kept=in_band)
def _() -> Outcome:
    return coq.negation("Clip.the_clipped_term_alone_is_not_pessimistic", r=0, A=1, low=Q(1, 2), high=Q(1, 2))


@refutation("CLIP-05", "coq", "clip lies between its ends also where they are out of order (negation)",
            claim=lambda r, lower, upper: lower <= max(lower, min(r, upper)) <= upper)
def _() -> Outcome:
    return coq.negation("Clip.clip_needs_an_ordered_band", r=0, lower=1, upper=0)


@mutant("CLIP-01", "coq", "the definition with a maximum in place of the minimum")
def _() -> Outcome:
    return coq.mutant("Clip", "Rmin (r * a) (clip", "Rmax (r * a) (clip")
