"""How good each step of a batch was: advantages and value targets, each choice by the name of its convention."""

from __future__ import annotations

import numpy as np

from ppocore._arrays import Floats
from ppocore.advantages import discounted_returns, gae
from ppocore.training.collect import Batch
from ppocore.training.config import Config
from ppocore.training.normalisation import Normaliser, normalisation, std_eps_of


def judge(config: Config, batch: Batch) -> tuple[Floats, Floats]:
    """Advantages and value targets (T, N), in float64."""
    rewards, next_values, terminated, truncated = _at_time_limits(config, batch)
    judged = gae(rewards, batch.values, next_values, terminated, truncated,
                 gamma=config.gamma, gae_lambda=config.gae_lambda)  # fmt: skip
    advantages, targets = np.asarray(judged.advantages, np.float64), np.asarray(judged.returns, np.float64)
    if config.value_targets == "rewards_to_go":
        targets = np.asarray(
            discounted_returns(rewards, next_values, terminated, truncated, gamma=config.gamma), np.float64)
    if config.gae_recursion == "brax":
        # r + gamma (A' + V') - V in place of r + gamma (lambda A' + V') - V.
        goes_on = ~(batch.terminated | batch.truncated)[:-1]
        missing = config.gamma * (1.0 - config.gae_lambda) * np.where(goes_on, advantages[1:], 0.0)
        advantages = np.concatenate([advantages[:-1] + missing, advantages[-1:]])
    if config.normalize_advantages and config.normalize_over == "batch":
        mean, scale = normalisation(advantages.ravel(), np.arange(advantages.size), normaliser_of(config))
        advantages = (advantages - mean) * scale
    return advantages, targets


def normaliser_of(config: Config) -> Normaliser:
    """As configured, whatever it is applied to."""
    form, eps = std_eps_of(config.std_eps)
    return Normaliser(config.normalize_advantages, int(config.advantage_std == "ddof1"), form, eps)


def _at_time_limits(config: Config, batch: Batch) -> tuple[Floats, Floats, np.ndarray, np.ndarray]:
    """Rewards, next values and both flags, as GAE is to see them."""
    cut = batch.truncated & ~batch.terminated
    if config.truncation == "terminal":
        return batch.rewards, batch.next_values, batch.terminated | cut, np.zeros_like(cut)
    if config.truncation == "mask":
        # An end with the reward V(s): its TD error is exactly 0, and nothing comes back from behind it.
        return (np.where(cut, batch.values, batch.rewards), batch.next_values, batch.terminated | cut,
                np.zeros_like(cut))  # fmt: skip
    current = config.timeout_value == "current_observation"
    return (batch.rewards, np.where(cut & current, batch.values, batch.next_values), batch.terminated, batch.truncated)
