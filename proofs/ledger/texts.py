"""Reads what people read: the statement and derivation of every theorem, from ``theorems/*.md``.

A theorem is a section of such a file::

    ## CLIP-01 · The clipped objective in closed form

    **Hypotheses.** ...
    **Statement.** ... (LaTeX between dollars)
    **Derivation.**
    1. ...
    **Not claimed.** ... (optional)
    **Source.** arXiv:1707.06347, eq. 7; S14.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADING = re.compile(r"^## ([A-Z]+-\d\d) · (.+)$", re.MULTILINE)
PART = re.compile(r"^\*\*(Hypotheses|Statement|Derivation|Not claimed|Source)\.\*\*", re.MULTILINE)
REQUIRED = ("Hypotheses", "Statement", "Derivation", "Source")
ROW = re.compile(r"\bS(\d\d?)\b")


@dataclass(frozen=True)
class Text:
    """One theorem as it is read."""

    id: str
    title: str
    parts: dict[str, str]
    family: str
    """Stem of the file: the page of the docs."""

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows of the mission that it serves, S0 ... S17."""
        return tuple(f"S{number}" for number in sorted({int(n) for n in ROW.findall(self.parts["Source"])}))


def read_texts(folder: Path) -> dict[str, Text]:
    """Every theorem of a folder of Markdown files, by id."""
    found: dict[str, Text] = {}
    for path in sorted(folder.glob("*.md")):
        for text in _sections(path):
            if text.id in found:
                raise ValueError(f"{path.name}: {text.id} is written twice; ids must be unique.")
            found[text.id] = text
    return found


def introduction(folder: Path, family: str) -> str:
    """What stands before the first theorem of a file: notation and the worlds that its theorems share."""
    content = (folder / f"{family}.md").read_text(encoding="utf-8")
    first = HEADING.search(content)
    return content[: first.start() if first else len(content)].strip()


def _sections(path: Path) -> Iterator[Text]:
    content = path.read_text(encoding="utf-8")
    headings = list(HEADING.finditer(content))
    ends = [*(heading.start() for heading in headings), len(content)][1:]
    for heading, end in zip(headings, ends, strict=True):
        parts = _parts(content[heading.end() : end])
        missing = [name for name in REQUIRED if not parts.get(name)]
        if missing:
            raise ValueError(f"{path.name}: {heading[1]} has no {' and no '.join(missing)}; each section needs them.")
        yield Text(heading[1], heading[2].strip(), parts, path.stem)


def _parts(body: str) -> dict[str, str]:
    marks = list(PART.finditer(body))
    ends = [*(mark.start() for mark in marks), len(body)][1:]
    return {mark[1]: body[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}
