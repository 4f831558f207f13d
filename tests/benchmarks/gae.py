"""GAE beside what a user would pick instead: loops in NumPy and torch, and the packages that are installed.

    python tests/benchmarks/gae.py [--small] [--rounds N] [--json FILE]

All get the same float32 arrays, in the layout that each wants.  JAX and torch get arrays of their own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import OURS, Result, measure, options, report

import ppocore

GAMMA, LAMBDA = 0.99, 0.95
SIZES = [(128, 8), (2048, 1), (128, 64), (512, 256), (512, 4096), (512, 16384), (4096, 16384)]
LOOPS_UP_TO = 1 << 18
"""Entries beyond which the loops are left out: they take minutes."""


def rollout(steps: int, width: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    rewards, values, next_values = (rng.standard_normal((steps, width), dtype=np.float32) for _ in range(3))
    terminated, truncated = (rng.random((steps, width), dtype=np.float32) < 0.01 for _ in range(2))
    return rewards, values, next_values, terminated, truncated


def numpy_loop(rewards: Any, values: Any, next_values: Any, terminated: Any, truncated: Any) -> Any:
    """One vector step of NumPy for each time step, as the buffers of most libraries have it."""
    advantages, later = np.zeros_like(rewards), np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        alive = 1.0 - terminated[t].astype(np.float32)
        going = 1.0 - (terminated[t] | truncated[t]).astype(np.float32)
        delta = rewards[t] + GAMMA * next_values[t] * alive - values[t]
        later = delta + GAMMA * LAMBDA * going * later
        advantages[t] = later
    return advantages, advantages + values


def torch_loop(given: tuple[Any, ...]) -> Callable[[], object]:
    """The same in torch, as scripts of one file have it."""
    import torch

    rewards, values, next_values, terminated, truncated = (torch.from_numpy(x.copy()) for x in given)
    terminated, ended = terminated.float(), (terminated | truncated).float()

    def work() -> object:
        advantages, later = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
        for t in reversed(range(len(rewards))):
            delta = rewards[t] + GAMMA * next_values[t] * (1.0 - terminated[t]) - values[t]
            advantages[t] = later = delta + GAMMA * LAMBDA * (1.0 - ended[t]) * later
        return advantages, advantages + values

    return work


def torchrl_vectorised(given: tuple[Any, ...]) -> Callable[[], object]:
    import torch
    from torchrl.objectives.value.functional import vec_generalized_advantage_estimate

    rewards, values, next_values, terminated, truncated = (
        torch.from_numpy(np.ascontiguousarray(x.T)[..., None]) for x in given)
    done = terminated | truncated
    return lambda: vec_generalized_advantage_estimate(
        GAMMA, LAMBDA, values, next_values, rewards, done, terminated=terminated)


def tianshou_numba(given: tuple[Any, ...]) -> Callable[[], object]:
    from tianshou.algorithm.algorithm_base import _gae

    rewards, values, next_values, terminated, truncated = (np.ascontiguousarray(x.T).ravel() for x in given)
    ended = (terminated | truncated).reshape(given[0].shape[::-1]).copy()
    ended[:, -1] = True
    ended, used = ended.ravel(), next_values * ~terminated
    return lambda: _gae(values, used, rewards, ended, GAMMA, LAMBDA)


def rlax_jitted(given: tuple[Any, ...]) -> Callable[[], object]:
    """rlax takes values[0 .. T] and knows no truncation; it gets the same number of entries."""
    import jax
    import jax.numpy as jnp
    import rlax

    rewards, values, next_values, terminated, _ = given
    arrays = [jnp.asarray(x) for x in (
        rewards, GAMMA * (1 - terminated.astype(np.float32)), np.concatenate([values, next_values[-1:]]))]
    estimate = jax.jit(jax.vmap(
        lambda r, d, v: rlax.truncated_generalized_advantage_estimation(r, d, LAMBDA, v), in_axes=1, out_axes=1))
    return lambda: jax.block_until_ready(estimate(*arrays))


PACKAGES = {
    "torchrl": ("torchrl, vectorised", torchrl_vectorised),
    "tianshou": ("tianshou, Numba", tianshou_numba),
    "rlax": ("rlax, jitted", rlax_jitted),
}


def contenders(steps: int, width: int) -> dict[str, Callable[[], object]]:
    given = rollout(steps, width)
    memory = ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA)
    found: dict[str, Callable[[], object]] = {
        OURS: lambda: ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA),
        "ppocore, out=": lambda: ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA, out=memory),
    }
    if steps * width <= LOOPS_UP_TO:
        found["NumPy loop"] = lambda: numpy_loop(*given)
        if importlib.util.find_spec("torch"):
            found["torch loop"] = torch_loop(given)
    for package, (name, make) in PACKAGES.items():
        if importlib.util.find_spec(package):
            found[name] = make(given)
    return found


def main() -> None:
    asked = options(__doc__)
    results: list[Result] = []
    for steps, width in SIZES[: 1 if asked.small else None]:
        results.append(measure(f"({steps}, {width})", steps * width, contenders(steps, width), asked.rounds))
    report("GAE, float32, by (T, N)", results, asked)


if __name__ == "__main__":
    main()
