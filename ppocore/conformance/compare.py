"""The one comparator: what a formula expects of an answer, and whether the answer is that.

The tolerance is zero for meaning cases; elsewhere it is `K` times the slack that the oracle derived for that
element, in units of the roundoff of DTYPE.  No other tolerance exists in the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.case import UNIT, Answer, Question
from ppocore.conformance.operations import Operation
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import Real, arithmetic, gradient

K = 16.0
"""Roundings allowed per unit of slack.  Textbook forms in NumPy and torch stay below a quarter of it
(tests/test_budget.py: two seeds, 16 random cases an operation); a smaller number would buy nothing."""

TINY = {"float64": 2.0**-1022, "float32": 2.0**-126}
"""Smallest normal number: below it, results may be flushed to zero."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """What one output must be."""

    want: Floats
    slack: Floats
    low: Floats | None = None
    """With `high`: near a kink, anything between the two is right."""
    high: Floats | None = None
    judged: NDArray[np.bool_] | None = None
    """False at slots that are not judged."""


Targets = Mapping[str, Target]


def is_gradient(name: str) -> bool:
    """True for the derivative by an input; the clipped gradients that an operation may return are values."""
    return name.startswith("grad_")


@dataclass(frozen=True)
class Mismatch:
    """The worst element of an answer that is not what was expected."""

    output: str
    index: tuple[int, ...]
    got: float | None
    want: float | None
    message: str
    only_nan: bool = False
    """Every wrong element is NaN where a number was expected."""


class Bench:
    """Evaluates formulas on the questions of one operation, converting each question's inputs once."""

    def __init__(self, operation: Operation, dtype: str) -> None:
        self.operation = operation
        self.dtype = dtype
        self._inputs: dict[tuple[int, bool], tuple[Question, Inputs]] = {}
        self._targets: dict[tuple[int, int, bool, tuple[tuple[str, str], ...]], tuple[Formula, Targets]] = {}

    def expect(self, formula: Formula, question: Question, choices: Choices, gradients: bool = True) -> Targets:
        """What `formula` under these conventions answers to this question; derivatives cost most of it."""
        gradients = gradients and bool(self.operation.differentiable)
        key = (id(question), id(formula), gradients, tuple(sorted(choices.items())))
        if key not in self._targets:
            evaluate = self._evaluate if gradients else self._values
            # The formula is kept beside its targets so that its id stays its own.
            self._targets[key] = (formula, evaluate(formula, question, choices))
        return self._targets[key][1]

    def _values(self, formula: Formula, question: Question, choices: Choices) -> Targets:
        """The outputs that are no gradients: one evaluation, of which nothing is differentiated."""
        inputs = self._read(question, False)
        with arithmetic(UNIT[self.dtype]):
            outputs = formula(inputs, choices)
        return {name: self._target(name, [value], question) for name, value in outputs.items()
                if not is_gradient(name)}

    def _evaluate(self, formula: Formula, question: Question, choices: Choices) -> Targets:
        inputs = self._read(question, True)
        sides = (0, 1, 2) if question.case.kinks and self.operation.differentiable else (0,)
        outputs = []
        for side in sides:
            with arithmetic(UNIT[self.dtype], side):
                outputs.append(_with_gradients(self.operation, formula(inputs, choices), inputs))
        return {name: self._target(name, [o[name] for o in outputs], question) for name in outputs[0]}

    def _read(self, question: Question, gradients: bool) -> Inputs:
        known = self._inputs.get((id(question), gradients))
        if known is None:
            differentiable = tuple(n for n in self.operation.differentiable if gradients and n in question.inputs)
            with arithmetic(UNIT[self.dtype]):
                inputs = Inputs(question.inputs, frozenset(question.passed), differentiable)
            known = self._inputs[id(question), gradients] = (question, inputs)
        return known[1]

    def _target(self, name: str, sides: list[Any], question: Question) -> Target:
        want, slack = _numbers(sides[0])
        judged = _judged(self.operation, name, want.shape, question)
        if len(sides) == 1 or not name.startswith("grad_"):
            return Target(want, slack, judged=judged)
        (first, slack_1), (second, slack_2) = _numbers(sides[1]), _numbers(sides[2])
        # Where the two sides differ there is a kink: anything from 0 to either one-sided value is right.
        with np.errstate(invalid="ignore"):
            kink = np.abs(first - second) > K * UNIT[self.dtype] * (slack_1 + slack_2)
        low = np.where(kink, np.minimum(np.minimum(first, second), 0.0), want)
        high = np.where(kink, np.maximum(np.maximum(first, second), 0.0), want)
        return Target(want, np.maximum(slack, np.maximum(slack_1, slack_2)), low, high, judged)

    def mismatch(self, formula: Formula, question: Question, answer: Answer, choices: Choices,
                 unit: float | None = None) -> Mismatch | None:
        """The worst difference between an answer and what the formula expects, or None.

        Values come first: most wrong explanations fail on them, before anything has been differentiated.
        """
        outputs = _flat(answer.outputs)
        values = {name: array for name, array in outputs.items() if not is_gradient(name)}
        found = self._mismatch(formula, question, values, {}, choices, unit, gradients=False)
        if found is not None or (len(values) == len(outputs) and not answer.gradients):
            return found
        return self._mismatch(formula, question, outputs, answer.gradients, choices, unit, gradients=True)

    def _mismatch(self, formula: Formula, question: Question, given: Mapping[str, Any], derived: Mapping[str, Any],
                  choices: Choices, unit: float | None, gradients: bool) -> Mismatch | None:
        targets = self._roomy(formula, question, choices, gradients)
        unit = UNIT[self.dtype] if unit is None else unit
        first = next(iter(targets))
        if first not in given:
            return Mismatch(first, (), None, None, f"output `{first}` is missing")
        # A wrong formula need not be exact where the definition is.
        exact = question.case.exact and unit == UNIT[self.dtype] and formula is DEFINITIONS[self.operation.name]
        for name, array in given.items():
            if name not in targets:
                if name.startswith("grads["):
                    return Mismatch(name, (), None, None, f"`{name}` was not asked for")
                continue
            found = self._differs(name, array, targets[name], unit, exact and not is_gradient(name))
            if found is not None:
                return found
        for name in targets:
            if name.startswith("grads[") and name not in given:
                return Mismatch(name, (), None, None, f"`{name}` is missing")
        for name, array in derived.items():
            if name in targets:
                target = _where_finite(targets[name], question, name)
                found = self._differs(name, array, target, unit, exact=False)
                if found is not None:
                    return found
        return None

    def excess(self, question: Question, answer: Answer, choices: Choices) -> Floats:
        """Signed errors of an answer beyond the budget of DTYPE, 0 elsewhere; of outputs with the right shape."""
        targets = self.expect(DEFINITIONS[self.operation.name], question, choices)
        found = [np.zeros(0)]
        for name, got in [*_flat(answer.outputs).items(), *answer.gradients.items()]:
            target = targets.get(name)
            if target is not None and np.shape(got) == target.want.shape:
                error = np.asarray(got - target.want)
                beyond = np.abs(error) > self._room(target, UNIT[self.dtype])
                found.append(np.where(beyond & np.isfinite(error), error, 0.0).reshape(-1))
        return np.concatenate(found)

    def _roomy(self, formula: Formula, question: Question, choices: Choices, gradients: bool) -> Targets:
        """Targets of a formula; a wrong one has at least the definition's room.

        What cancels exactly in a wrong formula, and so has no slack there, need not cancel in code.
        """
        targets = self.expect(formula, question, choices, gradients)
        definition = DEFINITIONS[self.operation.name]
        if formula is definition:
            return targets
        right = self.expect(definition, question, choices, gradients)
        return {name: _with_room_of(target, right.get(name)) for name, target in targets.items()}

    def _differs(self, name: str, got: Floats, target: Target, unit: float, exact: bool) -> Mismatch | None:
        got = np.asarray(got, dtype=np.float64)
        want = target.want
        if got.shape != want.shape:
            return Mismatch(name, (), None, None, f"`{name}` has shape {got.shape}, want {want.shape}")
        with np.errstate(all="ignore"):
            room = np.zeros(want.shape) if exact else self._room(target, unit)
            low, high = (want, want) if target.low is None or target.high is None else (target.low, target.high)
            right = ((got >= low - room) & (got <= high + room)) | (got == want)
            right |= np.isnan(got) & np.isnan(want)
            if target.judged is not None:
                right |= ~target.judged
            if right.all():
                return None
            distance = np.where(right, -1.0, np.abs(got - want) / np.maximum(room, TINY[self.dtype]))
        return _worst(name, got, want, right, distance, exact)

    def _room(self, target: Target, unit: float) -> Floats:
        slack = np.where(np.isnan(target.slack), np.inf, target.slack)
        return K * unit * slack + UNIT[self.dtype] * np.abs(target.want) + TINY[self.dtype]


def _with_room_of(target: Target, other: Target | None) -> Target:
    if other is None or other.slack.shape != target.slack.shape:
        return target
    return replace(target, slack=np.fmax(target.slack, other.slack))


def _worst(name: str, got: Floats, want: Floats, right: Any, distance: Floats, exact: bool) -> Mismatch:
    distance = np.where(~right & np.isnan(distance), np.inf, distance)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(distance)), distance.shape))
    place = name + (f"[{', '.join(map(str, index))}]" if index else "")
    error = "exactly" if exact else f"(off by {distance[index]:.3g} budgets)"
    message = f"{place} = {got[index]:.9g}, want {want[index]:.9g} {error}"
    only_nan = bool((right | (np.isnan(got) & ~np.isnan(want))).all())
    return Mismatch(name, index, float(got[index]), float(want[index]), message, only_nan)


def _with_gradients(operation: Operation, outputs: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Add the exact derivatives of a scalar loss; a formula may also bring its own."""
    result = dict(outputs)
    loss = result.get("loss")
    if isinstance(loss, Real):
        for name in operation.differentiable:
            if f"grad_{name}" not in result:
                result[f"grad_{name}"] = gradient(loss, getattr(inputs, name))
    return result


def _numbers(value: Any) -> tuple[Floats, Floats]:
    if isinstance(value, Real):
        return np.array(float(value.value)), np.array(value.slack)
    array = np.asarray(value, dtype=object)
    want = np.array([float(v.value) for v in array.reshape(-1)]).reshape(array.shape)
    slack = np.array([v.slack for v in array.reshape(-1)]).reshape(array.shape)
    return want, slack


def _judged(operation: Operation, name: str, shape: tuple[int, ...], question: Question) -> Any:
    """Outputs at masked slots are not judged; gradients there are (they must be 0)."""
    mask = question.inputs.get("mask")
    if mask is None or name.startswith("grad_") or np.shape(mask) != shape:
        return None
    return np.asarray(mask)


def _where_finite(target: Target, question: Question, name: str) -> Target:
    """Under automatic differentiation, gradients at poisoned slots are not judged."""
    given, mask = question.inputs[name.removeprefix("grad_")], question.inputs.get("mask")
    finite = np.isfinite(given)
    if question.case.poisoned and mask is not None:
        finite = finite & mask
    if finite.all():
        return target
    return replace(target, judged=finite)


def _flat(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of arrays as separate outputs: grads -> grads[0], grads[1] ..."""
    flat: dict[str, Any] = {}
    for name, value in outputs.items():
        if isinstance(value, list):
            flat |= {f"{name}[{i}]": item for i, item in enumerate(value)}
        else:
            flat[name] = value
    return flat
