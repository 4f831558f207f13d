"""Advantages and value targets under every convention, against the literal recursion in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ppocore.environments import spec_of
from ppocore.training import Config
from ppocore.training.collect import Batch, empty_batch
from ppocore.training.judging import judge
from ppocore.training.layout import layout_of

BASE: dict[str, Any] = {"gamma": 0.5, "gae_lambda": 0.5, "num_envs": 3, "num_steps": 6, "num_minibatches": 1,
                        "normalize_advantages": False}  # fmt: skip
CHOICES: dict[str, dict[str, Any]] = {
    "default": {},
    "terminal": {"truncation": "terminal"},
    "mask": {"truncation": "mask"},
    "current": {"timeout_value": "current_observation"},
    "brax": {"truncation": "mask", "gae_recursion": "brax"},
    "brax, bootstrap": {"gae_recursion": "brax"},
    "rewards to go": {"value_targets": "rewards_to_go"},
    "rewards to go, terminal": {"value_targets": "rewards_to_go", "truncation": "terminal"},
}


def batch_of(config: Config, seed: int) -> Batch:
    """Halves everywhere, ends of both kinds, and V of the next state as the collector gives it."""
    rng = np.random.default_rng(seed)
    batch = empty_batch(config.num_steps, config.num_envs, layout_of(config, spec_of(config.env)), np.float64)
    shape = batch.rewards.shape
    for array in (batch.rewards, batch.values, batch.next_values):
        array[...] = rng.integers(-8, 9, size=shape) / 2
    batch.terminated[...], batch.truncated[...] = rng.random(shape) < 0.2, rng.random(shape) < 0.3
    goes_on = ~(batch.terminated | batch.truncated)[:-1]
    batch.next_values[:-1] = np.where(goes_on, batch.values[1:], batch.next_values[:-1])
    batch.next_values[batch.terminated] = 0.0
    return batch


def expected(config: Config, batch: Batch, n: int) -> tuple[list[Fraction], list[Fraction]]:
    """One environment, from the last step to the first."""
    rate, decay = Fraction(config.gamma), Fraction(config.gamma) * Fraction(config.gae_lambda)
    advantages: list[Fraction] = []
    targets: list[Fraction] = []
    later = later_return = Fraction(0)
    for t in range(config.num_steps - 1, -1, -1):
        r, v, after = (Fraction(float(array[t, n])) for array in (batch.rewards, batch.values, batch.next_values))
        end, cut = bool(batch.terminated[t, n]), bool(batch.truncated[t, n] and not batch.terminated[t, n])
        if config.timeout_value == "current_observation" and cut:
            after = v
        if end or (cut and config.truncation == "terminal"):
            after = Fraction(0)
        link = Fraction(0) if end or cut else later
        delta = r + rate * after - v
        advantage, own = delta + decay * link, delta + (rate if config.gae_recursion == "brax" else decay) * link
        if cut and config.truncation == "mask":
            advantage = own = Fraction(0)
        last = end or cut or t == config.num_steps - 1
        later_return = r + rate * (after if last else later_return)
        advantages.insert(0, own)
        targets.insert(0, later_return if config.value_targets == "rewards_to_go" else advantage + v)
        later = advantage
    return advantages, targets


@pytest.mark.parametrize("choice", CHOICES)
def test_advantages_and_targets(choice: str) -> None:
    """Halves under gamma = lambda = 1/2, six steps: exact in float64."""
    config = Config("CartPole-v1", **BASE | CHOICES[choice])
    for seed in range(20):
        batch = batch_of(config, seed)
        advantages, targets = judge(config, batch)
        for n in range(config.num_envs):
            wanted = expected(config, batch, n)
            np.testing.assert_array_equal(advantages[:, n], list(map(float, wanted[0])))
            np.testing.assert_array_equal(targets[:, n], list(map(float, wanted[1])))


@pytest.mark.parametrize(("settings", "published"), [
    ({}, [2.9203, 1.556, -0.2, 2.508, 1.4]),
    ({"truncation": "terminal"}, [1.9872, 0.26, -2.0, 2.508, 1.4]),
    ({"timeout_value": "current_observation"}, [3.3869, 2.204, 0.7, 2.508, 1.4]),
    ({"truncation": "mask", "gae_recursion": "brax"}, [3.33, 1.7, 0.0, 2.76, 1.4]),
])  # fmt: skip
def test_what_the_libraries_answer(settings: dict[str, Any], published: list[float]) -> None:
    """One trajectory, asked of the packages: printed with four digits."""
    config = Config("CartPole-v1", **BASE | {"gamma": 0.9, "gae_lambda": 0.8, "num_envs": 1, "num_steps": 5} | settings)
    batch = empty_batch(5, 1, layout_of(config, spec_of(config.env)), np.float64)
    batch.rewards[:], batch.values[:, 0] = 1.0, [1, 2, 3, 4, 5]
    batch.next_values[:, 0], batch.truncated[2] = [2, 3, 2, 5, 6], True

    np.testing.assert_allclose(judge(config, batch)[0][:, 0], published, rtol=0, atol=5e-5)


@pytest.mark.parametrize(("std_eps", "ddof", "divisor"), [
    ("outside:1e-3", "ddof0", 2.001), ("outside:1e-3", "ddof1", (16 / 3) ** 0.5 + 1e-3),
    ("inside:1e-3", "ddof0", 4.001**0.5), ("floor:1e-3", "ddof0", 2.0), ("none", "ddof0", 2.0),
])  # fmt: skip
def test_normalised_over_the_batch(std_eps: str, ddof: str, divisor: float) -> None:
    """-1, 3, -1, 3 has mean 1, deviations of 2, variance 16/4 by n and 16/3 by n - 1."""
    config = Config("CartPole-v1", **BASE | {"num_envs": 1, "num_steps": 4, "normalize_advantages": True,
                                             "normalize_over": "batch", "std_eps": std_eps, "advantage_std": ddof})
    batch = empty_batch(4, 1, layout_of(config, spec_of(config.env)), np.float64)
    batch.rewards[:, 0], batch.terminated[:] = [-1.0, 3.0, -1.0, 3.0], True

    # A root, a sum, a quotient and a product, each rounded once, and the divisor here too.
    wanted = np.array([-2.0, 2.0, -2.0, 2.0]) / divisor
    np.testing.assert_allclose(judge(config, batch)[0][:, 0], wanted, rtol=8 * 2.0**-53, atol=0)


def test_a_floor_holds_where_the_deviation_is_small() -> None:
    config = Config("CartPole-v1", **BASE | {"num_envs": 1, "num_steps": 2, "normalize_advantages": True,
                                             "normalize_over": "batch", "std_eps": "floor:1e-3"})
    batch = empty_batch(2, 1, layout_of(config, spec_of(config.env)), np.float64)
    batch.rewards[:, 0], batch.terminated[:] = [0.0, 2.0**-20], True

    np.testing.assert_allclose(judge(config, batch)[0][:, 0], [-(2.0**-21) / 1e-3, 2.0**-21 / 1e-3], rtol=1e-15)
