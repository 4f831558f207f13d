"""Inputs of policies of independent Beta distributions."""

from __future__ import annotations

from proofs.freeze.design import Design

ROWS: tuple[tuple[str, str, dict[str, list[list[float]]]], ...] = (
    ("two-dimensions", "Two rows of two dimensions.", {
        "alpha": [[2.0, 0.5], [1.25, 3.5]], "beta": [[3.0, 1.75], [0.75, 2.25]],
        "actions": [[0.25, 0.625], [0.875, 0.375]],
        "other_alpha": [[1.5, 0.75], [2.5, 3.0]], "other_beta": [[2.0, 2.5], [0.5, 4.0]]}),
    ("one-dimension", "Three rows of one dimension.", {
        "alpha": [[0.75], [4.0], [1.5]], "beta": [[2.5], [1.0], [0.25]], "actions": [[0.125], [0.75], [0.5]],
        "other_alpha": [[2.0], [3.0], [1.5]], "other_beta": [[1.25], [1.5], [0.75]]}),
    ("square", "As many rows as dimensions.", {
        "alpha": [[1.5, 2.0, 0.25], [3.25, 0.5, 1.0], [5.0, 1.75, 2.5]],
        "beta": [[0.5, 4.0, 1.25], [2.0, 2.75, 0.375], [1.0, 5.5, 3.0]],
        "actions": [[0.5, 0.25, 0.0625], [0.625, 0.75, 0.125], [0.875, 0.375, 0.5]],
        "other_alpha": [[1.0, 2.5, 0.5], [3.0, 0.25, 1.5], [4.0, 2.0, 2.0]],
        "other_beta": [[0.75, 3.0, 1.0], [1.5, 3.25, 0.5], [1.5, 5.0, 2.75]]}),
    ("one-row", "A single row.", {
        "alpha": [[1.5, 0.75, 2.0]], "beta": [[3.0, 2.5, 0.5]], "actions": [[0.375, 0.125, 0.8125]],
        "other_alpha": [[1.0, 1.75, 1.5]], "other_beta": [[2.0, 2.25, 0.75]]}),
    ("ends", "Actions next to both ends.", {
        "alpha": [[0.125, 2.0], [0.0625, 5.0]], "beta": [[2.0, 0.25], [0.5, 0.125]],
        "actions": [[0.015625, 0.984375], [0.03125, 0.96875]],
        "other_alpha": [[0.25, 1.5], [0.125, 4.0]], "other_beta": [[1.0, 0.5], [0.25, 0.0625]]}),
    ("peaked", "The largest concentrations that are judged.", {
        "alpha": [[6.0, 5.75]], "beta": [[5.5, 6.0]], "actions": [[0.4375, 0.6875]],
        "other_alpha": [[5.9375, 5.5]], "other_beta": [[5.5625, 5.875]]}),
)


def rows(*names: str) -> tuple[Design, ...]:
    """The rows for an operation that takes these inputs."""
    return tuple(Design(name, says, {n: inputs[n] for n in names}) for name, says, inputs in ROWS)


DESIGNS = {
    "beta_log_prob": rows("alpha", "beta", "actions"),
    "beta_entropy": rows("alpha", "beta"),
    "beta_kl": rows("alpha", "beta", "other_alpha", "other_beta"),
}
