"""The run: every offered operation, every case it can be asked, every answer judged."""

from __future__ import annotations

import fnmatch
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import ppocore
from ppocore.conformance import expected as expectations
from ppocore.conformance.adapters import FRAMEWORKS, BadAdapter, Description
from ppocore.conformance.answers import Written
from ppocore.conformance.callees import Adapter, Callee, Isolated, open_callee
from ppocore.conformance.case import GATING, Answer, Case, Question, Result, Verdict
from ppocore.conformance.cases import cases
from ppocore.conformance.conventions import Declared, parse
from ppocore.conformance.diagnose import diagnose
from ppocore.conformance.files import refuse_unwritable
from ppocore.conformance.forms import question, turns, uncovered
from ppocore.conformance.graphs import with_zero_gradients
from ppocore.conformance.memory import USUAL
from ppocore.conformance.operations import OPERATIONS, Operation
from ppocore.conformance.processes import PATIENCE
from ppocore.conformance.signatures import nearest
from ppocore.conformance.texts import clean

STRIKES = 3
"""Crashes or time-outs of one operation after which its remaining cases are not run."""

LEVELS = (*GATING, "edge", "reject")


@dataclass(frozen=True)
class Options:
    """What a run can be asked for."""

    only: str | None = None
    seed: int = 0
    examples: int = 8
    strict: bool = False
    timeout: float = 10.0
    report: Path | None = None
    markdown: Path | None = None
    expected: Path | None = None
    write_expected: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    memory: float = field(default=USUAL, kw_only=True)

    @property
    def counting(self) -> tuple[str, ...]:
        """Levels that decide."""
        return LEVELS if self.strict else GATING


@dataclass(frozen=True)
class Run:
    """Everything that a run found; what is shown and written is made from this alone."""

    header: Mapping[str, Any]
    results: tuple[Result, ...]
    verdicts: tuple[Verdict, ...]
    not_selected: int = 0
    notes: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        """True if every offered operation is green."""
        return all(verdict.green for verdict in self.verdicts)

    @property
    def exit_status(self) -> int:
        """0 all green, 1 something red."""
        return 0 if self.green else 1

    @property
    def footer(self) -> dict[str, Any]:
        """Counts of cases by status and operations by verdict."""
        return {
            "cases": dict(Counter(result.status for result in self.results)),
            "operations": dict(Counter(verdict.verdict for verdict in self.verdicts)),
            "not_selected": self.not_selected,
            "exit_status": self.exit_status,
        }


Progress = Callable[[str, int, int], None]
"""Told the operation, how many of its cases are done, and how many there are."""


def run(adapter: Adapter, options: Options, progress: Progress | None = None) -> Run:
    """Judge an adapter; BadAdapter if it, or what was asked, cannot be run."""
    session = Session(adapter, options)
    try:
        found = session.run(progress or _silently)
    finally:
        session.close()
    if options.write_expected:
        verdicts = {verdict.operation: verdict for verdict in found.verdicts}
        expectations.write(options.write_expected, found.results, verdicts, options.counting, session.expected)
    return found


def _silently(operation: str, done: int, total: int) -> None:
    """Tell nobody."""


class Session:
    """An adapter that is open, with its questions chosen; BadAdapter if either cannot be."""

    def __init__(self, adapter: Adapter, options: Options) -> None:
        refuse_bad_options(options)
        self.options = options
        self.expected = expectations.read(options.expected) if options.expected else {}
        self._callee = open_callee(adapter, options.memory)
        try:
            self._declared = declared_conventions(self._callee)
            self._refuse_unknown_ids()
            self.chosen = select(self._callee, options)
            # What does not decide comes last: crashes there must not cost cases that do.
            self._ordered = {name: sorted(asked, key=lambda put: put.case.level not in GATING)
                             for name, (asked, _) in self.chosen.items()}
            if isinstance(self._callee, Written):
                self._callee.refuse_strangers(all_questions(self._callee, options))
        except BaseException:
            self._callee.close()
            raise

    def run(self, progress: Progress) -> Run:
        """Judge everything that was chosen."""
        results: list[Result] = []
        verdicts = []
        names = [name for name in OPERATIONS if name in self.chosen]
        following = dict(zip(names, names[1:], strict=False))
        for name in OPERATIONS:
            if name in self.chosen:
                judged, verdict = self.judge(name, progress, following.get(name))
                results += judged
                verdicts.append(verdict)
            elif name not in self._callee.description.operations:
                verdicts.append(Verdict(name, "not-offered"))
        not_selected = sum(skipped for _, skipped in self.chosen.values())
        return Run(self.header, tuple(results), tuple(verdicts), not_selected, tuple(self._callee.description.notes))

    def judge(
        self, name: str, progress: Progress = _silently, following: str | None = None
    ) -> tuple[list[Result], Verdict]:
        """Judge one operation, its expected failures taken into account; a worker answers the next one meanwhile."""
        limit = self.options.timeout * PATIENCE.get(self._callee.description.framework, 1)

        def announce() -> None:
            if following is not None and isinstance(self._callee, Isolated):
                self._callee.announce(self._ordered[following], limit)

        judged, verdict = _judge(self._callee, OPERATIONS[name], self._ordered[name], self._declared, self.options,
                                 limit, progress, announce)
        return expectations.apply(judged, verdict, self.expected, self.options.counting)

    @property
    def header(self) -> dict[str, Any]:
        """The settings in force."""
        return _header(self._callee, self.options, self._declared)

    def close(self) -> None:
        """End the adapter."""
        self._callee.close()

    def _refuse_unknown_ids(self) -> None:
        if self.options.expected:
            known = {case.id for name in OPERATIONS for case in _cases(name, self._callee.description, self.options)}
            expectations.refuse_unknown(self.expected, known, self.options.expected)


def declared_conventions(callee: Callee) -> Declared:
    """What the adapter declares; BadAdapter for what is not on the list."""
    try:
        return parse(callee.description.conventions)
    except ValueError as error:
        raise BadAdapter(f"{callee.label}: {error}") from None


Chosen = dict[str, tuple[list[Question], int]]


def select(callee: Callee, options: Options) -> Chosen:
    """Per offered operation: the questions to ask, and how many cases its signature leaves out."""
    chosen: Chosen = {}
    for name, declared in callee.description.operations.items():
        operation = OPERATIONS[name]
        asked, skipped = [], 0
        found = _cases(name, callee.description, options)
        for turn, case in zip(turns(found), found, strict=True):
            if not matches(options.only, case) or (case.layout and not _handed_arrays(callee)):
                continue
            put = question(operation, declared, case, turn)
            if put is None:
                skipped += 1
            else:
                asked.append(put)
        if asked or skipped:
            chosen[name] = asked, skipped
    if not any(asked for asked, _ in chosen.values()):
        raise BadAdapter(_nothing_selected(callee, options, chosen))
    return chosen


def _handed_arrays(callee: Callee) -> bool:
    """True if it is handed arrays in memory, strides and all: lines of JSON and arrays of JAX have none."""
    return not callee.door and callee.description.framework != "jax"


def all_questions(callee: Callee, options: Options) -> list[Question]:
    """Every question that could be put with this seed and number of examples, whatever `only` says."""
    chosen = select(callee, replace(options, only=None))
    return [put for asked, _ in chosen.values() for put in asked]


def matches(only: str | None, case: Case) -> bool:
    """True if the glob names the case or its operation."""
    return only is None or any(fnmatch.fnmatchcase(text, only) for text in (case.operation, case.id))


def _cases(name: str, description: Description, options: Options) -> tuple[Case, ...]:
    return cases(name, description.dtype, options.seed, options.examples)


def _nothing_selected(callee: Callee, options: Options, chosen: Chosen) -> str:
    """Why no case would run, in one line."""
    offered = callee.description.operations
    if chosen:
        name = next(iter(chosen))
        missing = ", ".join(uncovered(OPERATIONS[name], offered[name])) or "some input"
        return f"{callee.label}: no case of {name} can be put to its signature; it lacks: {missing}."
    only = clean(options.only or "")
    wanted = only.split("/")[0]
    others = [name for name in OPERATIONS if name not in offered and fnmatch.fnmatchcase(name, wanted)]
    if others:
        return f"--only {only}: {callee.label} does not offer {others[0]}; it offers: {', '.join(offered)}."
    known = [case.id for name in offered for case in _cases(name, callee.description, options)]
    close = nearest(only, [*offered, *known])
    hint = f" Did you mean {close}?" if close else ""
    return f"--only {only}: no operation and no case of this adapter is called so.{hint}"


class Respondent:
    """One function under questions: after three crashes or time-outs it is asked no more."""

    def __init__(self, callee: Callee, timeout: float) -> None:
        self._callee, self._timeout = callee, timeout
        self._strikes = 0

    def __call__(self, put: Question) -> Answer:
        return next(self.answers([put]))

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """The answers in their order; a worker is told all questions at once, anything else one after the other."""
        if isinstance(self._callee, Isolated):
            found = self._callee.answers(questions, self._timeout)
        else:
            found = (self._callee.ask(put, self._timeout) for put in questions)
        for _ in questions:
            if self._strikes >= STRIKES:
                yield Answer("not-run", f"not run: the operation crashed or timed out {STRIKES} times")
                continue
            answer = next(found)
            self._strikes += answer.outcome in ("crash", "timeout")
            yield answer


def _judge(
    callee: Callee, operation: Operation, questions: Sequence[Question], declared: Declared, options: Options,
    limit: float, progress: Progress, announce: Callable[[], None],
) -> tuple[list[Result], Verdict]:
    """Ask all questions of one operation, then have the answers judged together."""
    if not questions:
        note = "no case could be put to it; not covered: " + _uncovered(callee, operation)
        return [], Verdict(operation.name, "error", green=False, notes=(note,))
    ask = Respondent(callee, limit)
    asked: list[tuple[Question, Answer]] = []
    progress(operation.name, 0, len(questions))
    for put, answer in zip(questions, ask.answers(questions), strict=True):
        asked.append((put, answer))
        progress(operation.name, len(asked), len(questions))
    announce()
    asked = with_zero_gradients(operation, asked)
    results, verdict = diagnose(operation, asked, declared, callee.description.dtype, ask, options.strict)
    notes = [*verdict.notes, *_notes(asked)]
    if missing := _uncovered(callee, operation):
        notes.append(f"not covered: {missing}")
    return list(results), replace(verdict, notes=tuple(dict.fromkeys(notes)))


def _uncovered(callee: Callee, operation: Operation) -> str:
    return ", ".join(uncovered(operation, callee.description.operations[operation.name]))


def _notes(asked: Sequence[tuple[Question, Answer]]) -> Iterator[str]:
    """What the calls showed beside their answers, each thing once."""
    yield from dict.fromkeys(note for _, answer in asked for note in answer.notes)
    shared = dict.fromkeys(name for _, answer in asked for name in answer.aliased)
    if shared:
        yield f"returns memory of its input as {', '.join(shared)}: a later in-place change would reach both"


def _header(callee: Callee, options: Options, declared: Declared) -> dict[str, Any]:
    """The settings in force."""
    description = callee.description
    return {
        "suite": ppocore.__version__, "adapter": callee.label, "door": callee.door,
        "name": description.name, "version": description.version,
        "framework": description.framework, "dtype": description.dtype, "conventions": dict(declared),
        "operations": list(description.operations), "seed": options.seed, "examples": options.examples,
        "strict": options.strict, "only": options.only, "timeout": options.timeout,
        "platform": platform.platform(), "python": platform.python_version(), "numpy": np.__version__,
    } | _framework_version(description.framework)


def _framework_version(framework: str) -> dict[str, str]:
    if framework not in FRAMEWORKS[1:]:
        return {}
    try:
        return {framework: metadata.version(framework)}
    except metadata.PackageNotFoundError:
        return {}


def refuse_bad_options(options: Options) -> None:
    """BadAdapter before the run rather than in it."""
    if not 0 < options.timeout <= 86_400:
        raise BadAdapter(f"--timeout is {options.timeout}; it must be a number of seconds above 0.")
    if not 0 < options.memory <= 1_000_000:
        raise BadAdapter(f"--memory is {options.memory}; it must be a number of gigabytes above 0.")
    if not 0 <= options.examples <= 10_000:
        raise BadAdapter(f"--examples is {options.examples}; it must be between 0 and 10000.")
    if not 0 <= options.seed < 2**63:
        raise BadAdapter(f"--seed is {options.seed}; it must be 0 or above.")
    for path in (options.report, options.markdown, options.junit, options.html, options.write_expected):
        refuse_unwritable(path)
    if options.junit and find_spec("junitparser") is None:
        raise BadAdapter("--junit needs the package junitparser, which is not installed: pip install junitparser")


