"""The museum: every mistake has an exhibit on which it shows, and every row of the corpus has its place."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from ppocore.conformance import mistakes, mutants
from ppocore.conformance.cases import cases
from ppocore.conformance.compare import Bench
from ppocore.conformance.conventions import CONVENTIONS as KNOWN
from ppocore.conformance.exhibits import SCALARS, count, exhibit
from ppocore.conformance.museum import ROWS, museum
from ppocore.conformance.operations import OPERATIONS
from tests import corpus
from tests.command import command


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_exhibit_is_small_and_shows_its_mistake(name: str) -> None:
    operation = OPERATIONS[name]
    for mistake in mistakes.of(name):
        shown = exhibit(mistake)
        given = {key: shown.question.inputs[key] for key in shown.question.passed}

        assert shown.rows, mistake.slug
        # Two rows of the widest operation, or a square of four slots in each of five arrays.
        assert count(given) <= 23, mistake.slug
        assert mutants.caught(Bench(operation, "float64"), mistake.formulas[0])(shown.question) is not None
        assert all(math.isfinite(row.right) for row in shown.rows if not isinstance(row.right, str)), mistake.slug


def test_an_exhibit_is_the_same_every_time() -> None:
    for slug in ("gae/no-lambda", "clip_loss/max-of-branches", "running_moments/sample-variance"):
        first, second = (list(museum(slug, 80)) for _ in range(2))

        assert first == second


def test_plain_scalars_are_dyadic_and_named_as_the_table_names_them() -> None:
    names = {name for operation in OPERATIONS.values() for name in operation.inputs}

    assert set(SCALARS) <= names
    assert all(Fraction(value).denominator <= 4 for values in SCALARS.values() for value in values)


def test_one_mistake_in_numbers() -> None:
    lines = list(museum("gae/no-lambda", 80))

    assert lines[0] == "gae/no-lambda"
    assert "  it computes: A_t = delta_t + gamma A_{t+1}" in lines
    # One step of look-ahead: 0.5 * 0.5 * (0.5 * 1) against 0.5 * (0.5 * 1).
    assert lines[-2].split() == ["advantages[0,", "0]", "0.125", "0.25"]


def test_at_most_ten_numbers_are_set_side_by_side() -> None:
    for mistake in mistakes.of("adam_step"):
        lines = list(museum(mistake.slug, 80))
        start = next(i for i, line in enumerate(lines) if line.split() == ["right", "wrong"])

        assert len([line for line in lines[start + 1:] if not line.startswith("    and ")]) <= ROWS


@pytest.mark.parametrize("width", [40, 80])
def test_lines_fit_the_terminal(width: int) -> None:
    for what in (None, "clip_loss/one-branch-normalised", "gae/nan-leak"):
        for line in museum(what, width):
            # A slug, a name or a number is never broken.
            assert len(line) <= width or len(line.split()) <= 2, line


def test_filters() -> None:
    def listed(what: str | None) -> list[str]:
        return [line.split()[0] for line in museum(what, 1000) if line.startswith("  ")]

    assert listed(None) == [m.slug for name in OPERATIONS for m in mistakes.of(name)]
    assert listed("gae") == [m.slug for m in mistakes.of("gae")]
    assert listed("*/mask-inverted") == listed("mask-inverted") != []
    assert len(mistakes.MISTAKES) >= 200


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    status, out, err = command("museum", "gae/no-lamda")

    assert (status, out) == (2, "")
    assert "did you mean gae/no-lambda" in err


def test_rows_of_the_corpus_have_one_place_each() -> None:
    places = [*corpus.MISTAKES, *corpus.CONVENTIONS, *corpus.EDGE, *corpus.ELSEWHERE]

    assert len(places) == len(set(places)) == 192
    assert all(mistakes.find(slug) for slugs in corpus.MISTAKES.values() for slug in slugs.split())
    for pair in corpus.CONVENTIONS.values():
        name, value = pair.split("=")
        assert value in KNOWN[name].values
    for id in corpus.EDGE.values():
        assert id in {case.id for case in cases(id.split("/")[0], "float64", 0, 0)}


def test_numbers_of_an_exhibit_are_what_the_formulas_give() -> None:
    shown = exhibit(mistakes.find("value_loss/mask-ignored"))
    errors = np.asarray(shown.question.inputs["values"]) - np.asarray(shown.question.inputs["returns"])
    mask = shown.question.inputs["mask"]
    loss = next(row for row in shown.rows if row.place == "loss")

    assert loss.right == np.mean(errors[mask] ** 2)
    assert loss.wrong == np.mean(errors ** 2)
