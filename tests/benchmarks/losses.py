"""The clipped loss with its gradient beside autograd of torch and jitted JAX.

    python tests/benchmarks/losses.py [--small] [--rounds N] [--json FILE]

float32, data already where each wants it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import OURS, Result, measure, options, report

import ppocore

EPS = 0.2
SIZES = [64, 256, 1024, 4096, 16384, 65536, 1 << 18, 1 << 20, 1 << 22]


def batch(size: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(size, dtype=np.float32) * np.float32(scale) for scale in (0.2, 0.2, 1.0)]


def in_torch(given: list[Any]) -> Callable[[], object]:
    import torch

    log_prob, old_log_prob, advantages = (torch.from_numpy(x.copy()) for x in given)
    log_prob.requires_grad_()

    def work() -> object:
        ratio = torch.exp(log_prob - old_log_prob)
        loss = -torch.min(ratio * advantages, torch.clamp(ratio, 1 - EPS, 1 + EPS) * advantages).mean()
        return torch.autograd.grad(loss, log_prob)

    return work


def in_jax(given: list[Any]) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp

    def loss(log_prob: Any, old_log_prob: Any, advantages: Any) -> Any:
        ratio = jnp.exp(log_prob - old_log_prob)
        return -jnp.mean(jnp.minimum(ratio * advantages, jnp.clip(ratio, 1 - EPS, 1 + EPS) * advantages))

    both = jax.jit(jax.value_and_grad(loss))
    arrays = [jnp.asarray(x) for x in given]
    return lambda: jax.block_until_ready(both(*arrays))


def contenders(size: int) -> dict[str, Callable[[], object]]:
    given = batch(size)
    found: dict[str, Callable[[], object]] = {OURS: lambda: ppocore.clip_loss(*given, clip_eps=EPS)}
    if importlib.util.find_spec("torch"):
        found["torch, eager"] = in_torch(given)
    if importlib.util.find_spec("jax"):
        found["JAX, jitted"] = in_jax(given)
    return found


def main() -> None:
    asked = options(__doc__)
    results: list[Result] = []
    for size in SIZES[: 1 if asked.small else None]:
        results.append(measure(f"B = {size:,}", size, contenders(size), asked.rounds))
    report("Clipped loss with gradient, float32", results, asked)


if __name__ == "__main__":
    main()
