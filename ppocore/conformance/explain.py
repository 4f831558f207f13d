"""A case in words: what it says, what it holds, and what the definition answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ppocore.conformance.case import Case, Question
from ppocore.conformance.compare import Bench
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.terminal import number, numbers


def explain(case: Case, put: Question | None) -> Iterator[str]:
    """Lines about one case; with the question, also what an adapter is given and should answer."""
    operation = OPERATIONS[case.operation]
    yield f"{case.id}  (level {case.level}{', tolerance zero' if case.exact else ''})"
    yield f"  {case.says}"
    yield ""
    yield f"  {operation.name}: {operation.formula}"
    yield f"  shapes: {operation.shapes}"
    yield ""
    given = {name: case.inputs[name] for name in case.inputs if case.inputs[name] is not None}
    if put is not None:
        given = {name: put.inputs[name] for name in put.passed}
    for name, value in given.items():
        yield f"  {name} = {numbers(value)}"
    answers = _expected(put)
    if answers:
        yield ""
        yield "  expected"
        for name, value in answers.items():
            yield f"  {name} = {number(value)}"


def _expected(put: Question | None) -> dict[str, Any]:
    """The definition's answers, where it is known what the function is handed."""
    if put is None or put.case.level == "reject":
        return {}
    bench = Bench(OPERATIONS[put.case.operation], "float64")
    targets = bench.expect(DEFINITIONS[put.case.operation], put, Choices())
    return {name: target.want for name, target in targets.items()}
