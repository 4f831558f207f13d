"""A question's inputs as Reals, and the choices under which a definition is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppocore.conformance.oracle.reals import Array, Real, leaves, lift, measured


class Inputs:
    """Inputs by attribute: floats as object arrays of Reals (or one Real), flags and indices as they are."""

    def __init__(self, given: Mapping[str, Any], passed: frozenset[str], differentiable: tuple[str, ...] = ()):
        self.passed = passed
        """What the function under test was really handed."""
        self._values = {name: _convert(name, value) for name, value in given.items()}
        for name in differentiable:
            self._values[name] = leaves(self._values[name])

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"this case has no input {name!r}") from None

    def get(self, name: str) -> Any:
        """The input, or None where the case does not use it."""
        return self._values.get(name)

    def but(self, **changes: Any) -> Inputs:
        """The same inputs with some replaced."""
        other = Inputs.__new__(Inputs)
        other.passed = self.passed
        other._values = {**self._values, **changes}
        return other

    @property
    def valid(self) -> Array:
        """Mask of the slots that count: all of them where the case has no mask."""
        mask = self.get("mask")
        if mask is not None:
            return np.asarray(mask)
        shape = next(v.shape for v in self._values.values() if isinstance(v, np.ndarray))
        return np.ones(shape, dtype=bool)


def _convert(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [item if isinstance(item, int) else measured(np.asarray(item)) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return measured(value)
    return measured(value) if isinstance(value, float) else value


class Choices(dict[str, str]):
    """Convention values that differ from the defaults; `choices["truncation"]` gives "" for the default."""

    def __missing__(self, name: str) -> str:
        return ""

    def number(self, name: str) -> Real | None:
        """The number in a value such as `3`, `inside:1e-5` or `var+1e-8`; None for the default."""
        text = self[name]
        if not text or text == "none":
            return None
        digits = text.split(":")[-1].split("+", 1)[-1]
        value = lift(digits)
        return Real(value.value, abs(float(value.value)))

    def kind(self, name: str) -> str:
        """The word in a value such as `inside:1e-5`; "" for the default."""
        return self[name].split(":")[0].split("+", 1)[0]
