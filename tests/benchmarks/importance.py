"""Importance sampling with gradients beside what users write in NumPy, torch and JAX.

    python tests/benchmarks/importance.py [--small] [--rounds N] [--json FILE]

float32, data already where each wants it.  ppocore computes in float64 and scales weights so that none overflows.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from frameworks import contenders
from timing import Case, Contenders, compare, options

import ppocore

GAMMA = 0.99
SIZES = [64, 1024, 16384, 1 << 18, 1 << 20, 1 << 22]
SHAPES = [(16, 64), (64, 256), (256, 1024), (1024, 1024), (4096, 1024)]


def draws(*shape: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, dtype=np.float32) * np.float32(scale) for scale in (1.0, 0.1, 0.1)]


def unbiased(xp: Any, fx: Any, log_p: Any, log_q: Any) -> Any:
    return (xp.exp(log_p - log_q) * fx).mean()


def self_normalized(xp: Any, fx: Any, log_p: Any, log_q: Any) -> Any:
    weights = xp.exp(log_p - log_q)
    return (weights * fx).sum() / weights.sum()


def effective(xp: Any, log_weights: Any) -> Any:
    weights = xp.exp(log_weights - log_weights.max())
    return weights.sum() ** 2 / (weights**2).sum()


def per_decision(xp: Any, log_prob: Any, old_log_prob: Any, discounts: Any, rewards: Any) -> Any:
    return (discounts * xp.exp(xp.cumsum(log_prob - old_log_prob, 1)) * rewards).sum() / len(rewards)


def estimates(size: int, ours: Any, definition: Any) -> Contenders:
    given = draws(size)
    return contenders(lambda: ours(*given), definition, given, wrt=2, numpy=True)


def sample_sizes(size: int) -> Contenders:
    log_weights = draws(size)[1]
    return contenders(lambda: ppocore.effective_sample_size(log_weights), effective, [log_weights], wrt=0, numpy=True)


def decisions(rows: int, steps: int) -> Contenders:
    """Whole rows: the discounts of the others are made beforehand."""
    rewards, new, old = draws(rows, steps)
    mask, discounts = np.ones((rows, steps), dtype=bool), (GAMMA ** np.arange(steps)).astype(np.float32)
    return contenders(lambda: ppocore.per_decision_importance_estimate(rewards, new, old, mask, gamma=GAMMA),
                      per_decision, [new, old, discounts, rewards], wrt=1, numpy=True)


def main() -> None:
    asked = options(__doc__)
    for title, ours, definition in [
        ("Unbiased importance estimate with gradients", ppocore.importance_estimate, unbiased),
        ("Self-normalised importance estimate with gradients", ppocore.self_normalized_estimate, self_normalized),
    ]:
        compare(title, [Case(f"n = {n:,}", n, partial(estimates, n, ours, definition)) for n in SIZES], asked)
    compare("Effective sample size", [Case(f"n = {n:,}", n, partial(sample_sizes, n)) for n in SIZES], asked)
    compare("Per-decision importance estimate with gradient, by (B, L)",
            [Case(str(shape), shape[0] * shape[1], partial(decisions, *shape)) for shape in SHAPES], asked)


if __name__ == "__main__":
    main()
