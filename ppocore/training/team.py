"""Threads that work through one kernel in step, a hundred times a millisecond.

Numba's own parallel loops would do, but each adds seconds to the first compilation, and their threads do not survive
a fork or a second caller.  Here a kernel runs once in every thread, knows its `rank`, takes its part of a fixed list
of tasks, and waits for the others with `meet`.  Which thread does a task changes no bit of the result.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ppocore._kernels import inner

ARRIVED, GIVEN_UP = 0, 8
"""Places of the two shared numbers, a cache line apart."""
MOST = 8
"""Threads of a team: more would find nothing to do in an update."""
PATIENCE = 4096
"""Looks at the shared number before the core is offered to others."""


class Place(NamedTuple):
    """Where a thread stands in its team."""

    rank: int
    size: int
    board: NDArray[np.int64]


class Team:
    """As many threads as NUMBA_NUM_THREADS says, by default one for each core this process may use, `MOST` at most."""

    def __init__(self) -> None:
        self.size = min(MOST, int(numba.config.NUMBA_NUM_THREADS))
        self._board = np.zeros(16, dtype=np.int64)
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def run(self, work: Callable[..., Any], *given: Any) -> None:
        """Call ``work(place, *given)`` in every thread, and wait for all."""
        if self.size == 1:
            work(Place(0, 1, self._board), *given)
            return
        if self._pool is None or self._process != os.getpid():
            # After a fork the threads are gone.
            self._pool, self._process = ThreadPoolExecutor(self.size - 1, "ppocore"), os.getpid()
        self._board[:] = 0
        places = [Place(rank, self.size, self._board) for rank in range(self.size)]
        others = [self._pool.submit(_guarded, work, place, given) for place in places[1:]]
        try:
            _guarded(work, places[0], given)
        finally:
            for other in others:
                other.result()


def _guarded(work: Callable[..., Any], place: Place, given: tuple[Any, ...]) -> None:
    try:
        work(place, *given)
    except BaseException:
        # Ctrl-C before the kernel began, say: the others would wait for ever.
        place.board[GIVEN_UP] = 1
        raise


@inner
def part_of(place: Place, count: int) -> tuple[int, int]:
    """Where the part of a thread begins and ends, of so many tasks that are dealt out in runs."""
    return place.rank * count // place.size, (place.rank + 1) * count // place.size


@inner
def meet(place: Place) -> bool:
    """Wait until every thread of the team has come here; False if one has given up."""
    if place.size == 1:
        return True
    last = (_arrive(place.board, ARRIVED) // place.size + 1) * place.size
    looks = 0
    while _look(place.board, ARRIVED) < last:
        if _look(place.board, GIVEN_UP) != 0:
            return False
        looks += 1
        if looks > PATIENCE:
            _offer_core()
    return True


@intrinsic
def _arrive(context, board, index):  # type: ignore[no-untyped-def]  # Numba's form
    """Add one, in one piece; the number before."""
    def code(context, builder, signature, given):  # type: ignore[no-untyped-def]
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", _address(context, builder, signature, given), one, "seq_cst")

    return types.int64(board, index), code


@intrinsic
def _look(context, board, index):  # type: ignore[no-untyped-def]  # Numba's form
    """The number that is there now, whichever thread wrote it."""
    def code(context, builder, signature, given):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_address(context, builder, signature, given), "seq_cst", 8)

    return types.int64(board, index), code


def _address(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    board = context.make_array(signature.args[0])(context, builder, given[0])
    return cgutils.get_item_pointer(context, builder, signature.args[0], board, [given[1]], wraparound=False)


_offer_core = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())
