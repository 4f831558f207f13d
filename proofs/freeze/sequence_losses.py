"""Inputs of the policy losses for long answers, none of them on a point without a derivative."""

from __future__ import annotations

from typing import Any

from proofs.freeze.design import Design
from proofs.freeze.losses import FLAT_MASK, MASKED, MOVES, OLD, ROW_MASK, ROW_MOVES, ROW_OLD, rows
from proofs.freeze.probability import moved

BAND = {"clip_eps_low": 0.125, "clip_eps_high": 0.25}
DRIFT = [0.0, 0.75, -1.5, 1.5, -0.125, 2.25]
"""old_log_prob - rollout_log_prob."""


def flat(name: str, says: str, advantages: list[float], moves: list[float] = MOVES, old: list[float] = OLD,
         **changes: Any) -> Design:
    return Design(name, says, moved(moves, old[:len(moves)]) | {"advantages": advantages} | BAND | changes)


TOKENS = (
    flat("positive-advantages", "Ratios below, inside and above the band, A > 0.", [1.0, 2.0, 0.5, 12.0, 1.5, 0.25]),
    flat("negative-advantages", "Ratios below, inside and above the band, A < 0.",
         [-1.0, -2.0, -0.5, -12.0, -1.5, -0.25]),
    flat("both-signs", "Advantages of both signs.", [1.0, -2.0, 0.5, -3.0, 1.5, -0.25], [2.0, -0.5, 0.125, -0.125, 0.5,
                                                                                        -2.0]),
    flat("one-sample", "One sample: ratio e^(1/2), advantage 2.", [2.0], [0.5]),
    flat("minus-eight-hundred", "Log-probabilities near -800.", [1.0, -2.0, 0.5], [0.5, -1.0, 0.0625],
         [-800.0, -799.5, -801.0]),
    flat("masked", "A flat mask with holes.", MASKED[2], MASKED[0], MASKED[1], mask=FLAT_MASK),
    Design("masked-rows", "Rows that count four, two and one token.", rows() | BAND),
)


def sampled(design: Design) -> Design:
    """The same with the log-probabilities of another program."""
    given = dict(design.inputs)
    old = given["old_log_prob"]
    nested = old if isinstance(old[0], list) else [old]
    drifted = [[value - DRIFT[(i + t) % len(DRIFT)] for t, value in enumerate(row)] for i, row in enumerate(nested)]
    return Design(design.name, design.says, given | {
        "rollout_log_prob": drifted if isinstance(old[0], list) else drifted[0], "max_weight": 2.0})


def answers(name: str, says: str, moves: list[list[float]], old: list[list[float]], advantages: list[float],
            mask: list[list[bool]], **changes: Any) -> Design:
    pairs = [moved(d, o) for d, o in zip(moves, old, strict=True)]
    logs = {key: [pair[key] for pair in pairs] for key in ("log_prob", "old_log_prob")}
    return Design(name, says, logs | {"advantages": advantages, "mask": mask} | BAND | changes)


EVERY = [[True] * 4] * 3

ANSWERS = (
    answers("every-token", "Three answers of four tokens: below, inside and above the band.",
            [[-1.0, -0.5, 0.25, -1.5], [0.5, -0.25, 0.125, -0.25], [1.0, 0.5, -0.25, 1.25]], ROW_OLD,
            [-1.0, 2.5, 0.5], EVERY),
    answers("other-signs", "The same answers, the advantages' signs flipped.",
            [[-1.0, -0.5, 0.25, -1.5], [0.5, -0.25, 0.125, -0.25], [1.0, 0.5, -0.25, 1.25]], ROW_OLD,
            [1.0, -2.5, -0.5], EVERY),
    answers("unequal-lengths", "Answers of four, two and one token weigh alike.", ROW_MOVES, ROW_OLD, [3.0, -2.0, 0.5],
            ROW_MASK),
    answers("holes", "Tool output between the tokens is masked.", [[0.5, 7.0, -0.375], [-0.25, -5.0, 0.375]],
            [[-1.0, -8.0, -2.0], [-1.5, -0.5, -0.75]], [2.0, -3.0], [[True, False, True]] * 2),
    answers("one-token", "One answer of one token above the band, A < 0.", [[0.5]], [[-1.0]], [-2.0], [[True]]),
    answers("minus-eight-hundred", "Log-probabilities near -800.", [[0.5, -0.25], [-0.125, 0.0625]],
            [[-800.0, -799.5], [-801.0, -802.5]], [1.0, -2.0], [[True, True], [True, False]]),
    answers("narrow-band", "A band of 1/4096 below and 1/2048 above.", [[0.5, -0.4375], [-0.25, 0.1875]],
            [[-1.0, -2.0], [-1.5, -0.5]], [1.0, -2.0], [[True, True]] * 2, clip_eps_low=0.000244140625,
            clip_eps_high=0.00048828125),
)

DESIGNS = {
    "gspo_loss": ANSWERS,
    "cispo_loss": TOKENS,
    "truncated_is_loss": tuple(map(sampled, TOKENS)),
}
