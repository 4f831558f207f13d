"""A run from its beginning, or from where it was left, to its end: what `ppocore train` calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ppocore.training import folder as folders
from ppocore.training.config import Config
from ppocore.training.trainer import MakeEnvs, Progress, Trainer

SAVE_EVERY = 5.0
"""Seconds between two checkpoints, unless told otherwise; the result does not depend on it."""
Watch = Callable[[Progress], object]


def train(
    config: Config, *, out: Path | str | None = None, watch: Watch | None = None, save_every: float = SAVE_EVERY,
    make_envs: MakeEnvs | None = None,
) -> Trainer:  # fmt: skip
    """Train from scratch; with `out`, into a folder that `resume` and `ppocore evaluate` understand.

    Environments that are not compiled are made with Gymnasium, or by `make_envs`, which is given a number and returns a
    Gymnasium vector environment of so many, in any autoreset mode.

    Examples
    --------
    >>> train(Config("CartPole-v1", total_steps=2048)).updates
    2
    """
    trainer = Trainer(config, make_envs=make_envs)
    if out is not None:
        folders.create(Path(out), config)
    return _finish(trainer, [], None if out is None else Path(out), watch, save_every)


def resume(
    out: Path | str, *, watch: Watch | None = None, save_every: float = SAVE_EVERY, make_envs: MakeEnvs | None = None
) -> Trainer:
    """Go on with the run in a folder, bit for bit as if it had never been interrupted.

    The episodes of environments from outside cannot be saved: there, everything learned is as it was, and new episodes
    begin.
    """
    trainer, history = folders.resume(Path(out), make_envs=make_envs)
    return _finish(trainer, history, Path(out), watch, save_every)


def _finish(
    trainer: Trainer, history: list[Progress], out: Path | None, watch: Watch | None, save_every: float
) -> Trainer:
    try:
        _run(trainer, history, out, watch, save_every)
    finally:
        if trainer.stage is not None:
            trainer.stage.outside.close()
    return trainer


def _run(
    trainer: Trainer, history: list[Progress], out: Path | None, watch: Watch | None, save_every: float
) -> None:
    saved = time.monotonic()
    if out is not None and not history:
        # So that there is something to resume from the first moment on.
        folders.save(out, trainer, history)
    for progress in trainer.run():
        history.append(progress)
        if watch is not None:
            watch(progress)
        if out is not None and time.monotonic() - saved >= save_every:
            folders.save(out, trainer, history)
            saved = time.monotonic()
    if out is not None:
        folders.save(out, trainer, history)
