"""The gate: judges anybody's PPO, in any framework, and names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocore.conformance.runner import Run

__all__ = ["check"]


def check(
    adapter: str | Path | ModuleType | Mapping[str, Any], *, only: str | None = None, seed: int = 0,
    examples: int = 8, strict: bool = False, timeout: float = 10.0, report: str | Path | None = None,
    markdown: str | Path | None = None, expected: str | Path | None = None,
    write_expected: str | Path | None = None,
) -> Run:
    """Judge an adapter, as `ppocore check` does, and return what was found.

    Parameters
    ----------
    adapter : path, module, or dict
        A `.py` file or importable module (run in a process of its own), or a dict of functions by operation
        name, beside which it may hold FRAMEWORK, DTYPE, CONVENTIONS, NAME and VERSION.  A dict runs in this
        process: a function that hangs is given up on, but one that crashes the interpreter takes it along.
    only, seed, examples, strict, timeout, report, markdown, expected, write_expected
        As the options of `ppocore check`.

    Returns
    -------
    Run
        With `green`, `exit_status` (0 or 1), `verdicts` and `results`.

    Raises
    ------
    BadAdapter
        A ValueError, wherever the command would end with exit status 2.
    """
    from ppocore.conformance import reports, runner

    def path(value: str | Path | None) -> Path | None:
        return None if value is None else Path(value)

    files = (path(file) for file in (report, markdown, expected, write_expected))
    options = runner.Options(only, seed, examples, strict, timeout, *files)
    found = runner.run(adapter, options)
    reports.write(found, options)
    return found
