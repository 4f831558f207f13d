"""Mistakes in the clip of clipped_value_loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import CLIPPED, Part, Shared, graft, held, scaled
from ppocore.conformance.mistakes.value_losses import of_values, plain
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import reduce
from ppocore.conformance.oracle.probability import detached
from ppocore.conformance.oracle.reals import Array, Real, clip, constant, each, maximum, minimum, where

CATALOGUE = Catalogue()


class _Clips:
    """Enters clipped_value_loss with another clipped value: part(x)."""

    def __call__(self, name: str, *, says: str, wrong: str, matters: str) -> Callable[[Part], None]:
        enter = CATALOGUE.enter(f"{CLIPPED}/{name}", says=says, wrong=wrong, matters=matters)

        def entered(part: Part) -> None:
            enter(of_clipped(part, maximum))
            CATALOGUE.variant(f"{CLIPPED}/{name}")(of_clipped(part, shared_maximum))

        return entered

    def also(self, name: str) -> Callable[[Part], None]:
        variant = CATALOGUE.variant(f"{CLIPPED}/{name}")

        def entered(part: Part) -> None:
            variant(of_clipped(part, maximum))
            variant(of_clipped(part, shared_maximum))

        return entered


def shared_maximum(a: Array, b: Array) -> Array:
    """The larger of two; a tie has half the gradient of each."""
    return where(each(lambda p, q: p.value == q.value, a, b), (a + b) / 2, maximum(a, b))


def of_clipped(part: Part, larger: Part) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        gap, far = x.values - x.returns, part(x) - x.returns
        terms = far * far if c["value_clip"] == "clipped_only" else larger(gap * gap, far * far)
        return {"loss": reduce(scaled(terms, c), x.valid, c)}

    return formula


def of_errors(operation: str, part: Part) -> Formula:
    ""
    """clipped_value_loss made otherwise of the errors of the value and the clipped one: part(gap, far)."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        return {"loss": reduce(scaled(part(x.values - x.returns, held(x) - x.returns), c), x.valid, c)}

    return formula


def of_error_slope(operation: str, part: Part) -> Formula:
    """clipped_value_loss of the right value, with the derivative of what part(gap, far) gives."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        slope = scaled(part(x.values - x.returns, held(x) - x.returns), c)
        return {"loss": graft(plain(CLIPPED, x, c), reduce(slope, x.valid, c))}

    return formula


inputs = Shared(CATALOGUE, of_values)
formulas = Shared(CATALOGUE, lambda operation, part: part(operation))
clips = _Clips()
errors = Shared(CATALOGUE, of_errors)
slopes = Shared(CATALOGUE, of_error_slope)


def _square(error: Real) -> Real:
    return error * error


@errors("min-of-branches", CLIPPED,
        says="The smaller of the two squared errors is taken.",
        wrong="mean(min((v - R)^2, (v_clip - R)^2))",
        matters="A value that moved too far the wrong way gets no gradient back; no other move is bounded.",
        seen=("ray #19291", "leggedrobotics/rsl_rl #152", "implementation-matters #1"))
def _smaller(gap: Array, far: Array) -> Array:
    return minimum(gap * gap, far * far)


@errors("max-before-the-square", CLIPPED,
        says="The larger of the two errors is taken, then squared.",
        wrong="mean(max(v - R, v_clip - R)^2)",
        matters="An error of -3 loses against one of +1.",
        seen=("implementation-matters/code-for-paper #1",))
def _max_of_errors(gap: Array, far: Array) -> Array:
    return each(_square, maximum(gap, far))


@errors("not-clipped", CLIPPED,
        says="The clip never acts: it is left out, or the old values are those of the current network.",
        wrong="mean((v - R)^2), or v_old = stop_gradient(v)",
        matters="Nothing bounds how far the value function moves.",
        seen=("tensorflow/agents #352",))
def _unclipped(gap: Array, far: Array) -> Array:
    return gap * gap


@errors("branches-averaged", CLIPPED,
        says="Both squared errors are averaged instead of taking the larger one.",
        wrong="mean(((v - R)^2 + (v_clip - R)^2) / 2)",
        matters="Outside of the band half of the gradient is left, on either side.")
def _average(gap: Array, far: Array) -> Array:
    return (gap * gap + far * far) / 2


@errors("branches-added", CLIPPED,
        says="Both squared errors are added up instead of taking the larger one.",
        wrong="mean((v - R)^2 + (v_clip - R)^2)",
        matters="Inside the band the loss counts twice, outside of it the clip does not act.")
def _sum(gap: Array, far: Array) -> Array:
    return gap * gap + far * far


@formulas("mean-before-max", CLIPPED,
          says="Both squared errors are averaged first, and the larger mean is taken.",
          wrong="max(mean((v - R)^2), mean((v_clip - R)^2))",
          matters="The clip acts on the batch as a whole: on all values or on none.")
def _mean_before_max(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        gap, far = x.values - x.returns, held(x) - x.returns
        free, bounded = (reduce(scaled(e * e, c), x.valid, c) for e in (gap, far))
        return {"loss": maximum(free, bounded).item()}

    return formula


@formulas("error-clipped-instead-of-the-move", CLIPPED,
          says="The error is clipped instead of the move of the value.",
          wrong="mean(clip(v - R, -eps, eps)^2)",
          matters="A value that is wrong by more than eps gets no gradient.")
def _error_clipped(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        terms = each(_square, clip(x.values - x.returns, -x.value_clip_eps, x.value_clip_eps))
        return {"loss": reduce(scaled(terms, c), x.valid, c)}

    return formula


def _move(x: Inputs) -> Array:
    """How far the value has moved, in [-eps, eps]."""
    return clip(x.values - x.old_values, -x.value_clip_eps, x.value_clip_eps)


def _like_a_ratio(x: Inputs) -> Array:
    low, high = (1 - x.value_clip_eps) * x.old_values, (1 + x.value_clip_eps) * x.old_values
    return minimum(maximum(x.values, low), high)


def _like_a_ratio_in_order(x: Inputs) -> Array:
    room = x.value_clip_eps * each(abs, x.old_values)
    return clip(x.values, x.old_values - room, x.old_values + room)


def _fixed(eps: str) -> Part:
    return lambda x: x.old_values + clip(x.values - x.old_values, -constant(eps), constant(eps))


clips("clipped-around-zero",
      says="The value itself is clipped to [-eps, eps].",
      wrong="v_clip = clip(v, -eps, eps)",
      matters="Every value beyond eps counts as clipped, however little it has moved.",
      )(lambda x: clip(x.values, -x.value_clip_eps, x.value_clip_eps))
clips("clipped-like-a-ratio",
      says="The value is kept within a factor 1 +- eps of the old one.",
      wrong="v_clip = clip(v, (1 - eps) v_old, (1 + eps) v_old)",
      matters="Near v_old = 0 nothing may move, and for negative v_old the bounds are in the wrong order.",
      )(_like_a_ratio)
clips.also("clipped-like-a-ratio")(_like_a_ratio_in_order)
clips("old-value-not-added-back",
      says="The clipped move is compared with the return, without the old value that it starts from.",
      wrong="v_clip = clip(v - v_old, -eps, eps)",
      matters="A difference of values is compared with a return.")(_move)
clips("move-added-to-the-new-value",
      says="The clipped move is added to the new value instead of the old one.",
      wrong="v_clip = v + clip(v - v_old, -eps, eps)",
      matters="The clipped value has moved farther than the value itself.")(lambda x: x.values + _move(x))
clips("move-reversed",
      says="The clipped move has the wrong sign.",
      wrong="v_clip = v_old + clip(v_old - v, -eps, eps)",
      matters="The clipped value moves away from the value.")(lambda x: x.old_values - _move(x))
clips("clipped-from-above-only",
      says="Only moves upwards are bounded.",
      wrong="v_clip = v_old + min(v - v_old, eps)",
      matters="Values can fall without bound.",
      )(lambda x: x.old_values + minimum(x.values - x.old_values, x.value_clip_eps))
clips("clipped-from-below-only",
      says="Only moves downwards are bounded.",
      wrong="v_clip = v_old + max(v - v_old, -eps)",
      matters="Values can rise without bound.",
      )(lambda x: x.old_values + maximum(x.values - x.old_values, -x.value_clip_eps))
clips("eps-hard-coded",
      says="The band has a fixed width, whatever value_clip_eps is.",
      wrong="clip(v - v_old, -0.2, 0.2)",
      matters="What is right depends on the scale of the returns, and cannot be set.")(_fixed("0.2"))
clips.also("eps-hard-coded")(_fixed("0.1"))
clips.also("eps-hard-coded")(_fixed("0.5"))


def _renamed(**names: str) -> Callable[[Inputs, Array], Inputs]:
    def part(x: Inputs, valid: Array) -> Inputs:
        changes: dict[str, Any] = {name: getattr(x, source) for name, source in names.items()}
        return x.but(**changes)

    return part


inputs("returns-and-old-values-exchanged", CLIPPED,
       says="Returns and old values are exchanged.",
       wrong="max((v - v_old)^2, (R + clip(v - R, -eps, eps) - v_old)^2)",
       matters="Values are fitted to what they were.")(_renamed(returns="old_values", old_values="returns"))
inputs("values-and-old-values-exchanged", CLIPPED,
       says="New and old values are exchanged.",
       wrong="max((v_old - R)^2, (v + clip(v_old - v, -eps, eps) - R)^2)",
       matters="Inside the band no gradient reaches the new values.",
       )(_renamed(values="old_values", old_values="values"))


# The gradient of the clip alone: the value is right.


@slopes("gradient-not-cut-by-the-clip", CLIPPED,
        says="The value is right, but clipped values keep the gradient of the plain loss.",
        wrong="2 (v - R) / n everywhere",
        matters="Reported losses look clipped, and nothing bounds the step.")
def _straight_through(gap: Array, far: Array) -> Array:
    return gap * gap


@slopes.also("gradient-not-cut-by-the-clip", CLIPPED)
def _straight_through_the_clip(gap: Array, far: Array) -> Array:
    clip_as_identity = detached(far) + (gap - detached(gap))
    return maximum(gap * gap, each(_square, clip_as_identity))


@slopes("gradient-cut-outside-of-the-band", CLIPPED,
        says="The value is right, but values outside of the band have gradient 0 even where their plain"
             " error is the"
             " larger one.",
        wrong="where(abs(v - v_old) > eps, 0, 2 (v - R) / n)",
        matters="A value that has moved too far in the wrong direction cannot come back.")
def _cut_everywhere(gap: Array, far: Array) -> Array:
    return far * far


def _unpredictable(dtype: str) -> Formula:
    """The branch that `dtype` finds larger: v and v_old + (v - v_old) may differ in a last digit."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        v, target, old = (_numbers(array, dtype) for array in (x.values, x.returns, x.old_values))
        eps = np.dtype(dtype).type(float(x.value_clip_eps.value))
        free, bounded = (v - target) ** 2, (old + np.clip(v - old, -eps, eps) - target) ** 2
        gap, far = x.values - x.returns, detached(held(x) - x.returns)
        shared = (gap * gap + far * far) / 2
        slope = where(free == bounded, shared, where(free > bounded, gap * gap, far * far))
        return {"loss": graft(plain(CLIPPED, x, c), reduce(scaled(slope, c), x.valid, c))}

    return formula


def _numbers(array: Array, dtype: str) -> Array:
    return np.array([float(v.value) for v in array], dtype=dtype)


formulas("clipped-branch-detached", CLIPPED,
         says="The value is right, but the clipped branch has no gradient.",
         wrong="max((v - R)^2, (stop_gradient(v_clip) - R)^2)",
         matters="Inside the band both branches are equal: rounding decides which of them gets the gradient.",
         )(lambda operation: _unpredictable("float64"))
formulas.also("clipped-branch-detached", CLIPPED)(lambda operation: _unpredictable("float32"))
