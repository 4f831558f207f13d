"""Every named mistake is caught by a case of its operation: the kill matrix, with no survivor."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ppocore.conformance import conventions, forms, mistakes
from ppocore.conformance.case import GATING, Answer, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.compare import Bench
from ppocore.conformance.operations import BAND, OPERATIONS, Operation
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices


def everything(operation: Operation) -> list[forms.Parameter]:
    """The parameters of a function that declares all it can, options with a default."""
    names = list(operation.needs)
    for group in operation.groups:
        names += group[1] if group is BAND else group[0]
    return [*(forms.Parameter(n, False) for n in names), *(forms.Parameter(n, True) for n in operation.options)]


def questions(operation: Operation, dtype: str) -> list[Question]:
    """The gating questions put to such a function, fixed cases only."""
    found = [forms.question(operation, everything(operation), case, turn)
             for turn, case in enumerate(cases(operation.name, dtype, 0, 0)) if case.level in GATING]
    assert all(q is not None for q in found)
    return [q for q in found if q is not None]


def answers(bench: Bench, formula: Formula, question: Question, dtype: str) -> Answer:
    """What code that computes `formula` would answer, rounded to DTYPE."""
    targets = bench.expect(formula, question, Choices())
    rounded = {n: np.asarray(t.want).astype(dtype).astype(np.float64) for n, t in targets.items()}
    plain = {n: v for n, v in rounded.items() if not n.startswith("grad_")}
    return Answer("ok", outputs=plain, gradients={n: v for n, v in rounded.items() if n.startswith("grad_")})


def killers(operation: Operation, dtype: str) -> dict[tuple[str, int], list[str]]:
    """For each formula of each mistake of the operation, the cases that tell it from the definition."""
    bench = Bench(operation, dtype)
    right = DEFINITIONS[operation.name]
    asked = questions(operation, dtype)
    matrix: dict[tuple[str, int], list[str]] = {}
    with np.errstate(all="ignore"):
        for mistake in mistakes.of(operation.name):
            for i, formula in enumerate(mistake.formulas):
                matrix[mistake.slug, i] = [
                    q.case.id for q in asked
                    if bench.mismatch(right, q, answers(bench, formula, q, dtype), Choices()) is not None]
    return matrix


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_survives(name: str) -> None:
    matrix = killers(OPERATIONS[name], "float64")

    print(f"\n{name}: {len(matrix)} wrong formulas")
    for (slug, i), caught in matrix.items():
        print(f"  {slug}#{i}: killed by {len(caught)} cases, first {caught[:2]}")
    assert matrix, f"{name} has no named mistake"
    assert [key for key, caught in matrix.items() if not caught] == []


# 1e-8 in a count of a few samples is half a roundoff of float32: no input could show it.
BELOW_FLOAT32 = {"kl_k1/epsilon-in-count", "kl_k2/epsilon-in-count", "kl_k3/epsilon-in-count"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_survives_in_float32(name: str) -> None:
    """A mistake with a number in it, such as 1e-8, may be invisible there; one of its numbers must not be."""
    matrix = killers(OPERATIONS[name], "float32")

    alive = {slug for slug, _ in matrix} - {slug for (slug, _), caught in matrix.items() if caught}
    assert alive <= BELOW_FLOAT32


def conventions_of(name: str) -> list[Choices]:
    """Each value of each convention by itself, with a number where it takes one."""
    found = []
    for convention in conventions.of(name):
        for value in convention.values[1:]:
            number = {"E": "1e-5", "C": "3"}.get(value[-1], "")
            found.append(Choices({convention.name: value[:-1] + number if number else value}))
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_is_a_convention(name: str) -> None:
    operation = OPERATIONS[name]
    bench, asked, right = Bench(operation, "float64"), questions(operation, "float64"), DEFINITIONS[name]
    same = []
    with np.errstate(all="ignore"):
        for mistake, choices in itertools.product(mistakes.of(name), conventions_of(name)):
            for formula in mistake.formulas:
                if all(bench.mismatch(right, q, answers(bench, formula, q, "float64"), choices) is None
                       for q in asked):
                    same.append((mistake.slug, dict(choices)))
    assert same == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_mistakes_are_told_apart(name: str) -> None:
    operation = OPERATIONS[name]
    bench, asked = Bench(operation, "float64"), questions(operation, "float64")
    known = mistakes.of(name)
    same = []
    with np.errstate(all="ignore"):
        for a, b in itertools.combinations(known, 2):
            for f, g in itertools.product(a.formulas, b.formulas):
                if all(bench.mismatch(g, q, answers(bench, f, q, "float64"), Choices()) is None for q in asked):
                    same.append((a.slug, b.slug))
    assert same == []
