"""V-trace beside rlax, torchrl and the loop that users write in NumPy.

    python tests/benchmarks/off_policy.py [--small] [--rounds N] [--json FILE]

float32, lambda and both clips 1.  rlax knows no truncation and torchrl no lambda; torchrl's time is axis 1.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gae import GAMMA, rollout
from timing import OURS, Case, Contenders, compare, options

import ppocore

SHAPES = [(16, 1), (128, 8), (2048, 1), (128, 64), (512, 256), (512, 4096), (512, 16384)]


def numpy_loop(new: Any, old: Any, rewards: Any, values: Any, next_values: Any, terminated: Any, truncated: Any) -> Any:
    weights, alive = np.minimum(np.exp(new - old), 1.0), 1.0 - terminated.astype(np.float32)
    ended = terminated | truncated
    errors, later = weights * (rewards + GAMMA * next_values * alive - values), np.zeros_like(rewards[0])
    targets = np.empty_like(values)
    for t in reversed(range(len(rewards))):
        later = errors[t] + GAMMA * (1.0 - ended[t].astype(np.float32)) * weights[t] * later
        targets[t] = values[t] + later
    ahead = np.where(ended, next_values, np.concatenate([targets[1:], next_values[-1:]]))
    return targets, weights * (rewards + GAMMA * ahead * alive - values)


def rlax_jitted(given: tuple[Any, ...]) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp
    import rlax

    new, old, rewards, values, next_values, terminated, _ = given
    arrays = [jnp.asarray(x) for x in (
        values, next_values, rewards, GAMMA * (1 - terminated.astype(np.float32)), new, old)]

    def column(v: Any, v_next: Any, r: Any, discount: Any, log_prob: Any, old_log_prob: Any) -> Any:
        return rlax.vtrace_td_error_and_advantage(v, v_next, r, discount, jnp.exp(log_prob - old_log_prob))

    estimate = jax.jit(jax.vmap(column, in_axes=1, out_axes=1))
    return lambda: jax.block_until_ready(estimate(*arrays))


def torchrl_loop(given: tuple[Any, ...]) -> Callable[[], object]:
    import torch
    from torchrl.objectives.value.functional import vtrace_advantage_estimate

    new, old, rewards, values, next_values, terminated, truncated = (
        torch.from_numpy(np.ascontiguousarray(x.T)[..., None]) for x in given)
    done = terminated | truncated
    return lambda: vtrace_advantage_estimate(GAMMA, new, old, values, next_values, rewards, done, terminated)


def sides(steps: int, width: int) -> Contenders:
    rng = np.random.default_rng(1)
    policies = [0.2 * rng.standard_normal((steps, width), dtype=np.float32) for _ in range(2)]
    given = (*policies, *rollout(steps, width))
    found: dict[str, Callable[[], object]] = {
        OURS: lambda: ppocore.vtrace(*given, gamma=GAMMA, gae_lambda=1.0, rho_clip=1.0, c_clip=1.0),
        "NumPy loop": lambda: numpy_loop(*given),
    }
    for package, name, make in [("torchrl", "torchrl", torchrl_loop), ("rlax", "rlax, jitted", rlax_jitted)]:
        if importlib.util.find_spec(package):
            found[name] = make(given)
    return found


def main() -> None:
    cases = [Case(str(shape), shape[0] * shape[1], partial(sides, *shape)) for shape in SHAPES]
    compare("V-trace, float32, by (T, N)", cases, options(__doc__))


if __name__ == "__main__":
    main()
