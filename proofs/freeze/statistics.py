"""Inputs of reductions, training statistics, gradient clipping, Adam and running moments."""

from __future__ import annotations

from typing import Any

from proofs.freeze.design import Design
from proofs.freeze.probability import moved

TRUE, FALSE = True, False


def table(name: str, says: str, x: list[list[float]], mask: list[list[bool]], exact: bool = False) -> Design:
    return Design(name, says, {"x": x, "mask": mask}, exact)


MASKED = (
    table("powers-of-two", "Rows of four, two, one and one valid slots.",
          [[1.0, -2.0, 0.5, 4.0], [7.0, 3.0, -5.0, 1.5], [-6.0, 8.0, 2.5, -7.0], [-1.5, 6.5, 5.5, -4.0]],
          [[TRUE, TRUE, TRUE, TRUE], [FALSE, TRUE, FALSE, TRUE], [FALSE, FALSE, TRUE, FALSE],
           [TRUE, FALSE, FALSE, FALSE]], exact=True),
    table("every-slot", "Nothing is masked.", [[1.0, -2.0, 0.5, 4.0], [-1.5, 3.0, 1.0, -0.25]],
          [[TRUE] * 4, [TRUE] * 4], exact=True),
    table("uneven", "Rows of three, one and two valid slots.", [[1.25, -2.0, 0.5], [3.0, -6.5, 8.0], [-0.75, 7.0, 2.0]],
          [[TRUE, TRUE, TRUE], [TRUE, FALSE, FALSE], [TRUE, FALSE, TRUE]]),
    table("one-row", "A single row with a hole.", [[2.0, -7.0, 0.25, 1.5]], [[TRUE, FALSE, TRUE, TRUE]]),
    table("one-valid", "A single valid slot in all, in the middle.", [[5.0, 3.5, -8.0]], [[FALSE, TRUE, FALSE]]),
)


def fraction(name: str, says: str, moves: list[float], advantages: list[float], clip_eps: float) -> Design:
    return Design(name, says, moved(moves, [-1.0, -0.5, -2.0, -1.5, -0.75, -1.25, -0.25, -3.0][:len(moves)])
                  | {"advantages": advantages, "clip_eps": clip_eps})


GRID = [-1.0, -0.265625, -0.234375, 0.125, 0.234375, 0.265625, 0.5, 2.0]

FRACTIONS = (
    fraction("both-signs", "Ratios on every side of the band, every other advantage negative.", GRID,
             [1.0, -2.0, 0.5, -3.0, 1.5, -0.25, 2.0, -1.0], 0.25),
    fraction("positive-advantages", "The same, every advantage positive: those below the band count as well.", GRID,
             [1.0, 2.0, 0.5, 3.0, 1.5, 0.25, 2.0, 1.0], 0.25),
    fraction("negative-advantages", "The same, every advantage negative: those above the band count as well.", GRID,
             [-1.0, -2.0, -0.5, -3.0, -1.5, -0.25, -2.0, -1.0], 0.25),
    fraction("just-outside", "Ratios of 1.30 and 0.71 against a band of 1/4.", [0.265625, -0.34375], [1.0, -1.0], 0.25),
    fraction("just-inside", "Ratios of 1.20 and 0.78: a log-ratio of -eps is not yet a ratio of 1 - eps.",
             [0.1875, -0.25390625], [1.0, -1.0], 0.25),
    fraction("wide-band", "A band of 1/2.", [-1.0, -0.625, 0.25, 0.375, 0.4375, 1.5],
             [1.0, -2.0, 0.5, -3.0, 1.5, -0.25], 0.5),
    fraction("none", "Equal policies: nothing is clipped.", [0.0, 0.0, 0.0], [1.0, -2.0, 0.5], 0.25),
)


def critic(name: str, says: str, values: list[float], returns: list[float]) -> Design:
    return Design(name, says, {"values": values, "returns": returns})


CRITICS = (
    critic("good", "A critic that explains most of it.", [1.25, -1.5, 0.25, 3.0], [1.0, -2.0, 0.5, 3.5]),
    critic("poor", "A critic worse than a constant: below -1.", [-3.0, 4.0, -1.0, 2.5], [1.0, -2.0, 0.5, -0.25]),
    critic("offset", "Values off by 10: variances do not see it.", [11.25, 8.5, 10.25, 13.0], [1.0, -2.0, 0.5, 3.5]),
    critic("constant", "A constant critic explains nothing.", [2.0, 2.0, 2.0], [1.0, -2.0, 0.5]),
    # Eight numbers, as in the gate's other small cases: an eps beside variances over n - 1 is the same eps in all.
    critic("small", "Returns of variance near 1e-6: a number added to it shows.",
           [k * 2.0**-12 for k in (4.0, -2.0, 3.0, 0.0, -5.0, 1.0, 6.0, -3.0)],
           [k * 2.0**-12 for k in (4.0, -4.0, 1.0, 2.0, -6.0, 0.0, 5.0, -1.0)]),
)


def gradients(name: str, says: str, grads: list[Any], max_norm: float) -> Design:
    return Design(name, says, {"grads": grads, "max_norm": max_norm})


GRADIENTS = (
    gradients("three-four", "Norm 5 is cut to 1/2.", [[3.0, 4.0]], 0.5),
    gradients("two-arrays", "One norm of a matrix and a vector together.",
              [[[1.0, -2.0], [0.5, 1.5]], [3.0, -0.25, 2.5]], 2.0),
    gradients("below", "A norm below the limit: nothing changes, though single elements are above the others' mean.",
              [[0.25, -0.5], [[0.75]]], 1.5),
    gradients("unequal", "A large gradient beside a small one: both shrink alike.", [[100.0], [0.015625, -0.03125]],
              1.0),
    gradients("tiny", "Gradients near 1e-4 and a smaller limit: a number added to the norm shows.",
              [[2.0**-13, -(2.0**-14)], [3 * 2.0**-14]], 2.0**-15),
    gradients("single-element-above", "One element exceeds the limit by itself.", [[0.125], [2.0, -0.25], [0.5]], 1.0),
)


def adam(name: str, says: str, step: int, first: list[float], second: list[float], eps: float = 2.0**-10,
         grads: list[float] | None = None, learning_rate: float = 0.125, beta1: float = 0.875,
         beta2: float = 0.96875) -> Design:
    return Design(name, says, {
        "params": [0.5, -1.25, 2.0], "grads": [1.5, -0.25, 0.75] if grads is None else grads, "first_moment": first,
        "second_moment": second, "step": step, "learning_rate": learning_rate, "beta1": beta1, "beta2": beta2,
        "eps": eps})


ADAM = (
    adam("first-step", "The first step from zero moments.", 1, [0.0] * 3, [0.0] * 3),
    adam("second-step", "The second step with moments of its own.", 2, [0.25, -0.5, 0.125], [0.375, 0.0625, 1.5]),
    adam("late-step", "Step 40: the corrections are almost 1.", 40, [0.25, -0.5, 0.125], [0.375, 0.0625, 1.5]),
    adam("large-eps", "eps = 1/2: where it stands shows.", 3, [0.25, -0.5, 0.125], [0.375, 0.0625, 1.5], 0.5),
    adam("tiny-gradients", "Gradients of the size of eps.", 1, [0.0] * 3, [0.0] * 3, 2.0**-17,
         [2.0**-16, -(2.0**-18), 2.0**-17]),
    adam("equal-betas", "beta1 = beta2 = 1/2 and a falling second moment.", 2, [0.25, -0.5, 0.125],
         [8.0, 4.0, 6.0], beta1=0.5, beta2=0.5),
)


def moments(name: str, says: str, *batches: list[list[float]]) -> Design:
    return Design(name, says, {"batches": list(batches)})


MOMENTS = (
    moments("two-batches", "Two batches of two rows.", [[1.0, -2.0], [0.5, 4.0]], [[-1.5, 3.0], [2.0, -0.25]]),
    moments("unequal-batches", "Batches of three, one and two rows with different means.",
            [[1.0, -2.0], [0.5, 4.0], [2.5, 1.0]], [[-6.0, 8.0]], [[3.0, -0.5], [4.5, 2.0]]),
    moments("single-rows", "Every batch is a single row.", [[1.0, 5.0]], [[-2.5, 4.0]], [[0.5, 7.5]]),
    moments("one-dimension", "One dimension.", [[1.0], [-2.0], [0.5]], [[4.0], [2.5]]),
    moments("offset", "Means near 100 with a spread of 1.", [[100.5, -99.0], [101.0, -100.5]],
            [[99.25, -101.0], [100.0, -98.5], [102.0, -100.0]]),
)

DESIGNS = {
    "masked_mean": MASKED,
    "sequence_mean": MASKED,
    "sequence_sum_mean": MASKED,
    "clip_fraction": FRACTIONS,
    "explained_variance": CRITICS,
    "clip_grad_norm": GRADIENTS,
    "adam_step": ADAM,
    "running_moments": MOMENTS,
}
