"""The budget's one constant: textbook code in every framework stays far inside it, on fixed and random cases."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest

from ppocore.conformance import forms, frameworks, signatures
from ppocore.conformance.calls import answer
from ppocore.conformance.case import GATING, UNIT, Answer, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.compare import TINY, Bench, K
from ppocore.conformance.operations import OPERATIONS, Operation
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from tests.optional import require

SHARE = 0.25
"""Textbook code may use this share of the budget; the rest is room for code we have not seen."""


def used(bench: Bench, question: Question, got: Answer, dtype: str) -> float:
    """The largest error of an answer, as a share of the budget of its element."""
    targets = bench.expect(DEFINITIONS[bench.operation.name], question, Choices())
    worst = 0.0
    for name, array in [*got.outputs.items(), *got.gradients.items()]:
        for key, value in _flat(name, array):
            target = targets[key]
            budget = K * UNIT[dtype] * target.slack + TINY[dtype]
            low = target.want if target.low is None else target.low
            high = target.want if target.high is None else target.high
            error = np.maximum(np.maximum(low - value, value - high), 0.0)
            judged = np.isfinite(error) if target.judged is None else target.judged & np.isfinite(error)
            worst = max(worst, float(np.max(np.where(judged, error / budget, 0.0), initial=0.0)))
    return worst


def _flat(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"{name}[{i}]", item) for i, item in enumerate(value)]
    return [(name, value)]


def shares(operation: Operation, module: Any, framework: str, dtype: str, seed: int, examples: int) -> dict[str, float]:
    """How much of its budget a function uses, case by case."""
    function = getattr(module, operation.name)
    declared = signatures.parameters(operation, function)
    bench, found = Bench(operation, dtype), {}
    for turn, case in enumerate(cases(operation.name, dtype, seed, examples)):
        asked = forms.question(operation, declared, case, turn) if case.level in GATING else None
        if asked is None:
            continue
        given = {name: asked.inputs[name] for name in asked.passed}
        got = answer(function, operation, frameworks.find(framework), dtype, given)
        assert got.outcome == "ok", (case.id, got.message)
        with np.errstate(all="ignore"):
            found[case.id] = used(bench, asked, got, dtype)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("framework", ["numpy", "torch"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_textbook_code_uses_at_most_a_quarter_of_the_budget(name: str, framework: str, dtype: str) -> None:
    if framework != "numpy":
        require(framework)
    module = importlib.import_module(f"tests.forms.textbook_{framework}")
    for seed in (0, 1):
        found = shares(OPERATIONS[name], module, framework, dtype, seed, 16)
        worst = max(found, key=lambda case: found[case])

        assert found[worst] <= SHARE, (worst, found[worst])
        assert math.isfinite(found[worst])
