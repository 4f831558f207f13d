"""What this machine can do at most: the bandwidth of a triad, the throughput of exp, and of a matrix product.

    python tests/benchmarks/roofline.py [--small] [--rounds N] [--json FILE]

The triad a = b + s c runs over three float32 arrays of the size of a rollout of (512, 16384); each array counts once,
as the arrays of `ppocore.gae` (three and two of flags in, two out) count in the row below it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from timing import Result, measure, options, report

import ppocore

ROLLOUT = (512, 16384)


@numba.njit(nogil=True)
def triad(a: Any, b: Any, c: Any, s: float, first: int, last: int) -> None:
    for i in range(first, last):
        a[i] = b[i] + s * c[i]


def triads(size: int) -> dict[str, Callable[[], object]]:
    a, b, c = (np.ones(size, dtype=np.float32) for _ in range(3))
    threads = numba.config.NUMBA_NUM_THREADS
    edges = np.linspace(0, size, threads + 1).astype(int).tolist()
    pool = ThreadPoolExecutor(threads)
    scale = np.float32(2)
    return {
        "one thread": lambda: triad(a, b, c, scale, 0, size),
        f"all threads ({threads})": lambda: list(
            pool.map(lambda i: triad(a, b, c, scale, edges[i], edges[i + 1]), range(threads))),
    }


def sweeps(shape: tuple[int, int]) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    reals = [rng.standard_normal(shape, dtype=np.float32) for _ in range(3)]
    flags = [rng.random(shape, dtype=np.float32) < 0.01 for _ in range(2)]
    memory = ppocore.gae(*reals, *flags, gamma=0.99, gae_lambda=0.95)
    return {"ppocore.gae, out=": lambda: ppocore.gae(*reals, *flags, gamma=0.99, gae_lambda=0.95, out=memory)}


def rates(result: Result, amount: float, unit: str) -> str:
    return "\n".join(f"| {result.label} | {name} | {amount / min(seconds) / 1e9:.1f} {unit} |"
                     for name, seconds in result.seconds.items())


def main() -> None:
    asked = options(__doc__)
    shape = (64, 1024) if asked.small else ROLLOUT
    count, side = shape[0] * shape[1], 64 if asked.small else 1024
    bandwidth = measure(f"triad and GAE of {shape}, float32", count, triads(count) | sweeps(shape), asked.rounds)
    x, y = np.linspace(-5, 5, 1 << 14), np.empty(1 << 14)
    exponential = measure("exp of 16,384 float64 in the cache", x.size, {"NumPy": lambda: np.exp(x, y)}, asked.rounds)
    m = np.ones((side, side), dtype=np.float32)
    product = measure(f"float32 matrix product, {side}", side, {"NumPy": lambda: m @ m}, asked.rounds)
    report("Roofline, times", [bandwidth, exponential, product], asked)
    print(f"### Roofline, rates, {os.cpu_count()} processors\n\n| what | how | rate |\n|---|---|---|")
    for name, seconds in bandwidth.seconds.items():
        size = 22 if "gae" in name else 12
        print(rates(Result(bandwidth.label, count, {name: seconds}), size * count, "GB/s"))
    print(rates(exponential, x.size, "G/s"))
    print(rates(product, 2.0 * side**3, "GFLOP/s"))


if __name__ == "__main__":
    main()
