"""``REPORT.md``: what is proved, by what, what was refuted, what is open and what is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from proofs.ledger.book import Ledger
from proofs.ledger.runner import Record

HERE = Path(__file__).resolve().parents[1]
REPORT = HERE / "REPORT.md"
WITNESS = re.compile(r" · witness: [^|\n]*")
HEAD = """\
# What is proved

*Written by `python -m proofs --write`; edit the theorems, not this file.*

"""


def report(ledger: Ledger, records: Iterable[Record]) -> str:
    """The whole file."""
    by_theorem: dict[str, list[Record]] = {}
    for record in records:
        by_theorem.setdefault(record.check.theorem, []).append(record)
    lines = [_summary(by_theorem), "", "| theorem | proved by | refuted false siblings |", "|---|---|---|"]
    for id, found in by_theorem.items():
        title = ledger.theorems[id].text.title
        proofs = "<br>".join(_proof(r) for r in found if r.check.kind == "proof")
        siblings = "<br>".join(_sibling(r) for r in found if r.check.kind != "proof")
        lines.append(f"| **{id}** {title} | {proofs} | {siblings} |")
    for name in ("open", "trusted"):
        lines += ["", (HERE / "theorems" / f"{name}.md").read_text(encoding="utf-8").strip()]
    return HEAD + "\n".join(lines) + "\n"


def is_current(text: str) -> bool:
    """Whether REPORT.md says the same, whichever witness a solver's version happens to find."""
    return REPORT.exists() and WITNESS.sub("", REPORT.read_text(encoding="utf-8")) == WITNESS.sub("", text)


def _summary(by_theorem: dict[str, list[Record]]) -> str:
    records = [record for found in by_theorem.values() for record in found]
    proved = sum(all(r.passed for r in found) for found in by_theorem.values())
    refuted = sum(r.check.kind == "refutation" and r.passed for r in records)
    mutants = sum(r.check.kind == "mutant" and r.passed for r in records)
    return (
        f"{proved} of {len(by_theorem)} theorems proved; {refuted} false siblings refuted, each with a witness that was"
        f" replayed without the solver; {mutants} damaged proofs or definitions rejected."
    )


def _proof(record: Record) -> str:
    note = f" ({record.outcome.says})" if record.outcome.says else ""
    return _cell(f"{_verdict(record)}{record.check.method}: {record.check.says}{note}")


def _sibling(record: Record) -> str:
    witness = ", ".join(f"{name} = {_short(value)}" for name, value in record.outcome.witness.items())
    shown = f" · witness: {witness}" if witness else ""
    return _cell(f"{_verdict(record)}{record.check.method}: {record.check.says}{shown}")


def _verdict(record: Record) -> str:
    return "" if record.passed else f"**{record.outcome.verdict.upper()}** "


def _short(value: object) -> str:
    text = f"({', '.join(map(str, value))})" if isinstance(value, tuple | list) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
