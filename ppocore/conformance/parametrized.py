"""Each case as a test of pytest: the decorator, and the tests that it shares with the plugin."""

from __future__ import annotations

import atexit
import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppocore.conformance.answers import Answers
from ppocore.conformance.callees import Adapter
from ppocore.conformance.case import Result, Verdict
from ppocore.conformance.runner import Options, Run, Session
from ppocore.conformance.terminal import rows, told

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
VERDICT = "verdict"
"""In place of a case: the test that an operation is green as a whole."""


def decorator(adapter: Adapter, options: Options) -> Decorator:
    """What `ppocore.conformance.parametrize` puts on a test function."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        import pytest

        folder = Path(inspect.getfile(function)).parent
        suite = Suite(beside(folder, adapter), replace(options, expected=beside(folder, options.expected)))
        test, name = _with_verdicts(function, suite)
        ids = [id for tests in suite.tests.values() for id in tests]
        marked: Callable[..., Any] = pytest.mark.parametrize(name, ids)(test)
        return marked

    return decorate


class Suite:
    """The tests of one adapter; an operation is judged once, when the first of its tests is run."""

    def __init__(self, adapter: Any, options: Options) -> None:
        self._session = Session(adapter, options)
        self.close = self._session.close
        atexit.register(self.close)
        self.tests = {name: (*(put.case.id for put in asked if put.case.level in options.counting), f"{name}/{VERDICT}")
                      for name, (asked, _) in self._session.chosen.items()}
        self._judged: dict[str, tuple[Run, dict[str, Result]]] = {}

    def outcome(self, id: str) -> Result | Verdict:
        """What a test found; it ends here if that is not as it should be."""
        import pytest

        operation, _, case = id.partition("/")
        run, results = self._of(operation)
        (verdict,) = run.verdicts
        if case == VERDICT:
            if not verdict.green:
                pytest.fail(told(run, verdict), pytrace=False)
            return verdict
        result = results[id]
        if result.status == "xfail":
            pytest.xfail(result.message)
        if result.status == "skip":
            pytest.skip(result.message)
        if result.status != "pass":
            pytest.fail(told(run, verdict, result), pytrace=False)
        return result

    def rows(self, operation: str) -> list[str]:
        """The lines of the verdict in the table of `ppocore check`; none before the operation was judged."""
        return rows(self._judged[operation][0]) if operation in self._judged else []

    def _of(self, operation: str) -> tuple[Run, dict[str, Result]]:
        if operation not in self._judged:
            results, verdict = self._session.judge(operation)
            run = Run(self._session.header, tuple(results), (verdict,))
            self._judged[operation] = run, {result.id: result for result in results}
        return self._judged[operation]


def _with_verdicts(function: Callable[..., Any], suite: Suite) -> tuple[Callable[..., Any], str]:
    """The function with the judgement before its body, and the parameter that takes what was found."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    first = 1 if parameters and parameters[0].name == "self" else 0
    takes = len(parameters) > first
    name = parameters[first].name if takes else "case"
    if not takes:
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(function)
    def test(*own: Any, **fixtures: Any) -> None:
        found = suite.outcome(fixtures.pop(name))
        function(*own, **fixtures, **{name: found} if takes else {})

    test.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return test, name


def beside(folder: Path, target: Any) -> Any:
    """A relative file that is found in the folder; else what was given."""
    if isinstance(target, Answers):
        return Answers(beside(folder, target.path))
    if isinstance(target, (str, Path)) and (folder / target).is_file():
        return Path(folder / target)
    return target
