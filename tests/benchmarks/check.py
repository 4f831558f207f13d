"""How long a full check takes: right and wrong adapters, more and more random examples, and `ppocore identify`.

    python tests/benchmarks/check.py [--small]

Prints Markdown tables.  Times are the least of several runs in this process, whose caches the first run warms; the
worker with the adapter is started anew in each.  The exponent is that of a power law fitted to the time beyond
that of a run without random examples: 1 is linear.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ppocore.conformance import runner
from ppocore.conformance.identify import identify
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS

ADAPTER = Path(__file__).resolve().parents[1] / "forms" / "textbook_numpy.py"
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
    yield row("`ppocore check`, right", *cost(lambda: runner.run(ADAPTER, options), repeats))
    right = functions()
    for name, change in CHANGES.items():
        wrong = {operation: changed(function, change) for operation, function in right.items()}
        yield row(f"`ppocore check`, every operation {name}", *cost(lambda w=wrong: runner.run(w, options), repeats))
    yield row("`ppocore identify`, right", *cost(lambda: identify(ADAPTER, runner.Options(only, examples=0)), repeats))


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
    """Time over the number of examples, and the exponent."""
    base, _ = cost(lambda: runner.run(ADAPTER, runner.Options(only, examples=0)), repeats)
    yield row("0", base)
    logs = []
    for count in counts:
        wall, _ = cost(lambda c=count: runner.run(ADAPTER, runner.Options(only, examples=c)), repeats)
        logs.append((math.log(count), math.log(max(wall - base, 1e-6))))
        yield row(str(count), wall)
    slope = float(np.polyfit(*zip(*logs, strict=True), 1)[0])
    yield f"\nexponent {slope:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="two operations, one run each")
    small = parser.parse_args().small
    repeats, only, counts = (1, "kl_k?", [4, 16]) if small else (3, None, [10, 32, 100, 320, 1000])
    runner.run(ADAPTER, runner.Options(only))
    print("| what | wall, s | CPU, s |\n|---|---|---|")
    for line in rows(repeats, only):
        print(line, flush=True)
    print("\n| `--examples` | wall, s |\n|---|---|")
    for line in growth(1 if small else 2, only, counts):
        print(line, flush=True)


if __name__ == "__main__":
    main()
