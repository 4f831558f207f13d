"""One configuration with several seeds, one after the other, each in a folder of its own: what `--seeds` does."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from ppocore._files import replace
from ppocore.training import session
from ppocore.training.config import Config, config_from
from ppocore.training.errors import BadRun
from ppocore.training.folder import CHECKPOINT, CONFIG, SEEDS, refuse_a_run
from ppocore.training.session import SAVE_EVERY, Watch
from ppocore.training.trainer import Trainer


def begin_seeds(out: Path, config: Config, count: int) -> None:
    """Write down what `seed_runs` is to find: the seeds seed, seed + 1, ...; refused over a run."""
    refuse_a_run(out)
    plan = {"config": config.as_dict(), "seeds": [config.seed + k for k in range(count)]}
    try:
        out.mkdir(parents=True, exist_ok=True)
        replace(out / SEEDS, lambda file: file.write((json.dumps(plan, indent=2) + "\n").encode()))
    except OSError as error:
        raise BadRun(f"{out / SEEDS}: cannot be written ({error.strerror or error}).") from None


def has_seeds(out: Path) -> bool:
    """Whether `begin_seeds` has been here."""
    return (out / SEEDS).exists()


def seed_runs(out: Path) -> list[tuple[Path, Config]]:
    """The folder and the configuration of every seed."""
    return [(out / f"seed-{config.seed}", config) for config in _plan(out)]


def go_on(folder: Path, config: Config, *, watch: Watch | None = None, save_every: float = SAVE_EVERY) -> Trainer:
    """Train one seed from where it stands to its end."""
    if (folder / CHECKPOINT).exists():
        return session.resume(folder, watch=watch, save_every=save_every)
    # Killed before its first checkpoint, a run has left its configuration at most.
    (folder / CONFIG).unlink(missing_ok=True)
    return session.train(config, out=folder, watch=watch, save_every=save_every)


def _plan(out: Path) -> list[Config]:
    try:
        found = json.loads((out / SEEDS).read_text(encoding="utf-8"))
        config = config_from(dict(found["config"]))
        return [dataclasses.replace(config, seed=seed) for seed in found["seeds"]]
    except OSError as error:
        raise BadRun(f"{out / SEEDS}: cannot be read ({error.strerror or error}).") from None
    except (KeyError, TypeError, ValueError) as error:
        raise BadRun(f"{out / SEEDS}: cannot be used ({error}).") from None
