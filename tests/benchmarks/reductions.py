"""Means over masked batches with their gradients, and normalised advantages, beside NumPy, torch and JAX.

    python tests/benchmarks/reductions.py [--small] [--rounds N] [--json FILE]

float32, rows of random lengths, padded; data already where each wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from frameworks import contenders
from timing import Case, Contenders, compare, options

import ppocore

SHAPES = [(4, 16), (16, 64), (64, 256), (256, 1024), (1024, 1024), (4096, 1024)]
SIZES = [64, 1024, 16384, 1 << 18, 1 << 20, 1 << 22]


def batch(rows: int, longest: int) -> list[Any]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, longest + 1, rows)
    return [rng.standard_normal((rows, longest), dtype=np.float32), np.arange(longest) < lengths[:, None]]


def masked_mean(xp: Any, x: Any, mask: Any) -> Any:
    return (x * mask).sum() / mask.sum()


def sequence_mean(xp: Any, x: Any, mask: Any) -> Any:
    return ((x * mask).sum(1) / mask.sum(1)).mean()


def sequence_sum_mean(xp: Any, x: Any, mask: Any) -> Any:
    return (x * mask).sum(1).mean()


def normalized(xp: Any, advantages: Any) -> Any:
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)


def normalized_masked(xp: Any, advantages: Any, mask: Any) -> Any:
    count = mask.sum()
    deviations = (advantages - (advantages * mask).sum() / count) * mask
    return deviations / (xp.sqrt((deviations**2).sum() / count) + 1e-8)


def means(ours: Any, definition: Any, rows: int, longest: int) -> Contenders:
    given = batch(rows, longest)
    return contenders(lambda: ours(*given), definition, given, wrt=1, numpy=True)


def advantages(size: int) -> Contenders:
    given = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    return contenders(lambda: ppocore.normalize_advantages(given), normalized, [given], wrt=0, numpy=True)


def masked_advantages(rows: int, longest: int) -> Contenders:
    given, mask = batch(rows, longest)
    return contenders(lambda: ppocore.normalize_advantages(given, mask=mask), normalized_masked, [given, mask], wrt=0,
                      numpy=True)


def by_shape(make: Callable[[int, int], Contenders]) -> list[Case]:
    return [Case(str(shape), shape[0] * shape[1], partial(make, *shape)) for shape in SHAPES]


def main() -> None:
    asked = options(__doc__)
    for title, ours, definition in [
        ("Masked mean with gradient, by (B, L)", ppocore.masked_mean, masked_mean),
        ("Mean of the means of rows with gradient, by (B, L)", ppocore.sequence_mean, sequence_mean),
        ("Mean of the sums of rows with gradient, by (B, L)", ppocore.sequence_sum_mean, sequence_sum_mean),
    ]:
        compare(title, by_shape(partial(means, ours, definition)), asked)
    compare("Normalised advantages", [Case(f"B = {n:,}", n, partial(advantages, n)) for n in SIZES], asked)
    compare("Normalised advantages under a mask, by (B, L)", by_shape(masked_advantages), asked)


if __name__ == "__main__":
    main()
