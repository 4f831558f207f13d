"""Discounted sums as convolutions, triangular solves and Horner's rule, episode by episode; products of whole columns."""

import numpy as np
from scipy import linalg, signal

DTYPE = "float64"


def _episodes(ends):
    """Slices of the episodes of one environment."""
    edges = [0, *(np.flatnonzero(ends[:-1]) + 1), len(ends)]
    return [slice(a, b) for a, b in zip(edges, edges[1:])]


def _tails(x, decay):
    """Sum over k of decay^k x[t + k]."""
    return signal.convolve(x, decay ** np.arange(len(x))[::-1].astype(x.dtype), method="direct")[len(x) - 1:].astype(x.dtype)


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return np.stack([rewards, np.where(terminated, 0, next_values), values], -1) @ np.array([1, gamma, -1], rewards.dtype)


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    deltas = td_errors(rewards, values, next_values, terminated, truncated, gamma)
    out = np.empty_like(deltas)
    for n in range(deltas.shape[1]):
        for episode in _episodes(terminated[:, n] | truncated[:, n]):
            out[episode, n] = _tails(deltas[episode, n], gamma * gae_lambda)
    return np.asfortranarray(out)


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    out = np.empty_like(rewards)
    for n in range(rewards.shape[1]):
        for episode in _episodes(terminated[:, n] | truncated[:, n]):
            r, last = rewards[episode, n].copy(), episode.stop - 1
            if not terminated[last, n]:
                r[-1] += gamma * next_values[last, n]
            band = np.stack([np.r_[0, np.full(len(r) - 1, -gamma)], np.ones(len(r))]).astype(r.dtype)
            out[episode, n] = linalg.solve_banded((0, 1), band, r)
    return out


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = np.zeros_like(rewards)
    for b, keep in enumerate(mask):
        r, v = rewards[b, keep], values[b, keep]
        out[b, keep] = _tails(r + gamma * np.append(v[1:], 0) - v, gamma * gae_lambda)
    return out
