"""What is said of a red operation, wherever it is shown: terminal, page, summaries."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppocore.conformance.case import GATING, Result, Verdict
from ppocore.conformance.conventions import CONVENTIONS, Declared
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.runner import LEVELS, Run
from ppocore.conformance.texts import shortest

if TYPE_CHECKING:
    from ppocore.conformance.mistakes.catalogue import Mistake

WORDS = {
    "conforms": "conforms",
    "conforms-under": "conforms under",
    "known-mistake": "known mistake",
    "unknown-difference": "unknown difference",
    "error": "error",
    "not-offered": "not offered",
}
FAILING = ("fail", "error", "xpass")


@dataclass(frozen=True)
class Account:
    """One operation: what is wrong with it, the case that shows it best, and what to do."""

    verdict: Verdict
    mistakes: tuple[Mistake, ...]
    """The entries of the museum, where there are any."""
    says: str
    right: str
    """The formula of the definition."""
    result: Result | None
    """The failing case with the smallest counterexample."""
    declare: str
    """The line that would make it green, if that is what is meant."""
    again: str
    """The command that shows it again."""


def account(found: Run, verdict: Verdict, result: Result | None = None) -> Account:
    """The account of a red operation, told by one of its cases (the one that explains best, if none is named)."""
    results = counting(found, verdict.operation)
    mistakes = tuple(entry for slug in verdict.mistakes if (entry := _mistake(slug)) is not None)
    says = " ".join(entry.says for entry in mistakes) or _one_sentence(found, verdict)
    if not results:
        says = "; ".join(verdict.notes) or says
    operation = OPERATIONS.get(verdict.operation)
    chosen = result or _worst(results)
    inner = ", ".join(f'"{name}": "{value}"' for name, value in to_declare(found, verdict).items())
    return Account(verdict, mistakes, says, operation.formula if operation else "", chosen,
                   f"CONVENTIONS = {{{inner}}}" if inner else "",
                   _again(found, chosen.id if chosen and _red_alone(chosen) else verdict.operation))


def counting(found: Run, operation: str) -> list[Result]:
    """Results of an operation at the levels that decide."""
    levels = LEVELS if found.header["strict"] else GATING
    return [r for r in found.results if r.operation == operation and r.level in levels]


def offered(found: Run) -> list[Verdict]:
    """Verdicts of what was judged, red ones first."""
    judged = [verdict for verdict in found.verdicts if verdict.verdict != "not-offered"]
    return sorted(judged, key=lambda verdict: verdict.green)


def details(found: Run, verdict: Verdict) -> Iterator[str]:
    """Conventions and mistakes, one a line."""
    declared, declare = _declared(found, verdict), to_declare(found, verdict)
    for name, value in verdict.conventions.items():
        said = f"declared: {declared[name]}" if name in declared else "not declared"
        yield f"{name}={value}{f'  ({said})' if name in declare and declared.get(name) != value else ''}"
    yield from verdict.mistakes


def _declared(found: Run, verdict: Verdict) -> dict[str, str]:
    """What the adapter declares of one operation."""
    return Declared(found.header["conventions"]).of(verdict.operation)


def to_declare(found: Run, verdict: Verdict) -> dict[str, str]:
    """The conventions to declare: those that change what the quantity means, and those that are declared otherwise."""
    if verdict.declared or verdict.green:
        return {}
    declared = _declared(found, verdict)
    return {name: value for name, value in verdict.conventions.items() if name in CONVENTIONS
            and (not CONVENTIONS[name].is_free(value) or declared.get(name, value) != value)}


def notes(found: Run) -> list[tuple[str, str]]:
    """What is worth knowing beside the verdicts, each note once, with the operations it is about."""
    about: dict[str, list[str]] = {}
    for verdict in found.verdicts:
        for note in verdict.notes:
            # What to declare stands in the account of a red operation already.
            if verdict.green or ("CONVENTIONS =" not in note and counting(found, verdict.operation)):
                about.setdefault(note, []).append(verdict.operation)
    for note in found.notes:
        about.setdefault(note, [])
    edge = [r for r in found.results if r.level not in GATING and r.status in ("fail", "error")]
    if edge and not found.header["strict"]:
        differ = "case beyond the core differs" if len(edge) == 1 else "cases beyond the core differ"
        note = f"{len(edge)} {differ} (edge or reject; they count with --strict)"
        about.setdefault(note, []).extend(result.operation for result in edge)
    return [(note, ", ".join(dict.fromkeys(names))) for note, names in about.items()]


def inputs(found: Run, result: Result) -> dict[str, Any]:
    """What the function was handed in a counterexample, in the digits of its DTYPE."""
    given = (result.counterexample or {}).get("inputs") or {}
    return {name: shortest(value, found.header["dtype"]) for name, value in given.items()}


def _again(found: Run, only: str) -> str:
    """The command, with the options that choose the cases."""
    header = found.header
    door = [f"--{header['door']}"] if header.get("door") else []
    words = ["ppocore", "check", *door, str(header["adapter"]), "--only", only]
    for option, default in (("seed", 0), ("examples", 8)):
        if header[option] != default:
            words += [f"--{option}", str(header[option])]
    words += ["--strict"] if header["strict"] else []
    return shlex.join(words)


def _one_sentence(found: Run, verdict: Verdict) -> str:
    declared = _declared(found, verdict)
    other = {name: value for name, value in verdict.conventions.items() if declared.get(name) != value}
    pairs = ", ".join(f"{name}={value}" for name, value in (other or verdict.conventions).items())
    said = ", ".join(f"{name}={declared[name]}" for name in other if name in declared)
    but = f"but declares {said}." if said else "and does not declare that."
    return {
        "conforms": "Its answers are right; what is wrong is how it treats input at the edge or beyond it"
                    " (--strict), or an expected failure that passes.",
        "conforms-under": f"It computes what {pairs} means, {but}",
        "known-mistake": "It makes a known mistake.",
        "unknown-difference": "Its answers differ from the definition, and no convention or known mistake"
                              " explains all of them.",
        "error": "It gives no answer to judge in at least one case.",
        "not-offered": "",
    }[verdict.verdict]


def _mistake(slug: str) -> Mistake | None:
    """The texts of a mistake; None where there are none."""
    from ppocore.conformance.mistakes import find

    try:
        return find(slug)
    except (KeyError, IndexError):
        return None


def _worst(results: Sequence[Result]) -> Result | None:
    """The failing case that explains best: one with the smallest counterexample."""
    return min((r for r in results if r.status in FAILING), key=_size, default=None)


def _size(result: Result) -> tuple[bool, int, int]:
    """The example that was made smaller first, then any by its numbers."""
    example = result.counterexample or {}
    given = example.get("inputs")
    return ("alone" not in example, *((0, sum(count(value) for value in given.values())) if given else (1, 0)))


def _red_alone(result: Result) -> bool:
    """False if the case by itself is green: it takes others to tell that no convention explains it."""
    return bool((result.counterexample or {}).get("alone", True))


def count(value: object) -> int:
    """How many numbers and flags a JSON value holds."""
    return sum(count(item) for item in value) if isinstance(value, (list, tuple)) else 1
