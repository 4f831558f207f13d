"""Files: answers computed elsewhere, expected failures, frozen vectors, and reports."""

from __future__ import annotations

import html.parser
import io
import json
import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from rich.console import Console

from ppocore.conformance import (
    answers,
    expected,
    hello,
    junit,
    lines,
    mutants,
    pages,
    reports,
    runner,
    terminal,
    vectors,
)
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.answers import Answers
from ppocore.conformance.compare import Bench
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.texts import plain
from tests.fuzz import mutations
from tests.fuzz.protocol import judged, same
from tests.fuzz.target import Complaint, Target

KEPT = tempfile.TemporaryDirectory(prefix="ppocore-fuzz-")
FOLDER = Path(KEPT.name)
ONLY = "adapt_kl_coef"
"""The operation of the files of answers: few cases, each of three numbers."""
OPTIONS = runner.Options(ONLY, examples=0)


@cache
def questions() -> dict[int, tuple[Any, Any]]:
    """By seq: what is asked, and the outputs that are right."""
    callee = answers.asked(None, None)
    bench = Bench(OPERATIONS[ONLY], "float64")
    asked, _ = runner.select(callee, OPTIONS)[ONLY]
    found = {}
    for question in asked:
        outputs = mutants.answer(bench, DEFINITIONS[ONLY], question).outputs
        found[lines.request(question)["seq"]] = question, {name: plain(value) for name, value in outputs.items()}
    return found


@cache
def answered() -> bytes:
    """A file of answers that are all right."""
    first = {**hello.usual("float64"), "operations": {ONLY: hello.usual("float64")["operations"][ONLY]}}
    rows = [first, *({"seq": seq, "outputs": outputs} for seq, (_, outputs) in questions().items())]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def make_answers(random: random.Random) -> bytes:
    return mutations.json_lines(random, answered())


def check_answers(data: bytes) -> Complaint:
    path = _written("answers.jsonl", data)
    try:
        found = runner.run(Answers(path), OPTIONS)
    except BadAdapter as error:
        return _one_line(error)
    _shown(found)
    if found.green and not _right(data):
        return "wrong answers are green"
    return "right answers are red" if data == answered() and not found.green else None


def _right(data: bytes) -> bool:
    """Every question that decides is answered rightly, read with nothing of the gate."""
    given = {}
    for text in data.split(b"\n"):
        if text.strip():
            row = json.loads(text)
            if isinstance(row.get("seq"), (int, float)):
                given[row["seq"]] = row
    first = OPERATIONS[ONLY].outputs[0]
    return all(seq in given and same(given[seq].get("outputs"), judged(question, right), first)
               for seq, (question, right) in questions().items() if question.case.level in runner.GATING)


@cache
def _wrong_run() -> runner.Run:
    """A run in which some cases fail and others pass."""
    return runner.run({"kl_k1": lambda log_prob, old_log_prob: float(np.mean(np.abs(old_log_prob - log_prob))),
                       "ratio": lambda log_prob, old_log_prob: np.exp(log_prob - old_log_prob), "NAME": "mine"},
                      runner.Options(examples=0))


def make_expected(random: random.Random) -> bytes:
    """The list that makes the run green, or nearly."""
    failing = [result.id for result in _counting() if result.status != "pass"]
    data = "".join(f"{id}  # known\n" for id in failing).encode()
    damage = random.choice((mutations.bytes_, mutations.lines, _reasons, lambda _, same: same))
    return damage(random, data)


def _reasons(random: random.Random, data: bytes) -> bytes:
    """Another reason in some line, or none."""
    rows = data.split(b"\n")
    at = random.randrange(len(rows) - 1)
    reasons = (b"", b"#", b"#  \t", b"# \xc2\xa0", b"# # why", b"#why", b"# a#b")
    rows[at] = rows[at].partition(b"#")[0] + random.choice(reasons)
    return b"\n".join(rows)


def _counting() -> list[Any]:
    return [result for result in _wrong_run().results if result.level in runner.GATING]


def check_expected(data: bytes) -> Complaint:
    path = _written("expected.txt", data)
    try:
        listed = expected.read(path)
        expected.refuse_unknown(listed, {result.id for result in _wrong_run().results}, path)
    except BadAdapter as error:
        return _one_line(error)
    # Read anew, as the documentation says: one id a line, a reason after the hash.
    own = {}
    for line in data.decode("utf-8-sig").splitlines():
        id, *reason = map(str.strip, line.split("#", 1))
        if id and not any(reason):
            return f"{id} is let in without a reason"
        if id:
            own[id] = reason[0]
    for verdict in _wrong_run().verdicts:
        results = [result for result in _wrong_run().results if result.operation == verdict.operation]
        changed, judged = expected.apply(results, verdict, listed, runner.GATING)
        untold = [r.id for r in changed if r.status == "xfail" and f"(expected: {own.get(r.id)})" not in r.message]
        if untold:
            return f"the reason of {untold[0]} is not in its result"
        failing = {r.id for r in results if r.status in ("fail", "error") and r.level in runner.GATING}
        passing = {r.id for r in results if r.status == "pass"}
        if judged.green != (failing <= own.keys() and not passing & own.keys()):
            return f"{verdict.operation} is {'green' if judged.green else 'red'}"
    return None


BOOKS = ("ratio.json", vectors.MANIFEST, vectors.SCHEMA)


@cache
def _frozen() -> dict[str, bytes]:
    return {name: (Path(vectors.__file__).parent / name).read_bytes() for name in BOOKS}


def make_vectors(random: random.Random) -> bytes:
    """One of the files, its name in the first line."""
    name = random.choice(BOOKS[:2])
    data = _frozen()[name]
    if random.random() < 0.5:
        data = json.dumps(mutations.json_(random, json.loads(data)), indent=1).encode()
    else:
        data = mutations.bytes_(random, data)
    return name.encode() + b"\n" + data


def check_vectors(data: bytes) -> Complaint:
    name, _, content = data.partition(b"\n")
    for book, frozen in _frozen().items():
        _written(book, content if book.encode() == name else frozen)
    right = [repr(vector) for vector in vectors.of("ratio")]
    with mock.patch.object(vectors, "_place", lambda name: FOLDER / name):
        try:
            found = [repr(vector) for vector in vectors.of("ratio")]
        except vectors.DamagedVectors as error:
            return _one_line(error)
    return None if found == right else "damaged vectors are taken for the frozen ones"


@cache
def _reports() -> tuple[bytes, ...]:
    """A red report and a green one."""
    green = runner.run({"ratio": lambda log_prob, old_log_prob: np.exp(log_prob - old_log_prob)},
                       runner.Options("ratio", examples=0))
    return tuple("".join(line + "\n" for line in reports.lines(run)).encode() for run in (_wrong_run(), green))


WORDS = ("name", "version", "message", "says", "label", "python", "platform", "adapter", "output")
"""Fields of a report that may hold any text."""


def make_report(random: random.Random) -> bytes:
    if random.random() < 0.3:
        return mutations.wording(random, random.choice(_reports()), WORDS)
    return mutations.json_lines(random, random.choice(_reports()))


def check_report(data: bytes) -> Complaint:
    path = _written("report.jsonl", data)
    try:
        found = reports.read(path)
    except ValueError as error:
        return _one_line(error)
    _shown(found)
    red = b'"kl_k1"' in data and b'"exit_status": 1' in data
    return "a red report is read as green" if red and found.green else None


def _shown(found: runner.Run) -> None:
    """Whatever can be made from a run can be made from this one."""
    reports.markdown(found)
    junit.text(found)
    for _ in reports.lines(found):
        pass
    terminal.show(found, Console(file=io.StringIO(), width=80))
    for page in (pages.report(found), pages.matrix([("mine", found), ("theirs", found)])):
        Tags().feed(page)


class Tags(html.parser.HTMLParser):
    """A page whose elements close in order, that runs nothing and fetches nothing, whatever others wrote into it."""

    EMPTY = ("br", "circle", "col", "hr", "line", "meta", "path", "polyline", "rect")

    def __init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, value in attrs if name.startswith("on") or name == "src" or
                 (name == "href" and not (value or "").startswith(("#", "https://")))]
        if tag in ("script", "iframe", "img", "object", "embed", "link", "base") or names:
            raise AssertionError(f"the page has <{tag} {names}>")
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY and (not self._open or self._open.pop() != tag):
            raise AssertionError(f"the page closes {tag}, which is not open")

    def handle_data(self, data: str) -> None:
        if not all(c.isprintable() or c == "\n" for c in data):
            raise AssertionError(f"the page shows control characters: {data!r}")


def _written(name: str, data: bytes) -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def _one_line(error: Exception) -> Complaint:
    text = str(error)
    return None if text and "\n" not in text and text.isprintable() else f"its error is not one clean line: {text!r}"


TARGETS = (
    Target("answers", make_answers, check_answers, weight=2,
           command=lambda path: ["check", "--answers", str(path), "--only", ONLY, "--examples", "0"]),
    Target("expected", make_expected, check_expected, weight=2,
           command=lambda path: ["check", str(Path(__file__).parents[1] / "forms" / "textbook_numpy.py"), "--only",
                                 "kl_k1", "--expected", str(path), "--examples", "0"]),
    Target("vectors", make_vectors, check_vectors),
    Target("reports", make_report, check_report, weight=2),
)
