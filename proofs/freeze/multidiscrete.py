"""Inputs of policies of several choices at once."""

from __future__ import annotations

from typing import Any

from proofs.freeze.design import Design

TRUE, FALSE = True, False


def choices(name: str, says: str, nvec: list[int], rows: list[list[float]], others: list[list[float]],
            actions: list[list[int]]) -> tuple[str, str, dict[str, Any]]:
    return name, says, {"nvec": nvec, "logits": rows, "other_logits": others, "actions": actions}


ROWS = (
    choices("two-and-three", "Two rows of a choice of two and one of three actions.", [2, 3],
            [[0.5, -1.0, 2.0, 0.25, -0.5], [1.25, 0.0, -0.5, 1.0, 0.75]],
            [[1.0, 0.25, -0.5, 0.5, 1.25], [-0.75, 0.5, 1.5, -1.0, 0.0]], [[1, 0], [0, 2]]),
    choices("three-and-two", "One row; the larger choice comes first.", [3, 2],
            [[0.75, -0.5, 1.5, -1.25, 0.5]], [[-0.25, 0.5, 1.0, 0.75, -1.0]], [[2, 0]]),
    choices("one-choice", "A single choice: a categorical.", [3],
            [[0.5, -1.0, 2.0], [1.25, 0.0, -0.5]], [[1.0, 0.25, -0.5], [-0.75, 0.5, 1.5]], [[2], [1]]),
    choices("equal-sizes", "Three choices of two actions each, three rows.", [2, 2, 2],
            [[0.5, -1.0, 1.75, 0.25, -0.5, 1.0], [1.25, 0.25, -0.5, 0.75, 2.0, -1.5],
             [-2.0, 1.0, 0.75, 0.5, 0.0, 1.25]],
            [[0.0, -0.5, 2.5, 1.0, 0.5, -1.0], [1.0, 1.25, -1.5, 0.25, 0.5, 0.0], [-1.0, 0.5, 1.25, -0.5, 1.5, 0.75]],
            [[0, 1, 1], [1, 0, 0], [0, 0, 1]]),
    choices("offset-of-each", "Every choice has an offset of its own, which changes nothing.", [2, 3],
            [[1000.5, 999.0, -1000.25, -998.5, -999.75]], [[-999.0, -999.75, 1000.5, 1001.25, 999.5]], [[1, 2]]),
)
MASKED = (
    ("illegal-actions", "Illegal actions have the largest logits and probability 0.", {
        "nvec": [2, 3], "logits": [[0.5, 6.0, -1.0, 2.0, 5.5], [1.25, 0.0, 7.0, -0.5, 0.75]],
        "actions": [[0, 1], [1, 2]],
        "action_mask": [[TRUE, FALSE, TRUE, TRUE, FALSE], [TRUE, TRUE, FALSE, TRUE, TRUE]]}),
)


def rows(*names: str, masked: bool) -> tuple[Design, ...]:
    """The rows for an operation that takes these inputs."""
    found = (*ROWS, *MASKED) if masked else ROWS
    return tuple(Design(name, says, {n: inputs[n] for n in names if n in inputs}) for name, says, inputs in found)


DESIGNS = {
    "multidiscrete_log_prob": rows("logits", "actions", "nvec", "action_mask", masked=True),
    "multidiscrete_entropy": rows("logits", "nvec", "action_mask", masked=True),
    "multidiscrete_kl": rows("logits", "other_logits", "nvec", masked=False),
}
