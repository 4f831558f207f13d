"""How cases are made: names, levels, and numbers that DTYPE can hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.case import Case, Level

Array = NDArray[Any]

FIXED = np.random.SeedSequence(20170720)
"""Fixed cases draw from a seed of their own: `--seed` moves the random ones only."""


@dataclass
class Maker:
    """Makes the cases of one operation in one DTYPE."""

    operation: str
    dtype: str
    rng: np.random.Generator
    """For random cases."""
    examples: int
    fixed: np.random.Generator = field(default_factory=lambda: np.random.default_rng(FIXED))
    """For fixed cases."""

    def case(self, name: str, says: str, inputs: dict[str, Any], level: Level = "core", **flags: Any) -> Case:
        """A case with every float rounded to DTYPE."""
        rounded = {key: self.rounded(value) for key, value in inputs.items()}
        return Case(f"{self.operation}/{name}", self.operation, level, says, rounded, **flags)

    def rounded(self, value: Any) -> Any:
        """The nearest value that DTYPE can hold; flags and indices as they are."""
        if isinstance(value, list):
            return [self.rounded(item) for item in value]
        if isinstance(value, float):
            return float(np.dtype(self.dtype).type(value))
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return value.astype(self.dtype).astype(np.float64)
        return value

    def random(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Names and generators of the random cases."""
        for i in range(self.examples):
            yield f"random/{i}", self.rng


def halves(rng: np.random.Generator, shape: tuple[int, ...], limit: int = 8) -> Array:
    """Multiples of 1/2 up to `limit`: exact in any order of + - *."""
    return np.asarray(rng.integers(-2 * limit, 2 * limit + 1, size=shape) / 2.0)


def large(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers up to the end of the range."""
    return np.asarray(rng.uniform(-9999.0, 9999.0, size=shape))


def mask(rng: np.random.Generator, shape: tuple[int, ...], least: int = 1) -> Array:
    """A random mask with at least `least` valid slots in every row (the last axis)."""
    chosen = rng.random(shape) < 0.6
    for row in chosen.reshape(-1, shape[-1]):
        missing = max(0, least - int(row.sum()))
        row[rng.permutation(np.flatnonzero(~row))[:missing]] = True
    return chosen


def poison(array: Array, where: Array) -> Array:
    """A copy with NaN where it cannot matter."""
    return np.where(where, np.nan, array)
