"""Two mistakes in one function are caught as well: more than 300 pairs, with the few that cancel listed and proved."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from ppocore.conformance import conventions, diagnose, mistakes, mutants
from ppocore.conformance.conventions import Declared
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices
from tests.kill_matrix import Judge, Reading, values
from tests.pairs import alone, pairs

CANCEL = {
    ("kl_k2/half-missing", "kl_k2/halved-twice"): "2 (x / 2) = x",
    ("gaussian_entropy/log-std-doubled", "gaussian_entropy/log-std-halved"): "(2 x) / 2 = x",
    ("clip_fraction/half-the-band", "clip_fraction/twice-the-band"): "(2 eps) / 2 = eps",
    ("adam_step/step-counted-from-zero", "adam_step/step-one-ahead"): "(step + 1) - 1 = step",
    ("value_loss/doubled", "value_loss/halved-twice"): "2 (x / 4) = x / 2, and that is value_loss_scale=half",
    ("huber_value_loss/doubled", "huber_value_loss/halved"): "2 (x / 2) = x",
    ("clipped_value_loss/doubled", "clipped_value_loss/halved-twice"):
        "2 (x / 4) = x / 2, and that is value_loss_scale=half",
}
"""Pairs that are right again, and the proof."""
INFERRED = ("normalize_advantages", "explained_variance")
"""Operations with a free convention whose number the gate reads off the answers."""


def unordered(first: str, second: str) -> tuple[str, str]:
    return min(first, second), max(first, second)


def green(operation: str) -> list[Reading]:
    """What the gate accepts undeclared: the definition under every combination of free conventions."""
    free = [[None, *((c.name, value) for name, value in values(operation) if name == c.name and c.is_free(value))]
            for c in conventions.of(operation)]
    return [Reading("green", DEFINITIONS[operation], Choices(dict(pair for pair in combination if pair)))
            for combination in itertools.product(*free)]


def accepted(judge: Judge, formula: Formula) -> bool:
    """True if one of those explains every answer of the formula, on inputs without poison."""
    wrong = Reading("pair", formula, Choices())
    asked = [question for question in judge.questions if not question.case.poisoned]
    return any(not any(judge.apart(question, reading, wrong) for question in asked)
               for reading in green(judge.bench.operation.name))


def answered(judge: Judge, formula: Formula) -> list[diagnose.Pair]:
    return [(q, mutants.answer(judge.bench, formula, q)) for q in judge.questions if not q.case.poisoned]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_change_is_the_mistake_that_it_is_called(name: str) -> None:
    judge = Judge(name, "float64")
    asked = [question for question in judge.questions if not question.case.poisoned]
    for slug, change in alone(name):
        changed = Reading("changed", change(DEFINITIONS[name]), Choices())
        known = [Reading(slug, formula, Choices()) for formula in mistakes.find(slug).formulas]

        assert any(not any(judge.apart(q, changed, other) for q in asked) for other in known), slug


@pytest.mark.parametrize("name", OPERATIONS)
def test_pairs_are_red_unless_they_cancel(name: str) -> None:
    judge = Judge(name, "float64")

    alive = {unordered(slug, other.slug) for slug, other, formula in pairs(name) if accepted(judge, formula)}

    assert alive == {pair for pair in CANCEL if pair[0].startswith(f"{name}/")}


@pytest.mark.parametrize("name", INFERRED)
def test_no_inferred_number_explains_a_pair(name: str) -> None:
    judge = Judge(name, "float64")
    for slug, other, formula in pairs(name):
        gate = diagnose.Judge(OPERATIONS[name], "float64", answered(judge, formula), {})
        free = [choices for choices in gate.assignments()
                if all(conventions.CONVENTIONS[key].is_free(value) for key, value in choices.items())]

        assert not any(gate.explains(gate.definition, choices) for choices in free), (slug, other.slug)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if any(True for _ in alone(name))])
def test_the_whole_gate_is_red_on_the_first_pair(name: str) -> None:
    judge = Judge(name, "float64")
    _, _, formula = next(pairs(name))

    _, verdict = diagnose.diagnose(OPERATIONS[name], answered(judge, formula), Declared({}), "float64",
                                   lambda q: mutants.answer(judge.bench, formula, q), strict=False)

    assert not verdict.green


def test_there_are_at_least_three_hundred() -> None:
    found = {unordered(slug, other.slug) for name in OPERATIONS for slug, other, _ in pairs(name)}

    assert len(found) - len(CANCEL) >= 300
