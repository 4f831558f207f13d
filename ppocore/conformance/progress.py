"""The live line of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ppocore.conformance.runner import Progress as Report


@contextlib.contextmanager
def live() -> Iterator[Report | None]:
    """Show the operation under judgement on stderr; None where stderr is not a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("loading the adapter", total=None)

        def report(operation: str, done: int, total: int) -> None:
            bar.update(task, description=operation if done < total else f"{operation}: judging",
                       completed=done, total=total)

        yield report
