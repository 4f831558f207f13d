"""GAE beside what a user would pick instead: loops in NumPy and torch, and the packages that are installed.

    python tests/benchmarks/gae.py [--small] [--rounds N] [--json FILE]

All get the same float32 arrays, in the layout that each wants.  JAX and torch get arrays of their own.  ppocore checks
its inputs, except in the table of rollouts smaller than (128, 8): there its kernel, called by itself, is what is
compared, and the function stands beside it.  Stable-Baselines3, rsl_rl and rlax are told of one kind of end only.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from timing import OURS, Case, Contenders, compare, in_one_thread, options

import ppocore
from ppocore import advantages

GAMMA, LAMBDA = 0.99, 0.95
SMALL = [(1, 1), (16, 1), (16, 4), (64, 4), (128, 4)]
ALONE = (2048, 1)
"""One environment, as in the example scripts of most libraries."""
TIMES, WIDTHS = [128, 512, 4096], [8, 64, 512, 4096, 16384]
TORCHRL_UP_TO = 1 << 23
"""Entries: it pads every episode to the longest, which takes 7 GB here and more than twice that at the next size."""


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


def stable_baselines3_buffer(given: tuple[Any, ...]) -> Callable[[], object]:
    """Its buffer, which reads flags as the starts of episodes; an end at the last step comes with the call."""
    import torch
    from gymnasium.spaces import Box, Discrete
    from stable_baselines3.common.buffers import RolloutBuffer

    rewards, values, next_values, terminated, truncated = given
    ended = terminated | truncated
    buffer = RolloutBuffer(*rewards.shape[:1], Box(-1, 1), Discrete(2), "cpu", LAMBDA, GAMMA, rewards.shape[1])
    buffer.rewards, buffer.values = rewards, values
    buffer.episode_starts = np.concatenate([ended[:1], ended[:-1]]).astype(np.float32)
    last = torch.from_numpy(next_values[-1].copy())
    return lambda: buffer.compute_returns_and_advantage(last, ended[-1])


def rsl_rl_storage(given: tuple[Any, ...]) -> Callable[[], object]:
    """`PPO.compute_returns` over what it reads of its storage, with a critic that knows the last values."""
    import torch
    from rsl_rl.algorithms import PPO

    rewards, values, next_values, terminated, truncated = (torch.from_numpy(x.copy())[..., None] for x in given)
    ppo = PPO.__new__(PPO)
    ppo.gamma, ppo.lam, ppo.normalize_advantage_per_mini_batch = GAMMA, LAMBDA, True
    ppo.critic = Critic(next_values[-1])
    ppo.storage = SimpleNamespace(num_transitions_per_env=len(rewards), rewards=rewards, values=values,
                                  dones=(terminated | truncated).byte(), returns=torch.empty_like(rewards))
    return lambda: ppo.compute_returns(None)


class Critic:
    """A network without a state that always answers the same."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __call__(self, observations: Any) -> Any:
        return self.values

    def get_hidden_state(self) -> None: ...

    def reset(self, hidden_state: Any) -> None: ...


PEERS = [
    ("torch", "torch loop", torch_loop),
    ("torchrl", "torchrl, vectorised", torchrl_vectorised),
    ("tianshou", "tianshou, Numba", tianshou_numba),
    ("rlax", "rlax, jitted", rlax_jitted),
    ("stable_baselines3", "Stable-Baselines3, RolloutBuffer", stable_baselines3_buffer),
    ("rsl_rl", "rsl_rl, PPO.compute_returns", rsl_rl_storage),
]
"""What must be installed, its name in the tables, and how to make it."""


def others(given: tuple[Any, ...]) -> Contenders:
    found: dict[str, Callable[[], object]] = {"NumPy loop": lambda: numpy_loop(*given)}
    return found | {name: make(given) for package, name, make in PEERS if importlib.util.find_spec(package)
                    and (package != "torchrl" or given[0].size <= TORCHRL_UP_TO)}


def checked(steps: int, width: int) -> Contenders:
    """The function, with all its checks."""
    given = rollout(steps, width)
    memory = ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA)

    def ours() -> object:
        return ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA)

    return {
        OURS: ours,
        "ppocore, out=": lambda: ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA, out=memory),
    } | in_one_thread(advantages, steps * width, ours) | others(given)


def unchecked(steps: int, width: int) -> Contenders:
    """The kernel that the function would call."""
    given = rollout(steps, width)
    memory, scratch = ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA), np.empty(advantages.SCRATCH)
    return {
        "ppocore, kernel": lambda: advantages._gae_small(*given, GAMMA, LAMBDA, scratch, *memory),
        "ppocore, function": lambda: ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA),
    } | others(given)


def main() -> None:
    asked = options(__doc__)
    compare("GAE of one environment, float32, by (T, N)", [Case(str(ALONE), ALONE[0], partial(checked, *ALONE))], asked)
    for steps in TIMES[: 1 if asked.small else None]:
        compare(f"GAE, float32, {steps} steps, by (T, N)",
                [Case(f"({steps}, {width})", steps * width, partial(checked, steps, width)) for width in WIDTHS], asked)
    compare("GAE of small rollouts, the kernel without checks, float32, by (T, N)",
            [Case(str(shape), shape[0] * shape[1], partial(unchecked, *shape)) for shape in SMALL], asked)


if __name__ == "__main__":
    main()
