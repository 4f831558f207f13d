"""How long a full check takes: right and wrong adapters, more and more random examples, and `ppocore identify`.

    python tests/benchmarks/check.py [--small]

Prints Markdown tables.  Times are the least of several runs in this process, whose caches the first run warms; the
worker with the adapter is started anew in each.  Through the times over `--examples` goes the line a + b n of least
squares; the exponent is that of a power law fitted to the time beyond that of a run without random examples: 1 is
linear.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ppocore.conformance import runner
from ppocore.conformance.identify import identify
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS

ADAPTER = Path(__file__).resolve().parents[1] / "forms" / "textbook_numpy.py"
DESIGN_4 = (
    "td_errors", "gae", "discounted_returns", "token_gae", "normalize_advantages", "ratio", "importance_estimate",
    "self_normalized_estimate", "effective_sample_size", "kl_k1", "kl_k2", "kl_k3", "categorical_kl", "gaussian_kl",
    "adapt_kl_coef", "categorical_log_prob", "categorical_entropy", "gaussian_log_prob", "gaussian_entropy",
    "squashed_gaussian_log_prob", "surrogate_loss", "clip_loss", "kl_penalty_loss", "value_loss",
    "clipped_value_loss", "ppo_loss", "masked_mean", "sequence_mean", "sequence_sum_mean", "clip_fraction",
    "explained_variance", "clip_grad_norm", "adam_step", "running_moments",
)
"""The operations that the contract lists."""
CHANGES = {"negated": "-x", "doubled": "2 * x", "off by one part in a thousand": "x * 1.001", "zeros": "0 * x"}
"""What wrong adapters do to every number that the right one returns."""


def cost(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Least wall time, and least processor time of this process and the workers it ended."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, before = time.perf_counter(), os.times()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(sum(os.times()[:4]) - sum(before[:4]))
    return min(walls), min(processors)


def rows(repeats: int, only: str | None) -> Iterator[str]:
    """A right adapter, wrong ones, and identify."""
    options = runner.Options(only)
    with tempfile.TemporaryDirectory() as folder:
        first = table_of_design(Path(folder))
        yield row("`ppocore check`, right, operations of DESIGN 4", *cost(lambda: runner.run(first, options), repeats))
    yield row("`ppocore check`, right, all operations", *cost(lambda: runner.run(ADAPTER, options), repeats))
    right = functions()
    for name, change in CHANGES.items():
        wrong = {operation: changed(function, change) for operation, function in right.items()}
        yield row(f"`ppocore check`, every operation {name}", *cost(lambda w=wrong: runner.run(w, options), repeats))
    yield row("`ppocore identify`, right", *cost(lambda: identify(ADAPTER, runner.Options(only, examples=0)), repeats))


def table_of_design(folder: Path) -> Path:
    """An adapter that offers the floor of operations, and none of the later ones."""
    names = [name for name in functions() if name in DESIGN_4]
    path = folder / "design_4.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(ADAPTER.parent)!r})\n"
                    f"from {ADAPTER.stem} import {', '.join(names)}\n", encoding="utf-8")
    return path


def functions() -> dict[str, Callable[..., object]]:
    """The adapter's functions."""
    import runpy

    found = runpy.run_path(str(ADAPTER))
    return {name: found[name] for name in OPERATIONS if name in found and name in DEFINITIONS}


def changed(function: Callable[..., object], change: str) -> Callable[..., object]:
    """The function with its answers changed; it keeps its signature."""
    import functools

    @functools.wraps(function)
    def wrong(**given: object) -> object:
        answers = function(**given)
        if isinstance(answers, (tuple, list)):
            return type(answers)(eval(change, {"x": np.asarray(x)}) for x in answers)
        return eval(change, {"x": answers})

    return wrong


def row(*cells: str | float) -> str:
    return "| " + " | ".join(cell if isinstance(cell, str) else f"{cell:.2f}" for cell in cells) + " |"


def growth(repeats: int, only: str | None, counts: list[int]) -> Iterator[str]:
    """Time over the number of examples beside the line through all of them, its worst deviation, and the exponent."""
    walls = np.array([cost(lambda n=n: runner.run(ADAPTER, runner.Options(only, examples=n)), repeats)[0]
                      for n in [0, *counts]])
    slope, start = np.polyfit([0, *counts], walls, 1)
    line = start + slope * np.array([0, *counts])
    for count, wall, fitted in zip([0, *counts], walls, line, strict=True):
        yield row(str(count), wall, fitted, f"{(wall / fitted - 1) * 100:+.1f} %")
    exponent = np.polyfit(np.log(counts), np.log(np.maximum(walls[1:] - walls[0], 1e-6)), 1)[0]
    yield (f"\n{start:.2f} s + {slope * 1e3:.1f} ms an example; worst deviation {np.abs(walls / line - 1).max():.1%};"
           f" exponent {exponent:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="two operations, one run each")
    small = parser.parse_args().small
    repeats, only, counts = (1, "kl_k?", [4, 16]) if small else (3, None, [8, 16, 32, 64, 128])
    runner.run(ADAPTER, runner.Options(only))
    print("| what | wall, s | CPU, s |\n|---|---|---|")
    for line in rows(repeats, only):
        print(line, flush=True)
    print("\n| `--examples` | wall, s | line, s | off |\n|---|---|---|---|")
    for line in growth(1 if small else 2, only, counts):
        print(line, flush=True)


if __name__ == "__main__":
    main()
