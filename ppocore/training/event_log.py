"""What each update says, as event files that TensorBoard shows; the files are written by tensorboardX."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ppocore.training.errors import BadRun
from ppocore.training.session import Watch
from ppocore.training.trainer import Progress


@contextmanager
def event_log(folder: Path) -> Iterator[Watch]:
    """A watch that logs the numbers of every update as scalars ``train/<column>``, against environment steps.

    After a resume, what an interrupted run logged beyond its checkpoint is marked as void, for TensorBoard to drop.
    """
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError:
        raise BadRun("tensorboardX is not installed; pip install 'ppocore[tensorboard]'.") from None
    writer = None

    def watch(progress: Progress) -> None:
        nonlocal writer
        writer = writer or _writer(SummaryWriter, folder, progress.steps)
        for name, value in progress._asdict().items():
            if not isinstance(value, str) and math.isfinite(value):
                writer.add_scalar(f"train/{name}", value, progress.steps)

    try:
        yield watch
    finally:
        if writer is not None:
            writer.close()


def _writer(kind: Any, folder: Path, first: int) -> Any:
    try:
        return kind(str(folder), purge_step=first, filename_suffix=f".{first}")
    except OSError as error:
        raise BadRun(f"{folder}: cannot be written ({error.strerror or error}).") from None
