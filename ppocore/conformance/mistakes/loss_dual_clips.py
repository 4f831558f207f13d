"""Mistakes in the dual clip, the bound c A where A < 0."""

from __future__ import annotations

from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_clips import BOTH, inside
from ppocore.conformance.mistakes.loss_parts import CLIP, Part, Shared, of_slope, of_terms, ratio
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, constant, maximum, minimum, where

CATALOGUE = Catalogue()
terms = Shared(CATALOGUE, of_terms)
slopes = Shared(CATALOGUE, of_slope)
BOTH_SIGNS = ("thu-ml/tianshou #433", "opendilab/DI-engine cd401b92a", "THUDM/slime 2b10784d8")


def _bound(x: Inputs, c: Choices) -> Any:
    """dual_clip, which may be None."""
    return x.get("dual_clip") or c.number("dual_clip")


def _undualled(x: Inputs, c: Choices) -> Array:
    return minimum(ratio(x, c) * x.advantages, inside(x, c) * x.advantages)


def _with_dual(change: Part) -> Part:
    """change(min, c, A), where there is a dual clip."""

    def part(x: Inputs, c: Choices) -> Array:
        bound, least = _bound(x, c), _undualled(x, c)
        changed: Array = least if bound is None else change(least, bound, x.advantages)
        return changed

    return part


def _where_negative(bound_of: Part) -> Part:
    """max(min, bound_of(c, A)) where A < 0."""
    return _with_dual(lambda least, bound, a: where(a < ZERO, maximum(least, bound_of(bound, a)), least))


def _hidden(bound: str) -> Part:
    """A dual clip for both signs that nobody asked for."""

    def part(x: Inputs, c: Choices) -> Array:
        return maximum(_undualled(x, c), constant(bound) * x.advantages)

    return part


terms("dual-clip-ignored", CLIP,
      says="dual_clip has no effect.",
      wrong="min(r A, clip(r) A)",
      matters="Where A < 0 a single large ratio can still dominate the batch.",
      seen=("THUDM/slime #2247",))(_undualled)
terms("dual-clip-for-both-signs", CLIP,
      says="The dual clip is applied whatever the sign of the advantage.",
      wrong="max(min(r A, clip(r) A), c A)",
      matters="Where A > 0 the bound c A lies above the objective: good samples lose their gradient.",
      seen=BOTH_SIGNS)(_with_dual(lambda least, bound, a: maximum(least, bound * a)))
terms("hidden-dual-clip-for-both-signs", *BOTH,
      says="A dual clip that is no input is applied whatever the sign of the advantage.",
      wrong="max(min(r A, clip(r) A), 3 A)",
      matters="Where A > 0 the bound 3 A lies above the objective: good samples lose their gradient.",
      seen=BOTH_SIGNS)(_hidden("3"))
terms.also("hidden-dual-clip-for-both-signs", *BOTH)(_hidden("2"))
terms.also("hidden-dual-clip-for-both-signs", *BOTH)(_hidden("5"))
terms("dual-clip-for-positive-advantages", CLIP,
      says="The dual clip is applied where A > 0 instead of where A < 0.",
      wrong="where(A > 0, max(min(r A, clip(r) A), c A), min(r A, clip(r) A))",
      matters="Good samples lose their gradient, and bad ones are not bounded.",
      )(_with_dual(lambda least, bound, a: where(a > ZERO, maximum(least, bound * a), least)))
terms("dual-clip-takes-the-minimum", CLIP,
      says="The dual clip takes the smaller of the objective and c A.",
      wrong="where(A < 0, min(min(r A, clip(r) A), c A), min(r A, clip(r) A))",
      matters="What is bounded is the small loss instead of the large one: near ratio 1 there is no"
              " gradient.",
      )(_with_dual(lambda least, bound, a: where(a < ZERO, minimum(least, bound * a), least)))
terms("dual-clip-counted-from-one", CLIP,
      says="The ratio is bounded by 1 + c instead of c.",
      wrong="max(min(r A, clip(r) A), (1 + c) A) where A < 0",
      matters="With c = 3 the bound is 4.")(_where_negative(lambda bound, a: (1 + bound) * a))
terms("dual-clip-with-the-absolute-advantage", CLIP,
      says="The bound is made with the absolute value of the advantage.",
      wrong="max(min(r A, clip(r) A), c abs(A)) where A < 0",
      matters="Every bad sample counts as a good one, and has no"
              " gradient.")(_where_negative(lambda bound, a: bound * -a))
terms("dual-clip-without-the-advantage", CLIP,
      says="The bound is not multiplied by the advantage.",
      wrong="max(min(r A, clip(r) A), c), or with -c, where A < 0",
      matters="The bound does not grow with the advantage.")(_where_negative(lambda bound, a: bound))
terms.also("dual-clip-without-the-advantage", CLIP)(_where_negative(lambda bound, a: -bound))
slopes("dual-clip-keeps-the-gradient", CLIP,
       says="The value is bounded by the dual clip, its gradient is not.",
       wrong="-r A / n below the bound, where the derivative is 0",
       matters="A single large ratio can still dominate the step.")(_undualled)
