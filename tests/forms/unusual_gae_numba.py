"""numba-compiled loops (tianshou's style); the jitted dispatcher itself is the operation."""

import numba
import numpy as np

DTYPE = "float64"


@numba.njit
def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    out = np.zeros_like(rewards)
    for n in range(rewards.shape[1]):
        carry = 0.0
        for t in range(rewards.shape[0] - 1, -1, -1):
            ahead = 0.0 if terminated[t, n] else next_values[t, n]
            if terminated[t, n] or truncated[t, n]:
                carry = 0.0
            carry = rewards[t, n] + gamma * ahead - values[t, n] + gamma * gae_lambda * carry
            out[t, n] = carry
    return out


@numba.jit(nopython=True)
def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    out = np.zeros_like(rewards)
    steps, envs = rewards.shape
    for n in range(envs):
        g = next_values[steps - 1, n]
        for t in range(steps - 1, -1, -1):
            if terminated[t, n]:
                g = 0.0
            elif truncated[t, n]:
                g = next_values[t, n]
            g = rewards[t, n] + gamma * g
            out[t, n] = g
    return out


@numba.njit
def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    total = 0.0
    gradient = np.zeros_like(log_prob)
    n = log_prob.size
    for i in range(n):
        a = advantages[i]
        r = np.exp(log_prob[i] - old_log_prob[i])
        if (a > 0 and r > 1 + clip_eps) or (a < 0 and r < 1 - clip_eps):
            total -= (1 + clip_eps if a > 0 else 1 - clip_eps) * a
        else:
            total -= r * a
            gradient[i] = -r * a / n
    return total / n, gradient


@numba.vectorize
def _ratio(log_prob, old_log_prob):
    return np.exp(log_prob - old_log_prob)


def ratio(log_prob, old_log_prob):
    return _ratio(log_prob, old_log_prob)


@numba.njit
def effective_sample_size(log_weights):
    top = log_weights[0]
    for x in log_weights:
        top = max(top, x)
    s = q = 0.0
    for x in log_weights:
        e = np.exp(x - top)
        s += e
        q += e * e
    return s * s / q
