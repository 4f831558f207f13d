"""What a run shows in the terminal: verdicts first, then one short block for each red operation."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ppocore.conformance.accounts import WORDS, Account, account, count, counting, details, inputs, notes, offered
from ppocore.conformance.case import Result, Verdict
from ppocore.conformance.runner import Run
from ppocore.conformance.texts import clean, plain

SHOWN = 12
"""Numbers of one input that are shown where it stands alone."""
FEW = 8
"""Numbers of a counterexample's inputs that are shown; with the wrong and the right answer that makes ten."""
ROWS = 8
"""So many green operations have a line of their own in a red run."""
DIGITS = (6, 9, 12, 17)
"""As few as show a difference."""


def told(found: Run, verdict: Verdict, result: Result | None = None) -> str:
    """One operation, and what is wrong with one of its cases (the worst, if none is named), as text."""
    text = io.StringIO()
    _Printer(found, Console(file=text, width=100, highlight=False, color_system=None)).block(verdict, result)
    return f"{WORDS[verdict.verdict]} {', '.join(details(found, verdict))}".rstrip() + f"\n{text.getvalue().rstrip()}"


def rows(found: Run) -> list[str]:
    """The lines of the table of verdicts, as text."""
    text = io.StringIO()
    judged = offered(found)
    _Printer(found, Console(file=text, width=100, highlight=False, color_system=None)).rows(judged, judged)
    return text.getvalue().splitlines()


def show(found: Run, console: Console) -> None:
    """Print the whole run: what is red, the smallest example of each, then what is green."""
    printer = _Printer(found, console)
    printer.header()
    judged = offered(found)
    red, green = [v for v in judged if not v.green], [v for v in judged if v.green]
    # In a red run every line above the first example counts: it should fit the screen.
    printer.rows(red, judged)
    printer.line()
    for verdict in red:
        printer.block(verdict)
    printer.rows(green, judged, short=bool(red))
    printer.left_out()
    printer.notes()
    printer.last_line()


class _Printer:
    def __init__(self, found: Run, console: Console) -> None:
        self._found, self._console = found, console
        self._width = min(console.width, 100)
        unicode = (console.encoding or "").lower().startswith("utf")
        marks = ("✔", "✘", "·", "─") if unicode else ("ok", "XX", "-", "-")
        self._tick, self._cross, self._dot, self._rule = marks

    def line(self, text: str = "", style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)

    def header(self) -> None:
        header = self._found.header
        name = clean(f"{header['name']} {header['version']}")
        sort = f"{header['framework']} {header['dtype']}"
        settings = [f"seed {header['seed']}", f"{header['examples']} random examples per operation"]
        settings += ["strict"] if header["strict"] else []
        settings += [f"only {header['only']}"] if header.get("only") else []
        self.line(f"{name} {self._dot} {sort} {self._dot} {', '.join(settings)}", "bold")
        if header["conventions"]:
            declared = ", ".join(f"{key}={value}" for key, value in header["conventions"].items())
            self.line(f"declares {declared}")

    def rows(self, verdicts: Sequence[Verdict], beside: Sequence[Verdict], short: bool = False) -> None:
        """One line for each operation; many that simply conform share theirs if asked to be short."""
        width = max((len(verdict.operation) for verdict in beside), default=0)
        alike = [verdict for verdict in verdicts if verdict.verdict == "conforms"]
        shared = alike if short and len(verdicts) > ROWS else []
        for verdict in verdicts:
            if verdict not in shared:
                self._row(verdict, width)
        if shared:
            names = ", ".join(verdict.operation for verdict in shared)
            for line in textwrap.wrap(f"{len(shared)} conform: {names}", self._width, initial_indent=f"  {self._tick} ",
                                      subsequent_indent="      "):
                self.line(line, "green")

    def left_out(self) -> None:
        """How much was not judged."""
        others = sum(verdict.verdict == "not-offered" for verdict in self._found.verdicts)
        if others:
            self.line(f"  {self._dot} {others} operations not offered", "dim")
        if self._found.not_selected:
            needs = "case needs" if self._found.not_selected == 1 else "cases need"
            self.line(f"  {self._dot} {self._found.not_selected} {needs} inputs that are not declared", "dim")
        self.line()

    def _row(self, verdict: Verdict, width: int) -> None:
        mark, style = (self._tick, "green") if verdict.green else (self._cross, "red")
        row = Text(f"  {mark} ", style=style)
        row.append(f"{verdict.operation:<{width}}  ", style="bold")
        row.append(f"{WORDS[verdict.verdict]:<20}", style="" if verdict.green else "red")
        row.append(self._count(verdict), style="dim")
        self._console.print(row, soft_wrap=True)
        for detail in details(self._found, verdict):
            self.line(f"    {'':<{width}}    {detail}", style)

    def _count(self, verdict: Verdict) -> str:
        results = counting(self._found, verdict.operation)
        failing = [result for result in results if result.status in ("fail", "error")]
        cases = f"{len(results)} case{'s' * (len(results) != 1)}"
        expected = sum(result.status == "xfail" for result in results)
        text = f"{len(failing)} of {cases} fail" if failing else cases
        return f"{text}, {expected} expected to fail" if expected else text

    def block(self, verdict: Verdict, result: Result | None = None) -> None:
        """What is wrong, why it matters, the smallest input that shows it, and how to see it again."""
        title = Text(f"{self._cross} {verdict.operation} ", style="bold red")
        title.append(self._rule * max(0, self._width - len(title.plain)), style="dim")
        self._console.print(title, soft_wrap=True)
        said = account(self._found, verdict, result)
        self._what_is_wrong(said)
        if said.result is not None:
            self._counterexample(said.result)
        if said.declare:
            self._command("if you mean it, declare", said.declare)
        self._command("see it again", said.again)
        self.line()

    def _what_is_wrong(self, said: Account) -> None:
        """The first mistake that fits in full, any other in a sentence."""
        for entry in said.mistakes[:1]:
            self._paragraph(entry.says)
            self._field("it computes", entry.wrong)
        for entry in said.mistakes[1:]:
            self._field(f"or {entry.slug}", entry.says)
        if not said.mistakes:
            self._paragraph(said.says)
        self._field("right is", said.right)
        for entry in said.mistakes[:1]:
            self._field("why it matters", entry.matters)
            self._field("seen in", "; ".join(entry.seen))

    def _counterexample(self, result: Result) -> None:
        example = result.counterexample
        if result.status == "error" or not example:
            self._field(result.id, clean(result.message))
            if result.message.startswith("no answer within"):
                self._field("if it is only slow", "--timeout SECONDS raises the limit")
            return
        self._field("smallest example", f"{result.id}")
        for line in few(inputs(self._found, result)):
            self.line(f"      {line}")
        if example.get("got") is not None and example.get("want") is not None:
            place = f"{example['output']}{index(example.get('index'))}"
            right, wrong = apart(example["want"], example["got"])
            self.line(f"      {place} is {wrong}, should be {right}", "bold")
        else:
            self.line(f"      {clean(example.get('says') or result.message)}", "bold")

    def notes(self) -> None:
        """What is green but worth knowing, and what was not judged."""
        found = notes(self._found)
        if not found:
            return
        self.line("Notes", "bold")
        for text, operations in found:
            self._item(clean(text), operations)
        self.line()

    def _item(self, text: str, operations: str) -> None:
        whole = f"{operations}: {text}" if operations else text
        for line in textwrap.wrap(whole, self._width, initial_indent="  - ", subsequent_indent="    "):
            self.line(line, "dim")

    def last_line(self) -> None:
        judged = [verdict for verdict in self._found.verdicts if verdict.verdict != "not-offered"]
        red = [verdict.operation for verdict in judged if not verdict.green]
        plural = "s" * (len(judged) != 1)
        if red:
            self.line(f"RED {len(red)} of {len(judged)} operation{plural}: {', '.join(red)}", "bold red")
            return
        cases = sum(len(counting(self._found, verdict.operation)) for verdict in judged)
        self.line(f"GREEN {len(judged)} operation{plural}, {cases} cases", "bold green")

    def _paragraph(self, text: str) -> None:
        for line in textwrap.wrap(clean(text), self._width, initial_indent="  ", subsequent_indent="  "):
            self.line(line)

    def _field(self, name: str, text: str) -> None:
        if not text:
            return
        for i, line in enumerate(textwrap.wrap(f"{name}: {text}", self._width, initial_indent="  ",
                                               subsequent_indent="      ", break_on_hyphens=False)):
            row = Text(line)
            if i == 0:
                row.stylize("dim", 2, 3 + len(name))
            self._console.print(row, soft_wrap=True)

    def _command(self, name: str, text: str) -> None:
        row = Text(f"  {name}: ", style="dim")
        row.append(text, style="not dim cyan")
        self._console.print(row, soft_wrap=True)


def number(value: Any) -> str:
    """One number, with as many digits as it needs."""
    value = plain(value)
    if isinstance(value, (list, tuple)):
        return numbers(value)
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
    return str(int(value)) if whole else str(value)


def apart(right: Any, wrong: Any) -> tuple[str, str]:
    """Two numbers with as many digits, as few as tell them apart."""
    if not (isinstance(right, float) and isinstance(wrong, float)):
        return number(right), number(wrong)
    pairs = [(f"{right:.{digits}g}", f"{wrong:.{digits}g}") for digits in DIGITS]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def few(given: Mapping[str, Any]) -> Iterator[str]:
    """The inputs of a counterexample, equal ones on one line, and no more numbers than a person takes in."""
    alike: dict[str, tuple[list[str], Any]] = {}
    for name, value in given.items():
        alike.setdefault(json.dumps(plain(value)), ([], value))[0].append(name)
    # Small ones first: what is left out is the longest.
    room, shown = FEW, set()
    for key, (_, value) in sorted(alike.items(), key=lambda item: _how_many(item[1][1])):
        room -= _how_many(value)
        shown |= {key} if room >= 0 else set()
    for key, (names, value) in alike.items():
        yield f"{' = '.join(names)} = {numbers(value) if key in shown else '[...]'}"
    if len(shown) < len(alike):
        yield "([...] is written in the files of --html and --report)"


def _how_many(value: Any) -> int:
    """Numbers in it; flags are none."""
    if isinstance(value, (list, tuple)):
        return sum(map(_how_many, value))
    return 0 if isinstance(value, bool) else 1


def numbers(value: Any) -> str:
    """An input, its arrays cut where they are long."""
    value = plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={numbers(item)}" for name, item in value.items())
    text = _nested(value)
    if count(value) > SHOWN:
        text = f"{text[:60].rsplit(',', 1)[0]}, ...  ({count(value)} numbers)"
    return text


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value)
    return number(value)


def index(place: Any) -> str:
    """A place in an array as it is written in code; nothing for a single number."""
    return f"[{', '.join(map(str, place))}]" if place else ""
