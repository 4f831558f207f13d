"""Inputs of policy and value losses, none of them on a point without a derivative."""

from __future__ import annotations

from typing import Any

from proofs.freeze.design import Design
from proofs.freeze.probability import moved

TRUE, FALSE = True, False

ROW_MASK = [[TRUE, TRUE, TRUE, TRUE], [TRUE, FALSE, TRUE, FALSE], [FALSE, TRUE, FALSE, FALSE]]
ROW_MOVES = [[0.5, -0.75, 0.125, -0.25], [1.0, 3.0, -0.5, -2.5], [-4.0, 0.25, 2.0, 0.75]]
ROW_OLD = [[-1.0, -0.5, -2.0, -1.5], [-1.25, -3.5, -0.75, -1.0], [-1.5, -2.25, -3.0, -0.5]]
ROW_ADVANTAGES = [[1.0, -2.0, 0.5, 3.0], [-1.5, 6.0, 2.5, -5.0], [7.0, -0.5, 4.0, -8.0]]

FLAT_MASK = [TRUE, FALSE, TRUE, TRUE, FALSE, TRUE]


def rows() -> dict[str, Any]:
    """A (B, L) batch whose rows count four, two and one token."""
    pairs = [moved(d, o) for d, o in zip(ROW_MOVES, ROW_OLD, strict=True)]
    return {name: [pair[name] for pair in pairs] for name in ("log_prob", "old_log_prob")} | {
        "advantages": ROW_ADVANTAGES, "mask": ROW_MASK}


def policy(name: str, says: str, differences: list[float], old: list[float], advantages: list[float],
           mask: list[bool] | None = None) -> Design:
    return Design(name, says, moved(differences, old) | {"advantages": advantages}
                  | ({} if mask is None else {"mask": mask}))


OLD = [-1.0, -0.5, -2.0, -1.5, -0.75, -1.25]
MOVES = [-2.0, -0.5, -0.125, 0.125, 0.5, 2.0]
MASKED = ([0.5, 3.0, -0.75, 0.125, -2.5, -0.25], [-1.0, -3.5, -0.5, -2.0, -1.0, -1.5],
          [1.0, 6.0, -2.0, 0.5, -5.0, 3.0], FLAT_MASK)

POLICY = (
    policy("positive-advantages", "Ratios below, inside and above the band, A > 0.", MOVES, OLD,
           [1.0, 2.0, 0.5, 12.0, 1.5, 0.25]),
    policy("negative-advantages", "Ratios below, inside and above the band, A < 0.", MOVES, OLD,
           [-1.0, -2.0, -0.5, -12.0, -1.5, -0.25]),
    policy("both-signs", "Ratios on every side of 1 under advantages of both signs.", MOVES, OLD,
           [1.0, -2.0, 0.5, -3.0, 1.5, -0.25]),
    policy("one-sample", "One sample: ratio e^(1/2), advantage 2.", [0.5], [-1.0], [2.0]),
    policy("minus-eight-hundred", "Log-probabilities near -800.", [0.5, -1.0, 0.125], [-800.0, -799.5, -801.0],
           [1.0, -2.0, 0.5]),
    policy("far", "Log-ratios of 15 and -25.", [15.0, -25.0], [-16.0, -2.0], [-2.0, 3.0]),
    policy("masked", "A flat mask with holes.", *MASKED),
    Design("masked-rows", "Rows that count four, two and one token: every valid token weighs alike.", rows()),
)


def clipping(designs: tuple[Design, ...], low: float, high: float) -> tuple[Design, ...]:
    """The same designs with a band."""
    return tuple(Design(d.name, d.says, dict(d.inputs) | {"clip_eps_low": low, "clip_eps_high": high})
                 for d in designs)


def band(name: str, says: str, advantages: list[float], low: float, high: float, dual_clip: float | None = None,
         moves: list[float] = MOVES) -> Design:
    inputs = moved(moves, OLD) | {"advantages": advantages, "clip_eps_low": low, "clip_eps_high": high}
    return Design(name, says, inputs | ({} if dual_clip is None else {"dual_clip": dual_clip}))


CLIPPED = (
    *clipping(POLICY, 0.25, 0.25),
    band("asymmetric", "Lower and upper edge differ, both signs.", [1.0, -2.0, 0.5, -3.0, 1.5, -0.25], 0.125, 0.375,
         moves=[-0.75, -0.1875, 0.25, 0.25, 0.4375, 1.5]),
    band("dual-clip", "dual_clip = 3 bounds what a large ratio costs where A < 0.", [1.0, -2.0, -0.5, 3.0, -1.5, -0.25],
         0.25, 0.25, 3.0, [-0.5, 0.125, 1.0, 1.75, 1.5, 2.25]),
)


def penalty(name: str, says: str, logits: list[list[float]], old_logits: list[list[float]], actions: list[int],
            advantages: list[float], kl_coef: float) -> Design:
    return Design(name, says, {"logits": logits, "old_logits": old_logits, "actions": actions,
                               "advantages": advantages, "kl_coef": kl_coef})


Z = [[0.5, -1.0, 1.75], [1.25, 0.25, -0.5], [-2.0, 1.0, 0.75]]
Z_OLD = [[0.0, -0.5, 2.5], [1.0, 1.25, -1.5], [-1.0, 0.5, 1.25]]

PENALTY = (
    penalty("square", "As many rows as actions.", Z, Z_OLD, [0, 2, 1], [1.0, -12.0, 1.5], 0.5),
    penalty("two-rows", "Two rows of three actions, a large coefficient.", [[0.5, -1.0, 2.0], [1.25, 0.0, -0.5]],
            [[1.0, 0.25, -0.5], [-0.75, 0.5, 1.5]], [2, 1], [-0.5, 3.0], 4.0),
    penalty("one-row", "One row, advantage -1.", [[0.75, -0.5]], [[-0.25, 0.5]], [1], [-1.0], 0.25),
    penalty("no-coefficient", "kl_coef = 0: the surrogate alone.", Z, Z_OLD, [2, 0, 1], [1.0, -2.0, 1.5], 0.0),
    penalty("no-advantages", "Advantages of 0: the KL term alone.", Z, Z_OLD, [0, 2, 1], [0.0, 0.0, 0.0], 2.0),
    penalty("offset-thousand", "Common offsets of 1000 and -1000 change nothing.",
            [[1000.5, 999.0, 1002.0], [-998.75, -1000.0, -1000.5]],
            [[-999.0, -999.75, -1000.5], [999.25, 1000.5, 1001.5]], [2, 1], [-0.5, 3.0], 0.5),
)


def values(name: str, says: str, values: list[float], returns: list[float], mask: list[bool] | None = None) -> Design:
    return Design(name, says, {"values": values, "returns": returns} | ({} if mask is None else {"mask": mask}))


VALUES = (
    values("four", "Four values, errors of both signs above and below 1.", [1.0, -2.0, 0.5, 3.0],
           [2.5, -1.25, 0.0, -4.0]),
    values("one-value", "One value that is 3 too high.", [2.0], [-1.0]),
    values("small-errors", "Errors below 1, where a Huber loss has the same shape.", [0.5, -0.25, 1.0],
           [0.25, -0.625, 1.125]),
    values("large", "Returns near 1000.", [3.0, -2.5], [1000.0, -750.5]),
    values("masked", "A mask with holes.", [1.0, 7.0, -2.0, 0.5, -6.0, 3.0], [2.5, -3.0, -1.25, 0.0, 5.0, -4.0],
           FLAT_MASK),
    values("masked-tail", "Only the first three of five count.", [1.0, -2.0, 0.5, 8.0, -5.0],
           [2.5, -1.25, 1.0, -3.0, 4.0], [TRUE, TRUE, TRUE, FALSE, FALSE]),
)


def clipped_values(name: str, says: str, triples: list[list[float]], value_clip_eps: float = 0.5,
                   mask: list[bool] | None = None) -> Design:
    """Triples of value, return and old value."""
    predicted, returns, old = (list(column) for column in zip(*triples, strict=True))
    return Design(name, says, {"values": predicted, "returns": returns, "old_values": old,
                               "value_clip_eps": value_clip_eps} | ({} if mask is None else {"mask": mask}))


CLIPPED_VALUES = (
    clipped_values("inside-the-band", "Values that moved by less than eps: the plain loss.",
                   [[1.25, 3.0, 1.0], [-2.25, -4.0, -2.0], [0.5, -1.0, 0.125]]),
    clipped_values("upwards", "Values that rose beyond the band, returns before, between and beyond.",
                   [[3.0, 4.5, 1.0], [3.0, 2.0, 1.0], [3.0, -1.0, 1.0], [1.25, 4.0, 1.0]]),
    clipped_values("downwards", "Values that fell beyond the band, returns before, between and beyond.",
                   [[-3.0, 4.5, -1.0], [-3.0, -2.0, -1.0], [-3.0, -6.5, -1.0], [-1.25, 4.0, -1.0]]),
    clipped_values("narrow-band", "eps = 1/8 on values near 100.",
                   [[100.5, 103.0, 100.0], [-98.25, -97.0, -98.0], [50.0625, 48.0, 50.0]], 0.125),
    clipped_values("one-value", "One value beyond the band, its return further still.", [[2.0, 5.0, 0.25]], 0.25),
    clipped_values("masked", "A mask with holes.",
                   [[3.0, 4.5, 1.0], [7.0, -3.0, 2.0], [-3.0, -6.5, -1.0], [1.25, 4.0, 1.0], [-6.0, 5.0, 1.5],
                    [0.5, -1.0, 2.0]], 0.5, FLAT_MASK),
)


def both(name: str, says: str, moves: list[float], advantages: list[float], triples: list[list[float]],
         clip_eps: float = 0.25, vf_coef: float = 0.5, ent_coef: float = 0.0625,
         old: list[float] | None = None) -> Design:
    """Triples of value, return and entropy."""
    predicted, returns, entropy = (list(column) for column in zip(*triples, strict=True))
    return Design(name, says, moved(moves, old or OLD[:len(moves)]) | {
        "advantages": advantages, "values": predicted, "returns": returns, "entropy": entropy,
        "clip_eps": clip_eps, "vf_coef": vf_coef, "ent_coef": ent_coef})


CRITIC = [[1.0, 2.5, 0.75], [-2.0, -1.25, 1.5], [0.5, 0.0, 0.25], [3.0, -4.0, 2.0], [-1.5, 1.0, 1.25],
          [0.25, 0.5, 0.5]]

PPO = (
    both("both-signs", "Ratios on every side of the band, advantages of both signs.", MOVES,
         [1.0, -2.0, 0.5, -3.0, 1.5, -0.25], CRITIC),
    both("the-other-signs", "The same with the advantages' signs flipped.", MOVES,
         [-1.0, 2.0, -0.5, 3.0, -1.5, 0.25], CRITIC),
    both("one-sample", "One sample above the band, A < 0: its gradient flows.", [2.0], [-1.0], [[0.5, -1.0, 0.75]]),
    both("value-only", "Advantages and ent_coef are 0: the value term alone.", MOVES[:3], [0.0, 0.0, 0.0], CRITIC[:3],
         ent_coef=0.0),
    both("entropy-only", "Advantages and vf_coef are 0; one entropy is negative, as differential ones may be.",
         MOVES[:3], [0.0, 0.0, 0.0], [[1.0, 2.5, 0.75], [-2.0, -1.25, -1.5], [0.5, 0.0, 0.25]], vf_coef=0.0),
    both("minus-eight-hundred", "Log-probabilities near -800, whose exponentials are 0 in every format.", MOVES[:3],
         [1.0, -12.0, 0.5], [[1.0, 2.5, 0.75], [-2.0, 9.0, 1.5], [0.5, 0.0, 0.25]], old=[-800.0, -799.5, -801.0]),
    both("large-coefficients", "vf_coef = 4 and ent_coef = 2.", MOVES[1:5], [2.0, -0.5, 1.0, -1.5], CRITIC[:4],
         0.125, 4.0, 2.0),
)

DESIGNS = {
    "surrogate_loss": POLICY,
    "clip_loss": CLIPPED,
    "kl_penalty_loss": PENALTY,
    "value_loss": VALUES,
    "clipped_value_loss": CLIPPED_VALUES,
    "ppo_loss": PPO,
}
