"""Inputs of V-trace, and of truncated and per-decision importance sampling."""

from __future__ import annotations

from proofs.freeze.design import Design
from proofs.freeze.rollouts import ROLLOUTS

TRUE, FALSE = True, False


def capped(name: str, says: str, fx: list[float], log_p: list[float], log_q: list[float],
           max_weight: float = 2.0) -> Design:
    return Design(name, says, {"fx": fx, "log_p": log_p, "log_q": log_q, "max_weight": max_weight})


TRUNCATED = (
    capped("three-samples", "One weight of three is above the cap.", [1.0, 5.0, -2.0], [-0.5, -1.25, -2.0],
           [-1.5, -0.25, -1.75]),
    capped("below-the-cap", "No weight reaches the cap: the plain estimate.", [1.0, 2.5, -4.0, 0.25],
           [-1.0, -0.5, -2.0, -1.5], [-1.25, -0.75, -1.25, -1.0], 8.0),
    capped("above-the-cap", "Every weight is above the cap, f of both signs and above it as well.", [3.0, -4.0, 0.5],
           [-0.5, -0.25, -1.0], [-2.5, -1.75, -4.0], 1.5),
    capped("one-sample", "A single sample above the cap.", [3.0], [-0.5], [-1.75]),
    capped("cap-below-one", "A cap of 1/4.", [1.0, -2.0, 0.5, 3.0], [-1.0, -3.5, -0.5, -4.0], [-1.5, -1.0, -0.25, -1.5],
           0.25),
    capped("offset-thousand", "Log-densities near 1000.", [1.0, -0.5, 4.0], [1001.5, 999.25, 1001.0],
           [1000.0, 1000.25, 999.5]),
    capped("offset-minus-thousand", "Log-densities near -1000.", [1.0, -0.5, 4.0], [-998.5, -1000.75, -999.0],
           [-1000.0, -999.75, -1000.5]),
)


def trajectories(name: str, says: str, moves: list[list[float]], old: list[list[float]], rewards: list[list[float]],
                 mask: list[list[bool]], gamma: float = 0.5) -> Design:
    """Rows of steps whose log-probabilities under the two policies differ by `moves`."""
    new = [[d + o for d, o in zip(*row, strict=True)] for row in zip(moves, old, strict=True)]
    return Design(name, says, {"log_prob": new, "old_log_prob": old, "rewards": rewards, "mask": mask, "gamma": gamma})


PER_DECISION = (
    trajectories("every-step-counts", "Two trajectories of three steps.", [[0.5, -0.75, 0.25], [-0.25, 1.0, 0.5]],
                 [[-1.0, -0.5, -2.0], [-1.5, -2.25, -1.0]], [[1.0, -2.0, 4.0], [0.5, 3.0, -1.0]], [[TRUE] * 3] * 2),
    trajectories("holes", "Masked steps in the middle take no time and have no ratio.",
                 [[0.5, 3.0, -0.75, 0.25], [-0.25, 1.0, -2.0, 0.5], [2.5, 1.5, -1.0, 0.75]],
                 [[-1.0, -3.5, -0.5, -2.0], [-1.5, -2.25, -0.5, -1.0], [-3.0, -2.0, -0.25, -1.25]],
                 [[1.0, 7.0, -2.0, 4.0], [0.5, 3.0, -6.0, -1.0], [8.0, -5.0, 2.0, 1.5]],
                 [[TRUE, FALSE, TRUE, TRUE], [TRUE, TRUE, FALSE, TRUE], [FALSE, FALSE, TRUE, TRUE]], 0.75),
    trajectories("padded-right", "Trajectories of three, one and two steps.",
                 [[0.5, -0.75, 0.25], [1.25, 2.0, -1.5], [-0.5, 0.75, 3.0]],
                 [[-1.0, -0.5, -2.0], [-1.5, -2.25, -1.0], [-0.75, -1.0, -3.5]],
                 [[1.0, -2.0, 4.0], [2.5, 6.0, -7.0], [-1.5, 3.0, 5.0]],
                 [[TRUE, TRUE, TRUE], [TRUE, FALSE, FALSE], [TRUE, TRUE, FALSE]]),
    trajectories("undiscounted", "gamma = 1.", [[1.5, -0.5], [-0.75, 0.25]], [[-2.0, -0.5], [-1.0, -1.5]],
                 [[1.0, 3.0], [-2.0, 0.5]], [[TRUE] * 2] * 2, 1.0),
    trajectories("one-step", "A single step of ratio e^(1/2): the plain importance-weighted reward.", [[0.5]], [[-1.0]],
                 [[2.0]], [[TRUE]]),
    trajectories("minus-eight-hundred", "Log-probabilities near -800.", [[0.5, -1.0, 0.25]], [[-800.0, -799.5, -801.0]],
                 [[1.0, -2.0, 4.0]], [[TRUE] * 3]),
)

# Log-ratios from e^-2 to e^2, none of them a clip; rows are taken from here in turn.
MOVES = (0.5, -0.75, 0.125, 1.25, -0.25, -1.5, 2.0, 0.375, -0.5, 0.875)
BEFORE = (-1.5, -0.5, -2.0, -2.25, -0.75, -1.0, -3.5, -1.25)


def weighed(design: Design, gae_lambda: float = 0.5, rho_clip: float = 1.25, c_clip: float = 0.75) -> Design:
    """A rollout of GAE with log-probabilities and two clips."""
    steps, width = len(design.inputs["rewards"]), len(design.inputs["rewards"][0])
    places = [[t * width + n for n in range(width)] for t in range(steps)]
    old = [[BEFORE[k % len(BEFORE)] for k in row] for row in places]
    new = [[BEFORE[k % len(BEFORE)] + MOVES[k % len(MOVES)] for k in row] for row in places]
    more = {"log_prob": new, "old_log_prob": old, "gae_lambda": gae_lambda, "rho_clip": rho_clip, "c_clip": c_clip}
    return Design(design.name, design.says, {**design.inputs, **more})


WEIGHED = tuple(weighed(design, *clips) for design, clips in zip(ROLLOUTS, (
    (0.75, 1.25, 0.75), (0.5, 1.5, 0.875), (0.5, 0.75, 1.25), (0.75, 1.25, 0.75), (0.5, 2.0, 0.5), (0.75, 1.25, 0.75),
    (1.0, 0.875, 1.5), (0.9375, 1.0, 1.0)), strict=True))

DESIGNS = {
    "vtrace": WEIGHED,
    "truncated_importance_estimate": TRUNCATED,
    "per_decision_importance_estimate": PER_DECISION,
}
