"""Frozen vectors: cases whose answers stand in files, written by `python -m proofs.freeze` from the definitions.

A file is read when its operation is asked for, and only if it is, byte for byte, the one that the manifest names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ppocore._refusals import Refusal
from ppocore.conformance.case import Case
from ppocore.conformance.operations import OPERATIONS

FORMAT = 1
MANIFEST = "manifest.json"
SCHEMA = "schema.json"


class DamagedVectors(Refusal):
    """A file of the vectors is not what was frozen; the message is one clear line."""


@dataclass(frozen=True)
class Vector:
    """A case and what was frozen with it."""

    case: Case
    kills: tuple[str, ...]
    """Named mistakes that it tells from the definition."""
    outputs: Mapping[str, Any]
    """Nested lists of decimal strings, each right to its last digit; None where a slot is not judged."""


def of(operation: str) -> tuple[Vector, ...]:
    """The vectors of an operation, in their order; DamagedVectors if the file cannot be trusted."""
    content = book(operation)
    return tuple(_vector(operation, entry, content["lists"]) for entry in content["vectors"])


def cases(operation: str) -> Iterator[Case]:
    """The vectors of an operation as cases."""
    return (vector.case for vector in of(operation))


def book(operation: str) -> dict[str, Any]:
    """The file of an operation as it stands."""
    content: dict[str, Any] = json.loads(text(f"{operation}.json"))
    return content


def text(name: str) -> str:
    """A file that the manifest vouches for."""
    content = _read(name)
    if hashlib.sha256(content).hexdigest() != _hashes().get(name):
        raise DamagedVectors(f"{_place(name)}: is not the file that {MANIFEST} names; install ppocore again.")
    return content.decode()


def _hashes() -> Mapping[str, str]:
    content = _read(MANIFEST)
    try:
        manifest = json.loads(content)
        found, hashes = manifest["format"], dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedVectors(f"{_place(MANIFEST)}: is not a manifest; install ppocore again.") from None
    if found != FORMAT:
        raise DamagedVectors(f"{_place(MANIFEST)}: has format {found}; this ppocore reads format {FORMAT}.")
    return hashes


def _read(name: str) -> bytes:
    try:
        content: bytes = _place(name).read_bytes()
    except OSError as error:
        raise DamagedVectors(f"{_place(name)}: cannot be read ({error.strerror}); install ppocore again.") from None
    return content


def _place(name: str) -> Any:
    return resources.files(__name__) / name


def _vector(operation: str, entry: Mapping[str, Any], lists: list[str]) -> Vector:
    given = {name: [_value(item) for item in value] if name in lists else _value(value)
             for name, value in entry["inputs"].items()}
    unused = dict.fromkeys(OPERATIONS[operation].options)
    case = Case(entry["id"], operation, entry["level"], entry["says"], unused | given, exact=entry["exact"])
    return Vector(case, tuple(entry["kills"]), entry["outputs"])


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return _array(value)
    return float(value) if isinstance(value, str) else value


def _array(nested: list[Any]) -> Any:
    """Numbers stand as strings, flags and indices as themselves."""
    array = np.array(nested)
    return array.astype({"U": np.float64, "i": np.int64, "b": np.bool_}[array.dtype.kind])
