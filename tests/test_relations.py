"""Cases made of other cases: the relations hold of the definition, and a failure says which one is broken."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore.conformance import forms, mistakes, mutants
from ppocore.conformance.case import GATING, POISON, UNIT, Answer, Case, Part, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.cases.relations import SAYS
from ppocore.conformance.compare import Bench, K
from ppocore.conformance.layouts import STRIDED, TRANSPOSED, laid, layout_of
from ppocore.conformance.messages import pack, unpack
from ppocore.conformance.mistakes import batches
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.related import copies
from tests.optional import require

PAGE = Path(__file__).parents[1] / "docs" / "relations.md"


def related(name: str, dtype: str = "float64") -> list[Case]:
    return [case for case in cases(name, dtype, 0, 0) if case.relation is not None]


def kind(case: Case) -> str:
    return case.id.split("/")[1]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_relation_holds_of_the_definition(name: str, dtype: str) -> None:
    found = cases(name, dtype, 0, 0)
    by_id = {case.id: case for case in found}
    bench, turns = Bench(OPERATIONS[name], dtype), dict(zip([c.id for c in found], forms.turns(found), strict=True))

    def targets(case: Case) -> Any:
        with np.errstate(all="ignore"):
            return bench.expect(DEFINITIONS[name], mutants.put(case, turns[case.id]), mutants.DEFAULTS)

    def taken(part: Part, output: str, field: str) -> Any:
        array = getattr(targets(by_id[part.id])[output], field)
        return array if part.at is None else array[part.at]

    for case in related(name, dtype):
        relation = case.relation
        assert relation is not None
        for output, target in targets(case).items():
            if output.startswith("grad_"):
                continue
            follows = sum(part.scale * taken(part, output, "want") for part in relation.parts)
            slack = target.slack + sum(abs(part.scale) * taken(part, output, "slack") for part in relation.parts)
            gap = np.abs(target.want - follows - relation.shift.get(output, 0.0))
            judged = np.ones(gap.shape, dtype=bool) if target.judged is None else target.judged
            assert (gap <= K * UNIT[dtype] * slack)[judged].all(), (case.id, output)


@pytest.mark.parametrize("name", OPERATIONS)
def test_partners_come_first_and_get_the_same_form(name: str) -> None:
    found = cases(name, "float64", 0, 8)
    places = {case.id: place for place, case in enumerate(found)}

    for place, (case, turn) in enumerate(zip(found, forms.turns(found), strict=True)):
        if case.relation is None:
            assert turn == place
            continue
        assert all(places[part.id] < place for part in case.relation.parts), case.id
        if case.relation.name == POISON:
            partner = found[places[case.relation.parts[0].id]]
            put, other = mutants.put(case, turn), mutants.put(partner, turn)
            assert put.passed == other.passed
            assert turn == places[partner.id]
            assert all(np.shape(put.inputs[n]) == np.shape(other.inputs[n]) for n in put.passed)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_asked_again_and_poisoned_where_it_can_be(name: str) -> None:
    kinds = {kind(case) for case in related(name)}

    assert "again" in kinds
    assert (POISON in kinds) == any(case.poisoned for case in cases(name, "float64", 0, 0))


def test_last_values_are_never_poison() -> None:
    for name in ("td_errors", "gae", "discounted_returns"):
        for case in cases(name, "float64", 0, 0):
            if case.level in GATING:
                put = mutants.put(case, 0)
                assert (np.abs(put.inputs["last_values"]) <= 1e4).all(), case.id


@cache
def kills(slug: str) -> list[list[str]]:
    """For each formula of a mistake, the fixed cases that catch it."""
    name = slug.split("/")[0]
    bench, questions = Bench(OPERATIONS[name], "float64"), mutants.questions(OPERATIONS[name], "float64")
    judges = [mutants.caught(bench, formula) for formula in mistakes.find(slug).formulas]
    return [[q.case.id for q in questions if caught(q) is not None] for caught in judges]


def test_the_page_lists_every_relation_and_only_mistakes_that_it_kills() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert rows.keys() == SAYS.keys()
    for relation, cell in rows.items():
        for slug in re.findall(r"`([a-z0-9_/-]+)`", cell):
            if slug in ("nan-leak", "keeps-state"):
                assert mistakes.find(f"gae/{slug}").says
            else:
                assert any(f"/{relation}/" in case for caught in kills(slug) for case in caught), (relation, slug)


def test_twelve_mistakes_and_more_are_caught_by_these_cases_alone() -> None:
    """In one of their forms: what goes wrong beyond 64 samples, or beyond twenty actions."""
    alone = [slug for slug in batches.CATALOGUE.mistakes
             if any(caught and all(case.split("/")[1] in SAYS for case in caught) for caught in kills(slug))]

    assert len(alone) >= 12


# What the gate says.


def failing(report: Any) -> list[Any]:
    return [r for r in report.results if r.level in GATING and r.status == "fail"]


def masked_mean(x: Any, mask: Any) -> Any:
    return x[mask].mean()


def check(functions: dict[str, Any], **options: Any) -> tuple[Any, Any]:
    report = ppocore.check(functions, **options)
    return report, next(v for v in report.verdicts if v.verdict != "not-offered")


def test_a_failure_names_the_relation_and_the_number_that_follows() -> None:
    def value_loss(values: Any, returns: Any) -> Any:
        terms = (values - returns) ** 2
        return np.mean([terms[i:i + 64].mean() for i in range(0, len(terms), 64)])

    report, verdict = check({"value_loss": value_loss})
    (wrong,) = failing(report)

    assert verdict.mistakes == ("value_loss/averaged-per-micro-batch",)
    assert wrong.message.startswith("splitting the batch into micro-batches changed your answer: 5.47856315 follows"
                                    " from your answer to value_loss/plain/5 and value_loss/apart/plain-5; loss = ")


def test_bits_that_poison_moves_are_a_leak_though_the_number_is_right() -> None:
    def moved(x: Any, mask: Any) -> Any:
        return masked_mean(x, mask) * (1 + 2.0**-52 * bool(np.isinf(x).any()))

    report, verdict = check({"masked_mean": moved})

    assert verdict.verdict == "known-mistake"
    assert verdict.mistakes == ("masked_mean/nan-leak",)
    assert [r.id for r in failing(report)] == ["masked_mean/poison/inf"]
    assert "with other poison in its place" in failing(report)[0].message


def test_bits_that_move_by_themselves_are_no_leak() -> None:
    calls = iter(range(10_000))

    def restless(x: Any, mask: Any) -> Any:
        return masked_mean(x, mask) * (1 + 2.0**-52 * (next(calls) % 2))

    _, verdict = check({"masked_mean": restless}, only="masked_mean/*n*")

    assert verdict.mistakes == ()


@pytest.mark.parametrize("leak", [lambda x: np.where(np.isnan(x), 0.0, x), lambda x: np.where(np.isfinite(x), x, 0.0)],
                         ids=["isnan", "isfinite"])
def test_filters_in_place_of_the_mask_are_leaks(leak: Callable[[Any], Any]) -> None:
    def value_loss(values: Any, returns: Any, mask: Any) -> Any:
        return ((leak(values) - leak(returns)) ** 2 * mask).sum() / mask.sum()

    _, verdict = check({"value_loss": value_loss})

    assert verdict.verdict == "known-mistake"
    assert verdict.mistakes == ("value_loss/nan-leak",)


def test_code_that_raises_on_other_poison_than_nan_is_not_wrong() -> None:
    def kl_k3(log_prob: Any, old_log_prob: Any, mask: Any) -> Any:
        # math.exp(1e300) raises, and nothing but NaN is promised at masked slots.
        terms = np.array([math.expm1(d) - d for d in log_prob - old_log_prob])
        return terms[mask].mean()

    report, verdict = check({"kl_k3": kl_k3})
    skipped = [r for r in report.results if r.status == "skip"]

    assert verdict.verdict == "conforms"
    assert verdict.green
    assert [r.id for r in skipped] == ["kl_k3/poison/huge/half"]
    assert skipped[0].message.startswith("poison other than NaN is not taken: OverflowError")


def test_gradients_at_poisoned_slots_are_not_judged() -> None:
    require("torch")
    import torch

    def clip_loss(log_prob: Any, old_log_prob: Any, advantages: Any, clip_eps: Any, mask: Any) -> Any:
        ratio = torch.exp(log_prob - old_log_prob)
        terms = torch.minimum(ratio * advantages, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
        # The branch that is not chosen has gradient 0 times infinity or NaN: at masked slots only.
        return -torch.where(mask, terms, torch.zeros_like(terms)).sum() / mask.sum()

    report, verdict = check({"clip_loss": clip_loss, "FRAMEWORK": "torch"})

    assert failing(report) == []
    assert verdict.green


def test_a_repetition_that_is_answered_otherwise_keeps_state() -> None:
    seen: set[bytes] = set()

    def ratio(log_prob: Any, old_log_prob: Any) -> Any:
        key = log_prob.tobytes() + old_log_prob.tobytes()
        factor = 2.0 if key in seen else 1.0
        seen.add(key)
        return factor * np.exp(log_prob - old_log_prob)

    report, verdict = check({"ratio": ratio})

    assert verdict.verdict == "known-mistake"
    assert verdict.mistakes == ("ratio/keeps-state",)
    assert failing(report)[0].id == "ratio/again/first"
    assert "asked again got another answer" in failing(report)[0].message


def test_answers_of_an_earlier_question_keep_state() -> None:
    cache: dict[Any, Any] = {}

    def value_loss(values: Any, returns: Any) -> Any:
        return cache.setdefault(values.shape, np.mean((values - returns) ** 2) / 2)

    _, verdict = check({"value_loss": value_loss})

    assert verdict.verdict == "known-mistake"
    assert verdict.mistakes == ("value_loss/keeps-state",)
    assert verdict.conventions == {"value_loss_scale": "half"}


def test_copies_are_answers_to_something_else() -> None:
    first, second, *_ = [mutants.put(case, 0) for case in cases("value_loss", "float64", 0, 0) if "halves" in case.id]
    again = Question(first.case, first.passed, first.inputs)
    other = Question(second.case, first.passed, {n: v + 1 if n == "values" else v for n, v in first.inputs.items()})
    same, different = Answer("ok", outputs={"loss": np.array(1.0)}), Answer("ok", outputs={"loss": np.array(2.0)})

    assert copies([(first, same), (again, same)]) == set()
    assert copies([(first, same), (other, different)]) == set()
    assert copies([(first, same), (other, same)]) == {id(other)}


# How arrays lie in memory.


@pytest.mark.parametrize("layout", [TRANSPOSED, STRIDED])
@pytest.mark.parametrize("array", [np.arange(6.0), np.arange(6.0).reshape(2, 3), np.array([[True, False]] * 3)],
                         ids=["vector", "matrix", "flags"])
def test_layouts_keep_the_numbers_and_survive_the_journey(array: Any, layout: str) -> None:
    made = laid(array, layout)
    back = unpack(pack(made))

    assert np.array_equal(made, array)
    assert np.array_equal(back, array)
    assert layout_of(back) == layout_of(made) == (layout if array.ndim > 1 or layout == STRIDED else "")
    assert back.flags.writeable


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_functions_see_the_layouts_and_what_they_make_of_them_is_a_note(framework: str) -> None:
    if framework == "torch":
        require("torch")
    seen = set()

    def value_loss(values: Any, returns: Any) -> Any:
        contiguous = values.is_contiguous() if framework == "torch" else values.flags.c_contiguous
        seen.add(contiguous)
        return ((values - returns) ** 2).mean() * (1 if contiguous else 3)

    report, verdict = check({"value_loss": value_loss, "FRAMEWORK": framework})
    strict, _ = check({"value_loss": value_loss, "FRAMEWORK": framework}, strict=True)

    assert seen == {True, False}
    assert verdict.green
    (found,) = [r for r in report.results if r.id == "value_loss/layout/strided"]
    assert found.status == "fail"
    assert found.message.startswith("how the arrays lie in memory changed your answer: ")
    assert strict.exit_status == 1
