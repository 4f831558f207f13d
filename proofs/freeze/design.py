"""What a frozen vector is made from: a name, a sentence, and numbers that every format holds exactly."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Design:
    """One vector before its answers are computed."""

    name: str
    """Becomes the last part of the permanent id `operation/vector/name`."""
    says: str
    inputs: Mapping[str, Any]
    """Numbers, flags and nested lists of them; a float is a real number, an int counts or points."""
    exact: bool = False
    """Only sums, products and halvings of short numbers: code in any format gets every digit."""


def exactly(value: Any) -> Any:
    """The same nesting with every float as a Fraction; ValueError for one that float32 cannot hold."""
    if isinstance(value, list):
        return [exactly(item) for item in value]
    if not isinstance(value, float):
        return value
    if struct.unpack("f", struct.pack("f", value))[0] != value:
        raise ValueError(f"{value!r} is no float32 number; design with sums of few powers of two.")
    return Fraction(value)
