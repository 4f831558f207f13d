"""Stable-Baselines3 / baselines: episode starts at t, final dones apart."""

from typing import NamedTuple

import numpy as np

DTYPE = "float64"


class Estimate(NamedTuple):
    advantages: np.ndarray
    returns: np.ndarray


def gae(rewards, values, last_values, episode_starts, last_dones, gamma, gae_lambda):
    steps = rewards.shape[0]
    advantages = np.zeros_like(rewards)
    last_gae_lam = 0
    for step in reversed(range(steps)):
        if step == steps - 1:
            next_non_terminal = 1.0 - last_dones.astype(rewards.dtype)
            next_values = last_values
        else:
            next_non_terminal = 1.0 - episode_starts[step + 1]
            next_values = values[step + 1]
        delta = rewards[step] + gamma * next_values * next_non_terminal - values[step]
        last_gae_lam = delta + gamma * gae_lambda * next_non_terminal * last_gae_lam
        advantages[step] = last_gae_lam
    return Estimate(advantages, advantages + values)


def td_errors(rewards, values, last_values, episode_starts, last_dones, gamma):
    ended = np.concatenate((episode_starts[1:], last_dones[None]))
    return rewards + gamma * np.where(ended, 0.0, np.concatenate((values[1:], last_values[None]))) - values


def discounted_returns(rewards, last_values, episode_starts, last_dones, gamma):
    out, g, ended = np.zeros_like(rewards), last_values, last_dones
    for t in reversed(range(len(rewards))):
        out[t] = g = rewards[t] + gamma * g * (1 - ended)
        ended = episode_starts[t]
    return out
