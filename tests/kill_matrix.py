"""Which case kills which mistake, and what each case is there for: `python -m tests.kill_matrix` writes the page."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from ppocore.conformance import conventions, mistakes, mutants
from ppocore.conformance.case import Answer, Question
from ppocore.conformance.compare import Bench
from ppocore.conformance.exhibits import count
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices

NUMBERS = {"E": "1e-5", "C": "3"}
"""For the values of conventions that take one."""
PAGE = Path(__file__).parents[1] / "docs" / "kill_matrix.md"

REASONS = {
    "vector/*":
        "a frozen answer for programs in any language, which have nothing else; tests/test_vectors.py holds each to the"
        " mistakes that it names",
    "nan nan/* poison/*":
        "NaN, infinities and 1e300 where they cannot matter, each time in another place: the formulas here never read"
        " those slots, code does (nan-leak)",
    "again/*":
        "the first question asked once more: formulas remember nothing, code does (keeps-state)",
    "permuted/* doubled/* apart/* micro-batch/* scaled/* shifted/* relabelled/* mirrored/* re-split/* labels/*":
        "made of another case so that both answers must agree (docs/relations.md): which of them fail says what is"
        " wrong, also of code that is wrong in a way nobody has named",
    "smoke/*":
        "runs first: what is wrong throughout fails on numbers that anybody can check",
    "edges edges/*":
        "on and beside a kink, where code goes wrong by rounding, and formulas do not round",
    "far far/* offset offset/* spread peaked rare shifted scale/*":
        "the ends of the range, where code overflows, underflows or cancels, and formulas do not",
    "small small/* near near-the-bound narrow other-narrow wide far-actions small-weights outlier constant/* garbage":
        "numbers of very different or very small size, where code loses digits, and formulas do not",
    "decimal/* full/usual":
        "gamma and gae_lambda that no binary number equals: here the budget is needed, and tried",
    "sure all-on all-off":
        "one side of binary choices alone: which of them fails says which side is wrong, also of code that rounds",
    "long long/* many":
        "hundreds of steps or slots: rounding adds up, and short look-aheads and blocks come to an end",
    "limits/* ends/* one-step/* reward/* one/* sides sides/* mask/* kl-only kl-only/* value-only entropy-only"
    " policy-only entropy-negative halves halves/* uniform worse perfect constant-values":
        "one situation alone: which of them fail says what is wrong, also of code that is wrong in a way nobody has"
        " named",
    "multiple/* small-target/* coefficient/*":
        "steps of a ladder: between two of them lie thresholds nobody has named",
    "eps/* asymmetric/* dual-clip/* weights/* beta/* step/* betas/* rate/* coefficients/* clipped/* below/*":
        "other values of a parameter: against constants in code that nobody has named",
    "plain/* square/* one-row one-dimension single-rows shapes equal unequal":
        "another size or shape: what is right in some of them only, nobody can list",
}
"""Why a case stays that tells no two readings apart which no smaller one does; patterns of names, the first counts."""

@dataclass(frozen=True)
class Reading:
    """One thing that code may compute: the definition, a value of a convention, or a mistake."""

    name: str
    formula: Formula
    choices: Choices


def readings(operation: str) -> list[Reading]:
    """The definition first, then every value of every convention by itself, then every formula of every mistake."""
    right = DEFINITIONS[operation]
    found = [Reading("the definition", right, Choices())]
    found += [Reading(f"{name}={value}", right, Choices({name: value})) for name, value in values(operation)]
    return found + [Reading(mistake.slug, formula, Choices())
                    for mistake in mistakes.of(operation) for formula in mistake.formulas]


def values(operation: str) -> list[tuple[str, str]]:
    """Every value but the default of the conventions of an operation."""
    return [(convention.name, value[:-1] + NUMBERS[value[-1]] if value[-1] in NUMBERS else value)
            for convention in conventions.of(operation) for value in convention.values[1:]]


@dataclass
class Matrix:
    """What the gating cases of one operation tell apart, the smallest first."""

    operation: str
    cases: list[str]
    kills: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """For each formula of each mistake, the cases that tell it from the definition."""
    alike: list[tuple[str, str]] = field(default_factory=list)
    """Readings under different names that no case tells apart; one of them is a mistake."""
    new: dict[str, int] = field(default_factory=dict)
    """For each case, how many pairs of readings it tells apart that no smaller case does."""


class Judge:
    """Whether a case tells two readings apart; each is computed once."""

    def __init__(self, operation: str, dtype: str) -> None:
        self.bench = Bench(OPERATIONS[operation], dtype)
        self.questions = sorted(mutants.questions(OPERATIONS[operation], dtype), key=lambda q: count(q.case.inputs))
        self._answers: dict[tuple[int, int], tuple[Reading, Answer]] = {}

    def apart(self, question: Question, first: Reading, second: Reading) -> bool:
        """True if what code with the second reading answers is wrong by the first."""
        key = (id(question), id(second))
        if key not in self._answers:
            # The reading is kept beside its answer so that its id stays its own.
            self._answers[key] = second, mutants.answer(self.bench, second.formula, question, second.choices)
        return self.bench.mismatch(first.formula, question, self._answers[key][1], first.choices) is not None


@cache
def killed(operation: str, dtype: str) -> Matrix:
    """The cases that kill each formula of each mistake."""
    judge, (right, *others) = Judge(operation, dtype), readings(operation)
    matrix = Matrix(operation, [q.case.id for q in judge.questions])
    with np.errstate(all="ignore"):
        for slug, group in itertools.groupby((r for r in others if "/" in r.name), key=lambda r: r.name):
            for i, wrong in enumerate(group):
                matrix.kills[slug, i] = [q.case.id for q in judge.questions if judge.apart(q, right, wrong)]
    return matrix


@cache
def told_apart(operation: str) -> Matrix:
    """Which case is the smallest that tells each pair of readings apart, in float64."""
    judge, everything = Judge(operation, "float64"), readings(operation)
    matrix = Matrix(operation, [q.case.id for q in judge.questions])
    # Two conventions may agree: that is the business of the conventions.
    left = [(a, b) for a, b in itertools.combinations(everything, 2)
            if a.name != b.name and ("/" in b.name or a is everything[0])]
    with np.errstate(all="ignore"):
        for question in judge.questions:
            before = len(left)
            left = [(a, b) for a, b in left if not judge.apart(question, a, b)]
            matrix.new[question.case.id] = before - len(left)
    matrix.alike = [(a.name, b.name) for a, b in left if "/" in b.name]
    return matrix


def reason(case: str) -> str | None:
    """Why a case stays that tells nothing new apart; None if nobody has said."""
    name = case.split("/", 1)[1]
    return next((text for patterns, text in REASONS.items()
                 if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns.split())), None)


def idle(operation: str) -> list[str]:
    """The cases that tell nothing new apart."""
    return [case for case, count in told_apart(operation).new.items() if not count]


def page() -> Iterator[str]:
    """The published page."""
    known, cases = len(mistakes.MISTAKES), sum(len(told_apart(name).cases) for name in OPERATIONS)
    stays = {text: [case for name in OPERATIONS for case in idle(name) if reason(case) == text]
             for text in REASONS.values()}
    yield "# The kill matrix"
    yield ""
    yield "Written by `python -m tests.kill_matrix`; `tests/test_kill_matrix.py` fails if it is not up to date."
    yield ""
    yield (f"{known} named mistakes against {cases} fixed cases and frozen vectors in float64. No mistake survives,"
           " none is a convention, and no two give the same answers throughout: there are no equivalents to list.")
    yield ("`ppocore museum SLUG` shows one in numbers. `tests/pairs.py` puts two of them into one function; the pairs"
           " that cancel are listed with their proof in `tests/test_pairs.py`.")
    yield ""
    yield (f"Sorted by size, {cases - sum(map(len, stays.values()))} cases tell two readings apart (the definition,"
           " conventions, mistakes) that no smaller one does. The others stay for a reason:")
    yield ""
    yield "| cases | reason |"
    yield "|---:|---|"
    yield from (f"| {len(found)} | {text} |" for text, found in stays.items())
    for name in OPERATIONS:
        yield from _table(name)


def _table(name: str) -> Iterator[str]:
    matrix = killed(name, "float64")
    new = [f"{case.split('/', 1)[1]} ({count})" for case, count in told_apart(name).new.items() if count]
    yield from ("", f"## {name}", "", f"{len(mistakes.of(name))} mistakes, {len(matrix.cases)} cases. New in:"
                f" {', '.join(new)}.", "")
    yield "| mistake | killed by | smallest |"
    yield "|---|---:|---|"
    for mistake in mistakes.of(name):
        # A mistake with several formulas is as well caught as the one that is caught least.
        least = min((matrix.kills[mistake.slug, i] for i in range(len(mistake.formulas))), key=len)
        yield f"| {mistake.slug.split('/')[1]} | {len(least)} | {least[0].split('/', 1)[1]} |"


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")
    print(PAGE)
