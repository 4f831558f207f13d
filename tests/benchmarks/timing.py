"""What the benchmark scripts share: alternating runs, ratios, and a table of them.

Contenders take turns, so that a machine that slows down slows down all of them.  A ratio is formed within each round:
the time of the other over ours, so that above 1 we are quicker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ppocore._threads import WORTH_IT

LEAST = 2e-3
"""Seconds that one measurement takes at least: shorter calls are repeated within it."""
OURS = "ppocore"
"""What is compared with the others: the contender of this name, or the first that begins with it and a comma."""

Contenders = Mapping[str, Callable[[], object]]


class Options(NamedTuple):
    """What a script was asked for: how many rounds, the smallest sizes only, and where to write the figures."""

    rounds: int
    small: bool
    json: Path | None


class Result(NamedTuple):
    """One row: what was measured, its size, and the seconds of each contender in each round."""

    label: str
    size: int
    seconds: dict[str, list[float]]


class Case(NamedTuple):
    """What becomes a row: contenders are made when its turn comes, so that no two cases are in memory at once."""

    label: str
    size: int
    make: Callable[[], Contenders]


def options(description: str | None) -> Options:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the smallest size of each, two rounds")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender (default 9)")
    parser.add_argument("--json", type=Path, help="also write all figures here")
    asked = parser.parse_args()
    return Options(2 if asked.small else asked.rounds, asked.small, asked.json)


def compare(title: str, cases: Sequence[Case], asked: Options) -> None:
    """Measure one case after the other, or the first alone, and report."""
    results = []
    for case in cases[: 1 if asked.small else None]:
        print(f"  {title}: {case.label}", file=sys.stderr, flush=True)
        results.append(measure(case.label, case.size, case.make(), asked.rounds))
    report(title, results, asked)


def in_one_thread(module: Any, size: int, work: Callable[[], object]) -> dict[str, Callable[[], object]]:
    """`work` with one thread for `module`, where this many entries are shared between several."""
    threads: int = module.THREADS

    def alone() -> object:
        module.THREADS = 1
        try:
            return work()
        finally:
            module.THREADS = threads

    return {f"{OURS}, one thread of {threads}": alone} if size >= WORTH_IT and threads > 1 else {}


def measure(label: str, size: int, contenders: Contenders, rounds: int) -> Result:
    """Let the contenders take turns; the first call of each, which may compile, is not counted."""
    repeats = {name: _repeats(work) for name, work in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            seconds[name].append(_time(work, repeats[name]))
    return Result(label, size, seconds)


def _repeats(work: Callable[[], object]) -> int:
    work()
    # The second call may compile as well, where the first went another way.
    return max(1, int(LEAST / max(min(_time(work, 1) for _ in range(3)), 1e-7)))


def _time(work: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def report(title: str, results: list[Result], asked: Options) -> None:
    """Print a Markdown table, and write the figures where asked."""
    print(f"### {title}\n")
    print("| what | contender | least time | its time over ours: median (min, max) |\n|---|---|---|---|")
    for result in results:
        for name, seconds in result.seconds.items():
            print(f"| {result.label} | {name} | {pretty(min(seconds))} | {_against(result, name)} |")
    print(flush=True)
    if asked.json is not None:
        found: dict[str, Any] = json.loads(asked.json.read_text()) if asked.json.exists() else {}
        found[title] = [result._asdict() for result in results]
        asked.json.write_text(json.dumps(found))


def _against(result: Result, name: str) -> str:
    ours = next((each for each in result.seconds if each.split(",")[0] == OURS), name)
    if name == ours:
        return ""
    ratios = [other / own for other, own in zip(result.seconds[name], result.seconds[ours], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"


def pretty(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
