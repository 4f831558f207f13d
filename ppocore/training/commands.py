"""`ppocore train`, `evaluate` and `plot`: from words on the command line to a run, and what is printed of it."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer

from ppocore.environments import SPECS
from ppocore.training.config import Config
from ppocore.training.errors import BadRun
from ppocore.training.trainer import Progress, Trainer

PICTURE = "curve.png"
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]})


def train(
    env: Annotated[str | None, typer.Argument(help=f"One of {', '.join(SPECS)}.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for checkpoints, progress.csv and the curve.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder, bit for bit.")] = None,
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints; the result does not depend on it.",
                                              min=0)] = 5.0,
    **settings: Any,
) -> None:
    """Train a policy in a compiled environment, under a live line; then say what came out."""
    from ppocore.training import session

    chosen = {name: value for name, value in settings.items() if value is not None}
    if resume is not None and (env is not None or out is not None or chosen):
        raise BadRun("train: --resume takes everything from its folder; give no ENV, --out or settings with it.")
    if resume is None and env is None:
        raise BadRun("train: ENV is missing; name an environment (CartPole-v1), or a folder to --resume.")
    began = time.perf_counter()
    try:
        if resume is not None:
            trainer = _watched(lambda watch: session.resume(resume, watch=watch, save_every=save_every))
        else:
            config = _config(env, chosen)
            trainer = _watched(lambda watch: session.train(config, out=out, watch=watch, save_every=save_every))
    except KeyboardInterrupt:
        _interrupted(out or resume)
    _conclude(trainer, out or resume, time.perf_counter() - began)


def evaluate(folder: Path, episodes: int, seed: int, greedy: bool) -> None:
    """Print the returns of a trained policy."""
    from ppocore.training import playing
    from ppocore.training.folder import resume

    trainer, _ = resume(folder)
    try:
        returns = playing.evaluate(trainer, num_episodes=episodes, seed=seed, greedy=greedy)
    except ValueError as error:
        raise BadRun(str(error)) from None
    how = "likeliest actions" if greedy else "drawn actions"
    print(f"{trainer.config.env} · {episodes} episodes, {how}: mean return {returns.mean():.2f},"
          f" standard error {returns.std() / np.sqrt(len(returns)):.2f},"
          f" from {returns.min():.2f} to {returns.max():.2f}")  # fmt: skip


def plot(folders: list[Path], picture: Path) -> None:
    """Draw learning curves."""
    from ppocore.training.curves import draw_curves

    draw_curves(folders, picture)
    print(f"picture: {picture}")


def _option(item: dataclasses.Field[Any]) -> inspect.Parameter:
    kinds: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str, "tuple[int, ...]": str}
    default = item.default
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()
    option = typer.Option(help=f"{item.metadata['says']}. [default: {shown}]", show_default=False)
    kind: Any = kinds[str(item.type)] | None
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=None,
                             annotation=Annotated[kind, option])  # fmt: skip


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command with one option for every field of `Config` in place of ``**settings``."""
    given = [parameter for name, parameter in inspect.signature(command, eval_str=True).parameters.items()
             if name != "settings"]
    options = [_option(item) for item in dataclasses.fields(Config) if item.name != "env"]

    def called(**words: Any) -> None:
        command(**words)

    called.__signature__ = inspect.Signature([*given, *options])  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in (*given, *options)}
    called.__doc__ = command.__doc__
    return called


app.command()(_with_settings(train))


def _config(env: str | None, chosen: dict[str, Any]) -> Config:
    try:
        if "hidden" in chosen:
            chosen["hidden"] = _sizes(chosen["hidden"])
        if chosen.get("algo") == "on-policy":
            chosen = {"num_epochs": 1, "num_minibatches": 1} | chosen
        return Config(**{"env": env, **chosen})
    except (TypeError, ValueError) as error:
        raise BadRun(str(error)) from None


def _sizes(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdigit() for word in words):
        raise BadRun(f"train: hidden is {text!r}; it must be whole numbers with commas between, as 64,64.")
    return tuple(map(int, words))


def _watched(start: Callable[[Callable[[Progress], object] | None], Trainer]) -> Trainer:
    """A live line on stderr; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        return start(None)
    from rich.console import Console
    from rich.status import Status

    began, first = time.perf_counter(), None
    with Status("compiling", console=Console(stderr=True)) as line:

        def watch(progress: Progress) -> None:
            nonlocal first
            first = first or (time.perf_counter(), progress.steps)
            seconds = time.perf_counter() - first[0]
            speed = f"{(progress.steps - first[1]) / seconds:,.0f} steps/s" if seconds > 0.2 else ""
            line.update(f"{progress.steps:,} steps · return {progress.mean_return:.1f} · {_health(progress)}"
                        f" · {time.perf_counter() - began:.1f} s {speed}")  # fmt: skip

        return start(watch)


def _health(progress: Progress) -> str:
    """How far the policy went from the batch, and what to make of it."""
    tail = f", k-hat {progress.k_hat:.2f}" if np.isfinite(progress.k_hat) else ""
    return (f"KL {progress.kl:.4f} · clipped {progress.clip_fraction:.0%} · ESS {progress.ess:.0%}{tail}:"
            f" {progress.health}")  # fmt: skip


def _interrupted(folder: Path | None) -> NoReturn:
    left = "nothing was written." if folder is None else f"go on with: ppocore train --resume {folder}"
    print(f"ppocore: interrupted; {left}", file=sys.stderr)
    sys.exit(130)


def _conclude(trainer: Trainer, folder: Path | None, seconds: float) -> None:
    steps = trainer.updates * trainer.config.batch_size
    mean = f"{np.mean(trainer.recent):.1f}" if trainer.recent else "unknown (no episode ended)"
    print(f"{trainer.config.env} · {trainer.config.algo}: mean return {mean} over the last {len(trainer.recent)}"
          f" episodes after {steps:,} steps, {seconds:.1f} s")  # fmt: skip
    if trainer.last is not None:
        print(f"last update: {_health(trainer.last)}")
    if folder is None:
        return
    try:
        plot([folder], folder / PICTURE)
    except BadRun as error:
        print(f"no picture: {error}")
    print(f"try it: ppocore evaluate {folder}")
