"""Writing files so that an interrupted save never harms the one that was there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ppocore.conformance.adapters import BadAdapter


def write_whole(path: Path, text: str) -> None:
    """All of the text or nothing."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            _replace(path, text)
    except OSError as error:
        raise BadAdapter(f"{path}: cannot be written ({error.strerror or error}).") from None


def _replace(path: Path, text: str) -> None:
    folder = path.resolve().parent
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path.resolve())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def refuse_unwritable(path: Path | None) -> None:
    """BadAdapter before the run rather than after it, if the file could not be written."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        reason = "it is a folder" if path.is_dir() else "its folder does not exist"
        raise BadAdapter(f"{path}: cannot be written ({reason}).")
