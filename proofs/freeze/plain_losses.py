"""Inputs of the policy-gradient loss and of the Huber loss of the values."""

from __future__ import annotations

from proofs.freeze.design import Design
from proofs.freeze.losses import FLAT_MASK, POLICY

TRUE, FALSE = True, False

GRADIENT = tuple(Design(d.name, says, {name: value for name, value in d.inputs.items() if name != "old_log_prob"})
                 for d, says in zip(POLICY, (
                     "Six samples, A > 0.",
                     "Six samples, A < 0.",
                     "Advantages of both signs.",
                     "One sample, advantage 2.",
                     "Log-probabilities near -800, whose exponentials are 0 in every format.",
                     "Log-probabilities of -1 and -27, advantages of both signs.",
                     "A flat mask with holes.",
                     "Rows that count four, two and one token: every valid token weighs alike."), strict=True))


def errors(name: str, says: str, values: list[float], returns: list[float], delta: float,
           mask: list[bool] | None = None) -> Design:
    inputs = {"values": values, "returns": returns, "delta": delta}
    return Design(name, says, inputs | ({} if mask is None else {"mask": mask}))


HUBER = (
    errors("both-pieces", "Errors of both signs below and above delta = 1/2.", [1.0, -2.0, 0.5, 3.0, -1.0],
           [2.5, -1.75, 0.25, -4.0, -0.25], 0.5),
    errors("wide", "Errors of both signs around delta = 2.", [1.0, -2.0, 0.5, 3.0], [2.5, -1.25, -3.0, -4.0], 2.0),
    errors("one-value", "One value that is 3 too high.", [2.0], [-1.0], 1.5),
    errors("all-near", "Errors below delta: half of the squared error.", [0.5, -0.25, 1.0], [0.25, -0.625, 2.125], 4.0),
    errors("all-far", "Returns near 1000.", [3.0, -2.5, 1.0], [1000.0, -750.5, 500.25], 8.0),
    errors("exactly-delta", "Errors of exactly delta: both pieces meet there in value and slope.", [1.5, -2.0],
           [0.25, -0.75], 1.25),
    errors("masked", "A mask with holes.", [1.0, 7.0, -2.0, 0.5, -6.0, 3.0], [2.5, -3.0, -1.25, 0.0, 5.0, -4.0], 0.75,
           FLAT_MASK),
    errors("masked-tail", "Only the first three of five count.", [1.0, -2.0, 0.5, 8.0, -5.0],
           [2.5, -1.25, 1.0, -3.0, 4.0], 0.625, [TRUE, TRUE, TRUE, FALSE, FALSE]),
)

DESIGNS = {"policy_gradient_loss": GRADIENT, "huber_value_loss": HUBER}
