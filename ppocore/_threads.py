"""Work spread over threads, where it is large enough to pay.

Kernels release the interpreter lock, so plain threads do: they survive a fork (the child starts its own) and may be
asked by several callers at once, which the layers beneath Numba's ``prange`` do not.  Nothing here changes a result:
who asks cuts the work in pieces that do not depend on how many threads there are.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numba
import numpy as np

from ppocore._arrays import Floats

P = TypeVar("P")
R = TypeVar("R")

THREADS: int = numba.config.NUMBA_NUM_THREADS
"""As many as this process may use, or what the variable NUMBA_NUM_THREADS says."""
WORTH_IT = 1 << 18
"""Entries above which a second thread costs less than it saves."""

_pools: list[ThreadPoolExecutor] = []
_kept = threading.local()
os.register_at_fork(after_in_child=_pools.clear)


def pieces(length: int, size: int, threads: int, most: int = sys.maxsize) -> list[range]:
    """The pieces of 0 .. length, each `size` long (the last one shorter), dealt out in runs: one for each thread, or
    more, so that none is longer than `most`."""
    count = -(-length // size)
    share = min(most, -(-count // threads))
    return [range(first * size, min((first + share) * size, length), size) for first in range(0, count, share)]


def spread(work: Callable[[P], R], parts: Sequence[P], threads: int) -> list[R]:
    """What `work` makes of every part, in their order, in this thread and others of the pool.

    Each takes the next part as soon as it is done with one: a thread that wakes late, as they do, holds nobody up.
    """
    found: dict[int, R] = {}
    places = iter(range(len(parts)))

    def take() -> None:
        for place in places:
            found[place] = work(parts[place])

    others = _asked(take, min(threads, len(parts)) - 1)
    take()
    for other in others:
        if not other.cancel():
            other.result()
    return [found[place] for place in range(len(parts))]


def own_room(size: int) -> Floats:
    """So many numbers of memory that a thread keeps for itself: to fetch it anew takes longer than to fill it."""
    kept: Floats | None = getattr(_kept, "room", None)
    if kept is None or kept.size < size:
        kept = _kept.room = np.empty(size)
    return kept if kept.size == size else kept[:size]


def _asked(take: Callable[[], None], count: int) -> list[Future[None]]:
    if count > 0 and not _pools:
        _pools.append(ThreadPoolExecutor(max(1, THREADS - 1), thread_name_prefix="ppocore"))
    try:
        return [_pools[0].submit(take) for _ in range(count)]
    except RuntimeError:  # The interpreter is ending and takes no more work.
        return []
