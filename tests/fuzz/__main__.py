"""The command: `python -m tests.fuzz --count 100000 [--seed S] [--only TARGET]`; status 1 if anything is found."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import TARGETS
from tests.fuzz.target import Target

COMMAND_EVERY = 1000
"""Of so many inputs, the first few dozen go through the real command too, in a process of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; prints each complaint with what reproduces it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--index", type=int, help="only this one")
    parser.add_argument("--only", choices=sorted(TARGETS), action="append", help="only these targets")
    parser.add_argument("--most", type=int, default=20, help="stop after so many complaints")
    chosen = parser.parse_args(arguments)
    indices = range(chosen.count) if chosen.index is None else [chosen.index]
    started, done, commands, found = time.monotonic(), Counter[str](), 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index in indices:
            target, data = made(chosen.seed, index, chosen.only or sorted(TARGETS))
            done[target.name] += 1
            complaint = target.complaint(data)
            if complaint is None and target.command and index % COMMAND_EVERY < 2 * len(TARGETS):
                commands += 1
                complaint = told(target, data)
            if complaint is not None:
                found += 1
                report(chosen.seed, index, target, data, complaint)
                if found >= chosen.most:
                    break
            if sys.stderr.isatty() or index % 10_000 == 9_999:
                print(f"{sum(done.values())} of {len(indices)}, {found} found", end="\r", file=sys.stderr, flush=True)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(done.items()))
    print(f"{sum(done.values())} inputs of seed {chosen.seed} ({counts}; {commands} of them through the command too):"
          f" {found} found in {time.monotonic() - started:.0f} s")
    return 1 if found else 0


def made(seed: int, index: int, names: Sequence[str]) -> tuple[Target, bytes]:
    """What stands at this place; it depends on nothing else."""
    chance = random.Random(f"{seed}/{index}")
    target = chance.choices([TARGETS[name] for name in names], [TARGETS[name].weight for name in names])[0]
    return target, target.make(chance)


def told(target: Target, data: bytes) -> str | None:
    """What the real command does wrong with it: anything but one line and status 2, or a report and status 0 or 1."""
    assert target.command is not None
    with tempfile.TemporaryDirectory() as folder:
        path, report = Path(folder) / "input", Path(folder) / "report.jsonl"
        path.write_bytes(data)
        command = [sys.executable, "-m", "ppocore", *target.command(path), "--report", str(report)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=300)
        errors = done.stderr.decode("utf-8", "replace")
        lines = report.read_text().splitlines() if report.exists() else []
    if "Traceback" in errors or "internal error" in errors:
        return f"the command prints: {errors}"
    if done.returncode == 2:
        return None if len(errors.strip().splitlines()) == 1 and not lines else f"status 2, and it prints: {errors}"
    whole = bool(lines) and '"kind": "footer"' in lines[-1] and f'"exit_status": {done.returncode}' in lines[-1]
    return None if done.returncode in (0, 1) and whole else f"status {done.returncode}, report {lines[-1:]}"


def report(seed: int, index: int, target: Target, data: bytes, complaint: str) -> None:
    """Seed and index, the smallest input that is still complained of, and a file with it."""
    smallest = target.smallest(data)
    place = Path(tempfile.gettempdir()) / f"ppocore-fuzz-{target.name}-{seed}-{index}"
    place.write_bytes(smallest)
    print(f"{target.name}: --seed {seed} --index {index}: {target.complaint(smallest) or complaint}\n"
          f"  {shown(smallest)}\n  {place}", flush=True)


def shown(data: bytes) -> str:
    """The beginning of an input."""
    return repr(data if len(data) <= 300 else data[:300] + b" ...")


if __name__ == "__main__":
    sys.exit(main())
