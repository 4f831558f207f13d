"""The one place where these tests say how close is close: in units of rounding, times a stated scale."""

from __future__ import annotations

from typing import Any

import numpy as np

UNIT = {np.dtype(np.float64): 2.0**-53, np.dtype(np.float32): 2.0**-24}


def assert_within(actual: Any, expected: Any, *, units: float, scale: Any = None) -> None:
    """|actual - expected| <= units * u * scale, entry by entry.

    u is the unit roundoff of `actual`; the scale is |expected| unless given (sums that cancel state theirs).
    """
    got = np.asarray(actual)
    want = np.asarray(expected, dtype=np.float64)
    size = np.abs(want) if scale is None else np.asarray(scale, dtype=np.float64)
    assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
    slack = units * UNIT.get(got.dtype, 2.0**-53) * np.broadcast_to(size, want.shape)
    wrong = ~(np.abs(got - want) <= slack)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{int(wrong.sum())} of {wrong.size} entries; first at {index}: "
            f"got {got[index]!r}, expected {want[index]!r}, allowed difference {slack[index]:.3g}"
        )
