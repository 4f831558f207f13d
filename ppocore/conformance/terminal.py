"""What a run shows in the terminal: verdicts first, then one short block for each red operation."""

from __future__ import annotations

import io
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ppocore.conformance.case import GATING, Result, Verdict
from ppocore.conformance.conventions import CONVENTIONS
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.runner import LEVELS, Run
from ppocore.conformance.texts import clean, plain

WORDS = {
    "conforms": "conforms",
    "conforms-under": "conforms under",
    "known-mistake": "known mistake",
    "unknown-difference": "unknown difference",
    "error": "error",
    "not-offered": "not offered",
}
SHOWN = 12
"""Numbers of one input that are shown; counterexamples are shrunk below that where possible."""


def told(found: Run, verdict: Verdict, result: Result | None = None) -> str:
    """One operation, and what is wrong with one of its cases (the worst, if none is named), as text."""
    text = io.StringIO()
    _Printer(found, Console(file=text, width=100, highlight=False, color_system=None)).block(verdict, result)
    return f"{WORDS[verdict.verdict]} {', '.join(_details(verdict))}".rstrip() + f"\n{text.getvalue().rstrip()}"


def rows(found: Run) -> list[str]:
    """The lines of the table of verdicts, as text."""
    text = io.StringIO()
    _Printer(found, Console(file=text, width=100, highlight=False, color_system=None)).rows()
    return text.getvalue().splitlines()


def show(found: Run, console: Console) -> None:
    """Print the whole run."""
    printer = _Printer(found, console)
    printer.header()
    printer.table()
    for verdict in found.verdicts:
        if not verdict.green:
            printer.block(verdict)
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
        self.line()

    def rows(self) -> None:
        offered = [verdict for verdict in self._found.verdicts if verdict.verdict != "not-offered"]
        width = max((len(verdict.operation) for verdict in offered), default=0)
        for verdict in offered:
            self._row(verdict, width)

    def table(self) -> None:
        self.rows()
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
        for detail in _details(verdict):
            self.line(f"    {'':<{width}}    {detail}", style)

    def _count(self, verdict: Verdict) -> str:
        results = self._counting(verdict.operation)
        failing = [result for result in results if result.status in ("fail", "error")]
        cases = f"{len(results)} case{'s' * (len(results) != 1)}"
        expected = sum(result.status == "xfail" for result in results)
        text = f"{len(failing)} of {cases} fail" if failing else cases
        return f"{text}, {expected} expected to fail" if expected else text

    def _counting(self, operation: str) -> list[Result]:
        levels = LEVELS if self._found.header["strict"] else GATING
        return [r for r in self._found.results if r.operation == operation and r.level in levels]

    def block(self, verdict: Verdict, result: Result | None = None) -> None:
        """What is wrong, the smallest input that shows it, why it matters, and how to see it again."""
        title = Text(f"{self._cross} {verdict.operation} ", style="bold red")
        title.append(self._rule * max(0, self._width - len(title.plain)), style="dim")
        self._console.print(title, soft_wrap=True)
        results = self._counting(verdict.operation)
        if not results:
            self._paragraph("; ".join(verdict.notes))
            self.line()
            return
        mistakes = [entry for slug in verdict.mistakes if (entry := _mistake(slug)) is not None]
        self._what_is_wrong(verdict, mistakes)
        worst = result or _worst(results)
        if worst is not None:
            self._counterexample(worst)
        for entry in mistakes:
            self._field("why it matters", _sentence(entry.matters))
            self._field("seen in", _sentence(entry.seen))
        if declare := _to_declare(verdict):
            inner = ", ".join(f'"{name}": "{value}"' for name, value in declare.items())
            self._command("if you mean it, declare", f"CONVENTIONS = {{{inner}}}")
        self._command("see it again", self._again(verdict, worst))
        self.line()

    def _what_is_wrong(self, verdict: Verdict, mistakes: Sequence[Any]) -> None:
        for entry in mistakes:
            self._paragraph(f"{_sentence(entry.says)}")
            self._field("it computes", _sentence(entry.wrong))
        if not mistakes:
            self._paragraph(_one_sentence(verdict))
        self._field("right is", OPERATIONS[verdict.operation].formula)

    def _counterexample(self, result: Result) -> None:
        example = result.counterexample
        if result.status == "error" or not example:
            self._field(result.id, clean(result.message))
            if result.message.startswith("no answer within"):
                self._field("if it is only slow", "--timeout SECONDS raises the limit")
            return
        self._field("smallest example", f"{result.id}")
        for name, value in (example.get("inputs") or {}).items():
            self.line(f"      {name} = {numbers(value)}")
        if example.get("got") is not None and example.get("want") is not None:
            place = _index(example.get("index"))
            self.line(f"      {example['output']}{place} is {number(example.get('got'))},"
                      f" should be {number(example.get('want'))}", "bold")
        else:
            self.line(f"      {clean(example.get('says') or result.message)}", "bold")

    def _again(self, verdict: Verdict, worst: Result | None) -> str:
        """The command that shows it again, with the options that choose the cases."""
        header = self._found.header
        only = worst.id if worst else verdict.operation
        door = [f"--{header['door']}"] if header.get("door") else []
        words = ["ppocore", "check", *door, str(header["adapter"]), "--only", only]
        for option, default in (("seed", 0), ("examples", 8)):
            if header[option] != default:
                words += [f"--{option}", str(header[option])]
        words += ["--strict"] if header["strict"] else []
        return shlex.join(words)

    def notes(self) -> None:
        """What is green but worth knowing, and what was not judged."""
        # What to declare stands in the blocks already.
        notes = [(verdict.operation, note) for verdict in self._found.verdicts for note in verdict.notes
                 if verdict.green or ("CONVENTIONS =" not in note and self._counting(verdict.operation))]
        notes += [("", note) for note in self._found.notes]
        edge = [result for result in self._found.results
                if result.level not in GATING and result.status in ("fail", "error")]
        if not notes and not edge:
            return
        self.line("Notes", "bold")
        for text, operations in _grouped(notes):
            self._item(clean(text), operations)
        if edge and not self._found.header["strict"]:
            names = ", ".join(dict.fromkeys(result.operation for result in edge))
            differ = "case beyond the core differs" if len(edge) == 1 else "cases beyond the core differ"
            self._item(f"{len(edge)} {differ} (edge or reject; they count with --strict)", names)
        self.line()

    def _item(self, text: str, operations: str) -> None:
        whole = f"{operations}: {text}" if operations else text
        for line in textwrap.wrap(whole, self._width, initial_indent="  - ", subsequent_indent="    "):
            self.line(line, "dim")

    def last_line(self) -> None:
        offered = [verdict for verdict in self._found.verdicts if verdict.verdict != "not-offered"]
        red = [verdict.operation for verdict in offered if not verdict.green]
        plural = "s" * (len(offered) != 1)
        if red:
            self.line(f"RED {len(red)} of {len(offered)} operation{plural}: {', '.join(red)}", "bold red")
            return
        cases = sum(len(self._counting(verdict.operation)) for verdict in offered)
        self.line(f"GREEN {len(offered)} operation{plural}, {cases} cases", "bold green")

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


def _details(verdict: Verdict) -> Iterator[str]:
    """Conventions and mistakes, one a line."""
    declare = _to_declare(verdict)
    for name, value in verdict.conventions.items():
        yield f"{name}={value}{'  (not declared)' if name in declare else ''}"
    yield from verdict.mistakes


def _to_declare(verdict: Verdict) -> dict[str, str]:
    """The conventions that would have to be declared: those that change what the quantity means."""
    if verdict.declared or verdict.green:
        return {}
    return {name: value for name, value in verdict.conventions.items() if not CONVENTIONS[name].is_free(value)}


def _one_sentence(verdict: Verdict) -> str:
    pairs = ", ".join(f"{name}={value}" for name, value in verdict.conventions.items())
    return {
        "conforms": "Its answers are right; what is wrong is how it treats input at the edge or beyond it"
                    " (--strict), or an expected failure that passes.",
        "conforms-under": f"It computes what {pairs} means, and does not declare that.",
        "known-mistake": "It makes a known mistake.",
        "unknown-difference": "Its answers differ from the definition, and no convention or known mistake"
                              " explains all of them.",
        "error": "It gives no answer to judge in at least one case.",
        "not-offered": "",
    }[verdict.verdict]


def _mistake(slug: str) -> Any | None:
    """The texts of a mistake; None where there are none."""
    try:
        from ppocore.conformance.mistakes import find

        return find(slug)
    except (ImportError, KeyError, ValueError):
        return None


def _sentence(text: Any) -> str:
    return clean("; ".join(text) if isinstance(text, (tuple, list)) else text or "")


def _worst(results: Sequence[Result]) -> Result | None:
    """The failing case that explains best: one with the smallest counterexample."""
    failing = [r for r in results if r.status in ("fail", "error", "xpass")]
    return min(failing, key=_size, default=None)


def _size(result: Result) -> tuple[int, int]:
    inputs = (result.counterexample or {}).get("inputs")
    return (0, sum(_count(value) for value in inputs.values())) if inputs else (1, 0)


def _count(value: Any) -> int:
    return sum(_count(item) for item in value) if isinstance(value, (list, tuple)) else 1


def _grouped(notes: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each note once, with the operations it is about."""
    about: dict[str, list[str]] = {}
    for operation, note in notes:
        about.setdefault(note, []).append(operation)
    for note, operations in about.items():
        yield note, ", ".join(dict.fromkeys(operation for operation in operations if operation))


def number(value: Any) -> str:
    """One number, with as many digits as it needs."""
    value = plain(value)
    if isinstance(value, (list, tuple)):
        return numbers(value)
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
    return str(int(value)) if whole else str(value)


def numbers(value: Any) -> str:
    """An input, its arrays cut where they are long."""
    value = plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={numbers(item)}" for name, item in value.items())
    text = _nested(value)
    if _count(value) > SHOWN:
        text = f"{text[:60].rsplit(',', 1)[0]}, ...  ({_count(value)} numbers)"
    return text


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value)
    return number(value)


def _index(index: Any) -> str:
    if index is None or index == [] or index == ():
        return ""
    return f"[{', '.join(map(str, index))}]" if isinstance(index, (list, tuple)) else f"[{index}]"
