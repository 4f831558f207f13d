"""Losses with a graph in some cases only: where it is missing, nothing is learned, so the gradient there is 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ppocore.conformance.case import GATING, Answer, Question
from ppocore.conformance.frameworks import NO_GRAPH
from ppocore.conformance.operations import Operation

Pair = tuple[Question, Answer]


def with_zero_gradients(operation: Operation, asked: Sequence[Pair]) -> list[Pair]:
    """The answers, a missing graph taken for a gradient of 0 if other cases of the operation have one.

    A loss that never has a graph is judged on its value, as the contract says.
    """
    gating = [pair for pair in asked if pair[0].case.level in GATING]
    missing = {id(question) for question, answer in gating if NO_GRAPH in answer.notes}
    if not missing or not any(answer.gradients for _, answer in gating):
        return list(asked)
    note = f"the loss has no graph in {len(missing)} of {len(gating)} cases: its gradient counts as 0 there"
    return [(question, _zero(operation, question, answer, note) if id(question) in missing else answer)
            for question, answer in asked]


def _zero(operation: Operation, question: Question, answer: Answer, note: str) -> Answer:
    gradients = {f"grad_{name}": np.zeros(np.shape(question.inputs[name]))
                 for name in operation.differentiable if name in question.passed}
    return replace(answer, gradients=gradients, notes=tuple(note if n == NO_GRAPH else n for n in answer.notes))
