"""Number formats shorter than DTYPE that code may have computed in without saying so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ppocore.conformance.case import Answer, Question

FLOAT32, HALF, BFLOAT16 = 2.0**-24, 2.0**-11, 2.0**-8


def shorter(dtype: str, answered: Sequence[tuple[Question, Answer]]) -> Iterator[float]:
    """Roundoffs to try.  The 16-bit formats are so coarse that their answers must also be such numbers."""
    if dtype == "float64":
        yield FLOAT32
    numbers = _numbers(answered)
    for unit, rounded in ((HALF, _to_half), (BFLOAT16, _to_bfloat16)):
        if numbers.size and np.array_equal(numbers, rounded(numbers), equal_nan=True):
            yield unit


def all_single(answered: Sequence[tuple[Question, Answer]]) -> bool:
    """True if every number answered is a float32 number, and they are not just whole ones."""
    numbers = _numbers(answered)
    with np.errstate(all="ignore"):
        if np.array_equal(numbers, np.round(numbers), equal_nan=True):
            return False
        return np.array_equal(numbers, numbers.astype(np.float32).astype(np.float64), equal_nan=True)


def _numbers(answered: Sequence[tuple[Question, Answer]]) -> np.ndarray:
    return np.concatenate([np.zeros(0)] + [
        np.asarray(value, dtype=np.float64).reshape(-1)
        for _, answer in answered for value in answer.outputs.values() if not isinstance(value, list)])


def looks_rounded(errors: np.ndarray) -> bool:
    """True if the errors go both ways, as rounding does; a formula that is off goes one way more often."""
    wrong = errors[errors != 0]
    up = int((wrong > 0).sum())
    return bool(wrong.size >= 8 and min(up, wrong.size - up) >= 0.2 * wrong.size)


def _to_half(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return x.astype(np.float16).astype(np.float64)


def _to_bfloat16(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        bits = x.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), np.nan, bits.view(np.float32).astype(np.float64))


