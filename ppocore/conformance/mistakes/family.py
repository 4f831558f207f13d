"""Entering the mistakes of one operation, and the limits of number formats that some of them run into."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import Array, Real, each

Value = Callable[[Inputs, Choices], Any]
"""What a formula gives: the first output of its operation, or a dict of several."""


class Family:
    """The mistakes of one operation."""

    def __init__(self, catalogue: Catalogue, operation: str) -> None:
        self.catalogue, self.operation = catalogue, operation
        self.output = OPERATIONS[operation].outputs[0]

    def add(self, name: str, says: str, wrong: str, matters: str, *values: Value,
            seen: tuple[str, ...] = ()) -> None:
        """Enter one mistake; several values where the sentence leaves details open."""
        slug = f"{self.operation}/{name}"
        for value in values:
            self.catalogue.enter(slug, says=says, wrong=wrong, matters=matters, seen=seen)(self._formula(value))

    def _formula(self, value: Value) -> Formula:
        def formula(x: Inputs, c: Choices) -> Outputs:
            found = value(x, c)
            outputs = found if isinstance(found, dict) else {self.output: found}
            return {name: _settled(output) for name, output in outputs.items()}

        return formula


def _settled(output: Any) -> Any:
    """A number that was reached by way of an infinite one has lost its slack: a few roundings are granted."""
    if isinstance(output, Real):
        return output if math.isfinite(output.slack) else Real(output.value, 4 * abs(float(output.value)))
    return each(_settled, np.asarray(output, dtype=object))


class Format(NamedTuple):
    """Where numbers overflow to infinity and underflow to zero."""

    top: Decimal
    bottom: Decimal


DOUBLE = Format(Decimal("1.797e308"), Decimal("2.5e-324"))
SINGLE = Format(Decimal("3.402e38"), Decimal("7e-46"))
FORMATS = (DOUBLE, SINGLE)


def held(v: Real, limits: Format) -> Real:
    """The number as the format can hold it."""
    size = abs(v.value)
    if size > limits.top:
        return Real(Decimal("Infinity").copy_sign(v.value))
    return Real(Decimal(0)) if size < limits.bottom else v


def exp_within(x: Array, limits: Format) -> Array:
    """exp as the format has it: infinity above its range, zero below."""
    return each(lambda v: held(v.exp(), limits), x)


def softplus(v: Real) -> Real:
    """log(1 + e^v), whatever the sign of v."""
    size = abs(v)
    return (v + size) / 2 + (1 + (-size).exp()).log()
