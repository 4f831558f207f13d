"""The bounds: for every output of every public function a scale, evaluated in ball arithmetic at given inputs.

The computed output is within ``u scale (1 + 2^-20)`` of the exact one, plus one rounding if the inputs are float32.
An infinite scale claims nothing there: a derivative next to its jump, or a count next to its threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx

PRECISION = 256
"""Bits of the balls."""
NO_CLAIM = arb("inf")
NEAR = arb(2) ** -30
"""Relatively this near to a jump (farther than any admitted error of a ratio reaches) nothing is claimed."""

Balls = Any
"""An object array of balls, or one ball."""


@dataclass(frozen=True)
class Bound:
    """What is claimed about one function."""

    function: str
    theorem: str
    says: Mapping[str, str]
    """By output, the scale as people write it."""
    scale: Callable[..., dict[str, Balls]]
    """``scale(exact outputs by name, **inputs)``: the scale of every entry of every output."""


BOUNDS: dict[str, Bound] = {}


def bound(function: str, theorem: str, **says: str) -> Callable[[Any], Any]:
    """Register a scale."""

    def register(scale: Callable[..., dict[str, Balls]]) -> Callable[..., dict[str, Balls]]:
        BOUNDS[function] = Bound(function, theorem, says, scale)
        return scale

    return register


def balls(x: Any) -> Any:
    """Floats, in any nesting of arrays, lists and tuples, as balls; flags and whole numbers as they are."""
    if isinstance(x, np.ndarray):
        if x.dtype.kind != "f":
            return x
        out = np.empty(x.shape, dtype=object)
        out.reshape(-1)[:] = [arb(float(entry)) for entry in x.reshape(-1)]
        return out
    if isinstance(x, list | tuple):
        return [balls(item) for item in x]
    return arb(x) if isinstance(x, float) else x


def at_precision(function: Callable[[], Any]) -> Any:
    """What `function` returns with balls of `PRECISION` bits."""
    before, ctx.prec = ctx.prec, PRECISION
    try:
        return function()
    finally:
        ctx.prec = before


def where(condition: Any, yes: Any, no: Any) -> Any:
    """Selection for object arrays."""
    return np.where(np.asarray(condition, dtype=bool), yes, no)


def larger(x: Any, y: Any) -> Any:
    """The larger of two, entry by entry."""
    return where(x > y, x, y)
