"""Answers computed elsewhere: the questions are written to a file, somebody's program answers, we judge."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppocore.conformance import lines
from ppocore.conformance.adapters import BadAdapter, Description
from ppocore.conformance.case import Answer, Question
from ppocore.conformance.hello import declaration, describe, usual
from ppocore.conformance.operations import OPERATIONS


@dataclass(frozen=True)
class Answers:
    """What `--answers` was given."""

    path: Path


class Written:
    """The adapter whose answers stand in a file."""

    door = "answers"

    def __init__(self, path: Path) -> None:
        self.label = str(path)
        rows = list(_rows(path))
        if not rows:
            raise BadAdapter(f"{path}: is empty; its first line must say what was asked (see `ppocore questions -h`).")
        (number, hello), *answers = rows
        self.description = describe(hello, f"{path}:{number}", path.stem)
        self._answers: dict[float, Mapping[str, Any]] = {}
        self._places: dict[float, int] = {}
        for number, row in answers:
            seq = row.get("seq")
            if not isinstance(seq, (int, float)):
                raise BadAdapter(f"{path}:{number}: has no `seq`; each answer repeats that of its question.")
            if seq in self._places:
                raise BadAdapter(f"{path}:{number}: seq {seq} is answered twice, first in line {self._places[seq]}.")
            self._answers[seq], self._places[seq] = row, number

    def ask(self, question: Question, timeout: float) -> Answer:
        """Look the answer up; a question that nobody put has none."""
        found = self._answers.get(lines.request(question)["seq"])
        if found is None:
            return Answer("not-run", "not answered (if it was not asked, judge with the --only that was asked with)")
        return lines.answer(OPERATIONS[question.case.operation], found)

    def refuse_strangers(self, questions: Collection[Question]) -> None:
        """BadAdapter for the first answer to none of these questions."""
        known = {lines.request(question)["seq"] for question in questions}
        for seq, number in self._places.items():
            if seq not in known:
                raise BadAdapter(
                    f"{self.label}:{number}: seq {seq} is no question under these settings; give the --seed,"
                    " --examples and declaration that `ppocore questions` was given.")

    def close(self) -> None:
        """Nothing to end."""


class Asked:
    """Stands in for a program that is not here: it declares, and is asked nothing."""

    door = "answers"

    def __init__(self, description: Description, label: str) -> None:
        self.description, self.label = description, label

    def ask(self, question: Question, timeout: float) -> Answer:
        """Nobody answers."""
        return Answer("not-run", "only asked")

    def close(self) -> None:
        """Nothing to end."""


def asked(hello: Path | None, dtype: str | None) -> Asked:
    """Who the questions are for: the program whose first line is in a file, or one that offers everything."""
    if hello is None:
        return Asked(describe(usual(dtype or "float64"), "--dtype", "questions"), "questions")
    if dtype is not None:
        raise BadAdapter(f"questions: --dtype is given, and {hello}; write \"dtype\": \"{dtype}\" into the file.")
    rows = list(_rows(hello))
    if len(rows) != 1:
        raise BadAdapter(f"{hello}: has {len(rows)} lines; one is required, the first line of the program that"
                         " will answer (docs/protocol.md).")
    return Asked(describe(rows[0][1], str(hello), hello.stem), str(hello))


def questions(description: Description, found: Collection[Question]) -> Iterator[str]:
    """Exactly the lines that a program would be sent; the first also says what was asked for."""
    settings = {"dtype": description.dtype, "operations": declaration(description)}
    yield lines.line(lines.START | settings)
    for question in found:
        yield lines.line(lines.request(question))
    yield lines.line(lines.STOP)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a file with their numbers; BadAdapter for the first that is none of the protocol."""
    try:
        texts = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadAdapter(f"{path}: cannot be read ({error.strerror or error}).") from None
    for number, text in enumerate(texts, 1):
        if text.strip():
            try:
                yield number, lines.parse(text)
            except lines.Foreign as foreign:
                raise BadAdapter(f"{path}:{number}: holds {foreign}.") from None
