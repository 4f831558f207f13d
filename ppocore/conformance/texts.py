"""Values and other people's words as text that is safe to write: JSON that is JSON, and lines without controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """JSON-ready: arrays as lists, and the numbers that JSON lacks as the strings nan, inf, -inf."""
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, type(None))) else str(value)


def shortest(value: Any, dtype: str) -> Any:
    """The same with every number as short as names it in DTYPE: 0.2 for the float32 next to it."""
    if isinstance(value, (list, tuple)):
        return [shortest(item, dtype) for item in value]
    if dtype != "float32" or not isinstance(value, float):
        return value
    with np.errstate(over="ignore"):
        return float(str(np.float32(value)))


def clean(text: str) -> str:
    """Somebody else's text on one line, without control characters."""
    return printable(text).strip()


def printable(text: str) -> str:
    """The same characters, with a space for each that is a control, a line break or no character at all."""
    return "".join(character if character.isprintable() else " " for character in str(text))
