"""GAE of other arrays than the plain ones: float64, batch-major, strided, and ragged rows under a mask.

    python tests/benchmarks/gae_layouts.py [--small] [--rounds N] [--json FILE]

The first table holds ppocore against itself on plain float32.  The others hold it against those to whom the layout is
natural: torchrl to batch-major, NumPy and torch loops of language-model trainers (verl, TRL) to ragged rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gae import GAMMA, LAMBDA, numpy_loop, rollout, tianshou_numba, torchrl_vectorised
from timing import OURS, Case, Contenders, compare, options

import ppocore

SHAPES = [(128, 8), (512, 64), (512, 512), (512, 4096)]
RAGGED = [(8, 128), (64, 512), (512, 1024), (4096, 1024)]

Arrays = tuple[Any, ...]


def estimate(given: Arrays) -> Callable[[], object]:
    return lambda: ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA)


def doubles(given: Arrays) -> Arrays:
    return tuple(x.astype(np.float64) if x.dtype != bool else x for x in given)


def batch_major(given: Arrays) -> Arrays:
    """Views (T, N) of arrays that lie in memory as (N, T)."""
    return tuple(np.asfortranarray(x) for x in given)


def layouts(steps: int, width: int) -> Contenders:
    given = rollout(steps, width)
    return {
        OURS: estimate(given),
        "ppocore, float64": estimate(doubles(given)),
        "ppocore, batch-major": estimate(batch_major(given)),
        "ppocore, every other column": estimate(tuple(np.repeat(x, 2, axis=1)[:, ::2] for x in given)),
    }


def in_float64(steps: int, width: int) -> Contenders:
    given = doubles(rollout(steps, width))
    found = {OURS: estimate(given), "NumPy loop": lambda: numpy_loop(*given)}
    if importlib.util.find_spec("tianshou"):
        found["tianshou, Numba"] = tianshou_numba(given)
    return found


def by_batch(steps: int, width: int) -> Contenders:
    given = rollout(steps, width)
    found = {OURS: estimate(batch_major(given))}
    if importlib.util.find_spec("torchrl"):
        found["torchrl, vectorised"] = torchrl_vectorised(given)
    return found


def padded(rows: int, longest: int) -> Arrays:
    """Rewards and values of rows of random lengths, and which slots are valid."""
    rng = np.random.default_rng(0)
    rewards, values = (rng.standard_normal((rows, longest), dtype=np.float32) for _ in range(2))
    return rewards, values, np.arange(longest) < rng.integers(1, longest + 1, rows)[:, None]


def token_loop(zeros_like: Any, rewards: Any, values: Any, mask: Any) -> Any:
    """Column by column; what is carried passes over masked slots, as in verl."""
    advantages, later, after = zeros_like(rewards), zeros_like(rewards[:, 0]), zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        valid = mask[:, t]
        delta = rewards[:, t] + GAMMA * after - values[:, t]
        later = valid * (delta + GAMMA * LAMBDA * later) + (1 - valid) * later
        after = valid * values[:, t] + (1 - valid) * after
        advantages[:, t] = valid * later
    return advantages, (advantages + values) * mask


def ragged(rows: int, longest: int) -> Contenders:
    rewards, values, mask = padded(rows, longest)
    weights = mask.astype(np.float32)
    found: dict[str, Callable[[], object]] = {
        OURS: lambda: ppocore.token_gae(rewards, values, mask, gamma=GAMMA, gae_lambda=LAMBDA),
        "NumPy loop": lambda: token_loop(np.zeros_like, rewards, values, weights),
    }
    if importlib.util.find_spec("torch"):
        import torch

        tensors = [torch.from_numpy(x.copy()) for x in (rewards, values, weights)]
        found["torch loop"] = lambda: token_loop(torch.zeros_like, *tensors)
    return found


def main() -> None:
    asked = options(__doc__)
    for title, make, shapes in [
        ("GAE, dtypes and layouts, by (T, N)", layouts, SHAPES),
        ("GAE, float64, by (T, N)", in_float64, SHAPES),
        ("GAE, batch-major, float32, by (T, N)", by_batch, SHAPES),
        ("GAE along ragged rows of tokens, float32, by (B, L)", ragged, RAGGED),
    ]:
        compare(title, [Case(str(shape), shape[0] * shape[1], partial(make, *shape)) for shape in shapes], asked)


if __name__ == "__main__":
    main()
