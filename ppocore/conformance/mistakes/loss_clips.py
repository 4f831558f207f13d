"""Mistakes in the clipped objective: the band, the minimum, the dual clip, and their gradients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_advantages import normalised
from ppocore.conformance.mistakes.loss_parts import (
    CLIP,
    PPO,
    Part,
    Shared,
    floored,
    nan_slope,
    objective,
    of_slope,
    of_terms,
    ratio,
    whole,
)
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import band, reduce
from ppocore.conformance.oracle.probability import detached, log_ratio
from ppocore.conformance.oracle.reals import (
    ZERO,
    Array,
    Real,
    clip,
    constant,
    each,
    exp,
    maximum,
    minimum,
    where,
)

CATALOGUE = Catalogue()
terms = Shared(CATALOGUE, of_terms)
slopes = Shared(CATALOGUE, of_slope)
formulas = Shared(CATALOGUE, lambda operation, part: part(operation))
BOTH = (CLIP, PPO)


def ends(x: Inputs) -> tuple[Any, Any]:
    """The widths of the band below and above 1."""
    low, high = x.get("clip_eps_low"), x.get("clip_eps_high")
    return (x.clip_eps if low is None else low), (x.clip_eps if high is None else high)


def smaller(x: Inputs, c: Choices, other: Array) -> Array:
    """min(r A, other), with the dual clip."""
    return floored(minimum(ratio(x, c) * x.advantages, other), x, c)


def right_terms(x: Inputs, c: Choices) -> Array:
    return objective(CLIP, x, c, ratio(x, c))


def inside(x: Inputs, c: Choices) -> Array:
    """clip(r)."""
    return clip(ratio(x, c), *band(x, c))


# Which of the two.


@terms("max-of-branches", *BOTH,
       says="The larger of the two branches is taken instead of the smaller.",
       wrong="max(r A, clip(r) A)",
       matters="An upper bound is maximised: the gradient drives the ratio on where it should stop.")
def _larger(x: Inputs, c: Choices) -> Array:
    return floored(maximum(ratio(x, c) * x.advantages, inside(x, c) * x.advantages), x, c)


@terms("clipped-branch-alone", *BOTH,
       says="The clipped branch is used without the minimum.",
       wrong="clip(r) A",
       matters="A sample that has left the band on the bad side gets no gradient that would bring it back.")
def _two_sided(x: Inputs, c: Choices) -> Array:
    return floored(inside(x, c) * x.advantages, x, c)


@terms("not-clipped", *BOTH,
       says="The clipped branch is not used, or not computed.",
       wrong="r A",
       matters="Nothing bounds the step any more.",
       seen=("rllm-org/rllm #81",))
def _unclipped(x: Inputs, c: Choices) -> Array:
    return floored(ratio(x, c) * x.advantages, x, c)


@formulas("mean-before-min", *BOTH,
          says="Both branches are averaged first, and the smaller mean is taken.",
          wrong="min(mean(r A), mean(clip(r) A))",
          matters="The clip acts on the batch as a whole: on all samples or on none.")
def _mean_before_min(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        branches = (ratio(x, c) * x.advantages, inside(x, c) * x.advantages)
        free, held = (reduce(floored(branch, x, c), x.valid, c) for branch in branches)
        return whole(operation, x, c, -minimum(free, held).item())

    return formula


@terms("min-before-the-advantage", *BOTH,
       says="The smaller ratio is chosen before it is multiplied by the advantage.",
       wrong="min(r, clip(r, 1 - eps, 1 + eps)) A, or min(r, 1 + eps) A",
       matters="Where A < 0 the larger product has to give way: there, the clip acts on the wrong side.",
       seen=("allenai/open-instruct #1264",))
def _min_of_ratios(x: Inputs, c: Choices) -> Array:
    return floored(minimum(ratio(x, c), inside(x, c)) * x.advantages, x, c)


def _outside(x: Inputs, c: Choices, dtype: str) -> tuple[Array, Array]:
    """Ratios below and above the band, as code in `dtype` finds them: at the edges a last digit decides."""
    exact = ratio(x, c)
    r = np.array([float(v.value) for v in exact.reshape(-1)], dtype=dtype).reshape(exact.shape)
    low, high = (np.dtype(dtype).type(float(end.value)) for end in band(x, c))
    return r < low, r > high


def _binding(x: Inputs, c: Choices, dtype: str) -> Array:
    """Where the clip takes effect."""
    below, above = _outside(x, c, dtype)
    return np.asarray((below & (x.advantages < ZERO)) | (above & (x.advantages > ZERO)), dtype=bool)


def _dropped(dtype: str, *, binding: bool) -> Part:
    def part(x: Inputs, c: Choices) -> Array:
        below, above = _outside(x, c, dtype)
        lost = _binding(x, c, dtype) if binding else below | above
        return floored(where(lost, ZERO, ratio(x, c) * x.advantages), x, c)

    return part


def _mean_of_unclipped(dtype: str, nothing: str, *, spoilt: bool) -> Part:
    """`nothing` is the value where every sample is clipped; `spoilt` makes its gradient NaN."""

    def made(operation: str) -> Formula:
        def formula(x: Inputs, c: Choices) -> Outputs:
            kept = x.valid & ~_binding(x, c, dtype)
            empty = nan_slope(Decimal(nothing), x.log_prob if spoilt else ())
            free = floored(ratio(x, c) * x.advantages, x, c)
            return whole(operation, x, c, -(reduce(free, kept, c) if kept.any() else empty))

        return formula

    return made


terms("clipped-samples-dropped", *BOTH,
      says="Samples whose clip takes effect, or all outside of the band, count as 0.",
      wrong="where(clip takes effect, 0, r A)",
      matters="The value jumps at the edge of the band, where the objective should stay what it is.",
      )(_dropped("float64", binding=True))
terms.also("clipped-samples-dropped", *BOTH)(_dropped("float32", binding=True))
terms.also("clipped-samples-dropped", *BOTH)(_dropped("float64", binding=False))
terms.also("clipped-samples-dropped", *BOTH)(_dropped("float32", binding=False))
formulas("mean-over-unclipped-samples", *BOTH,
         says="Samples whose clip takes effect are left out of the mean.",
         wrong="mean of r A over the samples that are not clipped",
         matters="The fewer samples are left, the more each of them counts; where none is left, the loss is"
                 " NaN.",
         )(_mean_of_unclipped("float64", "NaN", spoilt=False))
for _dtype in ("float64", "float32"):
    formulas.also("mean-over-unclipped-samples", *BOTH)(_mean_of_unclipped(_dtype, "NaN", spoilt=True))
    formulas.also("mean-over-unclipped-samples", *BOTH)(_mean_of_unclipped(_dtype, "0", spoilt=False))
formulas.also("mean-over-unclipped-samples", *BOTH)(_mean_of_unclipped("float32", "NaN", spoilt=False))


# The band.


@terms("lower-side-not-clipped", *BOTH,
       says="The ratio is clipped from above only.",
       wrong="min(r A, min(r, 1 + eps) A)",
       matters="Where A < 0, nothing stops the ratio on its way to 0.")
def _above_only(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, minimum(ratio(x, c), band(x, c)[1]) * x.advantages)


@terms("upper-side-not-clipped", *BOTH,
       says="The ratio is clipped from below only.",
       wrong="min(r A, max(r, 1 - eps) A)",
       matters="Where A > 0, nothing bounds the ratio.")
def _below_only(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, maximum(ratio(x, c), band(x, c)[0]) * x.advantages)


@terms("lower-edge-is-eps", *BOTH,
       says="The lower edge of the band is eps instead of 1 - eps.",
       wrong="clip(r, eps, 1 + eps)",
       matters="With eps = 0.2, bad actions are pushed down to a fifth of their probability, not to four"
               " fifths.",
       seen=("ChenmienTan/RL2 #21",))
def _from_eps(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, clip(ratio(x, c), ends(x)[0], band(x, c)[1]) * x.advantages)


@terms("band-around-zero", *BOTH,
       says="The ratio is clipped to a band around 0.",
       wrong="clip(r, -eps, eps)",
       matters="Ratios lie near 1: where A > 0 all samples are clipped, and have no gradient.")
def _around_zero(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, clip(ratio(x, c), -ends(x)[0], ends(x)[1]) * x.advantages)


@terms("one-not-added-back", *BOTH,
       says="r - 1 is clipped to [-eps, eps], and the 1 is not added again.",
       wrong="clip(r - 1, -eps, eps) A",
       matters="The two branches differ by A even at equal policies.")
def _deviation(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, clip(ratio(x, c) - 1, -ends(x)[0], ends(x)[1]) * x.advantages)


@terms("log-ratio-clipped-at-eps", *BOTH,
       says="The log-ratio is clipped to [-eps, eps], so the band of the ratio is [exp(-eps), exp(eps)].",
       wrong="exp(clip(log_prob - old_log_prob, -eps, eps))",
       matters="The band is wider above and narrower below than it says: [0.819, 1.221] for eps = 0.2.")
def _log_space(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, exp(clip(log_ratio(x, c), -ends(x)[0], ends(x)[1])) * x.advantages)


@terms("edges-exchanged", *BOTH,
       says="Where A > 0 the ratio is held at the lower edge, where A < 0 at the upper one.",
       wrong="min(r A, where(A > 0, (1 - eps) A, (1 + eps) A))",
       matters="The objective stops growing before ratio 1 is reached: equal policies have no gradient.")
def _exchanged(x: Inputs, c: Choices) -> Array:
    low, high = band(x, c)
    return smaller(x, c, where(x.advantages > ZERO, low * x.advantages, high * x.advantages))


@terms("upper-edge-for-both-signs", *BOTH,
       says="The ratio is held at the upper edge whatever the sign of the advantage.",
       wrong="min(r A, (1 + eps) A)",
       matters="Where A < 0, samples inside the band get no gradient.")
def _upper_edge(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, band(x, c)[1] * x.advantages)


@terms("bounds-exchanged", *BOTH,
       says="Lower and upper bound are handed to clip in the wrong order.",
       wrong="clip(r, 1 + eps, 1 - eps)",
       matters="clip then gives 1 - eps for every ratio: where A > 0, samples inside the band get no"
               " gradient.",
       seen=("anthonytorlucci/rlevo #469",))
def _lower_edge(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, band(x, c)[0] * x.advantages)


def _fixed_band(eps: str) -> Part:
    def part(x: Inputs, c: Choices) -> Array:
        return smaller(x, c, clip(ratio(x, c), 1 - constant(eps), 1 + constant(eps)) * x.advantages)

    return part


terms("eps-hard-coded", *BOTH,
      says="The band has a fixed width, whatever clip_eps is.",
      wrong="clip(r, 0.8, 1.2)",
      matters="Schedules and tuning of clip_eps have no effect.")(_fixed_band("0.2"))
terms.also("eps-hard-coded", *BOTH)(_fixed_band("0.1"))
terms.also("eps-hard-coded", *BOTH)(_fixed_band("0.3"))


@terms("low-and-high-exchanged", CLIP,
       says="clip_eps_low and clip_eps_high are exchanged.",
       wrong="clip(r, 1 - clip_eps_high, 1 + clip_eps_low)",
       matters="What was to be let rise is held down instead.")
def _sides_exchanged(x: Inputs, c: Choices) -> Array:
    return _with_band(x, c, *reversed(ends(x)))


@terms("low-used-for-both-sides", CLIP,
       says="clip_eps_high is ignored.",
       wrong="clip(r, 1 - clip_eps_low, 1 + clip_eps_low)",
       matters="A raised upper edge has no effect.")
def _low_twice(x: Inputs, c: Choices) -> Array:
    return _with_band(x, c, ends(x)[0], ends(x)[0])


@terms("high-used-for-both-sides", CLIP,
       says="clip_eps_low is ignored.",
       wrong="clip(r, 1 - clip_eps_high, 1 + clip_eps_high)",
       matters="Raising the upper edge lowers the lower one as well.")
def _high_twice(x: Inputs, c: Choices) -> Array:
    return _with_band(x, c, ends(x)[1], ends(x)[1])


def _with_band(x: Inputs, c: Choices, low: Any, high: Any) -> Array:
    return objective(CLIP, x.but(clip_eps_low=low, clip_eps_high=high), c, ratio(x, c))


# What is clipped, and what it is multiplied by.


@terms("product-clipped", *BOTH,
       says="The clip is applied to r A instead of r.",
       wrong="min(r A, clip(r A, 1 - eps, 1 + eps))",
       matters="Where the clip acts depends on the scale of the advantages.")
def _clip_of_product(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, clip(ratio(x, c) * x.advantages, *band(x, c)))


@terms.also("product-clipped", *BOTH)
def _clip_of_product_alone(x: Inputs, c: Choices) -> Array:
    return floored(clip(ratio(x, c) * x.advantages, *band(x, c)), x, c)


@terms("advantage-clipped", *BOTH,
       says="The clip is applied to the advantage instead of the ratio.",
       wrong="min(r A, r clip(A, 1 - eps, 1 + eps))",
       matters="The ratio is not bounded at all, and bad actions can look good.")
def _clip_of_advantage(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, ratio(x, c) * clip(x.advantages, *band(x, c)))


@terms("clipped-branch-without-advantage", *BOTH,
       says="The clipped branch is not multiplied by the advantage.",
       wrong="min(r A, clip(r))",
       matters="An advantage is compared with a ratio: the scale of the advantages decides which one wins.",
       seen=("nikhilbarhate99/PPO-PyTorch 875762f", "nikhilbarhate99/PPO-PyTorch 2655083"))
def _without_advantage(x: Inputs, c: Choices) -> Array:
    return smaller(x, c, inside(x, c))


def _sum_where_nan(smaller_: Real, free: Real, held: Real) -> Real:
    """min as autodiff has it: where one branch is NaN, both of them get the whole gradient."""
    return free + held if free.value.is_nan() or held.value.is_nan() else smaller_


def _one_branch_normalised(*, ddof1: bool, clipped: bool) -> Part:
    def part(x: Inputs, c: Choices) -> Array:
        other = normalised(x, ddof1=ddof1).advantages
        free, held = (x.advantages, other) if clipped else (other, x.advantages)
        branches = ratio(x, c) * free, inside(x, c) * held
        return each(_sum_where_nan, floored(minimum(*branches), x, c), *branches)

    return part


terms("one-branch-normalised", *BOTH,
      says="The advantages are normalised in one of the two branches only.",
      wrong="min(r A, clip(r) (A - mean(A)) / std(A))",
      matters="The branches differ inside the band, where they must be equal.",
      seen=("pytorch/rl #1033",))(_one_branch_normalised(ddof1=False, clipped=True))
terms.also("one-branch-normalised", *BOTH)(_one_branch_normalised(ddof1=True, clipped=True))
terms.also("one-branch-normalised", *BOTH)(_one_branch_normalised(ddof1=False, clipped=False))
terms.also("one-branch-normalised", *BOTH)(_one_branch_normalised(ddof1=True, clipped=False))


@terms("clipped-weight-times-log-prob", *BOTH,
       says="A clipped, detached ratio weights the log-probability, as in CISPO.",
       wrong="stop_gradient(clip(r)) A log_prob",
       matters="That is another algorithm: samples outside of the band keep their gradient.")
def _cispo(x: Inputs, c: Choices) -> Array:
    return floored(detached(inside(x, c)) * x.advantages * x.log_prob, x, c)


@terms.also("clipped-weight-times-log-prob", *BOTH)
def _cispo_from_above(x: Inputs, c: Choices) -> Array:
    weight = detached(minimum(ratio(x, c), band(x, c)[1]))
    return floored(weight * x.advantages * x.log_prob, x, c)


# The gradient alone: the value is right.


@slopes("gradient-not-cut-by-the-clip", *BOTH,
        says="The value is right, but clipped samples keep the gradient of r A.",
        wrong="-r A / n everywhere",
        matters="Reported losses look clipped, and nothing bounds the step.")
def _straight_through(x: Inputs, c: Choices) -> Array:
    return floored(ratio(x, c) * x.advantages, x, c)


@slopes("gradient-cut-on-both-sides", *BOTH,
        says="The value is right, but every sample outside of the band has gradient 0, whatever its sign.",
        wrong="where(abs(r - 1) > eps, 0, -r A / n)",
        matters="A sample that has left the band on the bad side gets no gradient that would bring it back.")
def _cut_on_both_sides(x: Inputs, c: Choices) -> Array:
    return floored(inside(x, c) * x.advantages, x, c)


@slopes("gradient-cut-on-the-wrong-side", *BOTH,
        says="The value is right, but outside of the band the gradient is 0 where it should flow, and flows"
             " where it"
             " should be 0.",
        wrong="the gradient of max(r A, clip(r) A)",
        matters="The clip drives the ratio out of the band and keeps it there.")
def _cut_on_the_wrong_side(x: Inputs, c: Choices) -> Array:
    return floored(maximum(ratio(x, c) * x.advantages, inside(x, c) * x.advantages), x, c)


def _tie(x: Inputs, c: Choices) -> Array:
    """min(r A, stop_gradient(clip(r)) A), ties to the second."""
    return smaller(x, c, detached(inside(x, c)) * x.advantages)


@slopes("clipped-branch-detached", *BOTH,
        says="The value is right, but the clipped branch has no gradient: inside the band, half of it or all"
             " is lost.",
        wrong="min(r A, stop_gradient(clip(r)) A)",
        matters="Inside the band both branches are equal, and autodiff shares the gradient between them.")
def _half_detached(x: Inputs, c: Choices) -> Array:
    return (_tie(x, c) + right_terms(x, c)) / 2


slopes.also("clipped-branch-detached", *BOTH)(_tie)
