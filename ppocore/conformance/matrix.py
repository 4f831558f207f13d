"""Many runs side by side: operations by implementations, with the words of their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ppocore.conformance.accounts import WORDS, details
from ppocore.conformance.case import Verdict
from ppocore.conformance.runner import Run

Labelled = tuple[str, Run]
NARROWEST = 14
"""Columns of an implementation, so that its words wrap between words."""


@dataclass(frozen=True)
class Cell:
    """What one implementation does with one operation."""

    judged: bool
    green: bool
    word: str


@dataclass(frozen=True)
class Row:
    """One operation."""

    operation: str
    cells: tuple[Cell, ...]


def cells(runs: Sequence[Run]) -> list[Row]:
    """One row for each operation that somebody offers."""
    verdicts = [{verdict.operation: verdict for verdict in found.verdicts} for found in runs]
    names = dict.fromkeys(verdict.operation for found in runs for verdict in found.verdicts
                          if verdict.verdict != "not-offered")
    order = {name: place for place, name in enumerate(v.operation for found in runs for v in found.verdicts)}
    return [Row(name, tuple(_cell(own.get(name)) for own in verdicts)) for name in sorted(names, key=order.__getitem__)]


def _cell(verdict: Verdict | None) -> Cell:
    if verdict is None or verdict.verdict == "not-offered":
        return Cell(False, True, WORDS["not-offered"])
    return Cell(True, verdict.green, WORDS[verdict.verdict])


def show(runs: Sequence[Labelled], console: Console) -> None:
    """The table, in parts where it is wider than the terminal, and below it what is red and why."""
    rows = cells([found for _, found in runs])
    widest = max((len(row.operation) for row in rows), default=0)
    fitting = max(1, (console.width - widest - 2) // (NARROWEST + 2))
    for first in range(0, len(runs), fitting):
        console.print(_table(runs[first:first + fitting], rows, first, _marks(console)))
        console.print()
    for label, found in runs:
        for verdict in found.verdicts:
            if not verdict.green:
                why = ", ".join(details(found, verdict)) or WORDS[verdict.verdict]
                console.print(Text(f"{label}: {verdict.operation}: {why}", style="red"), soft_wrap=True)
    green = sum(found.green for _, found in runs)
    style = "bold green" if green == len(runs) else "bold red"
    console.print(Text(f"{green} of {len(runs)} implementation{'s' * (len(runs) != 1)} green", style=style))


def _marks(console: Console) -> tuple[str, str, str]:
    unicode = (console.encoding or "").lower().startswith("utf")
    return ("✔", "✘", "·") if unicode else ("ok", "XX", "-")


def _table(runs: Sequence[Labelled], rows: Sequence[Row], first: int, marks: tuple[str, str, str]) -> Table:
    tick, cross, dot = marks
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("operation", no_wrap=True, style="bold")
    for label, _ in runs:
        table.add_column(Text(label), overflow="fold", max_width=24)
    for row in rows:
        shown = [Text(f"{tick if cell.green else cross} {cell.word}", style="green" if cell.green else "red")
                 if cell.judged else Text(dot, style="dim") for cell in row.cells[first:first + len(runs)]]
        # A part of a wide table leaves out what none of its own offers.
        if any(cell.judged for cell in row.cells[first:first + len(runs)]):
            table.add_row(row.operation, *shown)
    return table
