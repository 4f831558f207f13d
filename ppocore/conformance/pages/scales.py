"""Numbers to places in a picture, and ticks at round numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


def number(value: Any) -> float | None:
    """A finite number of a report; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) < 1e300 else None


def short(value: float) -> str:
    """A number that fits a small space."""
    text = f"{value + 0.0:.4g}"
    return text.replace("e+0", "e").replace("e-0", "e-").replace("e+", "e").replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Scale:
    """A straight line from numbers to places."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a number, kept inside the picture, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, -0.02), 1.02) * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Places of round numbers with what to write there."""
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        found = [step * i for i in range(first, first + 3 * about) if step * i <= self.high + step * 1e-9]
        return [(self(value), short(value)) for value in found]


def scale(values: list[float], start: float, end: float, margin: float = 0.06) -> Scale:
    """A scale that holds all the values with some room."""
    low, high = min(values), max(values)
    room = (high - low) * margin or max(abs(low) * 0.5, 0.5)
    return Scale(low - room, high + room, start, end)
