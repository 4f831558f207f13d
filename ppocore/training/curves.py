"""Learning curves as a picture: a panel for each environment, a line for each configuration, its seeds around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from ppocore._arrays import Floats
from ppocore.training.errors import BadRun
from ppocore.training.folder import read_config, read_progress

WHAT = "mean return of the last 100 episodes"


class Curve(NamedTuple):
    """One configuration: what its seeds did."""

    settings: dict[str, Any]
    steps: list[int]
    returns: Floats
    """(seeds, updates); NaN before a seed has ended its first episode."""


def draw_curves(folders: list[Path], picture: Path) -> None:
    """Mean return against steps; of several seeds each, their mean and its 95 % interval (seeds are the unit)."""
    curves = read_curves(folders)
    envs = list(dict.fromkeys(curve.settings["env"] for curve in curves))
    drawing, panels = _figure(len(envs))
    for panel, env in zip(panels, envs, strict=True):
        here = [curve for curve in curves if curve.settings["env"] == env]
        for curve, label in zip(here, labels_of(here), strict=True):
            _draw(panel, curve, label)
        panel.set_title(env, loc="left")
        panel.set_ylabel(WHAT)
        panel.legend(frameon=False)
    panels[-1].set_xlabel("environment steps" + _what_is_drawn(curves))
    try:
        drawing.savefig(picture, dpi=120, format="png")
    except OSError as error:
        raise BadRun(f"{picture}: cannot be written ({error.strerror or error}).") from None


def read_curves(folders: list[Path]) -> list[Curve]:
    """Runs that differ by their seed alone, together; as far as the shortest of them goes."""
    groups: dict[str, tuple[dict[str, Any], dict[int, Path]]] = {}
    for folder in folders:
        settings = read_config(folder).as_dict()
        seed = settings.pop("seed")
        _, seeds = groups.setdefault(json.dumps(settings), (settings, {}))
        if seed in seeds:
            raise BadRun(f"{folder}: is the run in {seeds[seed]} once more (seed {seed}); seeds are counted once.")
        seeds[seed] = folder
    curves = []
    for settings, seeds in groups.values():
        histories = [read_progress(folder) for folder in seeds.values()]
        length = min(map(len, histories))
        returns = np.array([[row.mean_return for row in rows[:length]] for rows in histories])
        curves.append(Curve(settings, [row.steps for row in histories[0][:length]], returns))
    return curves


def labels_of(curves: list[Curve]) -> list[str]:
    """What tells each from the others, and how many seeds it has."""
    first = curves[0].settings
    telling = [name for name in first if any(curve.settings[name] != first[name] for curve in curves)]
    labels = []
    for curve in curves:
        words = [f"{name} {_word(curve.settings[name])}" for name in telling] or [curve.settings["algo"]]
        labels.append(", ".join([*words, _count(len(curve.returns))]))
    return labels


def interval(returns: Floats) -> tuple[Floats, Floats]:
    """Mean over the seeds and half the width of its 95 % interval by Student's t; NaN while a seed has no episode."""
    seeds = len(returns)
    mean = returns.mean(axis=0)
    if seeds == 1:
        return mean, np.zeros_like(mean)
    return mean, student.ppf(0.975, seeds - 1) * returns.std(axis=0, ddof=1) / np.sqrt(seeds)


def _draw(panel: Any, curve: Curve, label: str) -> None:
    mean, half = interval(curve.returns)
    (line,) = panel.plot(curve.steps, mean, label=label, linewidth=2)
    if len(curve.returns) > 1:
        panel.fill_between(curve.steps, mean - half, mean + half, alpha=0.2, linewidth=0, color=line.get_color())
        panel.plot(curve.steps, curve.returns.T, color=line.get_color(), linewidth=0.6, alpha=0.5)


def _what_is_drawn(curves: list[Curve]) -> str:
    if all(len(curve.returns) == 1 for curve in curves):
        return ""
    return "\nthick: mean over the seeds; band: its 95 % interval (Student's t); thin: each seed"


def _word(value: Any) -> str:
    return "x".join(map(str, value)) or "table" if isinstance(value, list) else str(value)


def _count(seeds: int) -> str:
    return "1 seed" if seeds == 1 else f"{seeds} seeds"


def _figure(panels: int) -> tuple[Any, Any]:
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise BadRun("matplotlib is not installed; pip install 'ppocore[train]'.") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import EngFormatter

    drawing, drawn = pyplot.subplots(panels, 1, figsize=(7, 1 + 3.6 * panels), constrained_layout=True, squeeze=False)
    for panel in drawn[:, 0]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.3)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    return drawing, drawn[:, 0]
