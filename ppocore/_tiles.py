"""Arrays that lie oddly in memory, in pieces that the cache holds, each copied to where it lies plainly.

Copied as a whole they would need memory that is fetched anew, which takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore._arrays import FLAG
from ppocore._threads import own_room


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
