"""The clipped loss with its gradient beside autograd of torch and jitted JAX.

    python tests/benchmarks/losses.py [--small] [--rounds N] [--json FILE]

float32, data already where each wants it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from frameworks import contenders
from timing import Case, Contenders, compare, in_one_thread, options

import ppocore
from ppocore import losses

EPS = 0.2
SIZES = [64, 256, 1024, 4096, 16384, 65536, 1 << 18, 1 << 20, 1 << 22]


def batch(size: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(size, dtype=np.float32) * np.float32(scale) for scale in (0.2, 0.2, 1.0)]


def clipped(xp: Any, log_prob: Any, old_log_prob: Any, advantages: Any) -> Any:
    ratio = xp.exp(log_prob - old_log_prob)
    return -xp.minimum(ratio * advantages, xp.clip(ratio, 1 - EPS, 1 + EPS) * advantages).mean()


def sides(size: int) -> Contenders:
    given = batch(size)

    def ours() -> object:
        return ppocore.clip_loss(*given, clip_eps=EPS)

    return contenders(ours, clipped, given, wrt=1) | in_one_thread(losses, size, ours)


def main() -> None:
    cases = [Case(f"B = {size:,}", size, partial(sides, size)) for size in SIZES]
    compare("Clipped loss with gradient, float32", cases, options(__doc__))


if __name__ == "__main__":
    main()
