"""Wrong code is red: implementations written from the contract and the corpus of bugs, not from the gate."""

from __future__ import annotations

import pytest

import ppocore
from ppocore.conformance.case import GATING
from tests.optional import require
from tests.wrong import Wrong, everything

ALL = [wrong for wrong in everything() if wrong.expect != "green"]


@pytest.mark.parametrize("wrong", ALL, ids=lambda wrong: f"{wrong.operation}: {wrong.name}")
def test_wrong_code_is_red_and_known_mistakes_are_named(wrong: Wrong) -> None:
    if wrong.framework != "numpy":
        require(wrong.framework)
    functions = {wrong.operation: wrong.function, "FRAMEWORK": wrong.framework}

    report = ppocore.check(functions)

    verdict = next(v for v in report.verdicts if v.operation == wrong.operation)
    failing = [r for r in report.results if r.level in GATING and r.status in ("fail", "error")]
    assert report.exit_status == 1
    assert not verdict.green
    assert failing
    if wrong.expect == "known-mistake":
        assert verdict.verdict == "known-mistake", (verdict.verdict, dict(verdict.conventions), failing[0].message)
        assert verdict.mistakes
