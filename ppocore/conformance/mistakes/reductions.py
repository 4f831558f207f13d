"""Mistakes of masked means: which slots are added up, and by what the sum is divided."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, Real, constant, mean, total, where
from ppocore.conformance.oracle.statistics import masked_mean, sequence_mean, sequence_sum_mean

CATALOGUE = Catalogue()
TOKENS = Family(CATALOGUE, "masked_mean")
MEANS = Family(CATALOGUE, "sequence_mean")
SUMS = Family(CATALOGUE, "sequence_sum_mean")


def _of_all(x: Inputs) -> Inputs:
    return x.but(mask=np.ones_like(x.mask))


def _as_lengths(x: Inputs) -> Inputs:
    """The first n slots of each row, n being the number of valid ones."""
    return x.but(mask=np.arange(x.mask.shape[1]) < x.mask.sum(axis=1, keepdims=True))


def _blanked(x: Inputs) -> Array:
    return where(x.mask, x.x, ZERO)


def _rows(x: Inputs, reduce: Callable[[Array], Real]) -> Array:
    """One number per row."""
    return np.array([reduce(row[m]) for row, m in zip(x.x, x.mask, strict=True)], dtype=object)


def _all_in_one(x: Inputs, c: Choices) -> Real:
    return total(x.x[x.mask])


def _first(row: Array) -> Real:
    return row[0] if len(row) else ZERO


def _common(family: Family, right: Callable[[Inputs, Choices], dict[str, Real]]) -> None:
    """Mistakes that all three can have."""

    def with_mask(change: Callable[[Inputs], Inputs]) -> Value:
        return lambda x, c: right(change(x), c)["mean"]

    family.add("mask-ignored", "Masked slots count.", "the mask is not used", "Padding is trained on.",
               with_mask(_of_all), seen=("huggingface/trl #7024", "areal-project/AReaL #1346"))
    family.add("mask-inverted", "The slots that are masked out are the ones used.", "x[~mask]",
               "Only padding is trained on.", with_mask(lambda x: x.but(mask=~x.mask)))
    family.add("mask-as-length", "The mask is read as lengths: the first slots of each row are used.",
               "x[row, :mask[row].sum()]", "Right only when what counts stands in front.", with_mask(_as_lengths))
    family.add("first-valid-only", "Only the first valid slot of each row is used.", "x[row, argmax(mask[row])]",
               "All other tokens are lost.", lambda x, c: mean(_rows(x, _first)))
    family.add("sum-for-mean", "Everything valid is added up.", "sum(x * mask)",
               "It grows with the batch; so does the step.", _all_in_one,
               seen=("verl #3741", "verl #5366"))


_common(TOKENS, masked_mean)
_common(MEANS, sequence_mean)
_common(SUMS, sequence_sum_mean)


def _mean_of(x: Inputs, c: Choices) -> Real:
    return mean(x.x[x.mask])


def _row_means(x: Inputs, c: Choices) -> Real:
    return mean(_rows(x, mean))


def _row_sums(x: Inputs, c: Choices) -> Real:
    return mean(_rows(x, total))


def _over_all_slots(x: Inputs, c: Choices) -> Real:
    return mean(_blanked(x))


def _over_width(x: Inputs, c: Choices) -> Real:
    return total(_blanked(x)) / x.mask.shape[1]


def _over_longest(x: Inputs, c: Choices) -> Real:
    return _row_sums(x, c) / int(x.mask.sum(axis=1).max())


def _column_means(x: Inputs, c: Choices) -> Real:
    return mean([mean(column[m]) for column, m in zip(x.x.T, x.mask.T, strict=True)])


def _column_means_of_some(x: Inputs, c: Choices) -> Real:
    return mean([mean(column[m]) for column, m in zip(x.x.T, x.mask.T, strict=True) if m.any()])


def _count_plus(eps: str, x: Inputs, c: Choices) -> Real:
    return total(x.x[x.mask]) / (int(x.mask.sum()) + constant(eps))


def _row_counts_plus(eps: str, x: Inputs, c: Choices) -> Real:
    return mean(_rows(x, lambda row: total(row) / (len(row) + constant(eps))))


EPSILONS = ("1e-8", "1e-10", "1e-6", "1e-5", "1e-4", "1e-9", "1e-12")
TOKENS.add("all-slots-counted", "Masked slots are zeroed, but the divisor counts every slot.",
           "mean(x * mask)", "The more padding, the smaller the mean.", _over_all_slots)
TOKENS.add("mean-of-row-means", "Each row is averaged first, then the rows.", "mean(row means)",
           "Tokens of short rows weigh more.", _row_means, seen=("verl #906", "OpenRLHF #1249"))
TOKENS.add("divided-by-rows", "The sum is divided by the number of rows.", "sum(x * mask) / B",
           "Long rows weigh more, and the size of the step depends on their length.", _row_sums)
TOKENS.add("divided-by-width", "The sum is divided by the padded width.", "sum(x * mask) / L",
           "Appending padding changes the result.", _over_width, seen=("verl #3741", "verl #5417"))
TOKENS.add("divided-by-longest-row", "The divisor takes every row to be as long as the longest.",
           "sum(x * mask) / (B * longest)", "The result depends on what else is in the batch.", _over_longest)
TOKENS.add("numerator-unmasked", "The sum takes every slot, the count only valid ones.", "sum(x) / sum(mask)",
           "Padding is trained on, with extra weight.", lambda x, c: total(x.x) / int(x.mask.sum()))
TOKENS.add("mean-per-row", "One number per row is returned.", "sum(x * mask, 1) / sum(mask, 1)",
           "Broadcasting hides it until the next mean, which then weighs rows alike.",
           lambda x, c: _rows(x, mean))
TOKENS.add("mean-of-column-means", "Each position is averaged first, then the positions.",
           "mean(sum(x * mask, 0) / sum(mask, 0))", "Late tokens of long rows weigh most.",
           _column_means, _column_means_of_some)
TOKENS.add("one-too-many-counted", "The count is one too large.", "sum(x * mask) / (sum(mask) + 1)",
           "Too small, most of all for few tokens.",
           lambda x, c: total(x.x[x.mask]) / (int(x.mask.sum()) + 1))
TOKENS.add("epsilon-in-count", "A small number is added to the count.", "sum(x * mask) / (sum(mask) + 1e-8)",
           "Never exact, and it hides that nothing was valid.",
           *(partial(_count_plus, eps) for eps in EPSILONS), seen=("verl masked_mean",))

MEANS.add("token-mean", "All valid tokens are averaged alike.", "sum(x * mask) / sum(mask)",
          "Long rows weigh more than short ones.", _mean_of, seen=("huggingface/trl #3823",))
MEANS.add("rows-not-divided", "The rows are added up and not averaged over their tokens.",
          "mean(sum(x * mask, 1))", "Long rows weigh more than short ones.", _row_sums)
MEANS.add("divided-by-width", "Each row is divided by the padded width.", "mean(sum(x * mask, 1) / L)",
          "Appending padding changes the result, and short rows count for less.", _over_all_slots,
          seen=("verl #5417",))
MEANS.add("divided-by-longest-row", "Each row is divided by the length of the longest.",
          "mean(sum(x * mask, 1)) / longest", "The result depends on what else is in the batch.",
          _over_longest)
MEANS.add("rows-summed", "Row means are added up and not averaged.", "sum(sum(x * mask, 1) / sum(mask, 1))",
          "Doubling the batch doubles the result.", lambda x, c: total(_rows(x, mean)),
          seen=("verl #3741", "verl #5366"))
MEANS.add("numerator-unmasked", "Row sums take every slot, the counts only valid ones.",
          "mean(sum(x, 1) / sum(mask, 1))", "Padding is trained on, with extra weight.",
          lambda x, c: mean([total(row) / int(m.sum()) for row, m in zip(x.x, x.mask, strict=True)]))
MEANS.add("mean-per-row", "One number per row is returned.", "sum(x * mask, 1) / sum(mask, 1)",
          "The mean over rows is missing.", lambda x, c: _rows(x, mean))
MEANS.add("mean-of-column-means", "Positions are averaged over rows first: the axes are exchanged.",
          "mean(sum(x * mask, 0) / sum(mask, 0))", "Positions weigh alike, not sequences.",
          _column_means, _column_means_of_some)
MEANS.add("one-too-many-counted", "Each count is one too large.", "sum(x * mask, 1) / (sum(mask, 1) + 1)",
          "Too small, most of all for short rows.",
          lambda x, c: mean(_rows(x, lambda row: total(row) / (len(row) + 1))))
MEANS.add("epsilon-in-count", "A small number is added to each count.",
          "sum(x * mask, 1) / (sum(mask, 1) + 1e-8)", "Never exact, and it hides that a row was empty.",
          *(partial(_row_counts_plus, eps) for eps in EPSILONS), seen=("verl masked_mean",))

SUMS.add("token-mean", "All valid tokens are averaged.", "sum(x * mask) / sum(mask)",
         "The size of a sequence's sum is lost.", _mean_of, seen=("verl #931",))
SUMS.add("rows-divided-by-length", "Each row is averaged over its tokens.",
         "mean(sum(x * mask, 1) / sum(mask, 1))", "Sequences were to weigh by their length.", _row_means,
         seen=("verl #931",))
SUMS.add("divided-by-width", "Each row is divided by the padded width.", "mean(sum(x * mask, 1) / L)",
         "Appending padding changes the result.", _over_all_slots, seen=("verl #3741", "verl #5417"))
SUMS.add("summed-and-divided-by-width", "Rows are added up, and the whole is divided by the padded width.",
         "sum(x * mask) / L", "Both doubling the batch and appending padding change the result.", _over_width,
         seen=("verl #3741", "verl #5366"))
SUMS.add("divided-by-longest-row", "Each row is divided by the length of the longest.",
         "mean(sum(x * mask, 1)) / longest", "The result depends on what else is in the batch.",
         _over_longest)
SUMS.add("sum-per-row", "One number per row is returned.", "sum(x * mask, 1)",
         "The mean over rows is missing.",
         lambda x, c: _rows(x, total))
SUMS.add("sum-per-column", "One number per position is returned: the axes are exchanged.", "sum(x * mask, 0)",
         "Positions of different sequences are mixed.",
         lambda x, c: np.array([total(column) for column in _blanked(x).T], dtype=object))

TOKENS.add("last-row-only", "Only the last row is averaged.", "x[-1][mask[-1]].mean()",
           "The metric of the last micro-batch stands for all.", lambda x, c: mean(x.x[-1][x.mask[-1]]),
           seen=("verl-project/verl #2259",))
