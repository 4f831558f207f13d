"""Mistakes that every loss can make: in its sign, its mean, its mask, or its gradient."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import (
    CLIP,
    CLIPPED,
    EVERY,
    GRADIENT,
    HUBER,
    MASKED,
    SURROGATE,
    VALUE,
    Part,
    Shared,
    addends,
    every,
    graft,
    is_masked,
    nan_slope,
    objective,
    of_mask,
    of_mean,
    ratio,
    right,
    valid_slots,
)
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import reduce
from ppocore.conformance.oracle.reals import ONE, ZERO, Array, Real, mean, total, where

CATALOGUE = Catalogue()
means = Shared(CATALOGUE, of_mean)
masks = Shared(CATALOGUE, of_mask)
formulas = Shared(CATALOGUE, lambda operation, part: part(operation))
TOKENS = (GRADIENT, SURROGATE, CLIP)
RATIOS = (SURROGATE, CLIP)
VARIABLE = {GRADIENT: "log_prob", SURROGATE: "log_prob", CLIP: "log_prob", VALUE: "values", CLIPPED: "values",
            HUBER: "values"}


def _of_loss(change: Callable[[Real], Real]) -> Part:
    """A loss made of the right one."""

    def made(operation: str) -> Formula:
        def formula(x: Inputs, c: Choices) -> Outputs:
            return {"loss": change(right(operation, x, c))}

        return formula

    return made


# Sign and gradient.


formulas("loss-negated", *EVERY,
         says="The whole loss has the wrong sign.",
         wrong="-loss",
         matters="An optimizer that minimises it does the opposite of"
                 " learning.")(_of_loss(lambda loss: -loss))


formulas("gradient-negated", *EVERY,
         says="The value is right, the gradient has the wrong sign.",
         wrong="-grad",
         matters="Descending along it makes the loss grow.")(_of_loss(lambda loss: graft(loss, -loss)))


@formulas("gradient-not-averaged", *EVERY,
          says="The value is a mean, the gradient that of a sum.",
          wrong="the gradient of sum(...) where the loss is mean(...)",
          matters="The step grows with the batch size.")
def _gradient_of_sum(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        valid = valid_slots(operation, x)
        sums = [total(terms[valid]) for terms in addends(operation, x, c)]
        return {"loss": graft(right(operation, x, c), sum(sums[1:], sums[0]))}

    return formula


@formulas("gradient-at-masked-slots", *MASKED,
          says="The value is right, but masked slots get a gradient.",
          wrong="grad / n without the mask",
          matters="Padding and tool output train the network.",
          seen=("verl #2543", "miles #1827"))
def _gradient_everywhere(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        if not is_masked(x):
            return {"loss": right(operation, x, c)}
        (terms,) = addends(operation, x, c)
        ones = np.full(terms.shape, ONE, dtype=object)
        weight = reduce(ones, x.valid, c) / int(x.valid.sum())
        return {"loss": graft(right(operation, x, c), weight * total(terms))}

    return formula


# The mean.


def _reduce_all(terms: Array, c: Choices) -> Real:
    return reduce(terms, every(terms), c)


@means("averaged-twice", *EVERY,
       says="The mean is divided by the number of samples once more.",
       wrong="mean(...) / n",
       matters="The larger the batch, the smaller the step.")
def _averaged_twice(terms: Array, valid: Array, c: Choices) -> Real:
    return reduce(terms, valid, c) / int(valid.sum())


@means("last-sample-alone", *EVERY,
       says="The loss is that of the last sample.",
       wrong="for i in range(n): loss = term[i]",
       matters="An accumulator that is overwritten: all other samples are lost.")
def _last(terms: Array, valid: Array, c: Choices) -> Real:
    return _reduce_all(terms[valid][-1:], c)


@means("first-sample-alone", *EVERY,
       says="The loss is that of the first sample.",
       wrong="return inside the loop, or term[0]",
       matters="All other samples are lost.")
def _first(terms: Array, valid: Array, c: Choices) -> Real:
    return _reduce_all(terms[valid][:1], c)


@formulas("mean-missing", *EVERY,
          says="The loss is a vector with one number a sample.",
          wrong="the terms without .mean()",
          matters="What calls backward() on it must sum or average it, and often does the other one.",
          seen=("vwxyzjn/cleanrl #22",))
def _vector(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        first, *others = addends(operation, x, c)
        return {"loss": sum(others, first)}

    return formula


@formulas.also("mean-missing", *MASKED)
def _vector_of_valid(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        (terms,) = addends(operation, x, c)
        return {"loss": terms[x.valid]}

    return formula


@means("mean-of-row-means", *TOKENS,
       says="Each row is averaged by itself, then the rows are averaged.",
       wrong="mean over rows of the mean over the tokens of the row",
       matters="A token of a short row counts more than one of a long row.",
       seen=("verl #906", "OpenRLHF #1249", "allenai/open-instruct #1161", "modelscope/twinkle #292"))
def _row_means(terms: Array, valid: Array, c: Choices) -> Real:
    if terms.ndim < 2:
        return reduce(terms, valid, c)
    return mean([mean(row[m]) for row, m in zip(terms, valid, strict=True)])


@means("mean-of-column-means", *TOKENS,
       says="Each position is averaged over the rows, then the positions are averaged.",
       wrong="mean over positions of the mean over the rows",
       matters="Late tokens, which few rows have, count more than early ones.")
def _column_means(terms: Array, valid: Array, c: Choices) -> Real:
    if terms.ndim < 2:
        return reduce(terms, valid, c)
    occupied = valid.any(axis=0)
    return mean([mean(column[m]) for column, m in zip(terms.T[occupied], valid.T[occupied], strict=True)])


@means("divided-by-the-padded-length", *TOKENS,
       says="The sum over all rows is divided by the width of the batch.",
       wrong="sum(terms) / L",
       matters="Twice the rows give twice the loss, and more padding a smaller one.",
       seen=("verl #3741", "verl #5366"))
def _by_width(terms: Array, valid: Array, c: Choices) -> Real:
    return total(terms[valid]) / int(valid.shape[-1]) if terms.ndim > 1 else reduce(terms, valid, c)


@means.also("divided-by-the-padded-length", *TOKENS)
def _by_width_when_flat(terms: Array, valid: Array, c: Choices) -> Real:
    return total(terms[valid]) / int(valid.shape[-1])


# The mask.


@masks("mask-ignored", *MASKED,
       says="The mask has no effect.",
       wrong="mean over all slots, padding included",
       matters="Padding and tool output train the network.",
       seen=("huggingface/trl #7024",))
def _ignored(mask: Array) -> Array:
    return np.ones_like(mask)


def _of_masked(part: Part) -> Part:
    """A loss that goes wrong where there is a mask: part(operation, x, c)."""

    def made(operation: str) -> Formula:
        def formula(x: Inputs, c: Choices) -> Outputs:
            return {"loss": part(operation, x, c) if is_masked(x) else right(operation, x, c)}

        return formula

    return made


@formulas("masked-slots-in-the-sum", *MASKED,
          says="The sum runs over all slots, and is divided by the number of valid ones.",
          wrong="sum(terms) / sum(mask)",
          matters="Padding trains the network, and the more padding, the larger is the loss.")
@_of_masked
def _sum_of_all(operation: str, x: Inputs, c: Choices) -> Real:
    (terms,) = addends(operation, x, c)
    return total(terms) / int(x.valid.sum())


def _inverted(*, spoilt: bool) -> Part:
    """The mean over the masked slots; where there are none, NaN with a gradient of 0 or NaN."""

    def part(operation: str, x: Inputs, c: Choices) -> Real:
        (terms,) = addends(operation, x, c)
        if (~x.valid).any():
            return reduce(terms, ~x.valid, c)
        return nan_slope(Decimal("NaN"), getattr(x, VARIABLE[operation]) if spoilt else ())

    return _of_masked(part)


formulas("mask-inverted", *MASKED,
         says="The mean runs over the masked slots instead of the valid ones.",
         wrong="mean over ~mask",
         matters="A flag that means padding where True is expected to mean valid: only padding is trained.",
         )(_inverted(spoilt=False))
formulas.also("mask-inverted", *MASKED)(_inverted(spoilt=True))


def _moved(step: int, fill: bool | None) -> Part:
    """The mask rolled along the last axis, with `fill` at the end that became free; None leaves it rolled."""

    def part(mask: Array) -> Array:
        moved = np.roll(mask, step, axis=-1)
        if fill is not None:
            moved[..., 0 if step > 0 else -1] = fill
        return moved

    return part


masks("mask-of-the-previous-slot", *MASKED,
      says="Each slot is judged by the mask of the slot before it.",
      wrong="mask[t - 1] at slot t",
      matters="The first token of the padding counts, and the first real one may not.",
      seen=("verl #1758", "huggingface/trl #454", "CarperAI/trlx #107"))(_moved(1, True))
masks.also("mask-of-the-previous-slot", *MASKED)(_moved(1, False))
masks.also("mask-of-the-previous-slot", *MASKED)(_moved(1, None))
masks("mask-of-the-next-slot", *MASKED,
      says="Each slot is judged by the mask of the slot after it.",
      wrong="mask[t + 1] at slot t",
      matters="The last token of each row, often the one that ends it, does not count.")(_moved(-1, False))
masks.also("mask-of-the-next-slot", *MASKED)(_moved(-1, True))
masks.also("mask-of-the-next-slot", *MASKED)(_moved(-1, None))


@masks("last-valid-slot-dropped", *MASKED,
       says="The last valid slot of each row does not count.",
       wrong="end = start + sum(mask) - 1",
       matters="The token that ends an answer is never trained.",
       seen=("deepspeedai/DeepSpeedExamples #620",))
def _last_dropped(mask: Array) -> Array:
    later = np.cumsum(mask[..., ::-1], axis=-1)[..., ::-1]
    return mask & (later > 1)


@masks("mask-read-as-a-length", *MASKED,
       says="The mask is used only to count, and the first slots of each row are taken.",
       wrong="terms[:sum(mask)]",
       matters="With holes or padding on the left, other slots than the valid ones count.")
def _as_length(mask: Array) -> Array:
    return np.arange(mask.shape[-1]) < mask.sum(axis=-1, keepdims=True)


@masks("holes-in-the-mask-filled", *MASKED,
       says="Masked slots between valid ones count.",
       wrong="every slot up to the last valid one",
       matters="Tool output and observations in the middle of an answer are trained as if the policy had"
               " chosen them.",
       seen=("verl #2543", "miles #1827"))
def _filled_from_the_start(mask: Array) -> Array:
    return np.cumsum(mask[..., ::-1], axis=-1)[..., ::-1] > 0


@masks.also("holes-in-the-mask-filled", *MASKED)
def _filled(mask: Array) -> Array:
    return _filled_from_the_start(mask) & (np.cumsum(mask, axis=-1) > 0)


def _ratio_one(*, by_valid: bool) -> Part:
    ""
    """Masked slots have ratio 1 and count; the sum is divided by all slots, or by the valid ones."""

    def part(operation: str, x: Inputs, c: Choices) -> Real:
        new, old = (where(x.valid, log_prob, ZERO) for log_prob in (x.log_prob, x.old_log_prob))
        y = x.but(log_prob=new, old_log_prob=old)
        terms = objective(operation, y, c, ratio(y, c))
        n = int(x.valid.sum()) if by_valid else int(x.valid.size)
        return -total(terms) / n

    return _of_masked(part)


formulas("masked-log-ratios-count-as-zero", *RATIOS,
         says="The mask is applied to the log-ratio, so that masked slots have ratio 1 and still count.",
         wrong="exp(mask (log_prob - old_log_prob)) A",
         matters="Advantages of padding and of dropped samples enter the loss.",
         seen=("huggingface/trl #6095",))(_ratio_one(by_valid=False))
formulas.also("masked-log-ratios-count-as-zero", *RATIOS)(_ratio_one(by_valid=True))


