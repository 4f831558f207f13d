"""What a page says of a run, in the order in which it is read."""

from __future__ import annotations

import re
from typing import Any

from ppocore.conformance.accounts import FAILING, WORDS, Account, account, counting, details, inputs, notes, offered
from ppocore.conformance.case import Result, Verdict
from ppocore.conformance.pages import bars, plots, strips
from ppocore.conformance.runner import Run
from ppocore.conformance.terminal import apart, index, numbers

CASES = 50
"""Failing cases of one operation that are listed."""
THREAD = re.compile(r"([\w.-]+/[\w.-]+) #(\d+)")
"""A citation that is an issue or a pull request."""


def implementation(found: Run, label: str, prefix: str) -> dict[str, Any]:
    """One run; `prefix` keeps its anchors apart from those of others on the page."""
    judged = offered(found)
    red = [verdict for verdict in judged if not verdict.green]
    header = found.header
    return {
        "label": label, "anchor": f"{prefix}run", "version": header["version"], "green": found.green,
        "judged": len(judged), "cases": sum(len(counting(found, verdict.operation)) for verdict in judged),
        "red": [_block(found, verdict, prefix) for verdict in red],
        "right": [_row(found, verdict, prefix) for verdict in judged if verdict.green],
        "absent": [verdict.operation for verdict in found.verdicts if verdict.verdict == "not-offered"],
        "notes": notes(found),
        "about": f"{header['framework']} {header['dtype']}",
        "declares": [f"{name}={value}" for name, value in header["conventions"].items()],
        "settings": [(name, str(value)) for name, value in header.items()
                     if name not in ("operations", "conventions") and value not in ("", None)],
    }


def _row(found: Run, verdict: Verdict, prefix: str) -> dict[str, Any]:
    results = counting(found, verdict.operation)
    failing = sum(result.status in FAILING for result in results)
    return {"operation": verdict.operation, "anchor": f"{prefix}{verdict.operation}", "word": WORDS[verdict.verdict],
            "details": list(details(found, verdict)), "cases": len(results), "failing": failing}


def _block(found: Run, verdict: Verdict, prefix: str) -> dict[str, Any]:
    """A red operation: what is wrong, the picture, the numbers, the formulas, and how to see it again."""
    said = account(found, verdict)
    own = [r for r in counting(found, verdict.operation) if r.status in FAILING]
    return _row(found, verdict, prefix) | {
        "mistakes": [{"slug": entry.slug, "says": entry.says, "wrong": entry.wrong, "matters": entry.matters,
                      "seen": [_citation(text) for text in entry.seen]} for entry in said.mistakes],
        "says": said.says, "right": said.right, "declare": said.declare, "again": said.again,
        "example": _example(found, said), "others": own[:CASES], "more": max(0, len(own) - CASES),
    }


def _example(found: Run, said: Account) -> dict[str, Any] | None:
    """The counterexample, in numbers and as a picture if it can be drawn."""
    result = said.result
    if result is None:
        return None
    example = result.counterexample
    if result.status == "error" or not example:
        return {"id": result.id, "message": result.message, "inputs": [], "picture": None, "answer": None}
    return {"id": result.id, "message": result.message, "picture": _picture(result), "answer": _answer(result),
            "inputs": [f"{name} = {numbers(value)}" for name, value in inputs(found, result).items()]}


def _answer(result: Result) -> dict[str, str] | None:
    example = result.counterexample or {}
    if example.get("got") is None or example.get("want") is None:
        return None
    right, wrong = apart(example["want"], example["got"])
    return {"place": f"{example['output']}{index(example.get('index'))}", "right": right, "wrong": wrong}


def _picture(result: Result) -> dict[str, Any] | None:
    """The curve, else the strip, else two bars; what it is called stands first."""
    example = result.counterexample or {}
    for kind, draw in (("plot", plots.plot), ("strip", strips.strip), ("bars", bars.bars)):
        drawn = draw(example)
        if drawn is not None:
            return {"kind": kind, **drawn}
    return None


def _citation(text: str) -> dict[str, str]:
    """Where a mistake was seen, with its address where that is known."""
    thread = THREAD.fullmatch(text)
    return {"text": text, "link": f"https://github.com/{thread[1]}/issues/{thread[2]}" if thread else ""}


