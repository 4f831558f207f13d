"""One result a case: status, message and, for what is wrong, the smallest input that shows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ppocore.conformance.case import GATING, Answer, Question, Result, Status
from ppocore.conformance.compare import Bench, Mismatch
from ppocore.conformance.curves import Curves
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.related import broken
from ppocore.conformance.shrink import shrink

Ask = Callable[[Question], Answer]
Excused = Callable[[Question, Answer], bool]
MOST_NUMBERS = 60
"""Larger inputs are not written into the report: the case id reproduces them."""


def build_results(
    bench: Bench, asked: Sequence[tuple[Question, Answer]], choices: Choices, slugs: Sequence[str],
    unjudged: Collection[int], moved: Mapping[int, Mismatch], ask: Ask, excused: Excused,
) -> list[Result]:
    """Judge every case under `choices`; the smallest failure gets a shrunk counterexample.

    A case that is `excused`, so that it would be green if nothing else were asked, leads only if all are.
    """
    judged = [_judge(bench, question, answer, choices, id(question) in unjudged) for question, answer in asked]
    judged = _together(asked, judged, moved)
    failing = [pair for pair, (status, _, mismatch) in zip(asked, judged, strict=True)
               if status == "fail" and mismatch is not None and pair[0].case.level in GATING]
    failing.sort(key=lambda pair: _numbers(pair[0]))
    telling = next((question for question, answer in failing if not excused(question, answer)), None)
    alone = telling is not None
    lead = telling or next((question for question, _ in failing), None)
    results = []
    for (question, answer), (status, message, mismatch) in zip(asked, judged, strict=True):
        example = None
        if mismatch is not None:
            example = counterexample(question, mismatch)
            if question is lead:
                example = _shrunk(bench, question, mismatch, choices, ask, alone and excused)
                example = {**example, "alone": alone}
                if slugs:
                    message += f"; this is what {' or '.join(slugs)} gives"
        case = question.case
        results.append(Result(case.id, case.operation, case.level, status, message or _aside(answer), example))
    return results


Judged = tuple[Status, str, Mismatch | None]


def _together(
    asked: Sequence[tuple[Question, Answer]], judged: Sequence[Judged], moved: Mapping[int, Mismatch]
) -> list[Judged]:
    """What answers say beside each other: bits that poison moves, and which relation a wrong one breaks."""
    right = {question.case.id: answer for (question, answer), (status, _, _) in zip(asked, judged, strict=True)
             if status == "pass" and answer.outcome == "ok"}
    together: list[Judged] = []
    for (question, _), (status, message, mismatch) in zip(asked, judged, strict=True):
        if status == "pass" and id(question) in moved:
            status, mismatch = "fail", moved[id(question)]
            message = mismatch.message
        if status == "fail" and mismatch is not None:
            message = broken(question, mismatch, right) + message
        together.append((status, message, mismatch))
    return together


def _judge(
    bench: Bench, question: Question, answer: Answer, choices: Choices, unjudged: bool
) -> tuple[Status, str, Mismatch | None]:
    if unjudged:
        poison = question.case.poisoned and question.case.relation
        other = "poison other than NaN is" if poison else "inputs of this rank are"
        return "skip", f"{other} not taken: {answer.message}", None
    if question.case.level == "reject" or answer.outcome != "ok":
        return _judge_refusal(question, answer)
    if answer.mutated:
        return "fail", f"the call changed its input {', '.join(answer.mutated)}", None
    if choices["reduction"] == "trajectory" and np.ndim(question.inputs["log_prob"]) == 1:
        return "skip", "a trajectory reduction is defined on (B, L) batches only", None
    with np.errstate(all="ignore"):
        mismatch = bench.mismatch(DEFINITIONS[question.case.operation], question, answer, choices)
    if mismatch is None or (question.case.level == "edge" and _both_beyond(mismatch)):
        return "pass", "", None
    return "fail", mismatch.message, mismatch


def _judge_refusal(question: Question, answer: Answer) -> tuple[Status, str, Mismatch | None]:
    """Bad input must be refused, input at the edge may be; anything else must be answered."""
    if answer.outcome == "raised" and question.case.level in ("edge", "reject"):
        return "pass", f"refused: {answer.message}", None
    if answer.outcome == "ok":
        return "fail", "bad input is answered, not refused", None
    return "error", answer.message or answer.outcome, None


def _both_beyond(mismatch: Mismatch) -> bool:
    """Beyond the numbers, NaN and the infinities are one answer."""
    return (mismatch.got is not None and mismatch.want is not None
            and not np.isfinite(mismatch.got) and not np.isfinite(mismatch.want))


def _aside(answer: Answer) -> str:
    notes = list(answer.notes)
    if answer.aliased:
        notes.append(f"returns memory of an input: {', '.join(answer.aliased)}")
    return "; ".join(notes)


def _numbers(question: Question) -> int:
    return sum(int(np.size(question.inputs[name])) for name in question.passed
               if not isinstance(question.inputs[name], list))


def _shrunk(
    bench: Bench, question: Question, mismatch: Mismatch, choices: Choices, ask: Ask, excused: Excused | Literal[False]
) -> Mapping[str, Any]:
    """The smallest input found on which the function is wrong in the same output, and not `excused`."""
    definition = DEFINITIONS[question.case.operation]

    def wrong(candidate: Question) -> Mismatch | None:
        answer = ask(candidate)
        if answer.outcome != "ok":
            return None
        found = bench.mismatch(definition, candidate, answer, choices)
        if found is None or found.output != mismatch.output or _undefined(found) and not _undefined(mismatch):
            return None
        return None if excused and excused(candidate, answer) else found

    question, mismatch = shrink(question, mismatch, wrong)
    drawn = {"answers": _answers(bench, question, mismatch, choices, ask),
             "curve": Curves(bench, question, mismatch, choices, ask).best()}
    return dict(counterexample(question, mismatch)) | {name: value for name, value in drawn.items() if value}


def _undefined(mismatch: Mismatch) -> bool:
    """True where the definition has no number: 0 / 0, of which nobody learns what is wrong."""
    return mismatch.want is not None and bool(np.isnan(mismatch.want))


def _answers(bench: Bench, question: Question, mismatch: Mismatch, choices: Choices, ask: Ask) -> Any:
    """The wrong output whole, beside the right one; None where it is large or comes out otherwise when asked again."""
    got = ask(question).outputs.get(mismatch.output)
    want = bench.expect(DEFINITIONS[question.case.operation], question, choices).get(mismatch.output)
    if want is None or not isinstance(got, np.ndarray) or got.shape != want.want.shape or got.size > MOST_NUMBERS:
        return None
    same = np.array_equal(got[mismatch.index], mismatch.got, equal_nan=True) if mismatch.got is not None else False
    return {"got": got.tolist(), "want": want.want.tolist()} if same else None


def counterexample(question: Question, mismatch: Mismatch) -> Mapping[str, Any]:
    """JSON-ready: inputs as passed, and the worst element."""
    small = _numbers(question) <= MOST_NUMBERS
    inputs = {name: _plain(question.inputs[name]) for name in question.passed} if small else {}
    return {"inputs": inputs, "output": mismatch.output, "index": list(mismatch.index), "got": mismatch.got,
            "want": mismatch.want, "says": mismatch.message}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value
