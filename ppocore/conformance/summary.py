"""A run in Markdown, for the summaries of continuous integration: the verdict, what is wrong, then the tables."""

from __future__ import annotations

from collections.abc import Iterator

from ppocore.conformance.accounts import FAILING, WORDS, Account, account, counting, details, offered
from ppocore.conformance.case import Verdict
from ppocore.conformance.runner import Run
from ppocore.conformance.terminal import apart, index
from ppocore.conformance.texts import clean

TOLD = 5
"""So many red operations are told at length."""
CASES = 50
MARKUP = {ord(character): f"&#{ord(character)};" for character in "|[`*~@\\"} | {
    ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def markdown(found: Run) -> str:
    """The first screen says what the terminal's does; the rest folds."""
    header = found.header
    title = f"{header['name']} {header['version']}".strip()
    judged = offered(found)
    red = [verdict for verdict in judged if not verdict.green]
    rows = [f"## {'GREEN' if found.green else 'RED'}: {_escape(title)}", ""]
    for verdict in red[:TOLD]:
        rows += [*_told(account(found, verdict)), ""]
    rows += ["| | operation | verdict | detail |", "|---|---|---|---|"]
    rows += [f"| {'✅' if v.green else '❌'} | `{v.operation}` | {WORDS[v.verdict]} | {_details(found, v)} |"
             for v in judged]
    rows += ["", f"{header['framework']} {header['dtype']}, suite {header['suite']}, seed {header['seed']}"]
    rows += _failing(found, red)
    return "\n".join(rows) + "\n"


def _told(said: Account) -> Iterator[str]:
    """What is wrong with one operation, the numbers, and the command."""
    verdict = said.verdict
    slugs = ", ".join(f"`{slug}`" for slug in verdict.mistakes)
    yield f"### {verdict.operation}: {WORDS[verdict.verdict]} {slugs}".rstrip()
    yield ""
    yield _escape(said.says)
    yield ""
    if said.result is not None:
        yield _numbers(said)
        yield ""
    if said.declare:
        yield f"If you mean it, declare <code>{_escape(said.declare)}</code>."
        yield ""
    yield f"See it again: <code>{_escape(said.again)}</code>"


def _numbers(said: Account) -> str:
    assert said.result is not None
    example = said.result.counterexample
    if example is None or example.get("got") is None or example.get("want") is None:
        return f"<code>{_escape(said.result.message)}</code>"
    right, wrong = apart(example["want"], example["got"])
    place = f"{example['output']}{index(example.get('index'))}"
    return f"**{_escape(place)} is {wrong}, should be {right}.**"


def _details(found: Run, verdict: Verdict) -> str:
    return ", ".join(f"`{detail}`" for detail in details(found, verdict))


def _failing(found: Run, red: list[Verdict]) -> Iterator[str]:
    """The cases that make it red, folded."""
    failing = [r for verdict in red for r in counting(found, verdict.operation) if r.status in FAILING]
    if not failing:
        return
    yield f"\n<details><summary>{len(failing)} failing cases</summary>\n"
    yield "| case | status | message |"
    yield "|---|---|---|"
    for result in failing[:CASES]:
        yield f"| `{result.id}` | {result.status} | {_escape(result.message)} |"
    if len(failing) > CASES:
        yield f"\n... and {len(failing) - CASES} more."
    yield "\n</details>"


def _escape(words: str) -> str:
    """Text of others on one line: nothing in it is markup."""
    return " ".join(clean(words).split()).translate(MARKUP)
