"""Arrays in pieces that the cache holds; those that lie oddly in memory are copied piece by piece.

Copied as a whole they would need memory that is fetched anew, which takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore._arrays import FLAG
from ppocore._threads import THREADS, WORTH_IT, own_room, pieces, spread

CHUNK = 1 << 14
"""Entries of some rows that are worked on together."""
RUN = 8
"""Chunks that a thread looks after at once."""


def plainly(arrays: Sequence[NDArray[Any]]) -> bool:
    """Whether all of them lie in C order, aligned and writable."""
    return all([array.flags.carray for array in arrays])


def tile(arrays: Sequence[NDArray[Any]], where: tuple[slice, ...], dtype: np.dtype[Any]) -> list[Any]:
    """Copies of one place of arrays: flags, and numbers of one dtype.

    They lie in the room that the thread keeps: whoever asks for that room again writes over them.
    """
    views = [array[where] for array in arrays]
    shape, count = views[0].shape, views[0].size
    kinds = [FLAG if view.dtype is FLAG else dtype for view in views]
    words = [(count * kind.itemsize + 7) >> 3 for kind in kinds]
    memory: Any = own_room(sum(words))
    made, place = [], 0
    for view, kind, length in zip(views, kinds, words, strict=True):
        copy: NDArray[Any] = np.ndarray(shape, kind, memory, 8 * place)
        np.copyto(copy, view)
        made.append(copy)
        place += length
    return made


def upwards(
    arrays: Sequence[NDArray[Any]], columns: range, rows: int, as_they_are: bool
) -> Iterator[tuple[int, int, Any]]:
    """So many rows at a time of arrays (T, N) of one dtype, from the last ones up.

    Gives the first of the rows, where the columns begin in the arrays, and these: copies, or whole rows as they are.
    """
    for stop in range(len(arrays[0]), 0, -rows):
        top = max(0, stop - rows)
        if as_they_are:
            yield top, columns.start, [x[top:stop] for x in arrays]
        else:
            yield top, 0, tile(arrays, np.s_[top:stop, columns.start : columns.stop], arrays[0].dtype)


def by_rows(arrays: Sequence[NDArray[Any]], rooms: int, work: Callable[[slice, list[Any], Any], bool]) -> bool:
    """Have `work` do some rows after the others of arrays (B, D) of one dtype; whether it says True of all.

    It is told which rows, and given what the arrays hold there and so many rooms, as many float64 numbers each.
    """
    length, width = arrays[0].shape
    size = min(length, max(1, CHUNK // width))
    as_they_are, dtype = plainly(arrays), arrays[0].dtype

    def run(part: range) -> bool:
        room, fine = np.empty((rooms, size * width)), True
        with np.errstate(over="ignore", under="ignore"):
            for first in part:
                rows = slice(first, min(first + size, part.stop))
                given = [x[rows] for x in arrays] if as_they_are else tile(arrays, (rows,), dtype)
                fine &= work(rows, given, room[:, : given[0].size])
        return fine

    if size == length:
        return run(range(0, length, size))
    threads = THREADS if length * width >= WORTH_IT else 1
    return all(spread(run, pieces(length, size, threads, RUN), threads))
