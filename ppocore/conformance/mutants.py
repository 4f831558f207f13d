"""A wrong formula as if it were code: what it would be asked, and what it would answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ppocore.conformance import forms
from ppocore.conformance.case import GATING, Answer, Case, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.compare import Bench, Mismatch
from ppocore.conformance.operations import BAND, OPERATIONS, Operation
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices

DEFAULTS = Choices()


def parameters(operation: Operation) -> list[forms.Parameter]:
    """Those of a function that declares all it can, options with a default."""
    names = list(operation.needs)
    for group in operation.groups:
        names += group[1] if group is BAND else group[0]
    return [*(forms.Parameter(n, False) for n in names), *(forms.Parameter(n, True) for n in operation.options)]


def put(case: Case, turn: int) -> Question:
    """The question that such a function is asked; it can be asked everything."""
    operation = OPERATIONS[case.operation]
    question = forms.question(operation, parameters(operation), case, turn)
    assert question is not None, f"{case.id} cannot be put to a function that declares everything"
    return question


def questions(operation: Operation, dtype: str) -> list[Question]:
    """The gating questions put to it: of the fixed cases and the frozen vectors."""
    found = cases(operation.name, dtype, 0, 0)
    return [put(case, turn) for turn, case in zip(forms.turns(found), found, strict=True) if case.level in GATING]


def answer(bench: Bench, formula: Formula, question: Question, choices: Choices = DEFAULTS,
           gradients: bool = True) -> Answer:
    """What code that computes the formula would return, rounded to DTYPE."""
    targets = bench.expect(formula, question, choices, gradients)
    rounded = {n: np.asarray(t.want).astype(bench.dtype).astype(np.float64) for n, t in targets.items()}
    plain = {n: v for n, v in rounded.items() if not n.startswith("grad_")}
    return Answer("ok", outputs=plain, gradients={n: v for n, v in rounded.items() if n.startswith("grad_")})


def caught(bench: Bench, formula: Formula) -> Callable[[Question], Mismatch | None]:
    """Whether the definition refuses what the formula answers to a question, and where."""
    right = DEFINITIONS[bench.operation.name]

    def found(question: Question) -> Mismatch | None:
        with np.errstate(all="ignore"):
            return bench.mismatch(right, question, answer(bench, formula, question), DEFAULTS)

    return found
