"""Learning curves as a picture: one line per configuration, its seeds as an interval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from ppocore.training.errors import BadRun
from ppocore.training.folder import read_config, read_progress
from ppocore.training.trainer import Progress


def draw_curves(folders: list[Path], picture: Path) -> None:
    """Mean return against steps; with several seeds, their mean and its 95 % interval (seeds are the unit)."""
    groups: dict[str, list[tuple[Path, list[Progress]]]] = {}
    for folder in folders:
        same = json.dumps(read_config(folder).as_dict() | {"seed": None}, sort_keys=True)
        groups.setdefault(same, []).append((folder, read_progress(folder)))
    drawing, panel = _figure()
    for runs in groups.values():
        _draw_group(panel, runs)
    panel.set_xlabel("environment steps")
    panel.set_ylabel("mean return of 100 episodes")
    panel.legend()
    try:
        drawing.savefig(picture, dpi=120, format="png")
    except OSError as error:
        raise BadRun(f"{picture}: cannot be written ({error.strerror or error}).") from None


def _draw_group(panel: Any, runs: list[tuple[Path, list[Progress]]]) -> None:
    length = min(len(history) for _, history in runs)
    if not length:
        return
    steps = [row.steps for row in runs[0][1][:length]]
    returns = np.array([[row.mean_return for row in history[:length]] for _, history in runs])
    mean = returns.mean(axis=0)
    config = read_config(runs[0][0])
    label = f"{config.env}, {config.algo}"
    if len(runs) > 1:
        half = student.ppf(0.975, len(runs) - 1) * returns.std(axis=0, ddof=1) / np.sqrt(len(runs))
        panel.fill_between(steps, mean - half, mean + half, alpha=0.25, linewidth=0)
        label += f", {len(runs)} seeds"
    panel.plot(steps, mean, label=label)


def _figure() -> tuple[Any, Any]:
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise BadRun("matplotlib is not installed; pip install 'ppocore[train]'.") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, panel = pyplot.subplots(figsize=(7, 4.5), constrained_layout=True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(alpha=0.3)
    return drawing, panel
