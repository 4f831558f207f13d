"""Inputs of policies of independent Bernoullis."""

from __future__ import annotations

from proofs.freeze.design import Design

ROWS: tuple[tuple[str, str, dict[str, list[list[float]] | list[list[int]]]], ...] = (
    ("two-choices", "Two rows of two choices.", {
        "logits": [[0.5, -1.0], [1.25, 0.25]], "actions": [[1, 0], [0, 1]],
        "other_logits": [[-0.5, 0.75], [2.0, -0.25]]}),
    ("one-choice", "Three rows of one choice.", {
        "logits": [[0.75], [-1.5], [2.0]], "actions": [[0], [1], [1]], "other_logits": [[-0.25], [0.5], [1.0]]}),
    ("square", "As many rows as choices.", {
        "logits": [[0.5, -1.0, 1.75], [1.25, 0.25, -0.5], [-2.0, 1.0, 0.75]],
        "actions": [[1, 1, 0], [0, 1, 0], [1, 0, 0]],
        "other_logits": [[0.0, -0.5, 2.5], [1.0, 1.25, -1.5], [-1.0, 0.5, 1.25]]}),
    ("nothing-chosen", "No choice is taken, at likely and at unlikely ones.", {
        "logits": [[1.5, -2.0, 0.25]], "actions": [[0, 0, 0]], "other_logits": [[1.0, -1.0, 0.5]]}),
    ("rare", "Choices of probability 1e-13 to 1e-6.", {
        "logits": [[-30.0, -14.0], [-20.0, 1.0]], "actions": [[1, 1], [1, 0]],
        "other_logits": [[-28.0, 0.5], [-1.0, -19.0]]}),
    ("near", "Policies that all but agree.", {
        "logits": [[0.625, -0.875], [1.5, -0.25]], "actions": [[0, 0], [1, 1]],
        "other_logits": [[0.6259765625, -0.875], [1.5, -0.24609375]]}),
)


def rows(*names: str) -> tuple[Design, ...]:
    """The rows for an operation that takes these inputs."""
    return tuple(Design(name, says, {n: inputs[n] for n in names}) for name, says, inputs in ROWS)


DESIGNS = {
    "bernoulli_log_prob": rows("logits", "actions"),
    "bernoulli_entropy": rows("logits"),
    "bernoulli_kl": rows("logits", "other_logits"),
}
