"""Runs the checks of theorems, each in a process that can be stopped, and says which answers are as expected."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass

import numpy as np
from pebble import ProcessExpired, ProcessPool

from proofs.ledger.book import Check, Theorem
from proofs.ledger.outcome import MissingTool, Outcome

TIME_LIMIT = 60.0
"""Seconds for one check.  The slowest takes a few; more means that a solver has lost its way."""


@dataclass(frozen=True)
class Record:
    """What one check answered."""

    check: Check
    outcome: Outcome
    seconds: float
    missing: bool = False
    """A tool was not there."""

    @property
    def passed(self) -> bool:
        return self.outcome.verdict in self.check.expected

    @property
    def skipped(self) -> bool:
        """A missing tool is a counted skip, unless everything is required."""
        return self.missing and os.environ.get("PPOCORE_REQUIRE_ALL") != "1"

    @property
    def failed(self) -> bool:
        return not self.passed and not self.skipped


def examine(check: Check) -> Record:
    """Run one check here and now, and replay the witness of a refutation."""
    start = time.perf_counter()
    missing = False
    try:
        outcome = check.run()
        if check.kind == "refutation" and outcome.verdict == "refuted":
            outcome = _replayed(check, outcome)
    except MissingTool as error:
        outcome, missing = Outcome("unknown", str(error)), True
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        outcome = Outcome("error", f"{type(error).__name__}: {error} ({where})")
    return Record(check, outcome, time.perf_counter() - start, missing)


def _replayed(check: Check, outcome: Outcome) -> Outcome:
    """The refutation, if its witness keeps the hypotheses and makes the claim false without the solver."""
    if not outcome.witness:
        return Outcome("error", "refuted without a witness")
    if check.claim is None:
        return Outcome("error", "the refutation states no claim to replay")
    kept = check.kept is None or check.kept(**outcome.witness)
    claimed = check.claim(**outcome.witness)
    # None, from a claim that forgets to return, must not pass for False.
    if not all(isinstance(answer, bool | np.bool_) for answer in (kept, claimed)):
        return Outcome("error", f"the replay answers {kept!r} and {claimed!r}, not True or False", outcome.witness)
    if not kept:
        return Outcome("error", "the witness breaks a hypothesis that was kept", outcome.witness)
    if claimed:
        return Outcome("error", "the witness does not replay: the claim holds there", outcome.witness)
    return outcome


def absent(theorem: Theorem) -> Record:
    """The record of a theorem whose module needs a tool that is not installed."""
    check = Check(theorem.id, "proof", "none", "all checks", lambda: Outcome("unknown"))
    return Record(check, Outcome("unknown", theorem.missing), 0.0, missing=True)


def run(theorems: Iterable[Theorem], processes: int, time_limit: float = TIME_LIMIT) -> Iterator[Record]:
    """Every record, in the order of the theorems; with `processes` = 0 in this process and without a limit."""
    theorems = list(theorems)
    yield from (absent(theorem) for theorem in theorems if theorem.missing)
    checks = [check for theorem in theorems if not theorem.missing for check in theorem.checks]
    if processes == 0:
        yield from map(examine, checks)
        return
    _shelf[:] = checks
    # Forked workers find the checks on the shelf: closures cannot be sent.
    with ProcessPool(max_workers=processes, context=multiprocessing.get_context("fork")) as pool:
        answers = pool.map(_from_shelf, range(len(checks)), timeout=time_limit).result()
        for check in checks:
            yield _collected(check, answers, time_limit)


_shelf: list[Check] = []


def _from_shelf(index: int) -> tuple[Outcome, float, bool]:
    record = examine(_shelf[index])
    return record.outcome, record.seconds, record.missing


def _collected(check: Check, answers: Iterator[tuple[Outcome, float, bool]], time_limit: float) -> Record:
    try:
        outcome, seconds, missing = next(answers)
        return Record(check, outcome, seconds, missing)
    except TookTooLong:
        return Record(check, Outcome("unknown", f"no answer within {time_limit:g} s"), time_limit)
    except ProcessExpired as error:
        return Record(check, Outcome("error", f"the process died: {error}"), 0.0)
