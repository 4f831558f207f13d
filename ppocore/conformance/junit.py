"""A run as JUnit XML, which build servers show."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ppocore.conformance.case import GATING, Result, Verdict
from ppocore.conformance.runner import LEVELS, Run
from ppocore.conformance.texts import clean, plain

SETTINGS = ("suite", "adapter", "framework", "dtype", "seed", "examples", "strict")


def text(found: Run) -> str:
    """One suite per operation and one test per case; something fails in it exactly if the run is red."""
    from junitparser import JUnitXml, TestSuite

    whole = JUnitXml(clean(f"ppocore {found.header['name']}"))
    for verdict in found.verdicts:
        if verdict.verdict != "not-offered":
            suite = TestSuite(verdict.operation)
            for name in SETTINGS:
                suite.add_property(name, clean(str(plain(found.header[name]))))
            suite.add_property("verdict", verdict.verdict)
            suite.add_testcases(_tests(verdict, found))
            whole.add_testsuite(suite)
    whole.update_statistics()
    return str(whole.tostring().decode()) + "\n"


def _tests(verdict: Verdict, found: Run) -> Iterator[object]:
    from junitparser import Failure, TestCase

    levels = LEVELS if found.header["strict"] else GATING
    own = [result for result in found.results if result.operation == verdict.operation]
    for result in own:
        test = TestCase(result.id, f"ppocore.{verdict.operation}")
        test.result = list(_outcome(result, verdict, _fails(result, levels)))
        yield test
    if not verdict.green and not any(_fails(result, levels) for result in own):
        test = TestCase(f"{verdict.operation}/verdict", f"ppocore.{verdict.operation}")
        test.result = [Failure(clean("; ".join(verdict.notes)), verdict.verdict)]
        yield test


def _fails(result: Result, levels: tuple[str, ...]) -> bool:
    return result.status == "xpass" or (result.status in ("fail", "error") and result.level in levels)


def _outcome(result: Result, verdict: Verdict, fails: bool) -> Iterator[object]:
    """What JUnit calls it; a difference that does not count is skipped, and says so."""
    from junitparser import Error, Failure, Skipped

    message = clean(result.message) or result.status
    if fails:
        kind = Error if result.status == "error" else Failure
        element = kind(message, ", ".join(verdict.mistakes) or verdict.verdict)
        if result.counterexample:
            element.text = clean(json.dumps(plain(result.counterexample), ensure_ascii=False))
        yield element
    elif result.status in ("skip", "xfail"):
        yield Skipped(message, result.status)
    elif result.status != "pass":
        yield Skipped(f"differs beyond the core, which counts with --strict only: {message}", result.level)
