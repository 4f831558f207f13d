"""How much of its bound a computed result uses up, at given inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq

import ppocore
from proofs.bounds.book import BOUNDS, at_precision, balls
from proofs.definitions import DEFINITIONS

U = {np.dtype(np.float64): arb(2) ** -53, np.dtype(np.float32): arb(2) ** -24}
SLACK = 1 + arb(2) ** -20
TINIEST = arb(2) ** -150
"""Half the smallest float32: what rounding to float32 may lose below its normal range."""
LARGEST = {True: arb(2) ** 127, False: arb(2) ** 1023}
"""By whether the result is a float32: numbers beyond this may overflow."""
NOTHING = arb(2) ** -240
"""An error below this is the radius of the balls, where the exact number is 0 but not a fraction."""

Inputs = Mapping[str, Any]
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Use:
    """The largest part of the bound that an entry of one output uses; above 1 the bound is violated."""

    fraction: float
    entry: int
    got: float
    true: float


class Target:
    """The exact outputs of one call and what is allowed around them: any implementation can be held to it."""

    def __init__(self, function: str, inputs: Inputs) -> None:
        self.function, self.inputs = function, inputs
        self._true, self._scale = at_precision(lambda: _exact_and_scale(function, inputs))
        self.outputs = tuple(BOUNDS[function].says)

    def uses(self, results: Results, *, units: float = 1.0) -> dict[str, Use]:
        """By output; a violation is an entry above 1.  `units` shrinks the bound, to refute a smaller one."""
        return at_precision(lambda: {
            name: self._use(name, results[name], arb(units)) for name in self.outputs if name in results
        })

    def _use(self, name: str, result: Any, units: arb) -> Use:
        entries, single = list(flat(result)), _is_single(result)
        worst = Use(0.0, 0, 0.0, 0.0)
        true, scale = ([_ball(x) for x in flat(side[name])] for side in (self._true, self._scale))
        scale = scale * (len(true) if len(scale) == 1 else 1)
        for i, (got, exact, wide) in enumerate(zip(entries, true, scale, strict=True)):
            if not wide.is_finite() or abs(exact) > LARGEST[single]:
                continue
            fraction = _fraction(float(got), exact, units * U[np.dtype(np.float64)] * wide * SLACK, single)
            if not fraction <= worst.fraction:
                worst = Use(fraction, i, float(got), float(exact))
        return worst


def call(function: str, inputs: Inputs) -> Results:
    """The outputs of ppocore by name; a function that returns one thing returns its ``value``."""
    result = getattr(ppocore, function)(**inputs)
    return result._asdict() if hasattr(result, "_asdict") else {"value": result}


def held(function: str, inputs: Inputs, *, units: float = 1.0) -> bool:
    """Whether ppocore keeps `units` times its bound here."""
    uses = Target(function, inputs).uses(call(function, inputs), units=units)
    return all(use.fraction <= 1 for use in uses.values())


def in_dtype(inputs: Inputs, dtype: Any) -> dict[str, Any]:
    """The arrays of floats in `dtype`; scalars stay."""
    return {name: _each(lambda x: x.astype(dtype) if x.dtype.kind == "f" else x, x) for name, x in inputs.items()}


def flat(x: Any) -> Iterator[Any]:
    """The entries, row by row; None, at a slot that does not count, is 0."""
    if isinstance(x, np.ndarray):
        yield from x.reshape(-1).tolist()
    elif isinstance(x, list | tuple):
        for item in x:
            yield from flat(item)
    else:
        yield arb(0) if x is None else x


def _each(change: Callable[[Any], Any], x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return change(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(_each(change, item) for item in x))
    return [_each(change, item) for item in x] if isinstance(x, list) else x


def _exact_and_scale(function: str, inputs: Inputs) -> tuple[Results, Results]:
    plain = {name: _each(lambda x: x.tolist(), x) for name, x in inputs.items()}
    true = DEFINITIONS[function](**plain)
    if len(true) == 1 and "value" in BOUNDS[function].says:
        true = {"value": next(iter(true.values()))}
    exact = {name: _as_balls(value) for name, value in true.items()}
    return exact, BOUNDS[function].scale(exact, **{name: balls(x) for name, x in inputs.items()})


def _as_balls(x: Any) -> Any:
    if isinstance(x, list) and x and isinstance(x[0], list) and len({len(row) for row in x}) > 1:
        return [_as_balls(row) for row in x]
    if isinstance(x, list):
        shape = np.shape(np.array(x, dtype=object))
        out = np.empty(shape, dtype=object)
        out.reshape(-1)[:] = [_ball(entry) for entry in flat(x)]
        return out
    return _ball(x)


def _ball(x: Any) -> arb:
    if isinstance(x, Fraction):
        return arb(fmpq(x.numerator, x.denominator))
    return x if isinstance(x, arb) else arb(float(x))


def _is_single(result: Any) -> bool:
    dtype = getattr(result[0] if isinstance(result, list) else result, "dtype", None)
    return dtype == np.float32


def _fraction(got: float, exact: arb, allowed: arb, single: bool) -> float:
    if not np.isfinite(got) or not exact.is_finite():
        return 0.0 if np.isinf(got) and not exact.is_finite() else float("inf")
    error = abs(arb(got) - exact)
    if single:
        allowed = allowed + U[np.dtype(np.float32)] * abs(exact) * SLACK + TINIEST
    if error.upper() < NOTHING:
        return 0.0
    return float((error / allowed).upper()) if allowed > 0 else float("inf")
