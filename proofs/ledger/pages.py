"""The pages of the docs that come from the ledger: every theorem as it is read, and the source row by row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from proofs.ledger.book import Ledger, Theorem
from proofs.ledger.loading import THEOREMS
from proofs.ledger.texts import introduction
from proofs.ledger.trace import find, marked_tests

ROOT = Path(__file__).resolve().parents[2]
THEOREMS_PAGE = ROOT / "docs" / "theorems.md"
SOURCE_PAGE = ROOT / "docs" / "source.md"

ROWS = {
    "S0": "the advantage is GAE; on-policy and off-policy as a story",
    "S1": "on-policy: collect anew after every update",
    "S2": "off-policy: several updates on one batch",
    "S3": "an expectation, estimated by a mean over samples",
    "S4": "importance sampling: E_p[f] = E_q[f p/q] (its condition is not stated)",
    "S5": "'=' between two estimates that only have equal means",
    "S6": "policy gradient, 1/N sum over n and t",
    "S7": "the same gradient with the ratio, '=' at every theta",
    "S8": "grad log f = grad f / f",
    "S9": "loss = minus the mean of ratio times advantage",
    "S10": "weight 0.4 / 0.2: 'adjust by twice as much'",
    "S11": "the two policies must not differ too much",
    "S12": "KL is 0 for equal policies, 'larger the more they differ'",
    "S13": "the loss with a KL penalty",
    "S14": "the clipped loss (printed with its brackets closed too early)",
    "S15": "clip keeps the ratio inside [1 - eps, 1 + eps]",
    "S16": "the ratio 'cannot exceed 1.2' for a positive 'reward'",
    "S17": "clipping 'replaces' KL and 'prevents' too large a difference",
}
"""The source, row by row, in a few words (``'...'`` marks what is false as written)."""

COLUMNS = ("row", "the source says", "definition", "proved", "refuted", "code", "tests")


def theorems_page(ledger: Ledger) -> str:
    """Every theorem, family by family."""
    tests = marked_tests(ROOT / "tests")
    lines = [
        "# Theorems", "",
        "*Written by `python -m proofs --write` from `proofs/theorems/`. What each check answered stands in*"
        " [proofs/REPORT.md](../proofs/REPORT.md).", "",
    ]
    family = ""
    for theorem in ledger.theorems.values():
        if theorem.text.family != family:
            family = theorem.text.family
            lines += [f"#{introduction(THEOREMS, family)}", ""]
        lines += _theorem(theorem, tests.get(theorem.id, []))
    return "\n".join(lines).rstrip() + "\n"


def _theorem(theorem: Theorem, tests: list[str]) -> list[str]:
    text = theorem.text
    lines = [f'### <a id="{text.id.lower()}"></a>{text.id} · {text.title}', ""]
    for name, part in text.parts.items():
        if name != "Source":
            lines += [f"**{name}.** {part}" if not part.startswith(("1.", "-", "$$")) else f"**{name}.**\n\n{part}", ""]
    refuted = [check.says for check in theorem.checks if check.kind == "refutation"]
    lines += [f"**False siblings, refuted.** {'; '.join(refuted)}.", ""]
    lines += [f"**Code.** {', '.join(f'`{symbol}`' for symbol in theorem.code)}.", ""]
    lines += [f"**Tests.** {', '.join(f'`{test}`' for test in tests)}.", ""]
    lines += [f"**Source.** {text.parts['Source']}", ""]
    return lines


def source_page(ledger: Ledger) -> str:
    """The source row by row: where each is defined, proved or refuted, coded and tested."""
    tests = marked_tests(ROOT / "tests")
    lines = [
        "# The source, row by row", "",
        "*Written by `python -m proofs --write`.* The source is a lecture note on PPO; its rows are numbered S0 to S17."
        " What is false as written stands in quotation marks and is among the refuted: see"
        " [errata](../proofs/errata.md).", "",
        f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS),
    ]
    for row in ROWS:
        lines.append(f"| {' | '.join(cells(ledger, row, tests))} |")
    return "\n".join(lines) + "\n"


def cells(ledger: Ledger, row: str, tests: dict[str, list[str]]) -> tuple[str, ...]:
    """One line of the table; an empty cell is a gap."""
    theorems = [theorem for theorem in ledger.theorems.values() if row in theorem.text.rows]
    symbols = sorted({symbol for theorem in theorems for symbol in theorem.code if _is_public(symbol)})
    functions = {symbol.split(":")[1] for symbol in symbols}
    refuted = {theorem.id: [c.says for c in theorem.checks if c.kind == "refutation"] for theorem in theorems}
    files = sorted({test.split("::")[0] for theorem in theorems for test in tests.get(theorem.id, [])})
    return (
        row, ROWS[row],
        _list(f"`{name}`" for name in sorted(functions & _defined())),
        _list(f"[{theorem.id}](theorems.md#{theorem.id.lower()})" for theorem in theorems),
        _list(f"{id}: {says[0]}" for id, says in refuted.items() if says),
        _list(f"`{symbol.removeprefix('ppocore.')}`" for symbol in symbols),
        _list(f"`{file}`" for file in files),
    )


def write_pages(ledger: Ledger) -> None:
    """Both pages, where the docs keep them."""
    THEOREMS_PAGE.write_text(theorems_page(ledger), encoding="utf-8")
    SOURCE_PAGE.write_text(source_page(ledger), encoding="utf-8")


def stale_pages(ledger: Ledger) -> Iterable[str]:
    """The pages that say something else than the ledger, as complaints."""
    for path, text in ((THEOREMS_PAGE, theorems_page(ledger)), (SOURCE_PAGE, source_page(ledger))):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield f"docs/{path.name} is out of date; run `python -m proofs --write`."


def _is_public(symbol: str) -> bool:
    return not symbol.split(":")[1].startswith("_") and callable(find(symbol))


def _defined() -> set[str]:
    from proofs.definitions import DEFINITIONS

    return set(DEFINITIONS)


def _list(items: Iterable[str]) -> str:
    return "<br>".join(item.replace("|", "\\|") for item in items)
