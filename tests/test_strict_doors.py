"""Kernels that let Numba's door check their arguments: what it lets in is right, what it does not goes round about it.

One argument at a time lies oddly in memory, is of another kind, or has another shape than the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore._kernels import admit, strict
from tests.test_same_bits import batch, estimates, rollout


class Named(np.ndarray):
    """An array by another name."""


def read_only(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


def off_its_boundary(x: Any) -> Any:
    room = np.zeros(x.nbytes + 1, dtype=np.uint8)[1:].view(x.dtype).reshape(x.shape)
    room[...] = x
    return room


SWAPPED = {dtype: dtype.newbyteorder() for dtype in map(np.dtype, (np.float32, np.float64, np.bool_))}
ODD: dict[str, Callable[[Any], Any]] = {
    "read-only": read_only,
    "every other entry": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "columns first": lambda x: np.asfortranarray(x),
    "a subclass": lambda x: x.copy().view(Named),
    "masked": lambda x: np.ma.masked_array(x),
    "bytes swapped": lambda x: x.astype(SWAPPED[x.dtype]),
    "off its boundary": off_its_boundary,
    "a list": lambda x: x.tolist(),
    "float64": lambda x: x.astype(np.float64) if x.dtype != bool else x,
}
odd = pytest.mark.parametrize("how", ODD.values(), ids=ODD)
SUBJECTS = [(estimates, rollout(8, np.float32)), (estimates, rollout(3, np.float64)),
            (ppocore.clip_loss, batch(100, np.float32)), (ppocore.surrogate_loss, batch(100, np.float32))]  # fmt: skip
PLACES = [(call, given, place) for call, given in SUBJECTS for place in range(len(given))]
one_place = pytest.mark.parametrize(("call", "given", "place"), PLACES,
                                    ids=[f"{call.__name__}-{given[0].dtype}-{place}" for call, given, place in PLACES])


def answer(call: Callable[..., Any], given: Sequence[Any]) -> Any:
    """By the form of the call that is quickest."""
    if call is estimates:
        return estimates(tuple(given))
    return call(*given, clip_eps=0.2) if call is ppocore.clip_loss else call(*given)


@odd
@one_place
def test_an_odd_argument_changes_no_bit(call: Any, given: tuple[Any, ...], place: int, how: Any) -> None:
    expected = answer(call, given)

    found = answer(call, [how(x) if i == place else x for i, x in enumerate(given)])

    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(np.asarray(one, dtype=other.dtype), other)
        assert type(one) is not Named


@odd
@pytest.mark.parametrize(("call", "given"), [(call, given) for call, given in SUBJECTS], ids=range(len(SUBJECTS)))
def test_arguments_that_are_all_odd_change_no_bit(call: Any, given: tuple[Any, ...], how: Any) -> None:
    expected = answer(call, given)
    for one, other in zip(answer(call, [how(x) for x in given]), expected, strict=True):
        assert np.array_equal(np.asarray(one, dtype=other.dtype), other)


@one_place
@pytest.mark.parametrize("cut", [np.s_[:-1], np.s_[:0], np.s_[None]], ids=["shorter", "empty", "one axis more"])
def test_another_shape_is_refused(call: Any, given: tuple[Any, ...], place: int, cut: Any) -> None:
    answer(call, given)

    with pytest.raises(ValueError, match=r"has shape .*; (it must have shape|every axis must have)"):
        answer(call, [x[cut] if i == place else x for i, x in enumerate(given)])


FIRST_CALLS = """
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import ppocore

together = threading.Barrier(4)

def call(number):
    ones, ended = np.ones((9, 2), number), np.ones((9, 2), dtype=bool)
    together.wait()
    loss = ppocore.clip_loss(ones[:, 0].copy(), ones[:, 0].copy(), ones[:, 0].copy(), clip_eps=0.2).loss
    return loss, ppocore.gae(ones, ones, ones, ended, ended, gamma=0.5, gae_lambda=0.5).returns.sum()

with ThreadPoolExecutor(4) as pool:
    print(*{tuple(map(float, found)) for found in pool.map(call, [np.float32, np.float64] * 2)})
"""


def test_first_calls_may_come_from_several_threads_at_once(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_CALLS], capture_output=True, text=True, check=True,
                          env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)})  # fmt: skip
    assert done.stdout.strip() == "(-1.0, 18.0)"


@strict
def total(numbers: Any) -> float:
    held = 0.0
    for x in numbers:
        held += x
    return held


def test_a_strict_kernel_takes_what_it_was_shown() -> None:
    numbers = np.arange(4.0)
    with pytest.raises(TypeError, match="No matching definition"):
        total(numbers)

    admit(total, np.zeros(1))

    assert total(numbers) == 6
    for other in (numbers.astype(np.float32), numbers[::2], read_only(numbers), numbers[None], [1.0], None):
        with pytest.raises(TypeError, match="No matching definition"):
            total(other)
