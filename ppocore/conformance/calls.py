"""One question put to one function: hand over, call, take back, and see what became of the inputs."""

from __future__ import annotations

import contextlib
import contextvars
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.adapters import describe_error
from ppocore.conformance.case import Answer
from ppocore.conformance.frameworks import VALUE_ONLY, Framework, Gradients
from ppocore.conformance.operations import Operation
from ppocore.conformance.returned import Arrays, Malformed, as_array, in_float64, output_arrays, pick
from ppocore.conformance.texts import clean


def answer(
    function: Callable[..., Any], operation: Operation, framework: Framework, dtype: str,
    given: Mapping[str, Any], settle: Callable[[], None] = lambda: None,
) -> Answer:
    """Call the function with exactly these inputs; whatever it does, an Answer comes back.

    `settle` puts back what code of the adapter may have changed under us; it is called after each stretch of it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # A context of its own keeps what the call does to numpy.errstate, print options or decimals.
            context = contextvars.copy_context()
            return context.run(_answer, function, operation, framework, dtype, given, settle)
        except Malformed as error:
            return Answer("malformed", clean(str(error)))
        except BaseException as error:
            return Answer("raised", f"{describe_error(error)}{_place(error)}")


def _answer(
    function: Callable[..., Any], operation: Operation, framework: Framework, dtype: str,
    given: Mapping[str, Any], settle: Callable[[], None],
) -> Answer:
    wanted = [name for name in operation.differentiable if name in given]
    try:
        result, natives, notes = framework.call(function, given, wanted, dtype)
    finally:
        settle()
    raw, ignored = pick(operation, result)
    gradients: Gradients = {}
    if wanted:
        try:
            gradients, reasons = framework.gradients(
                function, raw["loss"], lambda r: pick(operation, r)[0]["loss"], natives, wanted)
        finally:
            settle()
        notes = notes + reasons
    arrays = {name: output_arrays(operation, name, value) for name, value in raw.items()}
    arrays, extras = _without_extras(arrays, gradients, given, result)
    outputs = {name: in_float64(name, array, raw[name]) for name, array in arrays.items()}
    if any(name.startswith("grad_") for name in outputs):
        # Judged on the gradients that it returns, then.
        notes = [note for note in notes if not note.startswith(VALUE_ONLY)]
    views = {name: _views(name, value) for name, value in natives.items()}
    return Answer(
        "ok", "", outputs, gradients,
        mutated=tuple(name for name in given if _changed(given[name], natives[name], views[name], dtype)),
        aliased=tuple(name for name, array in arrays.items() if _shares(array, views)),
        notes=tuple([*notes, *ignored, *extras, *_precision(arrays, dtype)]),
    )


def _without_extras(
    arrays: Mapping[str, Arrays], gradients: Gradients, given: Mapping[str, Any], result: Any
) -> tuple[dict[str, Arrays], list[str]]:
    """Leave out a lone number that a tuple has in the place of a gradient which the framework gave us.

    `return loss, clip_fraction` is a habit of torch and JAX code, and no statement about the gradient.
    """
    extras = [name for name, array in arrays.items()
              if name in gradients and isinstance(result, tuple) and not hasattr(result, "_fields")
              and isinstance(array, np.ndarray) and array.ndim == 0
              and np.ndim(given[name.removeprefix("grad_")]) > 0]
    notes = [f"returns a number where {name} would stand in a tuple; ignored" for name in extras]
    return {name: array for name, array in arrays.items() if name not in extras}, notes


def _views(name: str, value: Any) -> list[NDArray[Any]] | None:
    """Arrays over the memory that was handed over; None if it is gone (donated, resized away)."""
    if isinstance(value, (float, int, type(None))):
        return []
    try:
        items = value if isinstance(value, list) else [value]
        return [np.asarray(item) if isinstance(item, int) else as_array(name, item) for item in items]
    except Malformed:
        return None


def _changed(given: Any, native: Any, views: list[NDArray[Any]] | None, dtype: str) -> bool:
    """True unless what was handed over still holds, bit for bit, what it held."""
    if views is None:
        return True
    items = given if isinstance(given, (list, tuple)) else [given]
    # Whole numbers count inside of lists (sizes); alone they cannot be changed.
    before = [np.asarray(item) for item in items
              if isinstance(item, np.ndarray) or isinstance(item, int) and items is given]
    if len(before) != len(views):
        return True
    with np.errstate(all="ignore"):
        return any(view.shape != item.shape or view.tobytes() != item.astype(view.dtype).tobytes()
                   or not _as_handed(item, view, dtype) for item, view in zip(before, views, strict=True))


def _as_handed(item: NDArray[Any], view: NDArray[Any], dtype: str) -> bool:
    """True if the type is that of what was handed over; JAX without x64 has no int64 and is handed int32."""
    if item.dtype.kind == "f":
        return view.dtype == np.dtype(dtype)
    return view.dtype.kind == item.dtype.kind


def _shares(array: Arrays, views: Mapping[str, list[NDArray[Any]] | None]) -> bool:
    """True if an output lies in the memory of an input (bounds suffice: inputs are contiguous)."""
    outputs = array if isinstance(array, list) else [array]
    return any(output.size > 0 and output.flags.writeable and np.may_share_memory(output, view)
               for output in outputs for held in views.values() for view in held or ())


def _precision(arrays: Mapping[str, Arrays], dtype: str) -> list[str]:
    """A note where a function computes in less than the precision that it is judged in."""
    notes = []
    for name, array in arrays.items():
        for item in array if isinstance(array, list) else [array]:
            if item.dtype.kind == "f" and item.dtype.itemsize < np.dtype(dtype).itemsize:
                notes.append(f"returns {name} in {item.dtype}, but is judged in {dtype}"
                             f" (DTYPE = \"{item.dtype}\" would say so)")
                break
    return notes


def _place(error: BaseException) -> str:
    """Where in the adapter it was raised: the last frame outside this package and the libraries."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if "ppocore/conformance" not in frame.filename.replace("\\", "/")]
    own = [frame for frame in frames if "site-packages" not in frame.filename and "<" not in frame.filename]
    chosen = own or frames
    with contextlib.suppress(IndexError):
        return f" ({Path(chosen[-1].filename).name}:{chosen[-1].lineno})"
    return ""
