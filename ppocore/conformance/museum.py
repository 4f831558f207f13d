"""The museum: the named mistakes as a list, and one of them with right and wrong numbers side by side."""

from __future__ import annotations

import difflib
import fnmatch
import textwrap
from collections.abc import Iterator, Sequence

from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.exhibits import Exhibit, exhibit
from ppocore.conformance.mistakes import MISTAKES, find
from ppocore.conformance.mistakes.catalogue import Mistake
from ppocore.conformance.mistakes.general import GENERAL
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.terminal import apart, numbers

ROWS = 5
"""So many right numbers are shown, and as many wrong ones beside them."""


def museum(what: str | None, width: int) -> Iterator[str]:
    """Lines about everything, one operation, the slugs that match a pattern, or one mistake."""
    if what is not None and _is_one(what):
        return _one(find(what), width)
    return _list(_chosen(what), width)


def _is_one(what: str) -> bool:
    operation, _, name = what.partition("/")
    return what in MISTAKES or (operation in OPERATIONS and name in GENERAL)


def _chosen(what: str | None) -> list[Mistake]:
    """The mistakes that are meant; BadAdapter with the nearest names if there are none."""
    if what is None:
        return list(MISTAKES.values())
    patterns = (what, f"{what}/*", f"*/{what}")
    found = [m for m in MISTAKES.values() if any(fnmatch.fnmatchcase(m.slug, pattern) for pattern in patterns)]
    if found:
        return found
    names = [*MISTAKES, *OPERATIONS, *(f"{operation}/{name}" for operation in OPERATIONS for name in GENERAL)]
    close = difflib.get_close_matches(what, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; `ppocore museum` lists them all."
    raise BadAdapter(f"museum: no mistake, operation or pattern {what}{hint}")


def _list(mistakes: Sequence[Mistake], width: int) -> Iterator[str]:
    for operation in OPERATIONS:
        own = [mistake for mistake in mistakes if mistake.operation == operation]
        if own:
            yield f"{operation}  ({len(own)})"
            for mistake in own:
                yield from _wrapped(f"{mistake.slug}  {mistake.says}", width, "  ", " " * 6)
            yield ""
    yield from _wrapped(f"{len(mistakes)} named mistakes. `ppocore museum SLUG` shows one of them in numbers.", width)
    yield from _wrapped(f"Every operation can also make these, which are told from the way it answers:"
                        f" {', '.join(GENERAL)}.", width)


def _one(mistake: Mistake, width: int) -> Iterator[str]:
    yield mistake.slug
    yield ""
    for name, text in (("", mistake.says), ("it computes: ", mistake.wrong),
                       ("right is: ", OPERATIONS[mistake.operation].formula),
                       ("why it matters: ", mistake.matters), ("seen in: ", "; ".join(mistake.seen))):
        if text:
            yield from _wrapped(name + text, width, "  ", " " * 6 if name else "  ")
    yield ""
    if not mistake.formulas:
        yield from _wrapped("It is told from the way a function answers, so it has no numbers of its own.", width, "  ")
        return
    yield from _in_numbers(exhibit(mistake), width)


def _in_numbers(shown: Exhibit, width: int) -> Iterator[str]:
    yield from _wrapped("the smallest input that tells them apart", width, "  ", "  ")
    for name in shown.question.passed:
        value = shown.question.inputs[name]
        yield from _wrapped(f"{name} = {numbers(value)}", width, "    ", " " * 8)
    yield ""
    rows = [(row.place, *apart(row.right, row.wrong)) for row in shown.rows[:ROWS]]
    widths = [max(map(len, column)) for column in zip(("", "right", "wrong"), *rows, strict=True)]
    for place, right, wrong in (("", "right", "wrong"), *rows):
        yield f"    {place:<{widths[0]}}  {right:>{widths[1]}}  {wrong:>{widths[2]}}"
    if len(shown.rows) > ROWS:
        yield f"    and {len(shown.rows) - ROWS} more"


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(text, max(width, 20), initial_indent=first, subsequent_indent=rest,
                         break_on_hyphens=False, break_long_words=False)
