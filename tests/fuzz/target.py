"""What is fuzzed: how its inputs are made, and what must hold of each."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Complaint = str | None


@dataclass(frozen=True)
class Target:
    """One kind of thing that the gate is given."""

    name: str
    make: Callable[[random.Random], bytes]
    """A malformed one, or now and then one that is right."""
    check: Callable[[bytes], Complaint]
    """What the gate did wrong with it; None if nothing."""
    weight: int = 1
    """How many of them for each of another target."""
    command: Callable[[Path], list[str]] | None = None
    """Arguments of the real command that reads it from a file."""
    shrinks: bool = True
    """Whether any piece of an input is an input; an expression that says whether it is right is not."""

    def complaint(self, data: bytes) -> Complaint:
        """As `check`; an exception that comes through is a complaint too."""
        try:
            return self.check(data)
        except KeyboardInterrupt:
            raise
        except BaseException:
            return "it raised:\n" + traceback.format_exc()

    def smallest(self, data: bytes, calls: int = 400) -> bytes:
        """A smaller input that is complained of: pieces taken out as long as it is."""
        size = len(data) // 2
        while self.shrinks and size:
            start = 0
            while start < len(data) and calls:
                calls -= 1
                shorter = data[:start] + data[start + size:]
                if self.complaint(shorter) is not None:
                    data = shorter
                else:
                    start += size
            size //= 2
        return data
