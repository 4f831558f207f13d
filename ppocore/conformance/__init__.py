"""The gate: judges anybody's PPO, in any framework, and names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocore.conformance.parametrized import Decorator
    from ppocore.conformance.runner import Run

__all__ = ["check", "parametrize"]


def check(
    adapter: str | Path | ModuleType | Mapping[str, Any] | None = None, *, exec: str | None = None,
    answers: str | Path | None = None, only: str | None = None, seed: int = 0, examples: int = 8,
    strict: bool = False, timeout: float = 10.0, report: str | Path | None = None,
    markdown: str | Path | None = None, junit: str | Path | None = None, expected: str | Path | None = None,
    write_expected: str | Path | None = None, html: str | Path | None = None,
) -> Run:
    """Judge an adapter, as `ppocore check` does, and return what was found.

    Parameters
    ----------
    adapter : path, module, or dict
        A `.py` file or importable module (run in a process of its own), or a dict of functions by operation
        name, beside which it may hold FRAMEWORK, DTYPE, CONVENTIONS, NAME and VERSION.  A dict runs in this
        process: a function that hangs is given up on, but one that crashes the interpreter takes it along.
    exec, answers
        In place of an adapter: a command that speaks JSON Lines, or a file of answers, as the options of
        `ppocore check`.
    only, seed, examples, strict, timeout, report, markdown, junit, expected, write_expected, html
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
    from ppocore.conformance import callees, reports, runner

    def path(value: str | Path | None) -> Path | None:
        return None if value is None else Path(value)

    files = (path(file) for file in (report, markdown, expected, write_expected, junit, html))
    options = runner.Options(only, seed, examples, strict, timeout, *files)
    found = runner.run(callees.one_of(adapter, exec, answers), options)
    reports.write(found, options)
    return found


def parametrize(
    adapter: str | Path | ModuleType | Mapping[str, Any] | None = None, *, exec: str | None = None,
    answers: str | Path | None = None, expected_failures: str | Path | None = None, only: str | None = None,
    seed: int = 0, examples: int = 8, strict: bool = False, timeout: float = 10.0,
) -> Decorator:
    """Make a test function of pytest into one test for each case that counts, and one for each verdict.

    Write ``@ppocore.conformance.parametrize("my_adapter.py")`` above ``def test_my_ppo(case): ...``.  The adapter
    is opened when pytest collects, each operation is judged when its first test runs, and a test fails, before the
    body of the function is entered, if its case does.  The first parameter of the function, if it has any, is
    given the `Result` of the case (of the verdict: `Verdict`); the others are fixtures.

    Parameters
    ----------
    adapter, exec, answers, only, seed, examples, strict, timeout
        As of `check`.  Relative files are looked for beside the test, then in the working directory.
    expected_failures : path
        One `ID  # reason` a line.  Such a test is an expected failure (xfail); one that passes fails.
    """
    from ppocore.conformance import callees, parametrized, runner

    target = callees.one_of(adapter, exec, answers)
    expected = None if expected_failures is None else Path(expected_failures)
    return parametrized.decorator(target, runner.Options(only, seed, examples, strict, timeout, expected=expected))
