"""Log-probabilities and entropy with their gradients beside autograd of torch and jitted JAX.

    python tests/benchmarks/log_probs.py [--small] [--rounds N] [--json FILE]

float32.  Categorical: both results and both gradients in the logits.  Gaussian: gradients in all three arrays.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from frameworks import contenders
from timing import OURS, Case, Contenders, compare, in_one_thread, options

import ppocore
from ppocore import softmax_rows

SIZES = [(256, 4), (4096, 18), (65536, 18), (65536, 4), (4096, 256)]
GAUSSIANS = [(256, 1), (256, 6), (4096, 6), (65536, 6), (65536, 17)]
LOG_ROOT = 0.9189385332046727
"""log(2 pi) / 2."""


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


def categorical(size: int, count: int) -> Contenders:
    logits, actions = batch(size, count)

    def ours() -> object:
        return ppocore.categorical_log_prob_and_entropy(logits, actions)

    found: dict[str, Callable[[], object]] = {OURS: ours}
    if importlib.util.find_spec("torch"):
        found["torch, eager"] = in_torch(logits, actions)
    if importlib.util.find_spec("jax"):
        found["JAX, jitted"] = in_jax(logits, actions)
    return found | in_one_thread(softmax_rows, logits.size, ours)


def gaussian_log_prob(xp: Any, mean: Any, log_std: Any, actions: Any) -> Any:
    z = (actions - mean) / xp.exp(log_std)
    return (-z * z / 2 - log_std - LOG_ROOT).sum(1)


def gaussian(size: int, count: int) -> Contenders:
    rng = np.random.default_rng(0)
    given = [rng.standard_normal((size, count), dtype=np.float32) for _ in range(3)]
    return contenders(lambda: ppocore.gaussian_log_prob(*given), gaussian_log_prob, given, wrt=3)


def main() -> None:
    asked = options(__doc__)
    for title, make, shapes in [
        ("Categorical log-probability, entropy and gradients, float32, by (B, A)", categorical, SIZES),
        ("Gaussian log-density and gradients, float32, by (B, D)", gaussian, GAUSSIANS),
    ]:
        compare(title, [Case(str(shape), shape[0] * shape[1], partial(make, *shape)) for shape in shapes], asked)


if __name__ == "__main__":
    main()
