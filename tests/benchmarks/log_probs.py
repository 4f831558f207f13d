"""Categorical log-probability and entropy with their gradients beside autograd of torch and jitted JAX.

    python tests/benchmarks/log_probs.py [--small] [--rounds N] [--json FILE]

float32; both results and both gradients in the logits, by (B, A).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import OURS, Result, measure, options, report

import ppocore

SIZES = [(256, 4), (4096, 18), (65536, 18), (65536, 4), (4096, 256)]


def batch(size: int, count: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((size, count), dtype=np.float32), rng.integers(0, count, size)


def in_torch(logits: Any, actions: Any) -> Callable[[], object]:
    import torch

    z, taken = torch.from_numpy(logits.copy()).requires_grad_(), torch.from_numpy(actions)[:, None]

    def work() -> object:
        table = torch.log_softmax(z, dim=-1)
        log_prob, entropy = table.gather(1, taken)[:, 0], -(table.exp() * table).sum(1)
        by_log_prob = torch.autograd.grad(log_prob.sum(), z, retain_graph=True)
        return by_log_prob, torch.autograd.grad(entropy.sum(), z)

    return work


def in_jax(logits: Any, actions: Any) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp

    def log_prob(z: Any, taken: Any) -> Any:
        return jnp.take_along_axis(jax.nn.log_softmax(z), taken[:, None], 1)[:, 0]

    def entropy(z: Any) -> Any:
        table = jax.nn.log_softmax(z)
        return -(jnp.exp(table) * table).sum(1)

    def both(z: Any, taken: Any) -> Any:
        first, back = jax.vjp(lambda x: log_prob(x, taken), z)
        second, back_again = jax.vjp(entropy, z)
        ones = jnp.ones(len(z), z.dtype)
        return first, back(ones), second, back_again(ones)

    compiled, arrays = jax.jit(both), (jnp.asarray(logits), jnp.asarray(actions))
    return lambda: jax.block_until_ready(compiled(*arrays))


def contenders(size: int, count: int) -> dict[str, Callable[[], object]]:
    logits, actions = batch(size, count)
    found: dict[str, Callable[[], object]] = {
        OURS: lambda: (ppocore.categorical_log_prob(logits, actions), ppocore.categorical_entropy(logits))}
    if importlib.util.find_spec("torch"):
        found["torch, eager"] = in_torch(logits, actions)
    if importlib.util.find_spec("jax"):
        found["JAX, jitted"] = in_jax(logits, actions)
    return found


def main() -> None:
    asked = options(__doc__)
    results: list[Result] = []
    for size, count in SIZES[: 1 if asked.small else None]:
        results.append(measure(f"({size}, {count})", size * count, contenders(size, count), asked.rounds))
    report("Categorical log-probability, entropy and gradients, float32, by (B, A)", results, asked)


if __name__ == "__main__":
    main()
