"""What isolation costs: the same questions to the same adapter, in this process and in a worker.

    python tests/benchmarks/isolation.py [--small]

Prints a Markdown table.  Runs alternate, so that both kinds meet the same machine.  The overhead is that of the
isolated run without what the adapter takes to import, which is measured in a bare interpreter.
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ppocore.conformance import runner
from ppocore.conformance.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]
FORMS = ROOT / "tests" / "forms"
ADAPTERS = {"NumPy": "textbook_numpy.py", "torch": "textbook_torch.py"}
CONSTANTS = ("FRAMEWORK", "DTYPE", "CONVENTIONS")

Cost = tuple[float, float]
"""Wall time, and processor time of this process and of those it started."""


def cost(work: Callable[[], object]) -> Cost:
    """What a piece of work takes."""
    wall, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return time.perf_counter() - wall, sum(after[:4]) - sum(before[:4])


def importing(path: Path) -> Cost:
    """What the adapter's own import takes in a new interpreter, beyond the interpreter."""
    def run(code: str) -> Cost:
        return cost(lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT))

    whole = [run(f"import runpy; runpy.run_path({str(path)!r})") for _ in range(3)]
    bare = [run("pass") for _ in range(3)]
    return min(w for w, _ in whole) - min(w for w, _ in bare), min(c for _, c in whole) - min(c for _, c in bare)


def compared(path: Path, options: runner.Options, repeats: int) -> tuple[list[Cost], list[Cost]]:
    """Runs in process and isolated, by turns; the first of each warms the caches and is left out."""
    found = runpy.run_path(str(path))
    functions = {name: found[name] for name in (*OPERATIONS, *CONSTANTS) if name in found}
    inside, apart = [], []
    for _ in range(repeats + 1):
        inside.append(cost(lambda: runner.run(functions, options)))
        apart.append(cost(lambda: runner.run(path, options)))
    return inside[1:], apart[1:]


def row(name: str, inside: Sequence[Cost], apart: Sequence[Cost], own: Cost) -> str:
    """Median and minimum of both, and the overhead of the minima: whatever else runs here only ever adds."""
    cells = [name]
    for kind in (0, 1):
        here, there = [c[kind] for c in inside], [c[kind] for c in apart]
        cells += [f"{statistics.median(times):.2f} ({min(times):.2f})" for times in (here, there)]
        cells += [f"{own[kind]:.2f}", f"{100 * ((min(there) - own[kind]) / min(here) - 1):+.0f} %"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one run of the NumPy adapter, two operations")
    small = parser.parse_args().small
    repeats, options = (1, runner.Options("kl_k?")) if small else (7, runner.Options())
    print("Seconds, median (minimum).\n")
    print("| adapter | wall, in process | isolated | own import | overhead | CPU, in process | isolated | own import"
          " | overhead |\n|---|---|---|---|---|---|---|---|---|")
    for name, file in list(ADAPTERS.items())[:1 if small else None]:
        path = FORMS / file
        inside, apart = compared(path, options, repeats)
        print(row(name, inside, apart, importing(path)), flush=True)


if __name__ == "__main__":
    main()
