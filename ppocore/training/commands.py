"""`ppocore train`, `evaluate` and `plot`: from words on the command line to a run, and what is printed of it."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer

from ppocore.environments import SPECS, is_compiled
from ppocore.training.config import Config
from ppocore.training.errors import BadRun
from ppocore.training.event_log import event_log
from ppocore.training.presets import describe, listed, preset_of, settings_of
from ppocore.training.seeds import begin_seeds, go_on, has_seeds, seed_runs
from ppocore.training.session import Watch
from ppocore.training.trainer import Progress, Trainer

PICTURE, EVENTS = "curve.png", "tensorboard"
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]})


def train(
    env: Annotated[str | None, typer.Argument(
        help=f"Compiled: {', '.join(SPECS)}. Any other id is made with Gymnasium.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for checkpoints, progress.csv and the curve.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder, bit for bit.")] = None,
    preset: Annotated[str | None, typer.Option(help="Conventions and published settings of a library (ppocore presets"
                                                    " lists them); settings given beside it win.")] = None,
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints; the result does not depend on it.",
                                              min=0)] = 5.0,
    seeds: Annotated[int | None, typer.Option(help="Train so many seeds, from --seed on, each in a folder of its own"
                                              " under --out; then draw them together.", min=1)] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also log for TensorBoard, into the folder of the"
                                              " run (needs ppocore[tensorboard]).")] = False,
    **settings: Any,
) -> None:
    """Train a policy, under a live line; then say what came out."""
    chosen = {name: value for name, value in settings.items() if value is not None}
    if resume is not None and (chosen or any(given is not None for given in (env, out, preset, seeds))):
        raise BadRun("train: --resume takes everything from its folder; give no ENV, --out or settings with it.")
    if resume is None and env is None:
        raise BadRun("train: ENV is missing; name an environment (CartPole-v1), or a folder to --resume.")
    folder = out or resume
    if folder is None and (tensorboard or seeds is not None):
        raise BadRun("train: --seeds and --tensorboard write into the folder of the run; give --out DIR with them.")
    _say_what_is_not_saved(env, out, resume)
    try:
        if resume is None:
            config = _config(env, preset, chosen)
            _own_up(preset)
            if seeds is None or folder is None:
                _train_one(config, folder, save_every, tensorboard)
                return
            begin_seeds(folder, config, seeds)
        assert folder is not None
        if has_seeds(folder):
            _train_seeds(folder, save_every, tensorboard)
        else:
            _train_one(None, folder, save_every, tensorboard)
    except KeyboardInterrupt:
        _interrupted(folder)


def _train_one(config: Config | None, folder: Path | None, save_every: float, tensorboard: bool) -> None:
    """A run of its own; without a configuration, the one that was begun in its folder."""
    from ppocore.training import session

    began = time.perf_counter()
    with _watching(folder / EVENTS if folder is not None and tensorboard else None) as watch:
        if config is None:
            assert folder is not None
            trainer = session.resume(folder, watch=watch, save_every=save_every)
        else:
            trainer = session.train(config, out=folder, watch=watch, save_every=save_every)
    _conclude(trainer, time.perf_counter() - began)
    if folder is not None:
        _picture([folder], folder)
        print(f"try it: ppocore evaluate {folder}")


def _train_seeds(out: Path, save_every: float, tensorboard: bool) -> None:
    """All seeds of a folder, one after the other; then all of them in one picture."""
    from ppocore.training.curves import interval

    runs, scores = seed_runs(out), []
    for folder, config in runs:
        began = time.perf_counter()
        with _watching(folder / EVENTS if tensorboard else None) as watch:
            trainer = go_on(folder, config, watch=watch, save_every=save_every)
        _conclude(trainer, time.perf_counter() - began, f"seed {config.seed} · ")
        scores.append([np.mean(trainer.recent) if trainer.recent else np.nan])
    (mean,), (half,) = interval(np.array(scores))
    print(f"{len(runs)} seeds: mean return {mean:.1f}, 95 % interval {mean - half:.1f} to {mean + half:.1f}")
    _picture([folder for folder, _ in runs], out)
    print(f"try one: ppocore evaluate {runs[0][0]}")


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


def presets(name: str | None) -> None:
    """Print the presets, or what one of them sets."""
    try:
        print(listed() if name is None else describe(name))
    except ValueError as error:
        raise BadRun(str(error)) from None


def export(folder: Path, to: str, file: Path) -> None:
    """Write the policy of a run for use elsewhere."""
    from ppocore.training.export import write_onnx, write_torch
    from ppocore.training.folder import resume

    writers = {"torch": write_torch, "onnx": write_onnx}
    if to not in writers:
        raise BadRun(f"export: to is {to!r}; it must be one of {', '.join(writers)}.")
    trainer, _ = resume(folder)
    writers[to](trainer, file)
    print(f"policy for {trainer.config.env} after {trainer.updates * trainer.config.batch_size:,} steps: {file}")


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


def _config(env: str | None, preset: str | None, chosen: dict[str, Any]) -> Config:
    try:
        settings = settings_of(preset) if preset is not None else {}
        if "hidden" in chosen:
            chosen["hidden"] = _sizes(chosen["hidden"])
        if chosen.get("algo") == "on-policy":
            chosen = {"num_epochs": 1, "num_minibatches": 1} | chosen
        return Config(**{"env": env, **settings, **chosen})
    except (TypeError, ValueError) as error:
        raise BadRun(str(error)) from None


def _own_up(preset: str | None) -> None:
    """Say what the library does otherwise than the run that begins here."""
    if preset is not None:
        for line in preset_of(preset).not_reproduced:
            print(f"preset {preset}, not reproduced: {line}")


def _sizes(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdigit() for word in words):
        raise BadRun(f"train: hidden is {text!r}; it must be whole numbers with commas between, as 64,64.")
    return tuple(map(int, words))


@contextmanager
def _watching(log: Path | None) -> Iterator[Watch | None]:
    """Whoever is told of every update: a live line where stderr is a terminal, a log where one is wanted."""
    with ExitStack() as stack:
        watches: list[Watch] = []
        if log is not None:
            watches.append(stack.enter_context(event_log(log)))
        if sys.stderr.isatty():
            watches.append(stack.enter_context(_live_line()))

        def tell(progress: Progress) -> None:
            for watch in watches:
                watch(progress)

        yield tell if watches else None


@contextmanager
def _live_line() -> Iterator[Watch]:
    from rich.console import Console
    from rich.status import Status

    began, first = time.perf_counter(), None
    console = Console(stderr=True)
    with Status("compiling", console=console) as line:

        def watch(progress: Progress) -> None:
            nonlocal first
            first = first or (time.perf_counter(), progress.steps)
            seconds = time.perf_counter() - first[0]
            speed = f" {(progress.steps - first[1]) / seconds:,.0f}/s" if seconds > 0.2 else ""
            text = (f"{progress.steps:,} steps{speed} · return {progress.mean_return:.1f} · KL {progress.kl:.4f} ·"
                    f" clip {progress.clip_fraction:.0%} · {progress.health}, ESS {progress.ess:.0%}"
                    f" · {time.perf_counter() - began:.1f} s")  # fmt: skip
            # One line, whatever the terminal; the spinner takes two places.
            line.update(text[: console.width - 3])

        yield watch


def _health(progress: Progress) -> str:
    """How far the policy went from the batch, and what to make of it."""
    tail = f", k-hat {progress.k_hat:.2f}" if np.isfinite(progress.k_hat) else ""
    return (f"KL {progress.kl:.4f} · clipped {progress.clip_fraction:.0%} · ESS {progress.ess:.0%}{tail}:"
            f" {progress.health}")  # fmt: skip


def _say_what_is_not_saved(env: str | None, out: Path | None, resume: Path | None) -> None:
    from ppocore.training.folder import read_config

    name = read_config(resume).env if resume is not None and (resume / "config.json").exists() else env
    if name is None or is_compiled(name) or (out or resume) is None:
        return
    which = "a resumed run" if resume is None else "this run"
    print(f"{name}: episodes of Gymnasium's environments cannot be saved; {which} begins new ones and keeps all else.")


def _interrupted(folder: Path | None) -> NoReturn:
    left = "nothing was written." if folder is None else f"go on with: ppocore train --resume {folder}"
    print(f"ppocore: interrupted; {left}", file=sys.stderr)
    sys.exit(130)


def _conclude(trainer: Trainer, seconds: float, which: str = "") -> None:
    steps = trainer.updates * trainer.config.batch_size
    mean = f"{np.mean(trainer.recent):.1f}" if trainer.recent else "unknown (no episode ended)"
    print(f"{which}{trainer.config.env} · {trainer.config.algo}: mean return {mean} over the last {len(trainer.recent)}"
          f" episodes after {steps:,} steps, {seconds:.1f} s")  # fmt: skip
    if trainer.last is not None:
        print(f"last update: {_health(trainer.last)}")


def _picture(folders: list[Path], place: Path) -> None:
    try:
        plot(folders, place / PICTURE)
    except BadRun as error:
        print(f"no picture: {error}")
