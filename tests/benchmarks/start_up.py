"""How long a newcomer waits: import, help, and a full check, cold (empty caches) and warm.

    python tests/benchmarks/start_up.py [--small]

Prints a Markdown table.  Cold means: no compiled bytecode and no Numba cache, in fresh folders.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXTBOOK = ROOT / "tests" / "forms" / "textbook_numpy.py"
CHECK = ["-m", "ppocore", "check"]
ROWS: list[tuple[str, list[str]]] = [
    ("`import ppocore`", ["-c", "import ppocore"]),
    ("`python -c pass`, for comparison", ["-c", "pass"]),
    ("`ppocore --help`", ["-m", "ppocore", "--help"]),
    ("`ppocore check` of a NumPy adapter with all operations", [*CHECK, str(TEXTBOOK)]),
    ("`ppocore check ppocore.conformance.reference`", [*CHECK, "ppocore.conformance.reference"]),
]


def seconds(command: Sequence[str], caches: Path) -> float:
    """Wall time of one run with caches in the given folder."""
    environment: Mapping[str, str] = os.environ | {
        "PYTHONPYCACHEPREFIX": str(caches / "bytecode"), "NUMBA_CACHE_DIR": str(caches / "numba"),
        "PYTHONDONTWRITEBYTECODE": ""}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one warm run instead of seven")
    repeats = 1 if parser.parse_args().small else 7
    print("| what | cold, s | warm, s (median, min, max) |\n|---|---|---|")
    for label, command in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            cold = seconds(command, Path(folder))
            warm = [seconds(command, Path(folder)) for _ in range(repeats)]
        median = statistics.median(warm)
        print(f"| {label} | {cold:.2f} | {median:.2f} ({min(warm):.2f}, {max(warm):.2f}) |", flush=True)


if __name__ == "__main__":
    main()
