"""The doorman: turns arguments into float64 arrays, checks them, and owns every error text.

Arithmetic inside the rooms is done in float64.  A result is rounded once to float32 when every array of
floats that came in was float32; otherwise it stays float64.  Nothing that came in is ever written to.

A refusal reads ``<function>: <argument> <what was found>; <what is required>.``
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
"""What a room hands out: float32 or float64."""
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
FINITE = "(-inf, inf)"
"""The interval of all numbers."""
SINGLE, DOUBLE, FLAG = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.bool_)


class _Bound(NamedTuple):
    size: int | tuple[int, ...]
    name: str
    shape: tuple[int, ...]


class Doorman:
    """Checks the arguments of one call.

    Axes are named: the first array that has an axis ``B`` fixes its length, and every later array with an
    axis ``B`` must agree.  ``...`` stands for any trailing shape.
    """

    def __init__(self, function: str) -> None:
        self.function = function
        self._axes: dict[str, _Bound] = {}
        self._dtypes: set[type[np.floating[Any]]] = set()

    # -- arrays in ---------------------------------------------------------------------------------

    def floats(
        self,
        name: str,
        value: ArrayLike,
        axes: str,
        *,
        used: Bools | None = None,
        interval: str = FINITE,
        hint: str = "",
    ) -> Floats:
        """`value` as float64, every used entry inside `interval`; unused entries come back as 0."""
        array = self._read(name, value)
        if array.dtype.kind not in "fiu" or (array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8)):
            raise self._mistyped(name, array, "float32, float64 or integer")
        self._fit(name, array, axes)
        self._dtypes.add(np.float32 if array.dtype.kind == "f" and array.dtype.itemsize == 4 else np.float64)
        entries = _plain(array, np.float64)
        if used is None and interval == FINITE and np.isfinite(entries).all():
            return entries
        wrong = ~_inside(entries, interval)
        if used is not None:
            wrong &= used
            entries = np.where(used, entries, 0.0)
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            where = f"{name}[{', '.join(map(str, index))}]"
            raise self.refusal(where, f"is {array[index]}", f"every entry must be {_words(interval)}", hint)
        return entries

    def flags(self, name: str, value: ArrayLike, axes: str) -> Bools:
        """`value` as an array of bool; numbers are refused, since 0.5 is no flag."""
        array = self._read(name, value)
        if array.dtype.kind != "b":
            raise self._mistyped(name, array, "bool")
        self._fit(name, array, axes)
        return _plain(array, np.bool_)

    def batch(self, mask: ArrayLike | None, **values: ArrayLike) -> tuple[Bools, list[Floats]]:
        """Per-sample arrays of one shape: (B,) with or without a mask, or (B, L) with one.

        Every row of the mask must hold a valid slot.  Masked slots come back as 0.
        """
        if mask is None:
            arrays = [self.floats(name, value, "B") for name, value in values.items()]
            return np.ones(arrays[0].shape, dtype=bool), arrays
        valid = self._read("mask", mask)
        axes = "B L" if valid.ndim == 2 else "B"
        valid = self.valid_rows(mask, axes)
        return valid, [self.floats(name, value, axes, used=valid) for name, value in values.items()]

    def valid_rows(self, mask: ArrayLike, axes: str) -> Bools:
        """A mask whose every row (or which, when it is one row itself) holds a valid slot."""
        valid = self.flags("mask", mask, axes)
        self._no_empty_row("mask", valid, "valid slot")
        return valid

    def legal_actions(
        self, action_mask: ArrayLike | None, axes: str, shape: tuple[int, ...], used: Bools | None = None
    ) -> Bools:
        """An action mask with a legal action in every used row; all True, of `shape`, for None."""
        if action_mask is None:
            return np.ones(shape, dtype=bool)
        legal = self.flags("action_mask", action_mask, axes)
        if used is not None:
            legal = legal | ~used[..., None]
        self._no_empty_row("action_mask", legal, "legal action")
        return legal

    def actions(self, name: str, value: ArrayLike, axes: str, legal: Bools, used: Bools | None = None) -> Ints:
        """Indices of legal actions, one per row of `legal`; unused entries come back as a legal action."""
        array = self._read(name, value)
        if array.dtype.kind not in "iu":
            raise self._mistyped(name, array, "integer")
        self._fit(name, array, axes)
        count = legal.shape[-1]
        outside = (array < 0) | (array >= count)
        safe = np.where(outside, 0, array).astype(np.int64)
        illegal = ~np.take_along_axis(legal, safe[..., None], axis=-1)[..., 0]
        if used is not None:
            outside, illegal = outside & used, illegal & used
        for wrong, rule in ((outside, f"be in [0, {count - 1}]"), (illegal, "be allowed by action_mask")):
            if wrong.any():
                index = tuple(int(i) for i in np.argwhere(wrong)[0])
                where = f"{name}[{', '.join(map(str, index))}]"
                raise self.refusal(where, f"is {array[index]}", f"every action must {rule}")
        if used is not None:
            safe = np.where(used, safe, legal.argmax(axis=-1))
        return _plain(safe, np.int64)

    def choices(self, name: str, value: ArrayLike, axes: str, counts: Ints) -> Ints:
        """Indices below `counts` (one for each place of the last axis, or one for all)."""
        array = self._read(name, value)
        if array.dtype.kind not in "iu":
            raise self._mistyped(name, array, "integer")
        self._fit(name, array, axes)
        outside = (array < 0) | (array >= counts)
        if outside.any():
            index = tuple(int(i) for i in np.argwhere(outside)[0])
            top = int(np.broadcast_to(counts, array.shape)[index]) - 1
            where = f"{name}[{', '.join(map(str, index))}]"
            raise self.refusal(where, f"is {array[index]}", f"every action there must be in [0, {top}]")
        return _plain(array, np.int64)

    def lengths(self, name: str, value: ArrayLike, total: int, of: str) -> Ints:
        """Lengths of trajectories: whole numbers from 1 that add up to `total`."""
        array = self._read(name, value)
        if array.dtype.kind not in "iu":
            raise self._mistyped(name, array, "integer")
        self._fit(name, array, "N")
        if (array < 1).any():
            index = int(np.argmax(array < 1))
            raise self.refusal(f"{name}[{index}]", f"is {array[index]}", "every length must be at least 1")
        if int(array.sum()) != total:
            required = f"it must add up to the {total} {of}"
            raise self.refusal(name, f"adds up to {array.sum()}", required)
        return array.astype(np.int64)

    def rationals(self, name: str, value: Sequence[Any]) -> list[Fraction]:
        """Numbers as exact fractions; a float stands for exactly the binary fraction it is."""
        if self._read(name, value).ndim != 1:
            raise self.refusal(name, f"is {value!r:.60}", "it must be a flat sequence of numbers")
        if len(value) == 0:
            raise self.refusal(name, "is empty", "it must have at least one entry")
        same = self._axes.setdefault("X", _Bound(len(value), name, (len(value),)))
        if same.size != len(value):
            found = f"has {len(value)} entries but {same.name} has {same.size}"
            raise self.refusal(name, found, "both must list the same points")
        return [self.rational(f"{name}[{index}]", entry, "(-inf, inf)") for index, entry in enumerate(value)]

    def rational(self, name: str, value: Any, interval: str) -> Fraction:
        """One number inside `interval` as an exact fraction."""
        plain = self.number(name, value, interval)
        if isinstance(value, numbers.Rational):
            return Fraction(int(value.numerator), int(value.denominator))
        return Fraction(plain)

    def probabilities(self, name: str, value: Sequence[Any]) -> list[Fraction]:
        """Exact probabilities: none negative, sum 1 (for floats, up to one rounding of each entry)."""
        exact = self.rationals(name, value)
        for index, entry in enumerate(exact):
            self.number(f"{name}[{index}]", float(entry), "[0, 1]")
        exactly = all(isinstance(entry, numbers.Rational) for entry in value)
        slack = Fraction(0) if exactly else Fraction(len(exact), 2**53)
        total = sum(exact, Fraction(0))
        if abs(total - 1) > slack:
            raise self.refusal(name, f"adds up to {float(total)!r}", "probabilities must add up to 1")
        return exact

    # -- scalars in --------------------------------------------------------------------------------

    def number(self, name: str, value: float, interval: str, hint: str = "") -> float:
        """`value` as a Python float inside `interval`."""
        if type(value) is float and _inside(value, interval):
            return value
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            raise self.mistake(name, f"is {value!r:.60}", "it must be one real number")
        plain = float(value)
        if not _inside(plain, interval):
            raise self.refusal(name, f"is {plain}", f"it must be {_words(interval)}", hint)
        return plain

    def whole(self, name: str, value: int, at_least: int) -> int:
        """`value` as a Python int of at least `at_least`."""
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
            raise self.mistake(name, f"is {value!r:.60}", "it must be one integer")
        if value < at_least:
            raise self.refusal(name, f"is {value}", f"it must be at least {at_least}")
        return int(value)

    def option(self, name: str, value: str, options: tuple[str, ...]) -> str:
        """One word out of `options`."""
        if not isinstance(value, str):
            raise self.mistake(name, f"is {value!r:.60}", f"it must be one of {', '.join(options)}")
        if value not in options:
            raise self.refusal(name, f"is {value!r:.60}", f"it must be one of {', '.join(options)}")
        return value

    def items(self, name: str, value: Sequence[ArrayLike]) -> list[ArrayLike]:
        """A non-empty list or tuple of arrays."""
        if not isinstance(value, (list, tuple)):
            raise self.mistake(name, f"is a {type(value).__name__}", "it must be a list of arrays")
        if len(value) == 0:
            raise self.refusal(name, "is empty", "it must hold at least one array")
        return list(value)

    # -- out ---------------------------------------------------------------------------------------

    def out(self, result: Array) -> Array:
        """`result` in the dtype of the inputs, as a fresh array without negative zeros."""
        with np.errstate(over="ignore"):
            return (result + 0.0).astype(self.dtype())

    def scalar(self, result: float) -> float:
        """`result` as a NumPy scalar in the dtype of the inputs."""
        with np.errstate(over="ignore"):
            return self.dtype()(float(result) + 0.0)  # type: ignore[return-value]

    def refusal(self, name: str, found: str, required: str, hint: str = "") -> ValueError:
        """The error for a wrong value or shape."""
        return ValueError(self._text(name, found, required, hint))

    def mistake(self, name: str, found: str, required: str) -> TypeError:
        """The error for a wrong kind of thing."""
        return TypeError(self._text(name, found, required))

    def room(self, name: str, given: Any, shape: tuple[int, ...], dtype: np.dtype[Any], apart: Sequence[Any]) -> Array:
        """`given` as memory for a result: it has to fit and to share nothing with the arrays in `apart`."""
        if type(given) is not np.ndarray:
            raise self.mistake(name, f"is a {type(given).__name__}", "it must be a NumPy array")
        if given.dtype != dtype or given.shape != shape or not given.flags.carray:
            found = f"has shape {given.shape} and dtype {given.dtype}"
            raise self.refusal(name, found, f"it must be writable, C-contiguous, of shape {shape} and dtype {dtype}")
        if any(isinstance(x, np.ndarray) and np.may_share_memory(given, x) for x in apart):
            raise self.refusal(name, "shares memory with an input or another result", "it must be memory of its own")
        return given

    # -- how ---------------------------------------------------------------------------------------

    def dtype(self) -> type[np.floating[Any]]:
        """float32 if all arrays so far were, else float64."""
        return np.float32 if self._dtypes == {np.float32} else np.float64

    def _text(self, name: str, found: str, required: str, hint: str = "") -> str:
        return f"{self.function}: {name} {found}; {required}." + (f" {hint}" if hint else "")

    def _mistyped(self, name: str, array: NDArray[Any], required: str) -> TypeError:
        return TypeError(self._text(name, f"has dtype {array.dtype}", f"it must be {required}"))

    def _read(self, name: str, value: ArrayLike) -> NDArray[Any]:
        try:
            return np.asarray(value)
        except ValueError:
            required = "all its rows must have one length"
            raise self.refusal(name, "is not a rectangular array", required) from None
        except (TypeError, RuntimeError) as error:
            text = self._text(name, f"cannot be read as an array ({error!s:.80})", "it must be a plain array")
            raise TypeError(text) from None

    def _fit(self, name: str, array: NDArray[Any], axes: str) -> None:
        letters = _letters(axes)
        open_end = letters[-1] == "..."
        if not (array.ndim >= len(letters) - 1 if open_end else array.ndim == len(letters)):
            also = ", or (B, L) together with a mask" if axes == "B" and array.ndim == 2 else ""
            raise self.refusal(name, f"has shape {array.shape}", f"it must have shape {_pretty(letters)}{also}")
        if 0 in array.shape:
            raise self.refusal(name, f"has shape {array.shape}", "every axis must have at least one entry")
        sizes: dict[str, int | tuple[int, ...]] = dict(zip(letters, array.shape, strict=False))
        if open_end:
            sizes["..."] = array.shape[len(letters) - 1 :]
        for letter, size in sizes.items():
            first = self._axes.setdefault(letter, _Bound(size, name, array.shape))
            if first.size != size:
                found = f"has shape {array.shape} but {first.name} has shape {first.shape}"
                raise self.refusal(name, found, f"it must have shape {_pretty(letters)} with {letter} = {first.size}")

    def _no_empty_row(self, name: str, flags: Bools, what: str) -> None:
        filled = flags.any(axis=-1)
        if not filled.all():
            row = "" if filled.ndim == 0 else f"[{', '.join(str(i) for i in np.argwhere(~filled)[0])}]"
            raise self.refusal(f"{name}{row}", "is all False", f"it must allow at least one {what}")


def native(first: Any, second: Any, third: Any) -> bool:
    """Whether three arrays have one dtype, and one that kernels read.

    A strict kernel has to be told, for its door, fast as it is, takes swapped bytes for plain ones; how the first
    array lies is what is odd most often.
    """
    if type(first) is not np.ndarray or not first.flags.carray:
        return False
    dtype = first.dtype
    try:
        return (dtype is SINGLE or dtype is DOUBLE) and second.dtype is dtype and third.dtype is dtype
    except AttributeError:
        return False


def ready(floats: tuple[Any, ...], flags: tuple[Any, ...] = (), anyhow: bool = False) -> bool:
    """Whether kernels may read these as they are: arrays of one shape, floats of one dtype, laid out plainly.

    Or `anyhow`: then they may be read once they are copied.
    """
    first = floats[0]
    if type(first) is not np.ndarray or not first.size:
        return False
    dtype, shape = first.dtype, first.shape
    if dtype != SINGLE and dtype != DOUBLE:
        return False
    for arrays, kind in ((floats, dtype), (flags, FLAG)):
        for array in arrays:
            if type(array) is not np.ndarray or array.dtype is not kind or array.shape != shape:
                return False
            if not (anyhow or array.flags.carray):
                return False
    return True


def _plain(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """C-contiguous, aligned and writable, so that every kernel is compiled for one layout only."""
    if type(array) is np.ndarray and array.dtype == dtype and array.flags.carray:
        return array
    return np.require(array, dtype=dtype, requirements=["C", "A", "W"])


@functools.cache
def _letters(axes: str) -> tuple[str, ...]:
    return tuple(axes.split())


def _pretty(letters: tuple[str, ...]) -> str:
    return f"({letters[0]},)" if len(letters) == 1 else f"({', '.join(letters)})"


@functools.cache
def _ends(interval: str) -> tuple[float, float]:
    low, high = interval[1:-1].split(",")
    return float(low), float(high)


def _inside(x: Any, interval: str) -> Any:
    low, high = _ends(interval)
    above = x >= low if interval[0] == "[" else x > low
    below = x <= high if interval[-1] == "]" else x < high
    return above & below


def _words(interval: str) -> str:
    return "finite" if interval == FINITE else f"in {interval}"
