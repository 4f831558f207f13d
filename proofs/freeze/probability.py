"""Inputs of ratios, importance sampling, KL estimators, and of distributions given by their parameters."""

from __future__ import annotations

from typing import Any

from proofs.freeze.design import Design

TRUE, FALSE = True, False


def moved(differences: list[float], old: list[float]) -> dict[str, Any]:
    """Log-probabilities under two policies that differ by these."""
    return {"log_prob": [d + o for d, o in zip(differences, old, strict=True)], "old_log_prob": old}


RATIOS = (
    Design("around-one", "Ratios below, at and above 1.", moved([-2.0, -0.5, 0.0, 0.125, 0.5, 2.0], [-1.5] * 6)),
    Design("unequal-policies", "Every action has a probability of its own.",
           moved([0.75, -0.5, 0.125, -0.25], [-1.0, -2.5, -1.625, -0.5])),
    Design("one-action", "A single action.", moved([0.5], [-1.25])),
    Design("minus-eight-hundred", "Log-probabilities of many dimensions: their exponentials are 0 in every format.",
           moved([0.5, -1.0, 0.25], [-800.0, -799.5, -801.0])),
    Design("densities-above-one", "Log-densities near 120: their exponentials overflow float32.",
           moved([-0.5, 1.0, 0.25], [120.0, 119.5, 121.0])),
    Design("far", "Log-ratios of 50 and -25: a ratio that something cuts off cannot be right.",
           moved([50.0, -25.0, 15.0], [-52.0, -1.0, -16.5])),
)


def samples(name: str, says: str, fx: list[float], log_p: list[float], log_q: list[float]) -> Design:
    return Design(name, says, {"fx": fx, "log_p": log_p, "log_q": log_q})


IMPORTANCE = (
    samples("three-samples", "Three samples of unequal weight.", [1.0, 5.0, -2.0], [-0.5, -1.25, -2.0],
            [-1.5, -0.25, -1.75]),
    samples("equal-distributions", "Weights of 1: the plain mean.", [1.0, 2.5, -4.0, 0.25], [-1.0, -0.5, -2.0, -1.5],
            [-1.0, -0.5, -2.0, -1.5]),
    samples("one-sample", "A single sample.", [3.0], [-0.5], [-1.25]),
    samples("large-and-small-weights", "Weights from e^-6 to e^8.", [1.0, -2.0, 0.5, 3.0], [1.0, -7.0, 4.5, -1.0],
            [-7.0, -1.0, -0.5, -2.5]),
    samples("weights-near-zero", "Every weight is near e^-25: a small number added to their sum shows.",
            [2.0, -1.0, 3.5], [-26.0, -25.5, -27.25], [-1.0, -0.5, -2.5]),
    samples("offset-thousand", "Log-densities near 1000.", [1.0, -0.5, 4.0], [1000.5, 999.25, 1001.0],
            [1000.0, 1000.25, 999.5]),
    samples("offset-minus-thousand", "Log-densities near -1000.", [1.0, -0.5, 4.0], [-999.5, -1000.75, -999.0],
            [-1000.0, -999.75, -1000.5]),
)


def weights(name: str, says: str, log_weights: list[float]) -> Design:
    return Design(name, says, {"log_weights": log_weights})


WEIGHTS = (
    weights("unequal", "Four weights of unequal size.", [0.0, -0.5, 1.25, -2.0]),
    weights("equal", "Four equal weights count as four samples.", [0.75] * 4),
    weights("one-weight", "A single weight counts as one sample.", [0.5]),
    weights("dominated", "One weight outweighs the rest: hardly more than one sample.", [15.0, 0.0, -1.0, -15.0]),
    weights("offset-thousand", "A common factor of e^1000 changes nothing.", [1000.0, 999.5, 1001.25, 998.0]),
    weights("offset-minus-thousand", "A common factor of e^-1000 changes nothing.",
            [-1000.0, -1000.5, -998.75, -1002.0]),
)


def estimate(name: str, says: str, differences: list[float], old: list[float], mask: list[bool] | None = None,
             exact: bool = True) -> Design:
    """Exact for k1, the only estimator that needs neither exp nor a square."""
    return Design(name, says, moved(differences, old) | ({} if mask is None else {"mask": mask}), exact)


ESTIMATES = (
    estimate("both-signs", "Log-ratios of both signs, four samples.", [-2.0, 0.5, -0.25, 1.5],
             [-0.5, -1.5, -2.25, -3.0]),
    estimate("one-sample", "A single sample.", [-0.75], [-1.0]),
    estimate("three-samples", "Three samples: a count that is no power of two.", [1.25, -0.5, 0.125],
             [-2.0, -0.75, -1.5], exact=False),
    estimate("near", "Policies that all but agree: the estimate is a small difference.",
             [2.0**-10, -(2.0**-11), 3 * 2.0**-12, -(2.0**-9)], [-1.0, -0.5, -2.0, -1.5], exact=False),
    estimate("far", "Log-ratios of 15 and -25.", [15.0, -25.0], [-16.0, -2.0], exact=False),
    estimate("minus-eight-hundred", "Log-probabilities near -800.", [0.5, -1.0], [-800.0, -799.5], exact=False),
    estimate("masked", "Masked samples lie between the ones that count.", [-2.0, 3.0, 0.5, -4.0, -0.25, 1.5],
             [-0.5, -1.0, -1.5, -1.0, -2.25, -3.0], [TRUE, FALSE, TRUE, FALSE, TRUE, TRUE]),
    estimate("masked-head", "The first samples are masked.", [2.5, -3.0, -0.5, 1.0], [-3.0, -1.0, -2.5, -1.5],
             [FALSE, FALSE, TRUE, TRUE]),
)


def logits(name: str, says: str, rows: list[list[float]], actions: list[int],
           action_mask: list[list[bool]] | None = None) -> Design:
    inputs: dict[str, Any] = {"logits": rows, "actions": actions}
    return Design(name, says, inputs | ({} if action_mask is None else {"action_mask": action_mask}))


LOGITS = (
    logits("three-actions", "Two rows of three actions.", [[0.5, -1.0, 2.0], [1.25, 0.0, -0.5]], [2, 1]),
    logits("square", "As many rows as actions.", [[0.5, -1.0, 1.75], [1.25, 0.25, -0.5], [-2.0, 1.0, 0.75]],
           [0, 2, 1]),
    logits("two-actions", "One row of two actions.", [[0.75, -0.5]], [1]),
    logits("spread", "Logits 30 apart: an action of probability 1e-13.",
           [[0.0, 30.0, 15.0], [-15.0, 15.0, 14.0]], [0, 2]),
    logits("offset-thousand", "A common offset of 1000 changes nothing.",
           [[1000.5, 999.0, 1002.0], [-998.75, -1000.0, -1000.5]], [2, 1]),
    logits("illegal-actions", "Illegal actions have the largest logits and probability 0.",
           [[0.5, 6.0, -1.0, 2.0], [5.5, 1.25, 7.0, -0.5], [0.25, -1.5, 1.0, 0.5]], [3, 1, 0],
           [[TRUE, FALSE, TRUE, TRUE], [FALSE, TRUE, FALSE, TRUE], [TRUE, TRUE, TRUE, TRUE]]),
    logits("illegal-above-legal", "Legal logits near -1000, so that a number meant to be low is not.",
           [[-1000.5, -999.0, -995.0], [-1001.0, -990.0, -1000.25]], [1, 2],
           [[TRUE, TRUE, FALSE], [TRUE, FALSE, TRUE]]),
)


def two_tables(name: str, says: str, rows: list[list[float]], others: list[list[float]]) -> Design:
    return Design(name, says, {"logits": rows, "other_logits": others})


CATEGORICAL_KL = (
    two_tables("three-actions", "Two rows of three actions.", [[0.5, -1.0, 2.0], [1.25, 0.0, -0.5]],
               [[1.0, 0.25, -0.5], [-0.75, 0.5, 1.5]]),
    two_tables("square", "As many rows as actions.", [[0.5, -1.0, 1.75], [1.25, 0.25, -0.5], [-2.0, 1.0, 0.75]],
               [[0.0, -0.5, 2.5], [1.0, 1.25, -1.5], [-1.0, 0.5, 1.25]]),
    two_tables("two-actions", "One row of two actions.", [[0.75, -0.5]], [[-0.25, 0.5]]),
    two_tables("near", "Two rows that all but agree.", [[0.5, -1.0, 2.0], [1.25, 0.0, -0.5]],
               [[0.5009765625, -1.0, 2.0], [1.25, 0.00390625, -0.5]]),
    two_tables("rare", "The other distribution all but excludes what the first one does.",
               [[0.0, 0.5, -0.5], [1.0, -1.0, 0.5]], [[0.0, 30.0, 15.0], [15.0, -15.0, 14.0]]),
    two_tables("offset-thousand", "Common offsets of 1000 and -1000 change nothing.",
               [[1000.5, 999.0, 1002.0], [-998.75, -1000.0, -1000.5]], [[-999.0, -999.75, -1000.5],
               [999.25, 1000.5, 1001.5]]),
)

ROWS: tuple[tuple[str, str, dict[str, list[list[float]]]], ...] = (
    ("two-dimensions", "Two rows of two dimensions.", {
        "mean": [[0.5, -1.0], [1.5, 0.25]], "log_std": [[-0.5, 0.25], [0.75, -1.0]],
        "actions": [[1.0, -2.5], [0.75, 0.5]], "other_mean": [[0.0, -0.5], [1.0, 0.75]],
        "other_log_std": [[0.25, -0.25], [-0.5, 0.5]]}),
    ("one-dimension", "Three rows of one dimension.", {
        "mean": [[0.5], [-1.25], [2.0]], "log_std": [[0.5], [-0.75], [0.25]], "actions": [[1.5], [-1.0], [-0.5]],
        "other_mean": [[1.0], [-0.5], [1.25]], "other_log_std": [[-0.25], [0.5], [0.75]]}),
    ("square", "As many rows as dimensions.", {
        "mean": [[0.5, -1.0, 0.75], [1.5, 0.25, -0.5], [-0.25, 2.0, 1.0]],
        "log_std": [[-0.5, 0.25, 0.125], [0.75, -1.0, 0.5], [-0.25, 0.375, -0.75]],
        "actions": [[1.0, -2.5, 0.5], [0.75, 0.5, 1.25], [-1.0, 1.5, 0.25]],
        "other_mean": [[0.0, -0.5, 1.25], [1.0, 0.75, 0.5], [-1.0, 1.25, 0.5]],
        "other_log_std": [[0.25, -0.25, 0.5], [-0.5, 0.5, -0.125], [0.75, -0.375, 0.25]]}),
    ("narrow", "log_std = -5: a number added to the standard deviation shows.", {
        "mean": [[0.5, -1.0]], "log_std": [[-5.0, -5.0]], "actions": [[0.5078125, -1.00390625]],
        "other_mean": [[0.25, -0.75]], "other_log_std": [[-4.5, -5.0]]}),
    ("wide", "log_std = 2.", {
        "mean": [[10.0, -4.0]], "log_std": [[2.0, 1.75]], "actions": [[-3.0, 5.5]], "other_mean": [[2.0, 3.0]],
        "other_log_std": [[1.5, 2.0]]}),
)


def gaussians(*names: str) -> tuple[Design, ...]:
    """The rows for an operation that takes these inputs."""
    return tuple(Design(name, says, {n: inputs[n] for n in names}) for name, says, inputs in ROWS)


def squashed(name: str, says: str, mean: list[list[float]], log_std: list[list[float]],
             actions: list[list[float]]) -> Design:
    return Design(name, says, {"mean": mean, "log_std": log_std, "actions": actions})


SQUASHED = (
    squashed("two-dimensions", "Two rows of two dimensions.", [[0.5, -1.0], [0.75, 0.25]],
             [[-0.5, 0.25], [0.375, -1.0]], [[0.5, -0.75], [0.25, 0.375]]),
    squashed("one-dimension", "Three rows of one dimension.", [[0.5], [-0.25], [1.0]], [[0.5], [-0.75], [0.25]],
             [[0.75], [-0.5], [0.125]]),
    squashed("square", "As many rows as dimensions.", [[0.5, -1.0], [0.75, 0.25]], [[0.25, -0.5], [-0.75, 0.5]],
             [[-0.25, -0.875], [0.625, 0.75]]),
    squashed("near-the-bound", "Actions of 63/64: a number added inside the logarithm shows.", [[1.5, -2.0]],
             [[-0.5, 0.25]], [[0.984375, -0.984375]]),
    squashed("near-zero", "Actions of 1/1024.", [[0.25, -0.125]], [[-0.75, 0.5]], [[0.0009765625, -0.0009765625]]),
    squashed("narrow", "log_std = -5, actions near the squashed mean.", [[0.5, -0.5]], [[-5.0, -4.5]],
             [[0.4609375, -0.46484375]]),
)


def adaptation(name: str, says: str, kl_coef: float, kl: float, target_kl: float) -> Design:
    return Design(name, says, {"kl_coef": kl_coef, "kl": kl, "target_kl": target_kl})


ADAPTATIONS = (
    adaptation("at-target", "KL at its target: nothing changes.", 0.5, 0.25, 0.25),
    adaptation("well-above", "KL at four times its target: doubled.", 0.75, 1.0, 0.25),
    adaptation("well-below", "KL at an eighth of its target: halved.", 0.75, 0.03125, 0.25),
    adaptation("just-above-the-upper-threshold", "KL at 1.5625 times its target: doubled.", 3.0, 0.390625, 0.25),
    adaptation("just-below-the-upper-threshold", "KL at 1.4375 times its target: nothing changes.", 3.0, 0.359375,
               0.25),
    adaptation("just-above-the-lower-threshold", "KL at 0.6875 times its target: nothing changes.", 0.25, 0.171875,
               0.25),
    adaptation("just-below-the-lower-threshold", "KL at 0.640625 times its target: halved.", 0.25, 0.16015625, 0.25),
    adaptation("large-coefficient", "A coefficient far above 1 grows without a bound.", 1000.0, 8.0, 2.0),
)


def for_operation(designs: tuple[Design, ...], *dropped: str, exact: bool | None = None) -> tuple[Design, ...]:
    """The same designs without some inputs, or with another claim about rounding."""
    return tuple(Design(d.name, d.says, {n: v for n, v in d.inputs.items() if n not in dropped},
                        d.exact if exact is None else exact) for d in designs)


DESIGNS = {
    "ratio": RATIOS,
    "importance_estimate": IMPORTANCE,
    "self_normalized_estimate": IMPORTANCE,
    "effective_sample_size": WEIGHTS,
    "kl_k1": ESTIMATES,
    "kl_k2": for_operation(ESTIMATES, exact=False),
    "kl_k3": for_operation(ESTIMATES, exact=False),
    "categorical_log_prob": LOGITS,
    "categorical_entropy": for_operation(LOGITS, "actions"),
    "categorical_kl": CATEGORICAL_KL,
    "gaussian_log_prob": gaussians("mean", "log_std", "actions"),
    "gaussian_entropy": gaussians("mean", "log_std"),
    "gaussian_kl": gaussians("mean", "log_std", "other_mean", "other_log_std"),
    "squashed_gaussian_log_prob": SQUASHED,
    "adapt_kl_coef": ADAPTATIONS,
}
