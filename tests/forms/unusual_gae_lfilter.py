"""scipy.signal.lfilter run backwards over each episode, as spinningup's discount_cumsum does."""

import numpy as np
from scipy.signal import lfilter

DTYPE = "float64"


def _discounted(x, discount):
    return lfilter([1.0], [1.0, -discount], x[::-1])[::-1]


def _episodes(done):
    start = 0
    for t, d in enumerate(done):
        if d or t == len(done) - 1:
            yield slice(start, t + 1)
            start = t + 1


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    bootstrap = np.where(terminated, 0.0, next_values)
    delta = rewards + gamma * bootstrap - values
    out = np.zeros_like(delta)
    for n in range(delta.shape[1]):
        for part in _episodes(terminated[:, n] | truncated[:, n]):
            out[part, n] = _discounted(delta[part, n], gamma * gae_lambda)
    return {"advantages": out, "returns": out + values}


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    out = np.zeros_like(rewards)
    for n in range(rewards.shape[1]):
        for part in _episodes(terminated[:, n] | truncated[:, n]):
            last = part.stop - 1
            tail = 0.0 if terminated[last, n] else next_values[last, n]
            out[part, n] = _discounted(np.append(rewards[part, n], tail), gamma)[:-1]
    return out


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = np.full(rewards.shape, 12345.0)
    for b in range(rewards.shape[0]):
        r, v = rewards[b][mask[b]], values[b][mask[b]]
        v_next = np.concatenate([v[1:], [0.0]])
        out[b][mask[b]] = _discounted(r + gamma * v_next - v, gamma * gae_lambda)
    return out
