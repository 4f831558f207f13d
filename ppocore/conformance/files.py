"""Writing files so that an interrupted save never harms the one that was there."""

from __future__ import annotations

from pathlib import Path

from ppocore._files import replace
from ppocore.conformance.adapters import BadAdapter


def write_whole(path: Path, text: str) -> None:
    """All of the text or nothing."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            replace(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))
    except OSError as error:
        raise BadAdapter(f"{path}: cannot be written ({error.strerror or error}).") from None


def refuse_unwritable(path: Path | None) -> None:
    """BadAdapter before the run rather than after it, if the file could not be written."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        reason = "it is a folder" if path.is_dir() else "its folder does not exist"
        raise BadAdapter(f"{path}: cannot be written ({reason}).")
