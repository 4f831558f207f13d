"""Mistakes in what a policy loss does with its advantages."""

from __future__ import annotations

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import (
    CLIP,
    KL,
    PPO,
    RATIO,
    SURROGATE,
    Part,
    Shared,
    objective,
    of_inputs,
    policy_inputs,
    ratio,
    whole,
)
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs, moments, normalize_advantages
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import reduce
from ppocore.conformance.oracle.reals import ZERO, constant, each, lift, maximum, mean, minimum

CATALOGUE = Catalogue()
inputs = Shared(CATALOGUE, of_inputs)
formulas = Shared(CATALOGUE, lambda operation, part: part(operation))


def normalised(x: Inputs, *, ddof1: bool, padding: bool = False) -> Inputs:
    """Advantages normalised over the valid slots, or over all of them."""
    if not x.valid.any():
        return x
    seen = x.but(mask=np.ones(x.advantages.shape, dtype=bool) if padding else x.valid)
    choices = Choices(advantage_std="ddof1") if ddof1 else Choices()
    return x.but(advantages=normalize_advantages(seen, choices)["advantages"])


@inputs("advantages-normalised", *RATIO,
        says="The advantages are normalised inside the loss.",
        wrong="A = (A - mean(A)) / (std(A) + 1e-8)",
        matters="Whoever normalises before the call does it twice, and a batch of one sample has loss 0 or"
                " NaN.")
def _ddof0(x: Inputs, c: Choices) -> Inputs:
    return normalised(x, ddof1=False)


@inputs.also("advantages-normalised", *RATIO)
def _ddof1(x: Inputs, c: Choices) -> Inputs:
    return normalised(x, ddof1=True)


@inputs.also("advantages-normalised", *RATIO)
def _ddof1_unless_alone(x: Inputs, c: Choices) -> Inputs:
    return normalised(x, ddof1=True) if x.valid.sum() > 1 else x


@inputs.also("advantages-normalised", SURROGATE, CLIP)
def _ddof0_with_padding(x: Inputs, c: Choices) -> Inputs:
    return normalised(x, ddof1=False, padding=True)


@inputs.also("advantages-normalised", SURROGATE, CLIP)
def _ddof1_with_padding(x: Inputs, c: Choices) -> Inputs:
    return normalised(x, ddof1=True, padding=True)


@inputs("advantages-centred", *RATIO,
        says="The mean of the batch is subtracted from the advantages.",
        wrong="A = A - mean(A)",
        matters="In a batch where every action was good, the less good ones are discouraged.")
def _centred(x: Inputs, c: Choices) -> Inputs:
    return x.but(advantages=x.advantages - mean(x.advantages[x.valid]))


def _scaled(ddof: int) -> Part:
    def part(x: Inputs, c: Choices) -> Inputs:
        if not x.valid.any():
            return x
        _, variance = moments(x.advantages[x.valid], ddof)
        return x.but(advantages=x.advantages / (variance.sqrt() + constant("1e-8")))

    return part


inputs("advantages-scaled", *RATIO,
       says="The advantages are divided by their standard deviation, without being centred.",
       wrong="A = A / (std(A) + 1e-8)",
       matters="The step no longer depends on the size of the advantages, and one sample is divided by 1e-8.",
       )(_scaled(0))
inputs.also("advantages-scaled", *RATIO)(_scaled(1))


@inputs("advantages-without-sign", *RATIO,
        says="The absolute value of the advantages is used.",
        wrong="abs(A)",
        matters="Bad actions are made more probable, just like good ones.")
def _absolute(x: Inputs, c: Choices) -> Inputs:
    return x.but(advantages=each(abs, x.advantages))


@inputs("negative-advantages-dropped", *RATIO,
        says="Negative advantages count as 0.",
        wrong="max(A, 0)",
        matters="Nothing is ever discouraged.")
def _positive_part(x: Inputs, c: Choices) -> Inputs:
    return x.but(advantages=each(lambda a: ZERO if a < ZERO else a, x.advantages))


def _clamped(bound: int) -> Part:
    def part(x: Inputs, c: Choices) -> Inputs:
        return x.but(advantages=maximum(lift(-bound), minimum(lift(bound), x.advantages)))

    return part


inputs("advantages-clamped", *RATIO,
       says="The advantages are clamped to a fixed interval.",
       wrong="clip(A, -1, 1)",
       matters="Large advantages are cut off: rewards on another scale train another objective.",
       )(_clamped(1))
inputs.also("advantages-clamped", *RATIO)(_clamped(5))


def _shifted(step: int) -> Part:
    def part(x: Inputs, c: Choices) -> Inputs:
        return x.but(advantages=np.roll(x.advantages, step, axis=-1))

    return part


inputs("advantages-shifted", *RATIO,
       says="Advantages and ratios are paired one place apart.",
       wrong="r[i] A[i + 1]",
       matters="Each action is credited with what its neighbour earned.")(_shifted(-1))
inputs.also("advantages-shifted", *RATIO)(_shifted(1))


def _of_rows(*, padding: bool) -> Part:
    def part(x: Inputs, c: Choices) -> Inputs:
        shared = x.advantages.copy()
        if shared.ndim > 1:
            for i, (row, valid) in enumerate(zip(x.advantages, x.valid, strict=True)):
                shared[i, :] = mean(row if padding else row[valid])
        return x.but(advantages=shared)

    return part


inputs("advantages-averaged-over-the-row", SURROGATE, CLIP,
       says="All tokens of a row share the mean of their advantages.",
       wrong="A = mean over the row of A",
       matters="Good and bad tokens of an answer are no longer told apart; padding may be in the mean.",
       seen=("areal-project/AReaL #1346",))(_of_rows(padding=False))
inputs.also("advantages-averaged-over-the-row", SURROGATE, CLIP)(_of_rows(padding=True))


@inputs("advantages-negated", CLIP, PPO,
        says="The objective is computed for the negated advantages.",
        wrong="-mean(min(-r A, -clip(r) A))",
        matters="The policy unlearns, and the clip guards the wrong side as well.")
def _negated(x: Inputs, c: Choices) -> Inputs:
    return x.but(advantages=-x.advantages)


@formulas("every-ratio-with-every-advantage", SURROGATE, CLIP, KL, PPO,
          says="Ratios of shape (B, 1) meet advantages of shape (B,): the mean runs over all B x B pairs.",
          wrong="mean over i and j of r[i] A[j]",
          matters="Every action is credited with the mean advantage of the batch.")
def _pairs(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        y = policy_inputs(operation, x)
        valid = y.valid
        if valid.ndim > 1:
            return whole(operation, y, c, -reduce(objective(operation, y, c, ratio(y, c)), valid, c))
        r, n = ratio(y, c)[valid], int(valid.sum())
        pairs = y.but(advantages=np.tile(y.advantages[valid], n), log_prob=np.repeat(y.log_prob[valid], n))
        terms = objective(operation, pairs, c, np.repeat(r, n))
        return whole(operation, y, c, -reduce(terms, np.ones(n * n, dtype=bool), c))

    return formula
