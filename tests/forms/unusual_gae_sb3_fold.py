"""Time-outs folded into the reward before a done-only recursion (SB3's collect_rollouts), done on copies."""

import numpy as np

DTYPE = "float64"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    timeout = truncated & ~terminated
    rewards = rewards.copy()
    rewards[timeout] += gamma * next_values[timeout]
    dones = terminated | truncated
    steps = len(rewards)
    advantages = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in reversed(range(steps)):
        following = next_values[t] if t == steps - 1 else values[t + 1]
        following = np.where(dones[t], 0, following)
        last = rewards[t] + gamma * following - values[t] + gamma * gae_lambda * (~dones[t]) * last
        advantages[t] = last
    return advantages


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    out = rewards.copy()
    timeout = truncated & ~terminated
    out[timeout] += gamma * next_values[timeout]
    dones = terminated | truncated
    alive = ~dones[-1]
    out[-1, alive] += gamma * next_values[-1, alive]
    for t in range(len(out) - 2, -1, -1):
        out[t] += gamma * ~dones[t] * out[t + 1]
    return out
