"""A function of somebody's own as a term: called on batches whose mean is the expectation, and differentiated there."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance import adapters, frameworks
from ppocore.conformance.adapters import describe_error
from ppocore.conformance.estimators.language import GIVEN, BadTerm
from ppocore.conformance.estimators.points import DRAWS, Point, Policy
from ppocore.conformance.estimators.terms import Place, Seen, described, seen
from ppocore.conformance.oracle.reals import Real
from ppocore.conformance.signatures import nearest

DIGITS = (9, 5)
"""Float64 code is held to 9 digits: its numbers are right to 12 here, since log-probabilities up to 28 are rounded by
4e-15, which exp makes a relative error, and 16 of them are added.  Code that computes in float32 inside is held to 5:
near log-probabilities are below 3, which gives 2e-7 in the same way."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Handed:
    """A function that names any of log_prob, old_log_prob and ref_log_prob, and returns a number for each entry."""

    function: Callable[..., Any]
    framework: str
    label: str
    digits: int = DIGITS[0]
    largest: float = 1e4

    def at(self, point: Point, place: Place) -> Seen:
        """The batch holds every action as often as the old policy draws it."""
        policies = {"log_prob": point.current, "old_log_prob": point.old, "ref_log_prob": point.ref}
        passed = {name: _logs(policies[name], point) for name in inputs_of(self.function, self.label)}
        values = self._values(passed, point)
        if values.ndim == 0 and place == "reward":
            raise BadTerm(f"estimator: {self.label} returns one number for a batch; in the reward every entry needs its"
                          " own.")
        slopes = self._slopes(passed, point) if place == "loss" else None
        return seen(point, _by_action(np.broadcast_to(values, DRAWS), point), slopes, known_apart=values.ndim == 1)

    def _values(self, passed: dict[str, Floats], point: Point) -> Floats:
        returned, _, _ = self._call(self.function, passed, [], point)
        try:
            values = np.asarray(getattr(returned, "detach", lambda: returned)(), dtype=np.float64)
            if returned is None:
                raise TypeError
        except (TypeError, ValueError):
            raise BadTerm(f"estimator: {self.label} returns a {type(returned).__name__}; it must return numbers, one"
                          " for each entry of the batch.") from None
        if values.shape not in ((), (DRAWS,)):
            raise BadTerm(f"estimator: {self.label} returns shape {values.shape}; of inputs of shape ({DRAWS},) it must"
                          f" return shape ({DRAWS},), or the mean of that.")
        self._refuse_infinite(values, "value", point)
        return values

    def _slopes(self, passed: dict[str, Floats], point: Point) -> Sequence[Real]:
        if self.framework == "numpy":
            raise BadTerm(f"estimator: {self.label} is in NumPy, which does not differentiate; in the loss a term must"
                          " be in torch or jax (--framework).")
        if "log_prob" not in passed:
            return _by_action(np.zeros(DRAWS), point)
        loss, natives, notes = self._call(self._mean, passed, ["log_prob"], point)
        found, reasons = frameworks.find(self.framework).gradients(self._mean, loss, lambda x: x, natives, ["log_prob"])
        if not found:
            reason = "; ".join([*notes, *reasons]).replace(frameworks.VALUE_ONLY, "")
            raise BadTerm(f"estimator: {self.label} has no gradient at {described(point)}: {reason}.")
        slopes = found["grad_log_prob"] * DRAWS
        self._refuse_infinite(slopes, "slope", point)
        return _by_action(slopes, point)

    def _mean(self, **given: Any) -> Any:
        """One number to differentiate; the added zero gives a graph to what is detached as a whole."""
        returned = self.function(**given)
        return (returned.mean() if hasattr(returned, "mean") else returned) + 0 * given["log_prob"].sum()

    def _call(
        self, function: Callable[..., Any], passed: dict[str, Floats], wanted: list[str], point: Point
    ) -> tuple[Any, frameworks.Natives, list[str]]:
        try:
            return frameworks.find(self.framework).call(function, passed, wanted, "float64")
        except ImportError as error:
            raise BadTerm(f"estimator: the framework is {self.framework}, which cannot be imported"
                          f" ({describe_error(error)}).") from None
        except (Exception, SystemExit) as error:
            raise BadTerm(f"estimator: {self.label} raises at {described(point)}: {describe_error(error)}.") from None

    def _refuse_infinite(self, numbers: Floats, what: str, point: Point) -> None:
        if not np.all(np.isfinite(numbers)):
            raise BadTerm(f"estimator: a {what} of {self.label} is not finite at {described(point)}; every term must be"
                          " finite at every point.")


def inputs_of(function: Callable[..., Any], label: str) -> list[str]:
    """Which of the three log-probabilities it names; BadTerm if it needs anything else."""
    try:
        declared = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise BadTerm(f"estimator: the signature of {label} cannot be read; wrap it in a `def` that names its inputs,"
                      f" from {', '.join(GIVEN)}.") from None
    for parameter in declared:
        spare = parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not spare and (parameter.name not in GIVEN or parameter.kind is parameter.POSITIONAL_ONLY):
            close = nearest(parameter.name, GIVEN)
            hint = f"did you mean {close}?" if close and close != parameter.name else "inputs are passed by name."
            raise BadTerm(f"estimator: {label} needs {parameter.name!r}, but is given {', '.join(GIVEN)}; {hint}")
    names = [parameter.name for parameter in declared if parameter.name in GIVEN]
    if not names:
        raise BadTerm(f"estimator: {label} names none of its inputs; it may name {', '.join(GIVEN)}.")
    return names


def load(target: str, framework: str | None) -> Handed:
    """The function that FILE.py:NAME names."""
    file, _, name = target.rpartition(":")
    path = adapters.find(file.strip())
    chosen = framework or adapters.peek(path).get("FRAMEWORK") or "numpy"
    prepare(str(chosen))
    function = getattr(adapters.load(path), name.strip(), None)
    if not callable(function):
        raise BadTerm(f"estimator: {file} has no function {name.strip()!r}.")
    return Handed(function, str(chosen), f"{file}:{name}")


def prepare(framework: str) -> None:
    """Set the framework up, before the file that uses it is imported."""
    if framework not in adapters.FRAMEWORKS:
        raise BadTerm(f"estimator: the framework is {framework!r}; it must be one of {', '.join(adapters.FRAMEWORKS)}.")
    try:
        frameworks.find(framework).prepare("float64")
    except ImportError as error:
        raise BadTerm(f"estimator: the framework is {framework}, which cannot be imported"
                      f" ({describe_error(error)}).") from None


def _logs(policy: Policy, point: Point) -> Floats:
    return np.array([math.log(policy[action]) for action in point.batch])


def _by_action(numbers: Floats, point: Point) -> list[Real]:
    """The mean over the entries of each action."""
    batch = np.array(point.batch)
    return [Real(Decimal(float(np.mean(numbers[batch == a])))) for a in range(len(point.old))]
