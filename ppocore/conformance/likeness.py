"""What `ppocore identify` prints, and the page of all presets."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from ppocore.conformance.dialects import Entry, presets
from ppocore.conformance.forms import uncovered
from ppocore.conformance.identify import Identity, undecided
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.probes import Leaf
from ppocore.conformance.texts import clean

DEFAULT = "default"
HEADS = ("operation", "found", "presets that do so")


def lines(found: Identity, width: int) -> Iterator[str]:
    """The verdict, what was found of each operation, what to declare."""
    yield verdict(found)
    yield from _differences(found)
    yield ""
    yield from _table(found, min(width, 110))
    yield ""
    count = len(found.leaves)
    yield f"{found.probes} probes ({found.cases} cases to choose from), {count} operation{'s' * (count != 1)}"
    yield from _remarks(found)
    if found.declaration:
        yield f"to declare it: CONVENTIONS = {json.dumps(found.declaration)}"
    if found.wrong:
        only = found.wrong[0].operation
        yield f"what is wrong: {shlex.join(['ppocore', 'check', found.label, '--only', only])}"
    else:
        yield f"to judge it:   {shlex.join(['ppocore', 'check', found.label])}"


def verdict(found: Identity) -> str:
    """One line."""
    if found.wrong:
        wrong = "; ".join(_wrong(found, leaf) for leaf in found.wrong)
        rest = f"; the rest looks like: {', '.join(found.matches)}" if found.matches else ""
        return f"differs: {wrong}{rest}"
    if found.matches:
        return f"looks like: {', '.join(found.matches)}"
    if found.nearest:
        return f"no preset does all of this; nearest: {', '.join(found.nearest)}"
    return "no preset computes any of these operations"


def _wrong(found: Identity, leaf: Leaf) -> str:
    """What is wrong with an operation, and whether the presets that match the rest do so too."""
    text = _found(leaf) if leaf.mistakes else f"{leaf.operation}: {_found(leaf)}"
    doing = [name for name in found.doing(leaf) if name in found.matches]
    return f"{text} (as in {', '.join(doing)})" if doing else text


def _differences(found: Identity) -> Iterator[str]:
    """Where the nearest presets differ, if none matches."""
    if found.matches:
        return
    leaves = {leaf.operation: leaf for leaf in found.leaves}
    told: dict[str, list[str]] = {}
    for name in found.nearest:
        preset = presets()[name]
        for operation in found.parts(preset):
            theirs = preset.conventions(operation)
            does = "not computed" if theirs is None else _words(theirs)
            told.setdefault(f"  {operation}: {_found(leaves[operation])}; {does} in", []).append(name)
    yield from (f"{text} {', '.join(names)}" for text, names in told.items())


def _table(found: Identity, width: int) -> Iterator[str]:
    rows = [HEADS, *((leaf.operation, _found(leaf).replace(f"{leaf.operation}/", ""), found.doing(leaf))
                     for leaf in found.leaves)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for operation, text, names in rows:
        shown = names if isinstance(names, str) else _fitting(names, width - first - second - 4)
        yield f"{operation:<{first}}  {text:<{second}}  {shown}".rstrip()


def _fitting(names: Sequence[str], width: int) -> str:
    """As many names as one line holds, one at least, and how many more there are."""
    for count in range(len(names), 0, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        text = ", ".join(names[:count]) + more
        if len(text) <= width:
            break
    return text if names else "-"


def _found(leaf: Leaf) -> str:
    """What an operation was found to be, in a few words."""
    if leaf.readings:
        return _words(leaf.conventions)
    if leaf.mistakes:
        return f"known mistake {' or '.join(leaf.mistakes)}"
    if not leaf.answered:
        return f"no answer ({clean(leaf.asked[0][1].message)})" if leaf.asked else "no case can be put to it"
    return "unknown difference"


def _words(conventions: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in conventions.items()) or DEFAULT


def _remarks(found: Identity) -> Iterator[str]:
    """Mistakes beside the conventions, refusals, and what could not be told."""
    slugs = [slug for leaf in found.leaves for slug in leaf.remarks]
    if slugs:
        yield f"beside that, known mistakes (`ppocore check` shows them): {', '.join(slugs)}"
    for leaf in found.leaves:
        refused = [(question, answer) for question, answer in leaf.asked if answer.outcome != "ok"]
        if leaf.answered and refused and f"{leaf.operation}/nan-leak" not in leaf.remarks:
            question, answer = refused[0]
            yield f"{question.case.id}: no answer ({clean(answer.message or answer.outcome)})"
    untold: dict[str, list[str]] = {}
    for leaf in found.leaves:
        if uncovered(OPERATIONS[leaf.operation], found.description.operations[leaf.operation]):
            for name in undecided(leaf):
                untold.setdefault(name, []).append(leaf.operation)
    for name, operations in untold.items():
        yield f"not told, for want of an input that shows it: {name} ({', '.join(operations)})"


def page() -> str:
    """docs/dialects.md: every preset, operation by operation."""
    return "\n".join([*_opening(), *_by_operation(), *_by_preset()]) + "\n"


def _opening() -> Iterator[str]:
    yield from (
        "# Dialects", "",
        "What published libraries compute where they compute the same-named thing, in the words of `ppocore operations`"
        " and of the closed list of conventions.  This page is written from `ppocore/conformance/dialects.toml` by"
        " `python -m ppocore.conformance.likeness`; a test compares the two.", "",
        "`ppocore identify my_adapter.py` asks your functions the fewest questions that tell these apart, says which"
        " presets they match, and prints the `CONVENTIONS` line that declares what was found.", "")


def _by_operation() -> Iterator[str]:
    yield from ("## By operation", "", "| operation | convention | presets |", "|---|---|---|")
    for operation in OPERATIONS:
        names: dict[str, list[str]] = {}
        for name, preset in presets().items():
            if (conventions := preset.conventions(operation)) is not None:
                names.setdefault(_words(conventions), []).append(name)
        for words, doing in sorted(names.items(), key=lambda item: (item[0] != DEFAULT, item[0])):
            yield f"| `{operation}` | {words} | {', '.join(doing)} |"


def _by_preset() -> Iterator[str]:
    yield from ("", "## By preset", "")
    for name, preset in presets().items():
        yield from (f"### {name}", "", f"Read in: {preset.read}.", "",
                    "| operation | convention | where | note |", "|---|---|---|---|")
        for operation, entry in preset.entries.items():
            yield f"| `{operation}` | {_what(entry)} | {entry.cite} | {entry.note} |"
        yield ""


def _what(entry: Entry) -> str:
    if entry.aside:
        return "(not compared)"
    mistake = f"known mistake `{entry.mistake}`" if entry.mistake else ""
    return ", ".join(filter(None, [mistake, _words(entry.conventions) if entry.conventions or not mistake else ""]))


if __name__ == "__main__":
    print(page(), end="")
