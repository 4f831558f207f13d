"""How NumPy adds: a tree of additions, whose height bounds the error of a sum.

Contiguous numbers are added in blocks of at most 128 with eight running sums, blocks in halves (NumPy's
`pairwise_sum`); a test compares the bits.  Along any other axis, and in our kernels, numbers are added one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ppocore import reductions

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


def chunked_sum(x: Sequence[Any]) -> Any:
    """The sum in the order of `ppocore.reductions.moment`, for numbers of any kind."""
    sums = []
    for first in range(0, len(x), reductions.CHUNK):
        chunk = x[first : first + reductions.CHUNK]
        lanes = list(chunk[: reductions.LANES])
        for i in range(len(lanes), len(chunk)):
            lanes[i % len(lanes)] += chunk[i]
        while len(lanes) > 1:
            half = (len(lanes) + 1) // 2
            lanes = [a + b for a, b in zip(lanes, lanes[half:], strict=False)] + lanes[len(lanes) - half : half]
        sums += lanes
    while len(sums) > 1:
        sums = [sum(sums[i + 1 : i + 2], sums[i]) for i in range(0, len(sums), 2)]
    return sums[0]


def chunked_height(n: int) -> int:
    """The most additions that any of n numbers goes through in that order."""
    chunks, longest = -(-n // reductions.CHUNK), min(n, reductions.CHUNK)
    rows = -(-longest // reductions.LANES)
    return rows - 1 + (min(longest, reductions.LANES) - 1).bit_length() + (chunks - 1).bit_length()
