"""Advantages as one matrix product per environment; returns and token advantages as linear solves."""

import numpy as np

DTYPE = "float64"


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    bootstrap = np.zeros_like(values)
    np.copyto(bootstrap, next_values, where=~terminated)
    return rewards - values + gamma * bootstrap


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = td_errors(rewards, values, next_values, terminated, truncated, gamma)
    steps, envs = delta.shape
    episode = np.vstack([np.zeros((1, envs), int), np.cumsum(terminated | truncated, axis=0)[:-1]])
    gap = np.arange(steps)[None, :] - np.arange(steps)[:, None]
    powers = np.where(gap >= 0, (gamma * gae_lambda) ** np.maximum(gap, 0), 0.0).astype(delta.dtype)
    out = np.empty_like(delta)
    for n in range(envs):
        same = episode[:, n][:, None] == episode[:, n][None, :]
        out[:, n] = np.where(same, powers, 0) @ delta[:, n]
    return out


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    steps, envs = rewards.shape
    out = np.empty_like(rewards)
    for n in range(envs):
        carry = ~(terminated[:, n] | truncated[:, n])
        carry[-1] = False
        system = np.eye(steps, dtype=rewards.dtype)
        for t in range(steps - 1):
            if carry[t]:
                system[t, t + 1] = -gamma
        tail = np.where(carry | terminated[:, n], 0.0, next_values[:, n])
        out[:, n] = np.linalg.solve(system, rewards[:, n] + gamma * tail)
    return out


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = np.zeros(rewards.shape, rewards.dtype)
    for row in range(len(rewards)):
        keep = np.flatnonzero(mask[row])
        r, v = rewards[row, keep], values[row, keep]
        delta = r + gamma * np.append(v[1:], 0.0).astype(v.dtype) - v
        gap = np.arange(len(keep))[None, :] - np.arange(len(keep))[:, None]
        out[row, keep] = np.triu((gamma * gae_lambda) ** np.maximum(gap, 0)) @ delta
    return out
