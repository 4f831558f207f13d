"""``python -m proofs.bounds``: write `docs/accuracy.md`, or with ``--check`` search too and compare what it claims."""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console

from proofs.bounds.exhaustive import sweeps
from proofs.bounds.page import PAGE, is_current, page
from proofs.bounds.search import Found, searched

console = Console(soft_wrap=True)


def main(
    check: Annotated[bool, typer.Option("--check", help="Search as well, but write nothing: compare the page's"
                                                   " table of claimed bounds, not its measured columns.")] = False,
) -> None:
    """Search for inputs that exceed a bound, and write docs/accuracy.md.

    Exit status: 0 all bounds hold (and with --check the page claims them), 1 if not, 2 could not run.
    """
    start = time.perf_counter()
    modules = _peers()
    with console.status("searching") as status:
        rows = searched(modules, lambda function: status.update(f"searching {function}"))
        swept = sweeps()
    violated = [row for row in rows if not row.use.fraction <= 1]
    violated_sweeps = [sweep for sweep in swept if not sweep.fraction <= 1]
    for row in violated:
        console.print(f"[red]VIOLATED[/red] {_says(row)}", highlight=False)
    for sweep in violated_sweeps:
        console.print(f"[red]VIOLATED[/red] {sweep.kernel} at {sweep.worst!r}", highlight=False)
    stale = check and (not PAGE.exists() or not is_current(PAGE.read_text(encoding="utf-8")))
    if stale:
        console.print("docs/accuracy.md is out of date; run `python -m proofs.bounds`.")
    if not check and not violated and not violated_sweeps:
        PAGE.write_text(page(rows, swept), encoding="utf-8")
    console.print(f"{len(rows)} rows, {len(violated)} violations, {time.perf_counter() - start:.0f} s", highlight=False)
    raise typer.Exit(1 if violated or violated_sweeps or stale else 0)


def _peers() -> dict[str, ModuleType]:
    """Both frameworks: without them the columns of an honest table would be missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = {"torch": "peers_torch", "JAX": "peers_jax"}
            return {name: importlib.import_module(f"proofs.bounds.{module}") for name, module in names.items()}
    except ModuleNotFoundError as error:
        console.print(f"proofs.bounds: {error.name} is not installed; pip install 'ppocore[torch,jax,proofs]'.")
        raise typer.Exit(2) from None


def _says(row: Found) -> str:
    return (f"{row.function} {row.output} {row.dtype}: {row.use.fraction:.3g} of the bound at {row.where}, entry"
            f" {row.use.entry}: {row.use.got!r}, exact {row.use.true!r}")


if __name__ == "__main__":
    sys.exit(typer.run(main))
