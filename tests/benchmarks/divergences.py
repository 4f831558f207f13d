"""Exact KL divergences with their gradients beside autograd of torch and jitted JAX.

    python tests/benchmarks/divergences.py [--small] [--rounds N] [--json FILE]

float32; gradients in the parameters of both policies.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from frameworks import contenders
from timing import Case, Contenders, compare, options

import ppocore

CATEGORICAL = [(256, 4), (4096, 18), (65536, 4), (65536, 18), (4096, 256)]
GAUSSIAN = [(256, 1), (256, 6), (4096, 6), (65536, 6), (65536, 17)]


def log_softmax(xp: Any, logits: Any) -> Any:
    """Each framework's own."""
    if xp.__name__ == "torch":
        return xp.log_softmax(logits, -1)
    import jax

    return jax.nn.log_softmax(logits)


def categorical_kl(xp: Any, logits: Any, other_logits: Any) -> Any:
    log_p, log_q = log_softmax(xp, logits), log_softmax(xp, other_logits)
    return (xp.exp(log_p) * (log_p - log_q)).sum(1)


def gaussian_kl(xp: Any, mean: Any, log_std: Any, other_mean: Any, other_log_std: Any) -> Any:
    gap = mean - other_mean
    squares = (xp.exp(2 * log_std) + gap * gap) / xp.exp(2 * other_log_std)
    return (other_log_std - log_std + (squares - 1) / 2).sum(1)


def both(ours: Any, definition: Any, arrays: int, rows: int, columns: int) -> Contenders:
    rng = np.random.default_rng(0)
    given = [rng.standard_normal((rows, columns), dtype=np.float32) for _ in range(arrays)]
    return contenders(lambda: ours(*given), definition, given, wrt=arrays)


def main() -> None:
    asked = options(__doc__)
    for title, make, shapes in [
        ("Categorical KL with gradients, by (B, A)", partial(both, ppocore.categorical_kl, categorical_kl, 2),
         CATEGORICAL),
        ("Gaussian KL with gradients, by (B, D)", partial(both, ppocore.gaussian_kl, gaussian_kl, 4), GAUSSIAN),
    ]:
        compare(title, [Case(str(shape), shape[0] * shape[1], partial(make, *shape)) for shape in shapes], asked)


if __name__ == "__main__":
    main()
