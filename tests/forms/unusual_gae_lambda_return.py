"""RLlib / trfl way: the lambda-return first, advantage = target - value."""

import numpy as np

DTYPE = "float64"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    v_next = np.where(terminated, 0.0, next_values)
    target = np.empty_like(rewards)
    following = v_next[-1]
    for t in range(len(rewards))[::-1]:
        following = np.where(terminated[t] | truncated[t], v_next[t], following)
        following = rewards[t] + gamma * ((1 - gae_lambda) * v_next[t] + gae_lambda * following)
        target[t] = following
    return target - values, target


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    zeros = np.zeros_like(rewards)
    return gae(rewards, zeros, next_values, terminated, truncated, gamma, 1.0)[1]
