"""``python -m proofs``: run the ledger."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from proofs.ledger.book import Ledger, Theorem
from proofs.ledger.loading import load
from proofs.ledger.outcome import MissingTool
from proofs.ledger.pages import stale_pages, write_pages
from proofs.ledger.report import REPORT, is_current, report
from proofs.ledger.runner import Record, run
from proofs.ledger.trace import complaints
from proofs.methods import coq

TESTS = Path(__file__).resolve().parents[1] / "tests"
console = Console(soft_wrap=True)


def main(
    theorems: Annotated[list[str] | None, typer.Argument(help="Run these only, such as CLIP-01 or GAE.")] = None,
    kernel: Annotated[str, typer.Option(help="Run the theorems about this symbol, such as clip_kernel.")] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes; 0 runs in this one.", min=0)] = 2,
    write: Annotated[bool, typer.Option("--write", help="Write proofs/REPORT.md and the pages of docs/.")] = False,
    slow: Annotated[bool, typer.Option("--slow", help="List the ten slowest checks.")] = False,
) -> None:
    """Run every proof and every refutation, check that code, theorems and tests name each other, and compare the
    outcome with proofs/REPORT.md and the pages of docs/.  Exit status 0 if all is as expected, 1 if not, 2 if it
    cannot run."""
    start = time.perf_counter()
    ledger = _loaded()
    chosen = _chosen(ledger, theorems or [], kernel)
    records = _run(chosen, jobs)
    failures = [line for record in records if (line := _failure(record))]
    if len(chosen) == len(ledger.theorems):
        failures += _whole(ledger, records, write)
    if slow:
        _show_slowest(records)
    _show(chosen, records, failures, time.perf_counter() - start)
    raise typer.Exit(1 if failures else 0)


def _loaded() -> Ledger:
    try:
        return load()
    except (LookupError, ValueError) as error:
        console.print(f"proofs: {error}", highlight=False)
        raise typer.Exit(2) from None


def _chosen(ledger: Ledger, wanted: list[str], kernel: str) -> list[Theorem]:
    chosen = list(ledger.theorems.values())
    if wanted:
        chosen = [t for t in chosen if any(t.id == name or t.id.startswith(f"{name}-") for name in wanted)]
    if kernel:
        chosen = [t for t in chosen if any(kernel in (symbol, symbol.split(":")[1]) for symbol in t.code)]
    if not chosen:
        console.print("proofs: no theorem fits; leave the arguments out to run all of them.")
        raise typer.Exit(2)
    return chosen


def _run(chosen: list[Theorem], jobs: int) -> list[Record]:
    if any(check.method == "coq" for theorem in chosen for check in theorem.checks):
        _compile_coq()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    records = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("checks", total=sum(len(t.checks) or bool(t.missing) for t in chosen))
        for record in run(chosen, jobs):
            records.append(record)
            progress.update(task, advance=1, description=record.check.theorem)
    return records


def _compile_coq() -> None:
    """Once, before the workers are forked: they inherit the outcome, and each check says what failed."""
    with console.status("compiling the Coq files"), suppress(MissingTool, coq.AuditFailed):
        coq.audit()


def _whole(ledger: Ledger, records: list[Record], write: bool) -> list[str]:
    """What only a run of everything can tell: traceability, and whether REPORT.md is current."""
    found = list(complaints(ledger, TESTS))
    if any(record.skipped for record in records):
        return found
    text = report(ledger, records)
    if write:
        REPORT.write_text(text, encoding="utf-8")
        write_pages(ledger)
        return found
    if not is_current(text):
        found.append("proofs/REPORT.md is out of date; run `python -m proofs --write`.")
    return found + list(stale_pages(ledger))


def _failure(record: Record) -> str:
    if not record.failed:
        return ""
    check, outcome = record.check, record.outcome
    witness = ", ".join(f"{name} = {value}" for name, value in outcome.witness.items())
    return (
        f"{check.theorem} {check.kind} by {check.method} ({check.says}): {outcome.verdict}, expected"
        f" {' or '.join(check.expected)}. {outcome.says} {witness}".strip()
    )


def _show_slowest(records: list[Record]) -> None:
    table = Table("seconds", "theorem", "kind", "method", "check", box=None)
    for record in sorted(records, key=lambda r: -r.seconds)[:10]:
        check = record.check
        table.add_row(f"{record.seconds:.2f}", check.theorem, check.kind, check.method, check.says)
    console.print(table)


def _show(chosen: list[Theorem], records: list[Record], failures: list[str], seconds: float) -> None:
    for line in failures:
        console.print(f"[red]FAIL[/red] {line}", highlight=False)
    for says in sorted({record.outcome.says for record in records if record.skipped}):
        console.print(f"[yellow]skipped[/yellow] {says}", highlight=False)
    bad = {record.check.theorem for record in records if not record.passed}
    counts = Counter(record.check.kind for record in records if record.passed)
    skips = sum(record.skipped for record in records)
    console.print(
        f"{len(chosen) - len(bad)} of {len(chosen)} theorems hold: {counts['proof']} proofs, {counts['refutation']}"
        f" refutations replayed, {counts['mutant']} mutants rejected, {skips} skipped, {len(failures)} failures,"
        f" {seconds:.1f} s",
        highlight=False,
    )


if __name__ == "__main__":
    # One BLAS thread per worker: two cores, two processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app(prog_name="python -m proofs")
