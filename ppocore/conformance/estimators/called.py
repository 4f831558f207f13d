"""A function of somebody's own: called on batches whose mean is the expectation, and differentiated there."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance import adapters, frameworks
from ppocore.conformance.adapters import describe_error
from ppocore.conformance.case import Answer
from ppocore.conformance.estimators.language import GIVEN, BadTerm
from ppocore.conformance.estimators.points import DRAWS, POINTS, Point, Policy
from ppocore.conformance.estimators.terms import Place, described
from ppocore.conformance.signatures import nearest

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Called:
    """A function that names any of log_prob, old_log_prob and ref_log_prob, and returns a number for each entry."""

    function: Callable[..., Any]
    framework: str
    label: str

    def numbers(self, point: Point, place: Place) -> tuple[Floats, Floats | None]:
        """Its values, one for each entry or their mean, and in the loss their slopes in log_prob; BadTerm if not."""
        policies = {"log_prob": point.current, "old_log_prob": point.old, "ref_log_prob": point.ref}
        passed = {name: _logs(policies[name], point) for name in inputs_of(self.function, self.label)}
        values = self._values(passed, point)
        if values.ndim == 0 and place == "reward":
            raise BadTerm(f"estimator: {self.label} returns one number for a batch; in the reward every entry needs its"
                          " own.")
        return values, self._slopes(passed, point) if place == "loss" else None

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

    def _slopes(self, passed: dict[str, Floats], point: Point) -> Floats:
        if self.framework == "numpy":
            raise BadTerm(f"estimator: {self.label} is in NumPy, which does not differentiate; in the loss a term must"
                          " be in torch or jax (--framework).")
        if "log_prob" not in passed:
            return np.zeros(DRAWS)
        loss, natives, notes = self._call(self._mean, passed, ["log_prob"], point)
        found, reasons = frameworks.find(self.framework).gradients(self._mean, loss, lambda x: x, natives, ["log_prob"])
        if not found:
            reason = "; ".join([*notes, *reasons]).replace(frameworks.VALUE_ONLY, "")
            raise BadTerm(f"estimator: {self.label} has no gradient at {described(point)}: {reason}.")
        slopes: Floats = found["grad_log_prob"] * DRAWS
        self._refuse_infinite(slopes, "slope", point)
        return slopes

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


def load(path: str, name: str, framework: str | None) -> Called:
    """A function of a file; its framework is the FRAMEWORK of the file where none is given."""
    chosen = framework or adapters.peek(path).get("FRAMEWORK") or "numpy"
    prepare(str(chosen))
    function = getattr(adapters.load(path), name, None)
    if not callable(function):
        raise BadTerm(f"estimator: {path} has no function {name!r}.")
    return Called(function, str(chosen), f"{Path(path).name}:{name}")


def served(called: Called, question: Mapping[str, Any], settle: Callable[[], None]) -> Answer:
    """The numbers at a point, as a worker sends them; `settle` puts back what the function may have changed."""
    try:
        values, slopes = called.numbers(POINTS[question["point"]], question["place"])
    except BadTerm as error:
        return Answer("raised", str(error))
    finally:
        settle()
    return Answer("ok", outputs={"values": values}, gradients={} if slopes is None else {"grad_log_prob": slopes})


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
