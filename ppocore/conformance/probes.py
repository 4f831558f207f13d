"""The fewest questions that tell how an operation is computed: a decision tree whose inner nodes are cases.

The tree is walked, not stored.  At each node stand the hypotheses that give every answer so far: the definition under
each assignment of conventions, and the named mistakes under the conventions of each library.  The next question is the
case on which they give the most different answers, the first such case in the order of the cases; the oracle says what
they give.  A leaf is reached when no case is left on which those that remain differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ppocore.conformance import dialects, mistakes, mutants, precision
from ppocore.conformance.case import GATING, Answer, Question
from ppocore.conformance.compare import Bench, is_gradient
from ppocore.conformance.conventions import CONVENTIONS, of
from ppocore.conformance.diagnose import Finding, Judge
from ppocore.conformance.operations import Operation
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices

Ask = Callable[[Question], Answer]
Pair = tuple[Question, Answer]
MOST_NUMBERS = 96
"""Larger cases are about rounding; they, and those made of others, are asked only where a mistake looks like the
definition on all smaller."""
SPLITTERS = 12
"""As many hypotheses choose the next case; all must agree before a leaf is one."""
REFUSALS = 3
"""Unanswered questions after which no more are put."""


UNDEFINED = (ArithmeticError, AttributeError, IndexError, TypeError, ValueError)
"""What a wrong formula may raise where it is not defined."""


@dataclass(frozen=True)
class Hypothesis:
    """A formula under conventions: what the function may be computing."""

    formula: Formula
    choices: Choices
    slug: str = ""
    """The mistake it is; empty for the definition."""


@dataclass
class Leaf:
    """What the answers of one operation say."""

    operation: str
    asked: list[Pair] = field(default_factory=list)
    readings: list[Choices] = field(default_factory=list)
    """Conventions under which the definition gives every answer, the simplest first; no case tells them apart."""
    mistakes: list[str] = field(default_factory=list)
    """Where there are no readings: the named mistakes that give every answer."""
    remarks: list[str] = field(default_factory=list)
    """Mistakes that leave the conventions readable: inputs changed, NaN let through, shorter numbers."""

    @property
    def conventions(self) -> dict[str, str]:
        """Those found that differ from the default."""
        return plain(self.readings[0]) if self.readings else {}

    @property
    def answered(self) -> bool:
        """True if there was an answer to judge."""
        return any(answer.outcome == "ok" for _, answer in self.asked)

    def allows(self, conventions: Mapping[str, str]) -> bool:
        """True if these conventions give every answer."""
        return any(plain(reading) == conventions for reading in self.readings)


def plain(choices: Mapping[str, str]) -> dict[str, str]:
    """The conventions of an assignment, without the variants of their readings."""
    return {name: value for name, value in choices.items() if name in CONVENTIONS}


class Tree:
    """Decides how one operation is computed."""

    def __init__(self, operation: Operation, dtype: str, questions: Sequence[Question]) -> None:
        self.operation, self.dtype = operation, dtype
        self.bench = Bench(operation, dtype)
        self.definition = DEFINITIONS[operation.name]
        self.ways = [{}, *(way for way in dialects.ways(operation.name) if way)]
        gating = [q for q in questions if q.case.level in GATING]
        plain = [q for q in gating if not q.case.poisoned]
        own = [q for q in plain if q.case.relation is None]
        self.questions = [q for q in own if numbers(q) <= MOST_NUMBERS]
        # What is made of another case shows more than that one only where there is more of it.
        sizes = {q.case.id: numbers(q) for q in plain}
        grown = [q for q in plain if q.case.relation and numbers(q) > sizes.get(q.case.relation.parts[0].id, 0)]
        self.large = [*(q for q in own if numbers(q) > MOST_NUMBERS), *grown]
        self.poisoned = sorted((q for q in gating if q.case.poisoned), key=numbers)

    def walk(self, ask: Ask) -> Leaf:
        """Ask from the root to a leaf."""
        leaf = Leaf(self.operation.name)
        with np.errstate(all="ignore"):
            alive = self.descend(leaf, ask)
            self._conclude(leaf, alive, ask)
            if leaf.readings and f"{self.operation.name}/reduced-precision" not in leaf.remarks:
                self._poison(leaf, ask)
        changed = any(answer.mutated for _, answer in leaf.asked)
        leaf.remarks += [f"{self.operation.name}/mutates-input"] if changed else []
        return leaf

    def descend(self, leaf: Leaf, ask: Ask) -> list[Hypothesis]:
        """Ask until nothing is left to tell apart; what is alive then."""
        alive: list[Hypothesis] = []
        question = self._next(leaf.asked, alive)
        while question is not None:
            leaf.asked.append((question, ask(question)))
            answered = [pair for pair in leaf.asked if pair[1].outcome == "ok"]
            if len(leaf.asked) - len(answered) >= REFUSALS:
                break
            alive = self.alive(answered) if answered else []
            question = self._next(leaf.asked, alive)
            if question is None and (disguised := self._disguised(alive, answered)):
                alive += disguised
                question = self._next(leaf.asked, alive)
        return alive

    def _disguised(self, alive: Sequence[Hypothesis], answered: Sequence[Pair]) -> list[Hypothesis]:
        """Mistakes under another library's conventions that look like a reading of the definition so far."""
        if all(h.slug for h in alive):
            return []
        known = {(id(h.formula), *sorted(h.choices.items())) for h in alive}
        return [h for h in self.wrong(map(Choices, self.ways))
                if (id(h.formula), *sorted(h.choices.items())) not in known and self._gives(h, answered)]

    def _next(self, asked: Sequence[Pair], alive: list[Hypothesis]) -> Question | None:
        """The case that splits what is alive into the most classes; None at a leaf."""
        done = {id(question) for question, _ in asked}
        refused = [question for question, answer in asked if answer.outcome != "ok"]
        answers = [answer for _, answer in asked if answer.outcome == "ok"]
        left = [q for q in self.questions if id(q) not in done and not _like(q, refused)]
        if not answers:
            return self._root(left)
        slugs = {h.slug for h in alive}
        if len(slugs) == 1 and alive[0].slug:
            # Several formulas of one mistake: it is named.
            return None
        few = _spread(alive)
        # Without gradients first: they cost most, and values split most of what can be split.
        best = self._best(left, few, _values(answers[0])) or self._best(left, few, answers[0])
        if best is None and few != alive:
            best = self._best(left, alive, answers[0])
        if best is None and len(slugs) > 1:
            best = self._best([q for q in self.large if id(q) not in done], alive, answers[0])
        return best

    def _best(self, left: Sequence[Question], alive: Sequence[Hypothesis], like: Answer | None) -> Question | None:
        """The first of the cases that split these hypotheses into the most classes; None if none splits them."""
        best, most = None, 1
        for question in left:
            if most == len(alive):
                break
            count = len(self.classes(alive, question, like, most))
            if count > most:
                best, most = question, count
        return best

    def _root(self, left: Sequence[Question]) -> Question | None:
        """The case that splits the conventions into the most classes; of those, and of equal ones, the largest."""
        left = sorted(left, key=numbers, reverse=True)
        with np.errstate(all="ignore"):
            best = self._best(left, self._starting(), None)
        return best or next(iter(left), None)

    def _starting(self) -> list[Hypothesis]:
        """The definition under the conventions of each library, and under each single value."""
        judge = Judge(self.operation, self.dtype, [], {})
        single = [c for c in judge.assignments() if len(plain(c)) <= 1]
        return [Hypothesis(self.definition, c) for c in (*single, *(Choices(way) for way in self.ways[1:]))]

    def readings(self, answered: Sequence[Pair]) -> list[Hypothesis]:
        """The definition under every assignment of conventions; hidden numbers are read off the answers."""
        found: dict[tuple[tuple[str, str], ...], Choices] = {}
        for way in self.ways:
            for choices in Judge(self.operation, self.dtype, answered, way).assignments():
                if not way or plain(choices) == way:
                    found.setdefault(tuple(sorted(choices.items())), choices)
        return [Hypothesis(self.definition, choices) for choices in found.values()]

    def alive(self, answered: Sequence[Pair]) -> list[Hypothesis]:
        """Everything on the lists that gives these answers: readings, and mistakes under conventions still possible."""
        readings = [h for h in self.readings(answered) if self._gives(h, answered)]
        usual = [h.choices for h in readings if plain(h.choices) in self.ways]
        contexts = [usual or [h.choices for h in readings[:1]]] if readings else [[Choices()], map(Choices, self.ways)]
        for choices in contexts:
            wrong = [h for h in self.wrong(choices) if self._gives(h, answered)]
            if readings or wrong:
                return readings + wrong
        return []

    def wrong(self, contexts: Iterable[Choices]) -> list[Hypothesis]:
        """The named mistakes under these conventions."""
        return [Hypothesis(formula, choices, mistake.slug) for choices in contexts
                for mistake in mistakes.of(self.operation.name) for formula in mistake.formulas]

    def _gives(self, hypothesis: Hypothesis, pairs: Iterable[Pair]) -> bool:
        """True if the hypothesis gives these answers."""
        return all(self._agrees(hypothesis, question, answer) for question, answer in pairs)

    def _agrees(self, hypothesis: Hypothesis, question: Question, answer: Answer) -> bool:
        if hypothesis.choices["reduction"] == "trajectory" and np.ndim(question.inputs["log_prob"]) == 1:
            # Not defined on such a batch, so not contradicted by it.
            return True
        try:
            return self.bench.mismatch(hypothesis.formula, question, answer, hypothesis.choices) is None
        except UNDEFINED:
            # Then it did not give the answer.
            return False

    def classes(self, alive: Sequence[Hypothesis], question: Question, like: Answer | None,
                beyond: int = 0) -> list[Hypothesis]:
        """One hypothesis for each different answer to the question, among the outputs that `like` has (None: values).

        Given up, and too short, once there can be no more of them than `beyond`.
        """
        kept: list[tuple[Hypothesis, Answer]] = []
        for done, hypothesis in enumerate(alive):
            if len(kept) + len(alive) - done <= beyond:
                break
            if any(self._agrees(hypothesis, question, answer) for _, answer in kept):
                continue
            answer = self.answer(hypothesis, question, like)
            if answer is not None:
                kept.append((hypothesis, answer))
        return [hypothesis for hypothesis, _ in kept]

    def answer(self, hypothesis: Hypothesis, question: Question, like: Answer | None = None) -> Answer | None:
        """What code that computes the hypothesis would answer; None where that is not defined."""
        derived = like is not None and any(is_gradient(name) for name in (*like.outputs, *like.gradients))
        try:
            whole = mutants.answer(self.bench, hypothesis.formula, question, hypothesis.choices, derived)
        except UNDEFINED:
            return None
        if like is None:
            return whole
        seen = {name.split("[")[0] for name in (*like.outputs, *like.gradients)}
        return Answer("ok", outputs={n: v for n, v in whole.outputs.items() if n.split("[")[0] in seen},
                      gradients={n: v for n, v in whole.gradients.items() if n in seen})

    def _conclude(self, leaf: Leaf, alive: Sequence[Hypothesis], ask: Ask) -> None:
        leaf.readings = sorted((h.choices for h in alive if not h.slug), key=self._plainness)
        leaf.mistakes = list(dict.fromkeys(h.slug for h in alive if h.slug))
        hidden = any(value[-1] in "EC" for convention in of(self.operation.name) for value in convention.values)
        if leaf.answered and not leaf.readings and (hidden or not leaf.mistakes):
            self._examine(leaf, ask)
        if leaf.readings:
            leaf.mistakes = []

    def _plainness(self, choices: Choices) -> tuple[int, int, bool]:
        """Fewest conventions that change the meaning, then fewest others, then what a library does."""
        found = plain(choices)
        free = sum(CONVENTIONS[name].is_free(value) for name, value in found.items())
        return len(found) - free, free, found not in self.ways

    def _examine(self, leaf: Leaf, ask: Ask) -> None:
        """Nothing on the lists fits: ask the rest, and look for hidden numbers and rounding as `check` does."""
        done = {id(question) for question, _ in leaf.asked}
        leaf.asked += [(question, ask(question)) for question in self.questions if id(question) not in done]
        judge = Judge(self.operation, self.dtype, leaf.asked, {})
        finding = judge.finding()
        general = [slug for slug in finding.mistakes if slug not in mistakes.MISTAKES]
        leaf.remarks += [slug for slug in general if not slug.endswith("/mutates-input")]
        leaf.mistakes = [slug for slug in finding.mistakes if slug in mistakes.MISTAKES]
        if finding.choices is not None and not leaf.mistakes:
            leaf.readings = [*self._imprecise(judge, finding), finding.choices]

    def _imprecise(self, judge: Judge, finding: Finding) -> list[Choices]:
        """What libraries do and the answers agree with, if they were computed in a shorter number format."""
        if not any(slug.endswith("/reduced-precision") for slug in finding.mistakes):
            return []
        units = list(precision.shorter(self.dtype, judge.answered))
        return [Choices(way) for way in self.ways
                if any(judge.explains(self.definition, Choices(way), unit) for unit in units)]

    def _poison(self, leaf: Leaf, ask: Ask) -> None:
        """One question with NaN where it cannot matter; a different number there takes the readings back."""
        if not self.poisoned:
            return
        question = self.poisoned[0]
        answer = ask(question)
        leaf.asked.append((question, answer))
        found = [self.bench.mismatch(self.definition, question, answer, reading)
                 for reading in leaf.readings if answer.outcome == "ok"]
        if answer.outcome == "raised" or (found and all(m is not None and m.only_nan for m in found)):
            leaf.remarks.append(f"{self.operation.name}/nan-leak")
        elif None not in found:
            leaf.readings = []


def _spread(alive: list[Hypothesis]) -> list[Hypothesis]:
    """A few of them, from the definition to the last mistake."""
    step = -(-len(alive) // SPLITTERS) or 1
    return alive[::step]


def _values(answer: Answer) -> Answer:
    """The answer without its gradients."""
    return Answer("ok", outputs={name: value for name, value in answer.outputs.items() if not is_gradient(name)})


def numbers(question: Question) -> int:
    """How many numbers a question holds."""
    values = (question.inputs[name] for name in question.passed)
    return sum(sum(map(np.size, value)) if isinstance(value, list) else np.size(value) for value in values)


def _like(question: Question, refused: Sequence[Question]) -> bool:
    """True if a batch of the same rank was refused: (B,) and (B, L) are alternatives for a policy loss."""
    rank = np.ndim(question.inputs.get("log_prob", 0.0))
    return rank > 0 and any(np.ndim(other.inputs.get("log_prob", 0.0)) == rank for other in refused)
