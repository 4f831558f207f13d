"""A function of somebody's own as a term, in this process or in a worker that is asked point by point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ppocore.conformance import adapters
from ppocore.conformance.estimators.called import Called, Floats
from ppocore.conformance.estimators.language import BadTerm
from ppocore.conformance.estimators.points import DRAWS, POINTS, Point
from ppocore.conformance.estimators.terms import Place, Seen, described, seen
from ppocore.conformance.memory import USUAL
from ppocore.conformance.oracle.reals import Real
from ppocore.conformance.processes import PATIENCE, Died, Worker

DIGITS = (9, 5)
"""Float64 code is held to 9 digits: its numbers are right to 12 here, since log-probabilities up to 28 are rounded by
4e-15, which exp makes a relative error, and 16 of them are added.  Code that computes in float32 inside is held to 5:
near log-probabilities are below 3, which gives 2e-7 in the same way."""
Numbers = Callable[[Point, Place], tuple[Floats, Floats | None]]


@dataclass(frozen=True)
class Handed:
    """Values of a function at each entry of a batch (or their mean), and in the loss their slopes in log_prob."""

    numbers: Numbers
    digits: int = DIGITS[0]
    largest: float = 1e4

    def at(self, point: Point, place: Place) -> Seen:
        """The batch holds every action as often as the old policy draws it."""
        values, slopes = self.numbers(point, place)
        spread = _by_action(np.broadcast_to(values, DRAWS), point)
        return seen(point, spread, None if slopes is None else _by_action(slopes, point), values.ndim == 1)


def _by_action(numbers: Floats, point: Point) -> list[Real]:
    """The mean over the entries of each action."""
    batch = np.array(point.batch)
    return [Real(Decimal(float(np.mean(numbers[batch == a])))) for a in range(len(point.old))]


def here(called: Called) -> Handed:
    """A function that is called in this process."""
    return Handed(called.numbers)


@contextmanager
def apart(file: str, function: str, framework: str | None, timeout: float) -> Iterator[Handed]:
    """A function of a file, in a worker of its own until the end of the block; `timeout` is for each call, in s."""
    label = f"{file}:{function}"
    path, worker = adapters.find(file), Worker(USUAL)
    try:
        reply = worker.start(path, function=function, framework=framework)
        if "bad" in reply:
            raise BadTerm(reply["bad"].replace(path, file))
        yield Handed(_Asked(worker, label, timeout * PATIENCE.get(reply["framework"], 1)).numbers)
    except Died as death:
        raise BadTerm(f"estimator: {label}: while its file was being imported: {death}.") from None
    finally:
        worker.close()


@dataclass(frozen=True)
class _Asked:
    """The function at the other end of a worker."""

    worker: Worker
    label: str
    limit: float

    def numbers(self, point: Point, place: Place) -> tuple[Floats, Floats | None]:
        """As those of `Called`; BadTerm if it is too slow, or the worker dies of it."""
        self.worker.put([{"point": POINTS.index(point), "place": place}], self.limit)
        try:
            answer, _ = self.worker.take(self.limit)
        except Died as death:
            raise BadTerm(f"estimator: {self.label}: {death} at {described(point)}.") from None
        if answer.outcome != "ok":
            raise BadTerm(answer.message)
        return np.asarray(answer.outputs["values"]), answer.gradients.get("grad_log_prob")
