"""Reports of a run: JSON Lines, from which everything else can be rendered, and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ppocore.conformance import fields
from ppocore.conformance.files import write_whole
from ppocore.conformance.runner import Options, Run
from ppocore.conformance.texts import clean, plain

FORMAT = 1
KINDS = ("header", "result", "verdict", "footer")


def write(found: Run, options: Options) -> None:
    """Write the files that were asked for."""
    if options.report:
        write_whole(options.report, "".join(line + "\n" for line in lines(found)))
    if options.junit:
        from ppocore.conformance import junit

        write_whole(options.junit, junit.text(found))
    if options.markdown:
        write_whole(options.markdown, markdown(found))


def lines(found: Run) -> Iterator[str]:
    """The report, line by line: header, results, verdicts, footer."""
    yield _line("header", {"format": FORMAT, **found.header})
    for result in found.results:
        yield _line("result", asdict(result))
    for verdict in found.verdicts:
        yield _line("verdict", {**asdict(verdict), "mistakes": list(verdict.mistakes)})
    yield _line("footer", found.footer)


def _line(kind: str, content: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, **plain(content)}, allow_nan=False)


def read(path: str | Path) -> Run:
    """Read a report back; ValueError with file, line and reason if it is foreign, broken or cut short."""
    path = Path(path)
    try:
        rows = [_row(path, number, line)
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as a report ({error}).") from None
    if not rows or rows[0]["kind"] != "header" or rows[0].get("format") != FORMAT:
        raise ValueError(f"{path}: not a report of `ppocore check` (its first line is no header of ours).")
    if rows[-1]["kind"] != "footer":
        raise ValueError(f"{path}: has no footer; the report was cut short and says nothing.")
    try:
        found = _assemble(rows)
    except fields.Foreign as error:
        raise ValueError(f"{path}: has {clean(str(error))}.") from None
    if plain(found.footer) != {name: value for name, value in rows[-1].items() if name != "kind"}:
        raise ValueError(f"{path}: its footer does not count what the report holds; it was changed or cut.")
    return found


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{path}:{number}: not JSON; the report is foreign or cut short.") from None
    if not isinstance(row, dict) or row.get("kind") not in KINDS:
        raise ValueError(f"{path}:{number}: not a line of a report (kind must be one of {', '.join(KINDS)}).")
    return row


def _assemble(rows: list[dict[str, Any]]) -> Run:
    content = [(row["kind"], {name: value for name, value in row.items() if name != "kind"}) for row in rows]
    header = fields.header({name: value for name, value in content[0][1].items() if name != "format"})
    results = tuple(fields.result(found) for kind, found in content if kind == "result")
    verdicts = tuple(fields.verdict(found) for kind, found in content if kind == "verdict")
    return Run(header, results, verdicts, content[-1][1].get("not_selected", 0))


def markdown(found: Run) -> str:
    """A table for summaries of continuous integration."""
    header = found.header
    title = f"{header['name']} {header['version']}".strip()
    rows = [f"## {'GREEN' if found.green else 'RED'}: {_escape(title)}", "",
            f"{header['framework']} {header['dtype']}, suite {header['suite']}", "",
            "| | operation | verdict | detail |", "|---|---|---|---|"]
    for verdict in found.verdicts:
        if verdict.verdict != "not-offered":
            mark = "✅" if verdict.green else "❌"
            detail = ", ".join([f"`{slug}`" for slug in verdict.mistakes] +
                               [f"`{name}={value}`" for name, value in verdict.conventions.items()])
            rows.append(f"| {mark} | `{verdict.operation}` | {verdict.verdict} | {_escape(detail)} |")
    failing = [result for result in found.results if result.status in ("fail", "error", "xpass")]
    if failing:
        rows += ["", "| case | status | message |", "|---|---|---|"]
        rows += [f"| `{r.id}` | {r.status} | {_escape(r.message)} |" for r in failing[:50]]
    if len(failing) > 50:
        rows.append(f"\n... and {len(failing) - 50} more.")
    return "\n".join(rows) + "\n"


def _escape(text: str) -> str:
    """Text of others inside a table cell: nothing in it is markup."""
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        text = text.replace(character, safe)
    return " ".join(text.split())
