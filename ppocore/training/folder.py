"""The folder of a run: config.json, progress.csv, checkpoint.npz; written whole or not at all, refused if damaged.

A checkpoint is a plain .npz: the arrays named in `ARRAYS`, the statistics where something is normalised, and under
``about`` the bytes of a JSON text with the format, the configuration, the count of updates, beta, the learning rate,
and the state of the random numbers.  Nothing in it is executed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, get_type_hints

import numpy as np

from ppocore._files import replace
from ppocore.training.config import Config, config_from
from ppocore.training.errors import BadRun
from ppocore.training.scaling import statistics
from ppocore.training.trainer import MakeEnvs, Progress, Trainer

FORMAT, VERSION = "ppocore checkpoint", 1
ARRAYS = ("params", "first_moment", "second_moment", "taken", "states", "elapsed", "scores", "recent")
CONFIG, PROGRESS, CHECKPOINT = "config.json", "progress.csv", "checkpoint.npz"
SEEDS = "seeds.json"
"""In a folder whose subfolders are the runs of several seeds."""


def create(folder: Path, config: Config) -> None:
    """An empty folder for a run; refused where there is one already."""
    _make(folder)
    refuse_a_run(folder)
    _write_config(folder, config)


def refuse_a_run(folder: Path) -> None:
    """One run a folder."""
    for name in (SEEDS, CONFIG, CHECKPOINT):
        if (folder / name).exists():
            raise BadRun(f"{folder}: holds a run already ({name}); resume it, or choose another folder.")


def replace_run(folder: Path, trainer: Trainer, history: Iterable[Progress]) -> None:
    """Save where nothing is yet, or another moment of the same run."""
    if (folder / CONFIG).exists():
        there, own = (config.as_dict() | {"total_steps": None} for config in (read_config(folder), trainer.config))
        if there != own:
            name = next(name for name in own if there[name] != own[name])
            raise BadRun(f"{folder}: holds another run ({name} is {there[name]}, not {own[name]}); choose another"
                         " folder.")  # fmt: skip
    else:
        create(folder, trainer.config)
    save(folder, trainer, history)
    _write_config(folder, trainer.config)


def save(folder: Path, trainer: Trainer, history: Iterable[Progress]) -> None:
    """Progress first, then the checkpoint: a run killed in between has rows too many, which `resume` drops."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(Progress._fields)
    rows.writerows(history)
    _write(folder / PROGRESS, lambda file: file.write(text.getvalue().encode()))
    about = {
        "format": FORMAT, "version": VERSION, "config": trainer.config.as_dict(), "updates": trainer.updates,
        "kl_coef": trainer.kl_coef, "learning_rate": trainer.learning_rate, "random": trainer.rng.bit_generator.state,
    }  # fmt: skip
    packed = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    _write(folder / CHECKPOINT, lambda file: np.savez(file, about=packed, **_arrays(trainer)))


def resume(folder: Path, *, make_envs: MakeEnvs | None = None) -> tuple[Trainer, list[Progress]]:
    """The run as it was when last saved; in environments from outside new episodes begin."""
    about, arrays = _read_checkpoint(folder / CHECKPOINT)
    trainer = Trainer(_config(folder / CHECKPOINT, about), make_envs=make_envs)
    for name, target in _arrays(trainer).items():
        if name not in arrays:
            raise BadRun(f"{folder / CHECKPOINT}: has no {name}, which its configuration needs.")
        if name != "recent":
            if arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
                raise BadRun(f"{folder / CHECKPOINT}: {name} is {arrays[name].dtype} {arrays[name].shape}; its"
                             f" configuration needs {target.dtype} {target.shape}.")  # fmt: skip
            target[...] = arrays[name]
    trainer.recent = [float(score) for score in arrays["recent"]]
    try:
        trainer.updates, trainer.kl_coef = int(about["updates"]), float(about["kl_coef"])
        trainer.learning_rate = float(about["learning_rate"])
        trainer.rng.bit_generator.state = about["random"]
    except (KeyError, TypeError, ValueError) as error:
        raise BadRun(f"{folder / CHECKPOINT}: its description is damaged ({error}).") from None
    history = read_progress(folder)[: trainer.updates]
    trainer.last = history[-1] if history else None
    return trainer, history


def read_config(folder: Path) -> Config:
    """The configuration of a run."""
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRun(f"{folder / CONFIG}: cannot be read ({error.strerror or error}).") from None
    except ValueError as error:
        raise BadRun(f"{folder / CONFIG}: is no JSON ({error}).") from None
    return _config(folder / CONFIG, {"config": found})


def read_progress(folder: Path) -> list[Progress]:
    """The rows of progress.csv."""
    path = folder / PROGRESS
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except OSError as error:
        raise BadRun(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (ValueError, csv.Error) as error:
        raise BadRun(f"{path}: is no table ({error}).") from None
    if tuple(header) != Progress._fields:
        lacking = [name for name in Progress._fields if name not in header]
        reason = f" (it has no {lacking[0]})" if lacking else ""
        raise BadRun(f"{path}: its columns are not those of progress.csv{reason}.")
    try:
        return [_progress(row) for row in rows]
    except (TypeError, ValueError):
        raise BadRun(f"{path}: holds a row that cannot be read.") from None


def _progress(row: list[str]) -> Progress:
    kinds = get_type_hints(Progress)
    return Progress(**{name: kinds[name](text) for name, text in zip(Progress._fields, row, strict=True)})


def _arrays(trainer: Trainer) -> dict[str, Any]:
    learner, arena = trainer.learner, trainer.arena
    return dict(zip(ARRAYS, (
        learner.params, learner.first_moment, learner.second_moment, learner.taken, arena.states, arena.elapsed,
        arena.scores, np.array(trainer.recent),
    ), strict=True)) | statistics(trainer.scaling)  # fmt: skip


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            missing = [name for name in ("about", *ARRAYS) if name not in stored.files]
            if missing:
                raise BadRun(f"{path}: is no checkpoint of ppocore (it has no {missing[0]}).")
            about = json.loads(stored["about"].tobytes())
            arrays = {name: stored[name] for name in stored.files if name != "about"}
    except BadRun:
        raise
    except OSError as error:
        raise BadRun(f"{path}: cannot be read ({error.strerror or error}).") from None
    except Exception as error:
        # Whatever zipfile, zlib, NumPy and json make of bytes that are not theirs: a dozen kinds of exception.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadRun(f"{path}: is damaged, or no checkpoint ({reason}).") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise BadRun(f"{path}: is no checkpoint of ppocore.")
    if about.get("version") != VERSION:
        raise BadRun(f"{path}: has version {about.get('version')}; this ppocore reads version {VERSION}.")
    for name in ARRAYS[:3]:
        if arrays[name].dtype.kind == "f" and not np.isfinite(arrays[name]).all():
            raise BadRun(f"{path}: {name} is not finite.")
    return about, arrays


def _config(path: Path, about: dict[str, Any]) -> Config:
    try:
        return config_from(dict(about["config"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadRun(f"{path}: its configuration cannot be used ({error}).") from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRun(f"{folder}: cannot be made ({error.strerror or error}).") from None


def _write_config(folder: Path, config: Config) -> None:
    _write(folder / CONFIG, lambda file: file.write((json.dumps(config.as_dict(), indent=2) + "\n").encode()))


def _write(path: Path, content: Callable[[BinaryIO], Any]) -> None:
    try:
        replace(path, content)
    except OSError as error:
        raise BadRun(f"{path}: cannot be written ({error.strerror or error}).") from None
