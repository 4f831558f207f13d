"""Taking back what a function returned: outputs by name, as float64 arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.operations import Operation
from ppocore.conformance.signatures import nearest

LISTS = frozenset({"clip_grad_norm"})
"""Operations whose output is a list of arrays."""

Arrays = NDArray[Any] | list[NDArray[Any]]

MOST = 10_000_000
"""Elements beyond which a result is refused: no case asks for so many."""


class Malformed(Exception):
    """The function returned something that is not its output; the message says what."""


def pick(operation: Operation, result: Any) -> tuple[dict[str, Any], list[str]]:
    """Raw outputs by name, and notes about what was ignored."""
    first = operation.outputs[0]
    if result is None:
        raise Malformed(f"returned None; {first} is required.")
    named = _named(result)
    if named is not None:
        return _by_name(operation, named, type(result).__name__)
    if operation.name in LISTS:
        return {first: _unwrap_list(result, first)}, []
    if not isinstance(result, tuple):
        return {first: result}, []
    if not result or result[0] is None:
        raise Malformed(f"returned a tuple without {first}; it must come first.")
    notes = []
    if len(result) > len(operation.outputs):
        count = len(operation.outputs)
        notes.append(f"returns {len(result)} values; the table has {count}: the rest is ignored")
    found = {name: value for name, value in zip(operation.outputs, result, strict=False) if value is not None}
    # `return loss, {"clip_fraction": ...}`: what was logged is no statement about the gradient.
    logged = [name for name, value in found.items() if name != first and isinstance(value, Mapping)]
    notes += [f"returns a dict where {name} would stand in a tuple; ignored" for name in logged]
    return {name: value for name, value in found.items() if name not in logged}, notes


def _named(result: Any) -> Mapping[str, Any] | None:
    """The fields of a dict, NamedTuple or dataclass; None for anything else."""
    if isinstance(result, Mapping):
        return {str(name): value for name, value in result.items()}
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return dict(zip(result._fields, result, strict=False))
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return None


def _by_name(operation: Operation, named: Mapping[str, Any], kind: str) -> tuple[dict[str, Any], list[str]]:
    first = operation.outputs[0]
    found = {name: named[name] for name in operation.outputs if named.get(name) is not None}
    if first not in found:
        names = ", ".join(named) or "nothing"
        close = nearest(first, named) or next((name for name in named if nearest(name, [first])), None)
        hint = f" Rename {close!r}?" if close and close not in operation.outputs else ""
        raise Malformed(f"returned a {kind} with {names}; {first} is required.{hint}")
    if operation.name in LISTS:
        found[first] = _unwrap_list(found[first], first)
    ignored = ", ".join(name for name in named if name not in operation.outputs)
    return found, [f"also returns {ignored}: not in the table, ignored"] if ignored else []


def _unwrap_list(result: Any, name: str) -> list[Any]:
    """A list or tuple of arrays, possibly followed by other things: (grads, norm)."""
    if not isinstance(result, (list, tuple)):
        raise Malformed(f"returned a {_kind(result)}; {name} must be a list of arrays.")
    if isinstance(result, tuple) and result and isinstance(result[0], (list, tuple)):
        return _unwrap_list(list(result[0]), name)
    if any(item is None for item in result):
        raise Malformed(f"returned a list with None in it; {name} must be a list of arrays.")
    return list(result)


def output_arrays(operation: Operation, name: str, value: Any) -> Arrays:
    """One raw output as an array, or as a list of arrays where the table says so."""
    if operation.name in LISTS and name == operation.outputs[0]:
        return [as_array(f"{name}[{i}]", item) for i, item in enumerate(value)]
    return as_array(name, value)


def in_float64(name: str, array: Arrays, raw: Any) -> Arrays:
    """The same with float64 values; `raw` is what it was made from."""
    if isinstance(array, list):
        return [to_float64(f"{name}[{i}]", item, type(raw[i]).__name__) for i, item in enumerate(array)]
    return to_float64(name, array, type(raw).__name__)


def to_float64(name: str, array: NDArray[Any], kind: str) -> NDArray[np.float64]:
    """Values as float64; Malformed for what is not a real number."""
    if array.size > MOST:
        raise Malformed(f"{name} has {array.size} elements (shape {array.shape}); that is far too many.")
    if array.dtype.kind == "c":
        raise Malformed(f"{name} is complex; real numbers are required.")
    real = array.dtype.kind in "biuf" or array.dtype.name.startswith(("bfloat", "float"))
    if not real:
        raise Malformed(f"{name} is a {kind} of dtype {array.dtype}; real numbers are required.")
    with np.errstate(all="ignore"):
        return np.array(array, dtype=np.float64)


def as_array(name: str, value: Any) -> NDArray[Any]:
    """A NumPy array of whatever was returned, sharing its memory where that is possible."""
    try:
        if _is_tensor(value):
            return _tensor(value)
        if isinstance(value, Sequence) and (count := _count(value)) > MOST:
            raise Malformed(f"{name} is a {_kind(value)} of at least {count} items; that is far too many.")
        if isinstance(value, (list, tuple)) and value and _is_tensor(value[0]):
            return np.array([as_array(name, item) for item in value])
        return np.asarray(value)
    except Malformed:
        raise
    except BaseException as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise Malformed(f"{name} is a {_kind(value)} that cannot be read as an array ({text}).") from None


def _count(value: Sequence[Any]) -> int:
    """Items of a sequence and of those in it, before an array is made of them; over `MOST` where there is no end."""
    count, unseen = 0, [value]
    for _ in range(MOST // 10):
        if not unseen or count > MOST:
            return count
        found = unseen.pop()
        count += len(found)
        if isinstance(found, (list, tuple)) and count <= MOST:
            unseen += [item for item in found if isinstance(item, Sequence) and not isinstance(item, (str, bytes))]
    return MOST + 1


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def _tensor(value: Any) -> NDArray[Any]:
    tensor = value.detach().cpu()
    if str(tensor.layout) != "torch.strided":
        tensor = tensor.to_dense()
    if str(tensor.dtype) in ("torch.bfloat16", "torch.float16"):
        tensor = tensor.double()
    array: NDArray[Any] = tensor.resolve_conj().resolve_neg().numpy()
    return array


def _kind(value: Any) -> str:
    return type(value).__name__
