"""The squared error of the value, plain and clipped, on the bodies of the shipped kernels."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import z3

from ppocore import value_losses
from ppocore._kernels import plain
from proofs.definitions.losses import clipped_value_error, clipped_value_loss_slopes, value_loss
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods.exact import at, everywhere
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Sym, reals, term

SQUARE = "ppocore.value_losses:squared_error_kernel"
CLIPPED = "ppocore.value_losses:clipped_value_kernel"
LOSS = "ppocore.value_losses:value_loss"
CLIPPED_LOSS = "ppocore.value_losses:clipped_value_loss"
Q = Fraction
v, R, old, eps = reals("v R old eps")
w, t, g = reals("w t g")
VARIABLES = [v, R, old, eps]
BAND = [eps >= 0]
NAMES = ("v", "R", "old", "eps")
UPPER, LOWER = old + eps, old - eps
NEAREST = z3.If(R > UPPER, R - UPPER, z3.If(R < LOWER, LOWER - R, 0))
"""Distance of the return from the band around the old value."""


def squared(value=v):
    """The plain kernel on symbols: value, slope."""
    return plain(value_losses.squared_error_kernel)(Sym(value), Sym(R))


def clipped(value=v):
    """The clipped kernel on symbols: value, slope."""
    return plain(value_losses.clipped_value_kernel)(Sym(value), Sym(R), Sym(old), Sym(eps))


def error(v, R, old, eps):
    """The clipped kernel's value on numbers of any type."""
    return plain(value_losses.clipped_value_kernel)(v, R, old, eps)[0]


def slope(v, R, old, eps):
    """The clipped kernel's slope on numbers of any type."""
    return plain(value_losses.clipped_value_kernel)(v, R, old, eps)[1]


def larger(a, b):
    return z3.If(a >= b, a, b)


def held(value=v):
    """The value clipped around the old one."""
    return z3.If(value > UPPER, UPPER, z3.If(value < LOWER, LOWER, value))


def is_band(eps, **_):
    return eps >= 0


# VAL-01 the larger of both errors


@proof("VAL-01", "z3", "kernel = max((v - R)^2, (clip(v) - R)^2) on every path; >= both; plain inside the band",
       code=[CLIPPED, CLIPPED_LOSS])
def _() -> Outcome:
    free, bound = (v - R) * (v - R), (held() - R) * (held() - R)
    inside = z3.And(v >= LOWER, v <= UPPER)
    return on_every_path(
        VARIABLES, BAND, clipped,
        lambda out: z3.And(
            term(out[0]) == larger(free, bound), term(out[0]) >= free, term(out[0]) >= bound,
            z3.Implies(inside, term(out[0]) == free),
        ),
    )


def grid():
    """Values, returns and old values on, between and beyond all ends and ties; three bands."""
    points = [Q(k, 2) for k in range(-5, 6)]
    yield from product(points, points, (Q(0), Q(1, 2)), (Q(0), Q(1, 2), Q(1)))


def on_grid(claim, what):
    return everywhere(what, ((claim(*case), dict(zip(NAMES, case, strict=True))) for case in grid()))


@proof("VAL-01", "exact", "kernel = literal max and clip on a grid with all ends and ties", code=[CLIPPED])
def _() -> Outcome:
    return on_grid(lambda *case: error(*case) == clipped_value_error(*case), "instances")


def _always_plain(v, R, old, eps):
    return error(v, R, old, eps) == (v - R) * (v - R)


@refutation("VAL-01", "z3", "the clip never matters: equal to (v - R)^2 everywhere", claim=_always_plain, kept=is_band)
def _() -> Outcome:
    return on_every_path(VARIABLES, BAND, clipped, lambda out: term(out[0]) == (v - R) * (v - R))


# VAL-02 where the loss is flat

FLAT = z3.Or(z3.And(v > UPPER, (v + UPPER) / 2 < R), z3.And(v < LOWER, (v + LOWER) / 2 > R))


@proof("VAL-02", "z3", "kernel slope 0 where R lies beyond the midpoint of v and the end, else 2 (v - R)",
       code=[CLIPPED])
def _() -> Outcome:
    return on_every_path(
        VARIABLES, BAND, clipped, lambda out: term(out[1]) == z3.If(FLAT, 0, 2 * (v - R))
    )


@proof("VAL-02", "z3", "kernel values: constant on the flat piece, (v - R)^2 on the others",
       code=[CLIPPED, CLIPPED_LOSS])
def _() -> Outcome:
    def still(value):
        return z3.substitute(FLAT, (v, value))

    same_side = z3.Or(z3.And(v > UPPER, w > UPPER), z3.And(v < LOWER, w < LOWER))
    flat = on_every_path(
        [*VARIABLES, w], [*BAND, FLAT, still(w), same_side], lambda: clipped(w)[0] - clipped()[0],
        lambda gap: term(gap) == 0,
    )
    sloped = on_every_path(
        VARIABLES, [*BAND, z3.Not(FLAT)], clipped, lambda out: term(out[0]) == (v - R) * (v - R)
    )
    return every([flat, sloped])


def _flat_outside(v, R, old, eps):
    return (slope(v, R, old, eps) == 0) == (not old - eps <= v <= old + eps)


@refutation("VAL-02", "z3", "flat iff the value is outside the band, wherever the return lies", claim=_flat_outside,
            kept=lambda v, R, old, eps: eps >= 0 and v != R)
def _() -> Outcome:
    outside = z3.Or(v > UPPER, v < LOWER)
    return on_every_path(VARIABLES, [*BAND, v != R], clipped, lambda out: (term(out[1]) == 0) == outside)


# VAL-03 the squared error


@proof("VAL-03", "z3", "kernel: (v + t - R)^2 = value + slope t + t^2 for every t, value = (v - R)^2",
       code=[SQUARE, LOSS])
def _() -> Outcome:
    def claim(out):
        (value, slope), (moved, _) = out
        return z3.And(term(value) == (v - R) * (v - R), term(moved) == term(value) + term(slope) * t + t * t)

    return on_every_path([v, R, t], [], lambda: (squared(), squared(v + t)), claim)


def _half(v, R):
    return plain(value_losses.squared_error_kernel)(v, R)[1] == v - R


@refutation("VAL-03", "z3", "slope v - R, the gradient of half the square", claim=_half)
def _() -> Outcome:
    return on_every_path([v, R], [], squared, lambda out: term(out[1]) == v - R)


# VAL-04 the value loss of a batch


@proof("VAL-04", "z3", "kernel convex: chord - kernel = t (1 - t) (v - w)^2 >= 0", code=[SQUARE, LOSS])
def _() -> Outcome:
    def gap():
        weight = Sym(t)
        chord = weight * squared()[0] + (1 - weight) * squared(w)[0]
        return term(chord - squared(t * v + (1 - t) * w)[0])

    return on_every_path([v, w, R, t], [t >= 0, t <= 1], gap,
                         lambda gap: z3.And(gap == t * (1 - t) * (v - w) * (v - w), gap >= 0))


MASK = [[True, True, False, False], [True, True, True, True]]
REDUCTIONS = {"mean": Q(1, 6), "sum": Q(1), "mean_over_all_slots": Q(1, 8), "trajectory": Q(1, 2)}
"""What each valid slot of the batch weighs, from the name of the reduction."""


def _numbers(shift):
    """A batch of dyadic numbers, on which float64 makes no rounding but that of the weight."""
    return [[Q((5 * i + 3 * j * shift) % 7 - 3, 2) for j in range(4)] for i in range(2)]


def _batch(values, returns, reduction, mask):
    floats = ([[float(x) for x in row] for row in rows] for rows in (values, returns))
    return value_losses.value_loss(*floats, mask=mask, reduction=reduction)


def _is_weighted(reduction, factor=2):
    """Public gradient = factor (V - R) weight to two roundings (of the weight and of the product), 0 where masked."""
    values, returns = _numbers(1), _numbers(2)
    got = _batch(values, returns, reduction, MASK).grad_values
    for i, row in enumerate(MASK):
        for j, valid in enumerate(row):
            want = factor * (values[i][j] - returns[i][j]) * REDUCTIONS[reduction] if valid else Q(0)
            if abs(Q(float(got[i, j])) - want) > 2 * abs(want) * Q(1, 2**53) * (1 + Q(1, 2**50)):
                return False
    return True


@proof("VAL-04", "exact", "value_loss: gradient 2 (V - R) weight, four reductions, masked slots 0", code=[LOSS])
def _() -> Outcome:
    return everywhere("reductions", ((_is_weighted(name), {"reduction": name}) for name in REDUCTIONS))


@proof("VAL-04", "exact", "value_loss = the literal definition, loss and gradient, where float64 is exact", code=[LOSS])
def _() -> Outcome:
    def agrees(reduction):
        values, returns = _numbers(1), _numbers(2)
        full = [[True] * 4] * 2
        got = _batch(values, returns, reduction, full)
        want = value_loss(values, returns, mask=full, reduction=reduction)
        return Q(got.loss) == want["loss"] and got.grad_values.tolist() == want["grad_values"]

    return everywhere("reductions", ((agrees(name), {"reduction": name}) for name in REDUCTIONS))


def _half_weight(reduction):
    return _is_weighted(reduction, factor=1)


@refutation("VAL-04", "exact", "gradient (V - R) weight, as if the loss had a factor 1/2", claim=_half_weight)
def _() -> Outcome:
    return at(_half_weight, reduction="mean")


# VAL-05 the clipped error is convex


@proof("VAL-05", "z3", "kernel = max((v - R)^2, m^2), m = distance of R from the band", code=[CLIPPED])
def _() -> Outcome:
    return on_every_path(
        VARIABLES, BAND, clipped, lambda out: term(out[0]) == larger((v - R) * (v - R), NEAREST * NEAREST)
    )


@proof("VAL-05", "z3", "such a maximum is convex in v: chords with every weight t", code=[CLIPPED_LOSS])
def _() -> Outcome:
    m = z3.Real("m")

    def bowl(value):
        return larger((value - R) * (value - R), m * m)

    between = t * v + (1 - t) * w
    return forall([v, w, R, m, t], [t >= 0, t <= 1], bowl(between) <= t * bowl(v) + (1 - t) * bowl(w))


TIES = [(R + NEAREST, z3.And(g >= 0, g <= 2 * NEAREST)), (R - NEAREST, z3.And(g <= 0, g >= -2 * NEAREST))]
"""The two values at which both errors are equal (beyond the band, or at its end), and the slopes allowed there."""


def _above_line(tie, distance):
    """The kernel at a distance from the tie, minus the line with slope g through the tie."""
    return lambda: term(clipped(tie + distance)[0] - clipped(tie)[0]) - g * distance


@proof("VAL-05", "z3", "at a tie every slope between 0 and 2 (v - R) is a subgradient, and the kernel's is 2 (v - R)",
       code=[CLIPPED, CLIPPED_LOSS])
def _() -> Outcome:
    outcomes = []
    for tie, interval in TIES:
        away = [*BAND, NEAREST > 0]
        outcomes.append(on_every_path([R, old, eps, g, t], [*away, interval], _above_line(tie, t),
                                      lambda gap: gap >= 0))
        outcomes.append(on_every_path([R, old, eps], away, lambda tie=tie: clipped(tie),
                                      lambda out, tie=tie: term(out[1]) == 2 * (tie - R)))
    return every(outcomes)


@proof("VAL-05", "z3", "no other slope is a subgradient: its line fails at a distance t given by g", code=[CLIPPED])
def _() -> Outcome:
    outcomes = []
    for tie, _ in TIES:
        ends = tie - R
        away = [*BAND, NEAREST > 0]
        # Into the flat part, where a line with the wrong sign rises; outwards, where (2 |tie - R| + t) t is beaten.
        wrong_sign, inwards = g * ends < 0, -ends
        too_steep, outwards = g * ends > 2 * ends * ends, (g - 2 * ends) / 2
        for wrong, distance in ((wrong_sign, inwards), (too_steep, outwards)):
            outcomes.append(on_every_path([R, old, eps, g], [*away, wrong], _above_line(tie, distance),
                                          lambda gap: gap < 0))
    return every(outcomes)


def _between(*case):
    ends = clipped_value_loss_slopes(*case)
    return min(ends) <= slope(*case) <= max(ends)


@proof("VAL-05", "exact", "kernel slope between the one-sided slopes of the definition", code=[CLIPPED])
def _() -> Outcome:
    return on_grid(_between, "instances")


def _clipped_alone(v, w, R, old, eps, t):
    """Convexity of the clipped error without the max."""
    def square(x):
        return (min(max(x, old - eps), old + eps) - R) ** 2

    return square(t * v + (1 - t) * w) <= t * square(v) + (1 - t) * square(w)


@refutation("VAL-05", "z3", "the clipped error alone, without the max, is convex", claim=_clipped_alone,
            kept=lambda eps, t, **_: eps >= 0 and 0 <= t <= 1)
def _() -> Outcome:
    def square(x):
        return (held(x) - R) * (held(x) - R)

    chord = t * square(v) + (1 - t) * square(w)
    return forall([v, w, R, old, eps, t], [*BAND, t >= 0, t <= 1], square(t * v + (1 - t) * w) <= chord)


# VAL-06 the clipped error alone, and the clamped error

ONLY = "ppocore.value_losses:clipped_only_kernel"
CLAMP = "ppocore.value_losses:error_clamp_kernel"
c = z3.Real("c")


def clipped_only():
    """The kernel of the clipped error alone on symbols: value, slope."""
    return plain(value_losses.clipped_only_kernel)(Sym(v), Sym(R), Sym(old), Sym(eps))


def clamped():
    """The kernel of the clamped error on symbols: value, slope."""
    return plain(value_losses.error_clamp_kernel)(Sym(v), Sym(R), Sym(c))


@proof("VAL-06", "z3", "clipped_only_kernel = (clip(v) - R)^2, slope 0 beyond the band, else 2 (v - R)", code=[ONLY])
def _() -> Outcome:
    inside = z3.And(v >= LOWER, v <= UPPER)
    return on_every_path(VARIABLES, BAND, clipped_only, lambda out: z3.And(
        term(out[0]) == (held() - R) * (held() - R), term(out[1]) == z3.If(inside, 2 * (v - R), 0)))


@proof("VAL-06", "z3", "the larger of clipped_only_kernel and squared_error_kernel is clipped_value_kernel",
       code=[ONLY])
def _() -> Outcome:
    return on_every_path(VARIABLES, BAND, lambda: (clipped_only()[0], squared()[0], clipped()[0]),
                         lambda out: larger(term(out[0]), term(out[1])) == term(out[2]))


@proof("VAL-06", "z3", "error_clamp_kernel = min((v - R)^2, c), slope 0 where the square exceeds c, else 2 (v - R)",
       code=[CLAMP])
def _() -> Outcome:
    square = (v - R) * (v - R)
    return on_every_path([v, R, c], [c >= 0], clamped, lambda out: z3.And(
        term(out[0]) == z3.If(square <= c, square, c), term(out[1]) == z3.If(square > c, 0, 2 * (v - R))))


def _never_below(v, R, old, eps):
    return plain(value_losses.clipped_only_kernel)(v, R, old, eps)[0] >= (v - R) * (v - R)


@refutation("VAL-06", "z3", "the clipped error alone is never below the squared error", claim=_never_below,
            kept=is_band)
def _() -> Outcome:
    return on_every_path(VARIABLES, BAND, clipped_only, lambda out: term(out[0]) >= (v - R) * (v - R))
