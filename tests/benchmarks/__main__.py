"""Runs every benchmark and writes docs/performance.md and its pictures.

    python -m tests.benchmarks [--small] [--rounds N] [--out FOLDER]

With --small (as .ci/run has it) every script runs at its smallest size and the page goes to a temporary folder; without
it those that take longest are left out (`APART`).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MEASURED = ["roofline", "gae", "gae_layouts", "off_policy", "losses", "log_probs", "divergences", "importance",
            "reductions"]
"""Scripts with contenders, whose figures are drawn as well."""
OTHERS = ["scaling", "start_up", "check"]
APART = ["isolation", "training", "memory"]
"""Scripts that take an hour together: with --small they run too, else each for itself, and docs/training.md has what
they found."""
PACKAGES = ["numpy", "numba", "torch", "jax", "torchrl", "tianshou", "rlax", "stable-baselines3", "rsl-rl-lib",
            "rejax"]
HEAD = """# How fast the kernels are, beside what a user would pick instead

Written by `python -m tests.benchmarks`; do not edit. Contenders take turns within each round, on the same numbers; a
ratio is another's time over ours in the same round, so that above 1 ppocore is quicker. ppocore checks its inputs in
every call, except where a table says that the kernel alone is compared. A peer that is not installed is not in the
tables, nor is torchrl's GAE where it would need more than half of 24 GB.
"""


def machine() -> str:
    """The processor, what else it was doing, and the versions of what is compared."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    found = [f"{models[0] if models else platform.processor()}, {os.cpu_count()} processors, {platform.system()}"]
    if hasattr(os, "getloadavg"):
        found.append(f"load when the run began: {os.getloadavg()[0]:.1f}")
    found.append(f"Python {platform.python_version()}")
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return "; ".join(found) + "."


def run(script: str, more: list[str]) -> str:
    """What a script prints, which is also shown as it comes; a failure ends the run."""
    print(f"{script} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / f"{script}.py"), *more]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    lines = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", file=sys.stderr, flush=True)
            lines.append(line)
    if process.returncode:
        sys.exit(f"{script} ended with {process.returncode}.")
    return "".join(lines)


def draw(title: str, results: list[dict[str, Any]], path: Path) -> None:
    """Least time against size, both axes in logarithms, one line for each contender."""
    names = list(dict.fromkeys(name for result in results for name in result["seconds"]))
    axes = (figure := Figure(figsize=(7, 4.5), layout="constrained")).add_subplot()
    for name in names:
        points = sorted((r["size"], min(r["seconds"][name])) for r in results if name in r["seconds"])
        axes.loglog(*zip(*points, strict=True), marker="o", markersize=3, label=name,
                    linewidth=2 if name.startswith("ppocore") else 1)
    axes.set(title=title, xlabel="entries", ylabel="seconds for one call")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path)


def write(folder: Path, small: bool, rounds: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    parts = [HEAD, f"## Machine\n\n{machine()}\n"]
    with tempfile.TemporaryDirectory() as scratch:
        for script in MEASURED:
            figures = Path(scratch) / f"{script}.json"
            more = ["--json", str(figures), "--rounds", str(rounds), *(["--small"] if small else [])]
            parts.append(f"## {script}\n\n{run(script, more).strip()}\n")
            titles = json.loads(figures.read_text()) if script != "roofline" else {}
            for number, (title, results) in enumerate(titles.items(), 1):
                picture = f"performance_{script}_{number}.svg"
                draw(title, results, folder / picture)
                parts.append(f"![{title}]({picture})\n")
    for script in OTHERS + (APART if small else []):
        parts.append(f"## {script}\n\n{run(script, ['--small'] if small else []).strip()}\n")
    page = folder / "performance.md"
    page.write_text("\n".join(parts))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the smallest size of each, into a temporary folder")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender (default 9)")
    parser.add_argument("--out", type=Path, help="folder of the page and its pictures (default docs)")
    asked = parser.parse_args()
    if asked.small and asked.out is None:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), True, asked.rounds)
    else:
        print(write(asked.out or ROOT / "docs", asked.small, asked.rounds))


if __name__ == "__main__":
    main()
