"""How NumPy adds: a tree of additions, whose height bounds the error of a sum.

Contiguous numbers are added in blocks of at most 128 with eight running sums, blocks in halves (NumPy's
`pairwise_sum`); a test compares the bits.  Along any other axis, and in our kernels, numbers are added one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

BLOCK, LANES = 128, 8


@cache
def height(n: int) -> int:
    """The most additions that any of n numbers goes through in NumPy's sum of contiguous numbers."""
    if n < LANES:
        return max(n - 1, 0)
    if n <= BLOCK:
        return n // LANES - 1 + 3 + n % LANES
    half = n // 2 - n // 2 % LANES
    return 1 + max(height(half), height(n - half))


def numpy_sum(x: Sequence[Any]) -> Any:
    """The sum in NumPy's order, for numbers of any kind."""
    n = len(x)
    if n < LANES:
        total = x[0]
        for i in range(1, n):
            total = total + x[i]
        return total
    if n <= BLOCK:
        lanes = list(x[:LANES])
        whole = n - n % LANES
        for start in range(LANES, whole, LANES):
            lanes = [lane + x[start + j] for j, lane in enumerate(lanes)]
        a, b, c, d, e, f, g, h = lanes
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        for i in range(whole, n):
            total = total + x[i]
        return total
    half = n // 2 - n // 2 % LANES
    return numpy_sum(x[:half]) + numpy_sum(x[half:])
