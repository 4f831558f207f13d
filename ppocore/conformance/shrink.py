"""Makes a failing input small: fewer rows, then rounder numbers, as long as the answer stays wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ppocore.conformance.case import Question
from ppocore.conformance.compare import Mismatch

Wrong = Callable[[Question], Mismatch | None]
CALLS = 120
"""At most so many further calls of the function under test."""


def shrink(question: Question, mismatch: Mismatch, wrong: Wrong) -> tuple[Question, Mismatch]:
    """Greedy: take any simpler input that is still wrong, until none is or the calls are used up."""
    calls = 0
    progress = True
    while progress and calls < CALLS:
        progress = False
        for candidate in _simpler(question):
            calls += 1
            found = wrong(candidate)
            if found is not None:
                question, mismatch, progress = candidate, found, True
                break
            if calls >= CALLS:
                break
    return question, mismatch


def _simpler(question: Question) -> Iterator[Question]:
    yield from (_with(question, inputs) for inputs in _shorter(question))
    yield from (_with(question, inputs) for inputs in _rounder(question))


def _with(question: Question, inputs: Mapping[str, Any]) -> Question:
    """A question of the same form with other numbers; near a kink any of its gradients is right."""
    return Question(replace(question.case, kinks=True, exact=False), question.passed, dict(inputs))


def _shorter(question: Question) -> Iterator[Mapping[str, Any]]:
    """Halves of each axis, then one row less, for the axes that inputs share by their length."""
    arrays = {n: v for n, v in question.inputs.items() if isinstance(v, np.ndarray)}
    if not arrays:
        return
    main = max((v.shape for v in arrays.values()), key=len)
    for axis, length in enumerate(main):
        if length == 1:
            continue
        half = length // 2
        for keep in dict.fromkeys([(0, half), (half, length), (1, length), (0, length - 1)]):
            cut = _cut(question, main, axis, slice(*keep))
            if cut is not None:
                yield cut


def _cut(question: Question, main: tuple[int, ...], axis: int, keep: slice) -> Mapping[str, Any] | None:
    """Every input cut along one axis; None where that would not leave a legal input of the operation."""
    if axis == 1 and "nvec" in question.inputs:
        return None
    cut: dict[str, Any] = {}
    for name, value in question.inputs.items():
        if not isinstance(value, np.ndarray):
            cut[name] = value
        elif value.shape == main:
            cut[name] = value[(slice(None),) * axis + (keep,)].copy()
        elif name in ("last_values", "last_dones"):
            # (N,) beside (T, N): shortened at the end, the rollout would end elsewhere.
            if axis == 0 and keep.stop != main[0] and name in question.passed:
                return None
            cut[name] = value[keep].copy() if axis == 1 else value
        else:
            cut[name] = value[keep].copy() if axis == 0 and value.shape[:1] == main[:1] else value
    return cut if _legal(cut) else None


def _legal(inputs: Mapping[str, Any]) -> bool:
    if set(inputs) == {"rewards"} and inputs["rewards"].shape[1] < 2:
        # A completion is compared with others of its prompt.
        return False
    for name in ("mask", "action_mask"):
        mask = inputs.get(name)
        if mask is not None and not np.all(np.any(mask, axis=-1)):
            return False
    actions, logits = inputs.get("actions"), inputs.get("logits")
    if actions is not None and logits is not None and actions.ndim == 1:
        allowed = inputs.get("action_mask")
        if actions.max() >= logits.shape[1]:
            return False
        return allowed is None or bool(allowed[np.arange(len(actions)), actions].all())
    return True


def _rounder(question: Question) -> Iterator[Mapping[str, Any]]:
    """Each float array rounded to whole numbers, then to halves; log-quantities and actions are left alone."""
    for name in question.passed:
        value = question.inputs[name]
        if not (isinstance(value, np.ndarray) and value.dtype.kind == "f") or name in KEPT:
            continue
        for step in (1.0, 0.5):
            rounded = np.round(value / step) * step
            if not np.array_equal(rounded, value, equal_nan=True):
                yield dict(question.inputs) | _together(question.inputs, name, step, rounded)


KEPT = ("actions", "second_moment", "grads")


def _together(inputs: Mapping[str, Any], name: str, step: float, rounded: Any) -> dict[str, Any]:
    """values, next_values and last_values hold the same numbers: round them alike."""
    linked = ("values", "next_values", "last_values")
    if name not in linked or "next_values" not in inputs:
        return {name: rounded}
    return {n: np.round(inputs[n] / step) * step for n in linked if n in inputs}
