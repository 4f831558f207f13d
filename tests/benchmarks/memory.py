"""Whether the memory of a training run stays flat: resident memory over 10 million steps.

    python tests/benchmarks/memory.py [--small] [--env ID]

Prints a Markdown table and ends with 1 if memory is not flat: if the greatest of the second half of the run is more
than 1 % or 2 MB above the greatest of the first half.  A leak of one float64 a step would be 40 MB over that half.
(--small runs 300 thousand steps, in whose second half that leak would be 1.2 MB: it sees leaks of twice that size.)
"""

from __future__ import annotations

import argparse
import gc
import sys
import time

import psutil

from ppocore.training import Config, Trainer

POINTS = 20
MEGABYTE = 2.0**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="300 thousand steps instead of 10 million")
    parser.add_argument("--env", default="CartPole-v1")
    words = parser.parse_args()
    total = 300_000 if words.small else 10_000_000
    process, began, found = psutil.Process(), time.perf_counter(), []
    print(f"{words.env}\n\n| steps | resident, MB | seconds |\n|---|---|---|")
    for progress in Trainer(Config(words.env, total_steps=total)).run():
        if progress.steps * POINTS >= total * (len(found) + 1):
            gc.collect()
            found.append(process.memory_info().rss / MEGABYTE)
            print(f"| {progress.steps:,} | {found[-1]:.1f} | {time.perf_counter() - began:.0f} |", flush=True)
    early, late = max(found[: POINTS // 2]), max(found[POINTS // 2 :])
    flat = late - early <= max(2.0, 0.01 * early)
    print(f"\n{'flat' if flat else 'NOT FLAT'}: at most {early:.1f} MB in the first half, {late:.1f} MB in the second")
    sys.exit(not flat)


if __name__ == "__main__":
    main()
