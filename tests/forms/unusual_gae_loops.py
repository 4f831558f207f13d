"""No vectorisation at all: one environment at a time, forward over the future of every step."""

import numpy as np

DTYPE = "float64"


def td_errors(rewards, values, last_values, terminated, gamma):
    steps, envs = rewards.shape
    out = np.empty((steps, envs), rewards.dtype)
    for t in range(steps):
        for n in range(envs):
            following = last_values[n] if t + 1 == steps else values[t + 1, n]
            out[t, n] = rewards[t, n] - values[t, n]
            if not terminated[t, n]:
                out[t, n] += gamma * following
    return out


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    steps, envs = rewards.shape
    columns = []
    for n in range(envs):
        column = []
        for t in range(steps):
            advantage, weight = 0.0, 1.0
            for k in range(t, steps):
                v_next = 0.0 if terminated[k, n] else next_values[k, n]
                advantage += weight * (rewards[k, n] + gamma * v_next - values[k, n])
                if terminated[k, n] or truncated[k, n]:
                    break
                weight *= gamma * gae_lambda
            column.append(float(advantage))
        columns.append(column)
    return np.array(columns).T


def discounted_returns(rewards, last_values, terminated, gamma):
    out = rewards.copy()
    for n in range(rewards.shape[1]):
        g = float(last_values[n])
        for t in range(rewards.shape[0] - 1, -1, -1):
            if terminated[t, n]:
                g = 0.0
            g = float(rewards[t, n]) + gamma * g
            out[t, n] = g
    return out


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = np.full(rewards.shape, np.nan)
    for row in range(len(rewards)):
        carry = v_next = 0.0
        for t in [t for t in range(rewards.shape[1]) if mask[row, t]][::-1]:
            carry = rewards[row, t] + gamma * v_next - values[row, t] + gamma * gae_lambda * carry
            v_next = values[row, t]
            out[row, t] = carry
    return np.nan_to_num(out)
