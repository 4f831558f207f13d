"""How arrays lie in memory: as views that skip and run backwards, or with their axes exchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TRANSPOSED, STRIDED = "transposed", "strided"


def layout_of(array: NDArray[Any]) -> str:
    """One of the two, or "" for an array that lies row after row without gaps."""
    if array.flags.c_contiguous:
        return ""
    return TRANSPOSED if array.flags.f_contiguous else STRIDED


def laid(array: NDArray[Any], layout: str) -> NDArray[Any]:
    """The same numbers in new memory of that layout."""
    if layout == TRANSPOSED:
        return np.asfortranarray(array)
    if layout == STRIDED:
        backwards = (slice(None, None, -2),) * array.ndim
        room = np.zeros([2 * length for length in array.shape], dtype=array.dtype)
        room[backwards] = array
        return room[backwards]
    return array
