"""Static HTML pages of runs: everything inline, nothing fetched, no script, other people's words escaped."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ppocore.conformance.matrix import cells
from ppocore.conformance.pages.content import implementation
from ppocore.conformance.runner import Run
from ppocore.conformance.texts import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def report(found: Run) -> str:
    """The page of one run."""
    return _environment().get_template("report.html").render(run=implementation(found, found.header["name"], ""))


def matrix(runs: Sequence[tuple[str, Run]]) -> str:
    """The page of many runs: a table of operations by implementations, and what is red in each."""
    shown = [implementation(found, label, f"{number}-") for number, (label, found) in enumerate(runs, 1)]
    table = cells([found for _, found in runs])
    return _environment().get_template("matrix.html").render(runs=shown, rows=table)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup


    def safe(value: object) -> object:
        """Text of others loses its control characters here, and is escaped by the template."""
        return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(loader=PackageLoader("ppocore.conformance", "pages"), autoescape=True, finalize=safe,
                       undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
