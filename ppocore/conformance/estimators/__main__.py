"""Writes the table of docs/estimators.md: ``python -m ppocore.conformance.estimators``."""

from __future__ import annotations

from pathlib import Path

from ppocore.conformance.estimators.shown import table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "estimators.md"
START, END = "<!-- what well-known terms follow -->\n", "<!-- end -->\n"


def page() -> str:
    """The page with the table as the program has it now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
