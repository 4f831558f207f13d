"""From the answers of one operation to its verdict: which conventions, which mistake, which counterexample."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ppocore.conformance import infer, mistakes, precision
from ppocore.conformance.case import AGAIN, GATING, POISON, Answer, Question, Result, Verdict
from ppocore.conformance.compare import Bench, Mismatch
from ppocore.conformance.conventions import CONVENTIONS, Declared, of
from ppocore.conformance.operations import Operation
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.related import copies, moved_by_poison
from ppocore.conformance.results import build_results

Pair = tuple[Question, Answer]
Ask = Callable[[Question], Answer]


def diagnose(
    operation: Operation, asked: Sequence[Pair], declared: Declared, dtype: str, ask: Ask, strict: bool
) -> tuple[list[Result], Verdict]:
    """Results of every case and the verdict they add up to.  `ask` puts further questions, to shrink."""
    own = declared.of(operation.name)
    judge = Judge(operation, dtype, asked, own)
    judge.moved = moved_by_poison(judge.answered, ask)
    finding = judge.finding()
    results = build_results(judge.bench, asked, finding.shown, finding.mistakes, judge.unjudged, judge.moved, ask,
                            judge.excused)
    return results, _verdict(operation, results, finding, own, strict)


@dataclass
class Finding:
    """What explains the answers."""

    choices: Choices | None
    """Conventions under which the definition (or the mistakes) gives every answer; None if nothing does."""
    shown: Choices
    """Conventions under which the cases are judged one by one."""
    mistakes: tuple[str, ...] = ()
    refused: bool = False
    """Some gating cases have no answer to judge: the call raised, hung, crashed or was not run."""
    answered: bool = True
    undeclared: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()


class Judge:
    """Looks for conventions, then for named mistakes, that give every answer of one operation."""

    def __init__(self, operation: Operation, dtype: str, asked: Sequence[Pair], declared: Mapping[str, str]) -> None:
        self.operation = operation
        self.dtype = dtype
        self.bench = Bench(operation, dtype)
        self.declared = declared
        self.unjudged = _other_rank(operation, asked) | _refused_poison(asked)
        gating = [p for p in asked if p[0].case.level in GATING and id(p[0]) not in self.unjudged]
        self.answered = [p for p in gating if p[1].outcome == "ok"]
        unanswered = [p for p in gating if p[1].outcome != "ok"]
        # Code that raises on NaN where it does not matter lets it through as surely as code that adds it up.
        self.chokes = bool(unanswered) and all(q.case.poisoned and a.outcome == "raised" for q, a in unanswered)
        self.refused = bool(unanswered) and not self.chokes
        # Small questions first: most wrong explanations fail on the first few.
        self.repeated = [p for p in self.answered if _repeats(p[0])]
        self.plain = sorted((p for p in self.answered if not p[0].case.poisoned and not _repeats(p[0])), key=_size)
        self.poisoned = [p for p in self.answered if p[0].case.poisoned]
        self.moved: Mapping[int, Mismatch] = {}
        """Answers whose bits poison moves, by the id of their question."""
        self.definition = DEFINITIONS[operation.name]
        self.formulas: tuple[Formula, ...] = (self.definition,)
        """What explains the answers: the definition, or the wrong formulas that fit."""

    def finding(self) -> Finding:
        """The simplest explanation of all answers."""
        base = self.base()
        candidates = self.assignments()
        choices = next((c for c in candidates if self.explains(self.definition, c)), None)
        found: tuple[str, ...] = ()
        if choices is None and self.plain:
            choices, found = self.named(candidates)
        if choices is None and self.plain:
            choices, found = self.imprecise(candidates)
        if choices is None and self.plain:
            choices, found = self.copied(candidates)
        explained = choices if choices is not None else base
        found += tuple(slug for slug in self.general(explained, choices is not None) if slug not in found)
        finding = Finding(choices, explained, found, self.refused, bool(self.answered))
        if choices is not None:
            self.settle(finding, choices)
        return finding

    def settle(self, finding: Finding, choices: Choices) -> None:
        """Which of the conventions found had to be declared, and which declarations are contradicted."""
        for convention in of(self.operation.name):
            found = choices[convention.name] or convention.default
            declared = self.declared.get(convention.name)
            if declared is not None and declared != found and not self.indifferent(choices, convention.name, declared):
                finding.contradicted += (convention.name,)
            if declared != found and not convention.is_free(found) and not _implied(convention.name, choices):
                finding.undeclared += (convention.name,)
        if (finding.undeclared and not finding.mistakes) or finding.contradicted:
            finding.shown = self.base(choices)

    def indifferent(self, choices: Choices, name: str, declared: str) -> bool:
        """True if the declared value explains the answers as well: the cases cannot tell."""
        return self.explains(self.definition, Choices(dict(choices) | {name: declared}))

    def base(self, found: Mapping[str, str] | None = None) -> Choices:
        """The conventions the adapter is held to: what it declares, defaults elsewhere (free ones as found)."""
        relevant = of(self.operation.name)
        free = {c.name: v for c in relevant if found and (v := found.get(c.name, "")) and c.is_free(v)}
        own = {c.name: self.declared[c.name] for c in relevant if c.name in self.declared}
        return Choices({n: v for n, v in (free | own).items() if v != CONVENTIONS[n].default})

    def assignments(self) -> list[Choices]:
        """Every assignment of conventions, nearest to what is declared first."""
        relevant = of(self.operation.name)
        options = [[(c.name, value) for value in self.options(c.name)] for c in relevant]
        plain = [Choices({n: v for n, v in combo if v}) for combo in itertools.product(*options)]
        base = self.base()
        return sorted((refined for choice in plain for refined in _refined(choice)),
                      key=lambda choice: (_distance(choice, base), choice["_variant"]))

    def options(self, name: str) -> list[str]:
        """Values to try for one convention, "" standing for the default."""
        convention = CONVENTIONS[name]
        plain = [v for v in convention.values[1:] if v[-1] not in "EC" and v != "none"]
        if name == "reduction" and not any(_rank(q) == 2 for q, _ in self.plain):
            plain.remove("trajectory")
        if any(v[-1] in "EC" for v in convention.values):
            plain += infer.values(name, self.operation.name, self.plain, self.dtype)
        declared = self.declared.get(name, convention.default)
        wanted = ["", *plain, declared]
        return list(dict.fromkeys("" if v == convention.default else v for v in wanted))

    def excused(self, question: Question, answer: Answer) -> bool:
        """True if conventions that need no declaration, or have one, explain this answer by itself."""
        return any(self.differs((question, answer), self.definition, choices) is None for choices in self.green)

    @cached_property
    def green(self) -> list[Choices]:
        """Every assignment of conventions that needs no declaration, or has one."""
        def needs_none(name: str, value: str) -> bool:
            declared = self.declared.get(name)
            return value == declared or (declared is None and CONVENTIONS[name].is_free(value))

        return [choices for choices in self.assignments()
                if all(needs_none(c.name, choices[c.name] or c.default) for c in of(self.operation.name))]

    def explains(self, formula: Formula, choices: Choices, unit: float | None = None) -> bool:
        """True if the formula gives every answer that holds no poison.  Fails fast: the last to fail goes first."""
        for i, pair in enumerate(self.plain):
            if self.differs(pair, formula, choices, unit) is not None:
                self.plain.insert(0, self.plain.pop(i))
                return False
        return bool(self.plain)

    def fits(self, formula: Formula, choices: Choices) -> bool:
        """Whether a wrong formula explains the answers; where it is not defined, it explains nothing."""
        try:
            return self.explains(formula, choices)
        except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError):
            return False

    def differs(self, pair: Pair, formula: Formula, choices: Choices, unit: float | None = None) -> Mismatch | None:
        """How one answer differs from a formula; cases on which a convention is not defined never do."""
        question, answer = pair
        if choices["reduction"] == "trajectory" and _rank(question) == 1:
            return None
        return self.bench.mismatch(formula, question, answer, choices, unit)

    def named(self, candidates: Sequence[Choices]) -> tuple[Choices | None, tuple[str, ...]]:
        """The named mistakes that give every answer, under the conventions nearest to what is declared."""
        base = self.base()
        near = [c for c in candidates if _distance(c, base)[0] <= 1]
        known = mistakes.of(self.operation.name)
        for _, group in itertools.groupby(near, key=lambda c: _distance(c, base)):
            for choices in group:
                fits = {f: m.slug for m in known for f in m.formulas if self.fits(f, choices)}
                if fits:
                    self.formulas = tuple(fits)
                    return choices, tuple(dict.fromkeys(fits.values()))
        return None, ()

    def imprecise(self, candidates: Sequence[Choices]) -> tuple[Choices | None, tuple[str, ...]]:
        """Right but for rounding to a shorter number format."""
        if self.operation.name == "clip_fraction":
            # Its budget is that of float32 already: nothing shorter is any use as an explanation.
            return None, ()
        for unit in precision.shorter(self.dtype, self.answered):
            for choices in candidates:
                if self.explains(self.definition, choices, unit) and self.rounds(choices):
                    return choices, (f"{self.operation.name}/reduced-precision",)
        return None, ()

    def copied(self, candidates: Sequence[Choices]) -> tuple[Choices | None, tuple[str, ...]]:
        """Right but where the answer to an earlier question is given again: a cache that knows shapes only."""
        if self.operation.name == "clip_fraction":
            # Its answers are few: two questions share one by chance.
            return None, ()
        stale = copies(self.answered)
        wrong = any(id(q) in stale and self.differs((q, a), self.definition, self.base()) for q, a in self.plain)
        every, self.plain = self.plain, [pair for pair in self.plain if id(pair[0]) not in stale]
        choices = next((c for c in candidates if self.explains(self.definition, c)), None) if wrong else None
        self.plain = every
        return (None, ()) if choices is None else (choices, (f"{self.operation.name}/keeps-state",))

    def rounds(self, choices: Choices) -> bool:
        """True if the errors look like rounding: they go both ways, or every answer is a float32 number."""
        with np.errstate(all="ignore"):
            errors = [self.bench.excess(question, answer, choices) for question, answer in self.plain]
        return precision.looks_rounded(np.concatenate(errors)) or precision.all_single(self.answered)

    def general(self, choices: Choices, explained: bool) -> tuple[str, ...]:
        """Mistakes told from the way of answering: inputs changed, poison let through, another answer next time."""
        slugs = []
        if any(answer.mutated for _, answer in self.answered):
            slugs.append("mutates-input")
        if explained and any(self.leaks(formula, choices) for formula in self.formulas):
            slugs.append("nan-leak")
        if any(self.forgets(formula, choices) for formula in self.formulas):
            slugs.append("keeps-state")
        return tuple(f"{self.operation.name}/{slug}" for slug in slugs)

    def leaks(self, formula: Formula, choices: Choices) -> bool:
        """True if poison makes answers wrong, or the function raise: NaN as NaN, other poison in any way."""
        found = [(question, self.differs((question, answer), formula, choices)) for question, answer in self.poisoned]
        wrong = [(question, mismatch) for question, mismatch in found if mismatch is not None]
        if not wrong and self.moved:
            return True
        return (bool(wrong) or self.chokes) and all(
            mismatch.only_nan or question.case.relation is not None for question, mismatch in wrong)

    def forgets(self, formula: Formula, choices: Choices) -> bool:
        """True if a question that was answered rightly is answered wrongly when it is asked again."""
        first = {question.case.id: (question, answer) for question, answer in self.answered}
        return any(self.differs(pair, formula, choices) is not None
                   and (partner := first.get(pair[0].case.relation.parts[0].id)) is not None
                   and self.differs(partner, formula, choices) is None
                   for pair in self.repeated if pair[0].case.relation)


def _verdict(
    operation: Operation, results: Sequence[Result], finding: Finding, declared: Mapping[str, str], strict: bool
) -> Verdict:
    wrong = [r for r in results if r.status in ("fail", "error") and (strict or r.level in GATING)]
    conventions = {} if finding.choices is None else _reported(finding.choices, finding.contradicted)
    named = {c for c in conventions if declared.get(c) != conventions[c]}
    notes = tuple(_declaration(conventions, finding))
    unexplained = finding.choices is None or _unexplained(results, finding)
    word = "conforms-under" if conventions else "conforms"
    if finding.mistakes and not unexplained:
        word = "known-mistake"
    elif finding.refused and (finding.choices is not None or not finding.answered):
        word = "error"
    elif unexplained:
        word = "unknown-difference"
    return Verdict(operation.name, word, finding.mistakes, conventions, not named,  # type: ignore[arg-type]
                   not (wrong or finding.undeclared or finding.contradicted or finding.mistakes),
                   notes)


def _unexplained(results: Sequence[Result], finding: Finding) -> bool:
    """A gating failure that neither conventions nor mistakes account for: poison answered by wrong numbers."""
    if finding.mistakes or finding.undeclared or finding.contradicted:
        return False
    return any(r.status == "fail" and r.level in GATING for r in results)


def _reported(choices: Choices, contradicted: Sequence[str]) -> dict[str, str]:
    found = {name: value for name, value in choices.items() if not name.startswith("_")}
    return found | {name: choices[name] or CONVENTIONS[name].default for name in contradicted}


def _declaration(conventions: Mapping[str, str], finding: Finding) -> Iterator[str]:
    if finding.contradicted:
        names = ", ".join(finding.contradicted)
        yield f"the adapter declares another {names} than its code has"
    if finding.undeclared or finding.contradicted:
        named = dict.fromkeys((*finding.undeclared, *finding.contradicted))
        inner = ", ".join(f'"{name}": "{conventions[name]}"' for name in named)
        yield f"if you mean it, declare it: CONVENTIONS = {{{inner}}}"


def _distance(choices: Choices, base: Choices) -> tuple[int, int, int]:
    """How far from what is declared: consequential conventions first, then free ones, then defaults."""
    names = [c for c in CONVENTIONS.values() if choices[c.name] != base[c.name]]
    free = sum(c.is_free(choices[c.name] or c.default) and c.is_free(base[c.name] or c.default) for c in names)
    return len(names) - free, free, sum(name in CONVENTIONS for name in choices)


VARIANTS = {
    # Both flags on one step: the published code of these looks at the time limit first.
    ("truncation", "mask"): ("1",), ("timeout_value", "current_observation"): ("1",),
    # The final observation's value is seen, and the recursion runs on: nearer to leak_bootstrap than to leak.
    # Or both flags on one step, as above.
    ("truncation", "leak_bootstrap"): ("1", "3"), ("truncation", "leak"): ("2",),
    # Tolerances other than 0.3.
    ("kl_rule", "tf_agents"): ("1", "2", "3"),
    # |log r| > log(1 + eps).
    ("clip_fraction", "log_space"): ("1",),
}
"""Other readings of a value that published code gives it, in the order they are tried."""


def _refined(choices: Choices) -> Iterator[Choices]:
    """The assignment, and the other readings of its values."""
    readings = [choices]
    for (name, value), numbers in VARIANTS.items():
        if choices[name] == value:
            readings += [Choices(dict(choices) | {"_variant": number}) for number in numbers]
    for reading in readings:
        yield reading
        if choices["gae_recursion"] == "brax":
            yield Choices(dict(reading) | {"_returns": "advantages"})


def _implied(name: str, choices: Choices) -> bool:
    """leak_bootstrap leaves open which value is added: it is named, and needs no declaration of its own."""
    return name == "timeout_value" and choices["truncation"] == "leak_bootstrap"


def _other_rank(operation: Operation, asked: Sequence[Pair]) -> set[int]:
    """Questions of a rank that the function does not take: (B,) and (B, L) are alternatives, masked or not."""
    if operation.name not in ("policy_gradient_loss", "surrogate_loss", "clip_loss", "cispo_loss", "truncated_is_loss"):
        return set()
    gating = [pair for pair in asked if pair[0].case.level in GATING]
    return _refused_rank(gating) | _refused_rank([pair for pair in gating if "mask" in pair[0].passed])


def _refused_rank(asked: Sequence[Pair]) -> set[int]:
    """The questions of one rank, if the function raises on all of them and answers the other rank."""
    for rank, other in ((1, 2), (2, 1)):
        own = [pair for pair in asked if _rank(pair[0]) == rank]
        answers_other = any(answer.outcome == "ok" for question, answer in asked if _rank(question) == other)
        if answers_other and all(answer.outcome == "raised" for _, answer in own):
            return {id(question) for question, _ in own}
    return set()


def _refused_poison(asked: Sequence[Pair]) -> set[int]:
    """Questions with poison other than NaN on which the function raises: math.exp(1e300) does, and may."""
    return {id(question) for question, answer in asked if answer.outcome == "raised"
            and question.case.relation is not None and question.case.relation.name == POISON}


def _repeats(question: Question) -> bool:
    return question.case.relation is not None and question.case.relation.name == AGAIN


def _rank(question: Question) -> int:
    return int(np.ndim(question.inputs.get("log_prob", 0.0)))


def _size(pair: Pair) -> int:
    return sum(int(np.size(v)) for v in pair[0].inputs.values() if isinstance(v, np.ndarray))
