"""The files of the vectors: their text, the manifest that vouches for them, and what differs from the ones there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proofs.definitions import DEFINITIONS
from proofs.freeze.answers import vectors
from proofs.freeze.contract import OPERATIONS
from proofs.freeze.digits import DIGITS
from proofs.freeze.schema import FORMAT, SCHEMA

FOLDER = Path(__file__).parents[2] / "ppocore" / "conformance" / "vectors"
MANIFEST = "manifest.json"


def made() -> dict[str, str]:
    """Every file by name, as it must be."""
    books = {f"{name}.json": book(name) for name in OPERATIONS}
    texts = {name: written(content) for name, content in books.items()} | {"schema.json": written(SCHEMA)}
    manifest = {
        "format": FORMAT,
        "digits": DIGITS,
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
        "ids": sorted(vector["id"] for content in books.values() for vector in content["vectors"]),
    }
    return texts | {MANIFEST: written(manifest)}


def book(operation: str) -> dict[str, Any]:
    """What is frozen of one operation."""
    row = OPERATIONS[operation]
    return {"format": FORMAT, "operation": operation, "source": row.source, "lists": list(row.lists),
            "definition": f"{DEFINITIONS[operation].__module__}.{operation}", "vectors": vectors(operation)}


def written(value: Any, indent: str = "") -> str:
    """JSON with sorted keys; lists of plain values stay on one line, so that a change shows as a line."""
    deeper = indent + " "
    if isinstance(value, Mapping) and value:
        items = [f"{deeper}{json.dumps(key)}: {written(value[key], deeper)}" for key in sorted(value)]
        text = "{\n" + ",\n".join(items) + f"\n{indent}}}"
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        text = "[\n" + ",\n".join(deeper + written(item, deeper) for item in value) + f"\n{indent}]"
    else:
        text = json.dumps(value)
    return text if indent else text + "\n"


def vanished(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Ids in the manifest that is there and not in the new one: an id is for ever."""
    try:
        before = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["ids"]
    except FileNotFoundError:
        return []
    return sorted(set(before) - set(json.loads(files[MANIFEST])["ids"]))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put the files there, and take away JSON files that are none of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    for path in folder.glob("*.json"):
        if path.name not in files:
            path.unlink()


def differences(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """One line for each file that is missing, foreign or other than the definitions make it."""
    for path in sorted(folder.glob("*.json")):
        if path.name not in files:
            yield f"{path.name}: no definition makes it"
    for name, text in files.items():
        try:
            found = (folder / name).read_bytes()
        except FileNotFoundError:
            yield f"{name}: missing"
            continue
        if found != text.encode():
            yield f"{name}: {_places(found, text)}"


def _places(found: bytes, text: str) -> str:
    """Which vectors differ, or where the first line does."""
    try:
        before, after = (_by_id(json.loads(content)) for content in (found, text))
    except (ValueError, KeyError, TypeError):
        return "is damaged"
    ids = [id for id in sorted({*before, *after}) if before.get(id) != after.get(id)]
    return f"differs in {', '.join(ids)}" if ids else "differs outside of its vectors"


def _by_id(content: Any) -> dict[str, Any]:
    return {vector["id"]: vector for vector in content.get("vectors", [])}
