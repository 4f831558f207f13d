"""Other pairings of the alternative inputs, one per operation."""

import numpy as np

DTYPE = "float64"


def td_errors(rewards, values, next_values, dones, gamma):
    return rewards + gamma * np.where(dones, 0.0, next_values) - values


def gae(rewards, values, last_values, terminated, gamma, gae_lambda):
    """rlax: a discount array and T + 1 values."""
    discount = gamma * ~terminated
    all_values = np.append(values, last_values[None], axis=0)
    delta = rewards + discount * all_values[1:] - all_values[:-1]
    out, carry = [], 0.0
    for d, g in zip(delta[::-1], discount[::-1]):
        carry = d + g * gae_lambda * carry
        out.append(carry)
    return np.stack(out)[::-1]


def discounted_returns(rewards, next_values, episode_starts, last_dones, gamma):
    g = next_values[-1]
    out = []
    ends = list(episode_starts[1:]) + [last_dones]
    for r, end in zip(rewards[::-1], ends[::-1]):
        g = r + gamma * np.where(end, 0, g)
        out.append(g)
    return np.array(out[::-1])
