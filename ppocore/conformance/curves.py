"""A loss against one of its inputs: the right and the wrong curve through a counterexample.

Policy losses are drawn against the ratio of one sample, value losses against v - R of one, with everything else as
in the counterexample.  Which inputs a function takes says which curves there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ppocore.conformance.case import Answer, Question
from ppocore.conformance.compare import Bench, Mismatch
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices

POINTS = 33
SKETCH = 5
"""Points by which the most telling curve is chosen."""
BESIDE = 1e-4
"""So far from an edge, relative to it, lie the points on both sides of it."""
SLOTS = 2
"""Samples that are tried, those with the largest advantage first."""

Index = tuple[int, ...]
Place = Callable[[Mapping[str, Any], Index], float]
Put = Callable[[Mapping[str, Any], Index, float], float]


@dataclass(frozen=True)
class Axis:
    """One way of moving along the inputs of one sample."""

    label: str
    moved: str
    """The input that changes."""
    beside: tuple[str, ...]
    """Inputs without which the axis has no meaning."""
    read: Place
    """x of a sample."""
    write: Put
    """The number to put in the sample's slot for an x."""
    low: float
    high: float
    """Where the curve starts and ends, unless the sample lies outside."""
    edges: Callable[[Mapping[str, Any], Index], list[float]]
    """Where the formula may bend."""


def _band(inputs: Mapping[str, Any], _: Index) -> list[float]:
    low, high = (inputs.get(name) or inputs.get("clip_eps") for name in ("clip_eps_low", "clip_eps_high"))
    return [] if low is None or high is None else [1 - low, 1 + high]


def _value_band(inputs: Mapping[str, Any], slot: Index) -> list[float]:
    eps, old = inputs.get("value_clip_eps"), inputs.get("old_values")
    if eps is None or old is None:
        return []
    return [float(old[slot] - inputs["returns"][slot]) + side * eps for side in (-1, 1)]


def _nowhere(_: Mapping[str, Any], __: Index) -> list[float]:
    return []


def _log_softmax(row: Any) -> Any:
    shifted = row - row.max()
    return shifted - np.log(np.exp(shifted).sum())


def _ratio_of_logits(inputs: Mapping[str, Any], slot: Index) -> float:
    row, action = slot[0], inputs["actions"][slot[0]]
    new, old = (_log_softmax(inputs[name][row])[action] for name in ("logits", "old_logits"))
    return float(np.exp(new - old))


def _logit_for(inputs: Mapping[str, Any], slot: Index, ratio: float) -> float:
    """The logit at which the action taken has that ratio; NaN where no probability does."""
    row, action = slot
    p = ratio * float(np.exp(_log_softmax(inputs["old_logits"][row])[action]))
    others = np.delete(inputs["logits"][row], action)
    if not 0 < p < 1 or not others.size:
        return float("nan")
    return float(np.log(p / (1 - p)) + others.max() + np.log(np.exp(others - others.max()).sum()))


AXES = (
    Axis("ratio", "log_prob", ("old_log_prob",),
         lambda i, s: float(np.exp(i["log_prob"][s] - i["old_log_prob"][s])),
         lambda i, s, x: float(i["old_log_prob"][s] + np.log(x)), 0.125, 2.0, _band),
    Axis("ratio of the action taken", "logits", ("old_logits", "actions"), _ratio_of_logits, _logit_for,
         0.25, 1.75, _nowhere),
    Axis("v - R", "values", ("returns",), lambda i, s: float(i["values"][s] - i["returns"][s]),
         lambda i, s, x: float(i["returns"][s] + x), -2.0, 2.0, _value_band),
    Axis("entropy", "entropy", (), lambda i, s: float(i["entropy"][s]), lambda i, s, x: x, 0.0, 2.0, _nowhere),
)
SCALARS = ("loss", "kl")


@dataclass(frozen=True)
class Track:
    """An axis, and the slot of its input that moves."""

    axis: Axis
    slot: Index


class Curves:
    """Draws the curves of one counterexample; an answer that is no number leaves a gap."""

    def __init__(self, bench: Bench, question: Question, mismatch: Mismatch, choices: Choices,
                 ask: Callable[[Question], Answer]) -> None:
        self._bench, self._question, self._choices, self._ask = bench, question, choices, ask
        self._output, self._index = mismatch.output, mismatch.index
        self._definition = DEFINITIONS[question.case.operation]

    @np.errstate(all="ignore")
    def best(self) -> Mapping[str, Any] | None:
        """JSON-ready: the track on which wrong minus right varies most; None where there is nothing wrong to draw."""
        best, most = None, -1.0
        for track in self._tracks():
            sketch = [(want, got) for _, want, got in self._points(track, SKETCH) if got is not None]
            if not sketch:
                continue
            errors = [got - want for want, got in sketch]
            size = max(abs(number) for pair in sketch for number in pair) or 1.0
            varies = (max(errors) - min(errors)) / size
            # Rounding must not choose: a later track has to be clearly better.
            if varies > most + 1e-6:
                best, most = track, varies
        return None if best is None else self._drawn(best)

    def _tracks(self) -> Iterator[Track]:
        inputs, passed = self._question.inputs, self._question.passed
        if self._output not in SCALARS and not self._output.startswith("grad_"):
            return
        for axis in AXES:
            if axis.moved not in passed or not all(name in passed for name in axis.beside):
                continue
            if self._output.startswith("grad_"):
                if self._output == f"grad_{axis.moved}" and self._index:
                    yield Track(axis, self._own_slot(axis))
                continue
            yield from (Track(axis, slot) for slot in _slots(axis, inputs))

    def _own_slot(self, axis: Axis) -> Index:
        """A wrong gradient is drawn along its own input."""
        if axis.moved != "logits":
            return self._index
        return (self._index[0], int(self._question.inputs["actions"][self._index[0]]))

    def _drawn(self, track: Track) -> Mapping[str, Any] | None:
        points = list(self._points(track, POINTS))
        if len(points) < 2:
            return None
        inputs, axis = self._question.inputs, track.axis
        low, high = points[0][0], points[-1][0]
        inside = [x for x in axis.edges(inputs, track.slot) if low < x < high]
        return {"axis": axis.label, "moved": axis.moved, "slot": list(track.slot), "output": self._output,
                "index": list(self._index), "at": axis.read(inputs, track.slot), "edges": inside,
                "points": [list(point) for point in points]}

    def _points(self, track: Track, number: int) -> Iterator[tuple[float, float, float | None]]:
        """x, right and wrong, from left to right."""
        axis, inputs = track.axis, self._question.inputs
        here = axis.read(inputs, track.slot)
        if not np.isfinite(here):
            # Poison lies in this slot: it is no place to move from.
            return
        edges = axis.edges(inputs, track.slot)
        for x in _grid(axis, here, edges, number):
            changed = inputs[axis.moved].copy()
            changed[track.slot] = np.asarray(axis.write(inputs, track.slot, x)).astype(self._bench.dtype)
            if not np.isfinite(changed[track.slot]):
                continue
            found = self._both(_with(self._question, {axis.moved: changed}))
            if found is not None:
                yield (x, *found)

    def _both(self, question: Question) -> tuple[float, float | None] | None:
        try:
            with np.errstate(all="ignore"):
                target = self._bench.expect(self._definition, question, self._choices)[self._output]
            want = float(target.want[self._index])
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):
            # A definition may be undefined on an input that a case never has.
            return None
        return (want, answered(self._ask(question), self._output, self._index)) if np.isfinite(want) else None


def answered(answer: Answer, output: str, index: Index) -> float | None:
    """One number of an answer; None if it is not there or not finite."""
    given = answer.outputs.get(output, answer.gradients.get(output))
    if answer.outcome != "ok" or given is None or isinstance(given, list) or np.ndim(given) != len(index):
        return None
    try:
        number = float(np.asarray(given)[index])
    except IndexError:
        return None
    return number if np.isfinite(number) else None


def _slots(axis: Axis, inputs: Mapping[str, Any]) -> list[Index]:
    """The samples that are tried, the weightiest first."""
    weights = inputs.get("advantages")
    shape = inputs["actions"].shape if axis.moved == "logits" else inputs[axis.moved].shape
    if weights is None or np.shape(weights) != shape:
        weights = np.zeros(shape)
    weights = np.where(np.isfinite(weights), np.abs(weights), -1.0)
    mask = inputs.get("mask")
    if mask is not None and np.shape(mask) == shape:
        weights = np.where(mask, weights, -2.0)
    order = np.argsort(-weights, axis=None, kind="stable")[:SLOTS]
    slots = [tuple(int(i) for i in np.unravel_index(flat, shape)) for flat in order]
    return [(*slot, int(inputs["actions"][slot])) for slot in slots] if axis.moved == "logits" else slots


def _grid(axis: Axis, here: float, edges: list[float], number: int) -> list[float]:
    """Evenly spaced, with the counterexample itself and both sides of each edge."""
    low, high = axis.low, axis.high
    # A sample that lies too far out would make everything else a dot.
    for x in (here, *edges):
        if np.isfinite(x) and abs(x) <= 20:
            low, high = min(low, x - 0.25 if axis.low < 0 else x / 2), max(high, 1.25 * x)
    evenly = {float(x) for x in np.linspace(low, high, number)}
    if number == SKETCH:
        return sorted(evenly)
    extra = (here, *(edge * (1 + side * BESIDE) for edge in edges for side in (-1, 1)))
    return sorted(evenly | {x for x in extra if low < x < high})


def _with(question: Question, changes: Mapping[str, Any]) -> Question:
    """The same question elsewhere; near a kink any of its gradients is right."""
    case = replace(question.case, kinks=True, exact=False)
    return Question(case, question.passed, {**question.inputs, **changes})
