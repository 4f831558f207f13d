"""Associative scan by doubling: log2(T) passes of (decay, sum) pairs."""

import numpy as np

DTYPE = "float64"


def _scan(decay, total):
    decay, total = decay.copy(), total.copy()
    hop = 1
    while hop < len(total):
        total[:-hop] = total[:-hop] + decay[:-hop] * total[hop:]
        decay[:-hop] = decay[:-hop] * decay[hop:]
        decay[-hop:] = 0.0
        hop *= 2
    return total


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    ahead = np.where(terminated, np.zeros_like(next_values), next_values)
    delta = rewards + gamma * ahead - values
    decay = np.where(terminated | truncated, 0.0, gamma * gae_lambda).astype(delta.dtype)
    decay[-1] = 0.0
    return _scan(decay, delta)


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    stop = terminated | truncated
    stop[-1] = True  # a fresh array: the inputs stay as they are
    seed = rewards + gamma * np.where(stop & ~terminated, next_values, 0.0)
    return _scan(np.where(stop, 0.0, gamma).astype(rewards.dtype), seed.astype(rewards.dtype))
