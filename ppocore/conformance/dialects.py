"""What published libraries compute, operation by operation: `dialects.toml`, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from ppocore.conformance.conventions import CONVENTIONS, parse
from ppocore.conformance.operations import OPERATIONS

FILE = "dialects.toml"
FIELDS = {"cite": str, "note": str, "mistake": str, "aside": bool}


@dataclass(frozen=True)
class Entry:
    """One library's way of computing one operation."""

    conventions: Mapping[str, str]
    """Those that differ from the default."""
    cite: str
    note: str = ""
    """What no convention covers."""
    mistake: str = ""
    """Slug of the known mistake that it makes there."""
    aside: bool = False
    """True if no convention and no named mistake says what it does: told, not compared."""

    @property
    def compared(self) -> bool:
        """True if conventions alone say what it computes."""
        return not (self.aside or self.mistake)


@dataclass(frozen=True)
class Preset:
    """A library, or the paper."""

    name: str
    read: str
    """Version or commit at which its files were read."""
    entries: Mapping[str, Entry]

    def conventions(self, operation: str) -> Mapping[str, str] | None:
        """How it computes an operation; None where it does not, or not by conventions alone."""
        entry = self.entries.get(operation)
        return entry.conventions if entry is not None and entry.compared else None


@cache
def presets() -> Mapping[str, Preset]:
    """All of them, in the order of the file."""
    text = (resources.files("ppocore.conformance") / FILE).read_text(encoding="utf-8")
    return MappingProxyType({name: _preset(name, table) for name, table in tomllib.loads(text).items()})


def ways(operation: str) -> list[Mapping[str, str]]:
    """The different ways in which the libraries compute an operation, each once."""
    found = [preset.conventions(operation) for preset in presets().values()]
    different: list[Mapping[str, str]] = []
    for conventions in found:
        if conventions is not None and conventions not in different:
            different.append(conventions)
    return different


def _preset(name: str, table: Mapping[str, object]) -> Preset:
    entries = {}
    for operation, fields in table.items():
        if operation == "read":
            continue
        if operation not in OPERATIONS or not isinstance(fields, Mapping):
            raise ValueError(f"{FILE}: {name}.{operation} is no operation.")
        entries[operation] = _entry(f"{FILE}: {name}.{operation}", operation, fields)
    return Preset(name, str(table["read"]), entries)


def _entry(where: str, operation: str, fields: Mapping[str, object]) -> Entry:
    for field, kind in FIELDS.items():
        if field in fields and not isinstance(fields[field], kind):
            raise ValueError(f"{where}: {field} must be a {kind.__name__}.")
    conventions = parse({name: value for name, value in fields.items() if name not in FIELDS}).of(operation)
    for convention, value in conventions.items():
        if operation not in CONVENTIONS[convention].operations or value == CONVENTIONS[convention].default:
            raise ValueError(f"{where}: {convention} = {value} says nothing there.")
    return Entry(conventions, str(fields["cite"]), str(fields.get("note", "")), str(fields.get("mistake", "")),
                 bool(fields.get("aside", False)))
