"""What stands in the lines of a report: checked, so that whatever is made of a report can rely on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ppocore.conformance.case import Level, Result, Status, Verdict, Word
from ppocore.conformance.mistakes import find
from ppocore.conformance.operations import OPERATIONS

TEXTS = ("suite", "adapter", "door", "name", "version", "framework", "dtype", "platform", "python", "numpy")
HEADER: dict[str, Any] = dict.fromkeys(TEXTS, str) | {
    "conventions": dict, "operations": list, "seed": int, "examples": int, "strict": bool, "only": (str, type(None)),
    "timeout": (int, float)}
RESULT: dict[str, Any] = {"id": str, "operation": str, "level": get_args(Level), "status": get_args(Status),
                          "message": str, "counterexample": (dict, type(None))}
VERDICT: dict[str, Any] = {"operation": tuple(OPERATIONS), "verdict": get_args(Word), "mistakes": list,
                           "conventions": dict, "declared": bool, "green": bool, "notes": list}
FOOTER: dict[str, Any] = {"cases": dict, "operations": dict, "not_selected": int, "exit_status": int}
NUMBER = (int, float, str, type(None))
EXAMPLE: dict[str, Any] = {"inputs": dict, "output": str, "index": list, "got": NUMBER, "want": NUMBER, "says": str}
ANSWERS: dict[str, Any] = dict.fromkeys(("got", "want"), (list, *NUMBER))
CURVE: dict[str, Any] = {"axis": str, "moved": str, "slot": list, "output": str, "index": list, "at": NUMBER,
                         "edges": list, "points": list}


class Foreign(ValueError):
    """A line of a report holds what it should not; the text says what."""


def header(found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the run."""
    _check("the header", found, HEADER)
    texts = [found["operations"], found.get("notes", [])]
    if not all(isinstance(listed, list) and all(isinstance(text, str) for text in listed) for listed in texts):
        raise Foreign("a header whose operations or notes are no texts")
    return dict(found)


def result(found: Mapping[str, Any]) -> Result:
    """A line of kind result."""
    _check("a result", found, RESULT, exactly=True)
    example = found["counterexample"]
    if example is not None:
        _check("a counterexample", example, EXAMPLE)
        if not all(isinstance(index, int) for index in example["index"]):
            raise Foreign("a counterexample whose index is no list of whole numbers")
        for name, value in example["inputs"].items():
            _rectangular(name, value)
        _drawn(example)
    return Result(**found)


def _drawn(example: Mapping[str, Any]) -> None:
    """Foreign unless what pictures are made of, where there is any, is what it should be."""
    if "answers" in example:
        _check("a counterexample", example, {"answers": dict})
        _check("answers", example["answers"], ANSWERS)
        for name in ANSWERS:
            _rectangular(name, example["answers"][name])
    if "curve" in example:
        _check("a counterexample", example, {"curve": dict})
        curve = example["curve"]
        _check("a curve", curve, CURVE)
        if not all(isinstance(point, list) and len(point) == 3 for point in curve["points"]):
            raise Foreign("a curve whose points are not x, right and wrong")
        for name in ("slot", "index", "edges", "points"):
            _rectangular(name, curve[name])


def verdict(found: Mapping[str, Any]) -> Verdict:
    """A line of kind verdict; its mistakes must be known, since whoever shows them explains them."""
    _check("a verdict", found, VERDICT, exactly=True)
    texts = [*found["mistakes"], *found["notes"], *found["conventions"].values()]
    if not all(isinstance(text, str) for text in texts):
        raise Foreign("a verdict with something else than texts in a list")
    for slug in found["mistakes"]:
        try:
            find(slug)
        except LookupError:
            raise Foreign(f"a mistake {slug!r} that this ppocore does not know") from None
    return Verdict(**{**found, "mistakes": tuple(found["mistakes"]), "notes": tuple(found["notes"])})


def footer(found: Mapping[str, Any]) -> dict[str, Any]:
    """The counts."""
    _check("the footer", found, FOOTER)
    return dict(found)


def _check(what: str, found: Any, kinds: Mapping[str, Any], exactly: bool = False) -> None:
    """Foreign unless every field is there and of its kind: a type, several, or one of some words."""
    for name, kind in kinds.items():
        if name not in found:
            raise Foreign(f"{what} without {name}")
        value = found[name]
        words = isinstance(kind, tuple) and isinstance(kind[0], str)
        if not (isinstance(value, str) and value in kind if words else isinstance(value, kind)):
            raise Foreign(f"{what} whose {name} is no {name}: {str(value)[:60]!r}")
    strange = [name for name in found if name not in kinds]
    if exactly and strange:
        raise Foreign(f"{what} with {strange[0]!r}, which it does not have")


def _rectangular(name: str, value: Any, depth: int = 0) -> None:
    """Foreign unless an input is numbers, flags, or lists of these nested no deeper than a list of arrays."""
    if isinstance(value, list) and depth < 4:
        for item in value:
            _rectangular(name, item, depth + 1)
    elif isinstance(value, list) or not isinstance(value, NUMBER):
        raise Foreign(f"a counterexample whose input {name!r} is none")
