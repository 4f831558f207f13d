"""The fuzzer finds nothing, does the same each time, and finds what is broken on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from markupsafe import Markup

from ppocore._refusals import Refusal
from ppocore.conformance import adapters, conventions, expected, hello, lines, pages, reports, runner, vectors
from ppocore.conformance.case import Verdict
from ppocore.conformance.compare import Bench
from ppocore.conformance.forms import Parameter
from tests.fuzz import TARGETS, declarations, protocol
from tests.fuzz.__main__ import made, main

COUNT = 2000


def test_nothing_is_found_in_two_thousand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", str(COUNT)]) == 0, capsys.readouterr().out
    assert f"{COUNT} inputs" in capsys.readouterr().out


def test_same_seed_makes_the_same_inputs() -> None:
    names = sorted(TARGETS)
    first = [made(3, index, names) for index in range(200)]

    assert first == [made(3, index, names) for index in range(200)]
    assert first != [made(4, index, names) for index in range(200)]


def anything(*_: Any, **__: Any) -> Any:
    return None


def unread(path: Any) -> Any:
    return {"ratio": 1}


def loose(verdict: dict[str, Any]) -> Verdict:
    return Verdict(**{**verdict, "mistakes": tuple(verdict["mistakes"]), "notes": tuple(verdict["notes"])})


BROKEN: dict[str, tuple[Any, str, Any]] = {
    "outputs": (Bench, "mismatch", anything),
    "replies": (Bench, "mismatch", anything),
    "hellos": (hello, "_parameters", lambda operation, inputs: [Parameter(str(name), False) for name in inputs]),
    "messages": (protocol, "NO_ANSWER", ()),
    "requests": (lines, "line", lambda message: json.dumps(message, indent=1)),
    "answers": (Bench, "mismatch", anything),
    "expected": (expected, "_expect", lambda result, listed: replace(result, status="xfail")),
    "vectors": (vectors, "text", lambda name: vectors._read(name).decode()),
    "reports": (reports.fields, "verdict", loose),
    "conventions": (conventions, "_canonical", lambda name, value: repr(value)),
    "signatures": (adapters, "parameters", lambda operation, function: (Parameter("x", False),)),
    "globs": (runner, "matches", lambda only, case: True),
    "sources": (declarations, "peek", unread),
    "names": (Refusal, "__init__", lambda self, message: ValueError.__init__(self, message)),
}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_each_target_finds_what_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BROKEN[name])

    assert any(target.complaint(data) for target, data in (made(0, index, [name]) for index in range(150)))


def without_reasons(path: Any) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return {id.strip(): reason.strip() for id, _, reason in (line.partition("#") for line in lines) if id.strip()}


MORE: dict[str, tuple[str, Any, str, Any]] = {
    "an expected failure needs no reason": ("expected", expected, "read", without_reasons),
    "the reason is not told": ("expected", expected, "_expect", lambda result, listed: replace(
        result, status="xpass" if result.status == "pass" else "xfail") if result.id in listed else result),
    "pages do not escape": ("reports", pages, "printable", Markup),
    "pages show control characters": ("reports", pages, "printable", str),
}


@pytest.mark.parametrize("what", MORE)
def test_what_else_a_target_finds(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *broken = MORE[what]
    monkeypatch.setattr(*broken)

    assert any(target.complaint(data) for target, data in (made(0, index, [name]) for index in range(150)))


def test_a_complaint_names_seed_and_index_and_shows_the_smallest_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(*BROKEN["messages"])

    assert main(["--count", "40", "--only", "messages", "--most", "1"]) == 1

    shown = capsys.readouterr().out
    assert "messages: --seed 0 --index" in shown
    index = shown.split("--index ")[1].split(":")[0]
    assert main(["--index", index, "--only", "messages"]) == 1
