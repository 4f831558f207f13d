"""Mistakes of advantages within a group: whose mean it is, whose spread, and who belongs to the group."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.advantages import denominator, moments
from ppocore.conformance.oracle.groups import grpo_row
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, Real, constant, lift, maximum, mean, total

CATALOGUE = Catalogue()
GRPO, RLOO, DR_GRPO = (Family(CATALOGUE, f"{name}_advantages") for name in ("grpo", "rloo", "dr_grpo"))
FAMILIES = (GRPO, RLOO, DR_GRPO)
Row = Callable[[Array, Choices], Array]


def _ddof(c: Choices) -> int:
    return 1 if c["advantage_std"] == "ddof1" else 0


def _by_row(row: Row) -> Callable[[Inputs, Choices], Array]:
    """A value that treats every prompt alike."""
    return lambda x, c: np.array([row(r, c) for r in x.rewards], dtype=object)


def _right(family: Family) -> Callable[[Inputs, Choices], Array]:
    """What it should be."""
    return lambda x, c: DEFINITIONS[family.operation](x, c)["advantages"]


def _of_others(row: Array, baseline: Callable[[Array], Real]) -> Array:
    """Every reward minus something of the rest of its row."""
    return np.array([v - baseline(np.delete(row, i)) for i, v in enumerate(row)], dtype=object)


def _largest(values: Array) -> Real:
    return max(values, key=lambda v: v.value)


def _median(values: Array) -> Real:
    ordered = sorted(values, key=lambda v: v.value)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


# What all three can do.


def _across(family: Family, x: Inputs, c: Choices) -> Array:
    """The flat batch, one completion of every prompt after the other, read as if prompts stood together."""
    prompts, size = x.rewards.shape
    mixed = x.rewards.reshape(size, prompts).T
    return _right(family)(x.but(rewards=mixed), c).T.reshape(prompts, size)


def _over_prompts(family: Family, x: Inputs, c: Choices) -> Array:
    """Along the other axis; a single prompt leaves nothing to compare with."""
    columns = x.rewards.T
    if columns.shape[1] == 1:
        nothing = {GRPO.operation: constant("0"), RLOO.operation: lift("NaN"), DR_GRPO.operation: ZERO}
        return np.full(x.rewards.shape, nothing[family.operation], dtype=object)
    return _right(family)(x.but(rewards=columns), c).T


def _negated(family: Family, x: Inputs, c: Choices) -> Array:
    return -_right(family)(x, c)


def _positive(family: Family, x: Inputs, c: Choices) -> Array:
    return maximum(_right(family)(x, c), ZERO)


def _over_batch(family: Family, x: Inputs, c: Choices) -> Array:
    whole = x.but(rewards=x.rewards.reshape(1, -1))
    return _right(family)(whole, c).reshape(x.rewards.shape)


for _family in FAMILIES:
    _family.add("groups-cut-across", "Completions of different prompts are taken for one group.",
                "rewards.reshape(G, P).T, although each prompt's completions stand together",
                "An easy prompt is held against a hard one: the advantages rank prompts, not answers.",
                partial(_across, _family))
    _family.add("over-the-prompts", "The statistics run along the wrong axis.", "mean(axis=0)",
                "A completion is compared with answers to other prompts.", partial(_over_prompts, _family))
    _family.add("over-the-batch", "The whole batch is one group.", "rewards.mean() over all prompts",
                "Answers to hard prompts are discouraged, however good they are.", partial(_over_batch, _family))
    _family.add("unchanged", "The rewards come back as they were.", "return rewards", "There is no baseline.",
                lambda x, c: x.rewards)
    _family.add("sign-flipped", "The rewards are subtracted from their mean.", "mean - r",
                "Good answers are unlearned.", partial(_negated, _family))
    _family.add("negative-advantages-dropped", "Only answers better than the group count.", "max(A, 0)",
                "Nothing is ever discouraged.", partial(_positive, _family))
    _family.add("best-as-baseline", "The best reward of the group is the baseline.", "r - max(r)",
                "No answer is ever encouraged.",
                _by_row(lambda row, c: row - _largest(row)),
                _by_row(lambda row, c: (row - _largest(row)) / denominator(moments(row, _ddof(c))[1], c)))


# GRPO.


def _from(centre: Callable[[Inputs, Array], Real], spread: Callable[[Inputs, Array], Array]) -> Any:
    """Row by row (r - centre) / scale; `spread` gives the rewards whose spread it is."""

    def value(x: Inputs, c: Choices) -> Array:
        return np.array([(row - centre(x, row)) / denominator(moments(spread(x, row), _ddof(c))[1], c)
                         for row in x.rewards], dtype=object)

    return value


def _large_eps(form: str, eps: str, x: Inputs, c: Choices) -> Array:
    return _right(GRPO)(x, Choices(dict(c) | {"std_eps": f"{form}:{eps}"}))


GRPO.add("not-centred", "The mean of the group is not subtracted.", "r / (std + eps)",
         "Where all rewards are positive, every answer is encouraged.", _from(lambda x, row: ZERO, lambda x, row: row))
GRPO.add("not-scaled", "The advantages are not divided by the spread.", "r - mean",
         "That is Dr. GRPO: prompts whose answers differ much weigh more.", _by_row(lambda row, c: row - mean(row)),
         seen=("arXiv:2503.20783", "huggingface/trl scale_rewards=False"))
GRPO.add("spread-of-the-batch", "The mean is that of the group, the spread that of all rewards.",
         "(r - mean of the row) / rewards.std()", "Prompts on which the policy is nearly sure weigh less.",
         _from(lambda x, row: mean(row), lambda x, row: x.rewards), seen=('huggingface/trl scale_rewards="batch"',))
GRPO.add("mean-of-the-batch", "The spread is that of the group, the mean that of all rewards.",
         "(r - rewards.mean()) / std of the row", "Answers to hard prompts are discouraged.",
         _from(lambda x, row: mean(x.rewards), lambda x, row: row))
GRPO.add("own-reward-left-out", "The mean is that of the other completions.", "(r - mean of the others) / (std + eps)",
         "Larger by G / (G - 1): the step depends on the size of the group.",
         _by_row(lambda row, c: _of_others(row, mean) / denominator(moments(row, _ddof(c))[1], c)),
         seen=("NVIDIA-NeMo/RL use_leave_one_out_baseline",))
GRPO.add("divided-by-variance", "The root is missing.", "(r - mean) / (var + eps)",
         "Prompts whose answers differ little weigh most.",
         _by_row(lambda row, c: (row - mean(row)) / (moments(row, _ddof(c))[1] + constant("1e-8"))),
         _by_row(lambda row, c: (row - mean(row)) / (moments(row, _ddof(c))[1] + constant("1e-4"))))
GRPO.add("spread-about-zero", "The spread is taken about 0.", "sqrt(mean(r^2))",
         "A common level of the rewards hides the differences.",
         _by_row(lambda row, c: (row - mean(row)) / ((mean(row * row)).sqrt() + constant("1e-8"))))
GRPO.add("epsilon-too-large", "The stabiliser is as large as ordinary rewards.", "(r - mean) / (std + 0.1)",
         "Groups that nearly agree are damped.",
         *(partial(_large_eps, form, eps)
           for form in ("outside", "inside", "floor") for eps in ("1e-2", "0.1", "1")))
GRPO.add("mean-deviation-for-std", "The spread is the mean absolute deviation.", "mean(|r - mean|)",
         "Another scale for every share of right answers.",
         _by_row(lambda row, c: (row - mean(row)) / (mean([abs(v - mean(row)) for v in row]) + constant("1e-8"))))
GRPO.add("divided-by-the-range", "The spread is the largest reward minus the smallest.", "(r - mean) / (max - min)",
         "One outlier sets the scale.",
         _by_row(lambda row, c: (row - mean(row)) / (_largest(row) + _largest(-row) + constant("1e-8"))))
GRPO.add("normalized-twice", "The advantages of all prompts are normalised again, together.",
         "A = (A - A.mean()) / (A.std() + eps)", "Groups without a spread change the weight of all the others.",
         lambda x, c: grpo_row(_right(GRPO)(x, c).reshape(-1), c).reshape(x.rewards.shape))


# RLOO and Dr. GRPO.


def _scaled(eps: str, ddof: int, row: Array, c: Choices) -> Array:
    return (row - mean(row)) / (moments(row, ddof)[1].sqrt() + constant(eps))


def _whole_spread(x: Inputs, c: Choices) -> Array:
    scale = denominator(moments(x.rewards)[1], c)
    return np.array([(row - mean(row)) / scale for row in x.rewards], dtype=object)


SCALES = [_by_row(partial(_scaled, eps, ddof)) for ddof in (0, 1) for eps in ("1e-4", "1e-6", "1e-8")]

RLOO.add("own-reward-in-the-baseline", "The baseline is the mean of the whole group.", "r - mean(r)",
         "Smaller by (G - 1) / G: a baseline that depends on the action it judges.",
         _by_row(lambda row, c: row - mean(row)))
RLOO.add("sum-of-the-others", "The others are added up, not averaged.", "r - sum of the others",
         "The baseline grows with the group.", _by_row(lambda row, c: _of_others(row, total)))
RLOO.add("divided-by-the-group-size", "The sum of the others is divided by G.", "r - (sum(r) - r) / G",
         "The baseline is too small: where rewards are positive, average answers are encouraged.",
         _by_row(lambda row, c: _of_others(row, lambda rest: total(rest) / len(row))))
RLOO.add("own-reward-not-taken-out", "The whole sum is divided by G - 1.", "r - sum(r) / (G - 1)",
         "The baseline is too large: where rewards are positive, average answers are discouraged.",
         _by_row(lambda row, c: row - total(row) / (len(row) - 1)))
RLOO.add("correction-inverted", "The centred rewards are multiplied by (G - 1) / G.", "(r - mean) (G - 1) / G",
         "Shrunk twice instead of corrected.", _by_row(lambda row, c: (row - mean(row)) * (len(row) - 1) / len(row)))
RLOO.add("divided-by-the-spread", "The advantages are divided by the standard deviation.", "(r - b) / (std + eps)",
         "That is GRPO: prompts with rare successes weigh more than their share.", *SCALES,
         _by_row(lambda row, c: _of_others(row, mean) / (moments(row)[1].sqrt() + constant("1e-8"))))
RLOO.add("best-of-the-others", "The baseline is the best of the other rewards.", "r - max of the others",
         "Only an answer better than all the others is encouraged.",
         _by_row(lambda row, c: _of_others(row, _largest)))
RLOO.add("neighbour-as-baseline", "The baseline is the reward of the next completion.", "r - roll(r, -1)",
         "Unbiased, and far noisier than the mean of all the others.",
         _by_row(lambda row, c: row - np.roll(row, -1)), _by_row(lambda row, c: row - np.roll(row, 1)))

DR_GRPO.add("divided-by-the-spread", "The advantages are divided by the spread.", "(r - mean) / (std + eps)",
            "The bias towards prompts that are too hard or too easy, which Dr. GRPO removes, is back.", *SCALES,
            seen=("arXiv:2503.20783",))
DR_GRPO.add("spread-of-the-batch", "The advantages are divided by the spread of all rewards.",
            "(r - mean of the row) / rewards.std()", "The step no longer depends on the size of the rewards.",
            _whole_spread)
DR_GRPO.add("own-reward-left-out", "The baseline is the mean of the others.", "r - mean of the others",
            "That is RLOO: larger by G / (G - 1).", _by_row(lambda row, c: _of_others(row, mean)))
DR_GRPO.add("divided-by-the-group-size", "The centred rewards are divided by G.", "(r - mean) / G",
            "The mean over the batch divides by it again.", _by_row(lambda row, c: (row - mean(row)) / len(row)))
DR_GRPO.add("median-for-mean", "The baseline is the median.", "r - median(r)",
            "The advantages of a group do not add up to 0.", _by_row(lambda row, c: row - _median(row)))
DR_GRPO.add("first-as-baseline", "The baseline is the reward of the first completion.", "r - r[0]",
            "That is ReMax with a sampled answer in the place of the greedy one.", _by_row(lambda row, c: row - row[0]))
