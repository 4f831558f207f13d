"""Reports of a run: JSON Lines, from which everything else can be rendered, and how they are read back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ppocore.conformance import fields
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.files import write_whole
from ppocore.conformance.runner import Options, Run
from ppocore.conformance.summary import markdown
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
    if options.html:
        from ppocore.conformance import pages

        write_whole(options.html, pages.report(found))


def lines(found: Run) -> Iterator[str]:
    """The report, line by line: header, results, verdicts, footer."""
    yield _line("header", {"format": FORMAT, **found.header, "notes": list(found.notes)})
    for result in found.results:
        yield _line("result", asdict(result))
    for verdict in found.verdicts:
        yield _line("verdict", {**asdict(verdict), "mistakes": list(verdict.mistakes)})
    yield _line("footer", found.footer)


def _line(kind: str, content: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, **plain(content)}, allow_nan=False)


def read_many(paths: Sequence[Path]) -> list[tuple[str, Run]]:
    """The runs of report files, each under a name of its own; BadAdapter for a file that is no report."""
    runs = [read(path) for path in paths]
    names = [clean(f"{found.header['name']} {found.header['version']}") for found in runs]
    for more in ([path.name for path in paths], map(str, paths), range(1, len(paths) + 1)):
        known = Counter(names)
        names = [name if known[name] == 1 else f"{name} ({clean(str(word))})"
                 for name, word in zip(names, more, strict=True)]
    return list(zip(names, runs, strict=True))


def read(path: str | Path) -> Run:
    """Read a report back; BadAdapter with file, line and reason if it is foreign, broken or cut short."""
    path = Path(path)
    try:
        texts = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadAdapter(f"{path}: cannot be read as a report ({error}).") from None
    rows = [_row(path, number, line) for number, line in enumerate(texts, 1) if line or number < len(texts)]
    kinds = [row["kind"] for row in rows]
    if not rows or kinds[0] != "header" or rows[0].get("format") != FORMAT:
        raise BadAdapter(f"{path}: not a report of `ppocore check` (its first line is no header of ours).")
    if kinds[-1] != "footer":
        raise BadAdapter(f"{path}: has no footer; the report was cut short and says nothing.")
    if kinds != sorted(kinds, key=KINDS.index) or kinds.count("header") + kinds.count("footer") != 2:
        raise BadAdapter(f"{path}: its lines are out of order; a report is header, results, verdicts, footer.")
    found = _assemble(path, rows)
    if plain(found.footer) != {name: rows[-1].get(name) for name in found.footer}:
        raise BadAdapter(f"{path}: its footer does not count what the report holds; it was changed or cut.")
    return found


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadAdapter(f"{path}:{number}: not JSON; the report is foreign or cut short.") from None
    if not isinstance(row, dict) or row.get("kind") not in KINDS:
        raise BadAdapter(f"{path}:{number}: not a line of a report (kind must be one of {', '.join(KINDS)}).")
    return row


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _assemble(path: Path, rows: list[dict[str, Any]]) -> Run:
    """The run that the lines tell of; BadAdapter for the first that holds what it should not."""
    readers = {"header": fields.header, "result": fields.result, "verdict": fields.verdict, "footer": fields.footer}
    read: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for number, row in enumerate(rows, 1):
        content = {name: value for name, value in row.items() if name != "kind"}
        try:
            read[row["kind"]].append(readers[row["kind"]](content))
        except fields.Foreign as error:
            raise BadAdapter(f"{path}:{number}: {clean(str(error))}.") from None
    header = {name: value for name, value in read["header"][0].items() if name not in ("format", "notes")}
    return Run(header, tuple(read["result"]), tuple(read["verdict"]), read["footer"][0]["not_selected"],
               tuple(rows[0].get("notes", ())))
