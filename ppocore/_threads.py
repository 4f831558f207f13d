"""Work spread over threads, where it is large enough to pay.

Kernels release the interpreter lock, so plain threads do: they survive a fork (the child starts its own) and may be
asked by several callers at once, which the layers beneath Numba's ``prange`` do not.  Nothing here changes a result:
who asks cuts the work in pieces that do not depend on how many threads there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numba

P = TypeVar("P")
R = TypeVar("R")

THREADS: int = numba.config.NUMBA_NUM_THREADS
"""As many as this process may use, or what the variable NUMBA_NUM_THREADS says."""
WORTH_IT = 1 << 17
"""Entries above which a second thread costs less than it saves."""

_pools: list[ThreadPoolExecutor] = []
os.register_at_fork(after_in_child=_pools.clear)


def pieces(length: int, size: int, threads: int) -> list[range]:
    """The pieces of 0 .. length, each `size` long (the last one shorter), dealt out to the threads in runs."""
    count = -(-length // size)
    share = -(-count // threads)
    return [range(first * size, min((first + share) * size, length), size) for first in range(0, count, share)]


def spread(work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """What `work` makes of every part, in their order: the first part in this thread, the others in the pool."""
    others = [_submitted(work, part) for part in parts[1:]]
    own = work(parts[0])
    return [own, *(other.result() for other in others)]


def _submitted(work: Callable[[P], R], part: P) -> Future[R]:
    if not _pools:
        _pools.append(ThreadPoolExecutor(max(1, THREADS - 1), thread_name_prefix="ppocore"))
    try:
        return _pools[0].submit(work, part)
    except RuntimeError:  # The interpreter is ending and takes no more work.
        done: Future[R] = Future()
        done.set_result(work(part))
        return done
