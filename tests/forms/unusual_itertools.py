"""Generators, itertools.accumulate, functools.reduce and recursion."""

import functools
import itertools
import math
import operator

import numpy as np

DTYPE = "float64"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    steps = zip(rewards[::-1], values[::-1], next_values[::-1], terminated[::-1], truncated[::-1])

    def earlier(later, step):
        r, v, vn, term, trunc = step
        return r + gamma * np.where(term, 0, vn) - v + gamma * gae_lambda * np.where(term | trunc, 0, later)

    found = list(itertools.accumulate(steps, earlier, initial=np.zeros_like(rewards[0])))[:0:-1]
    return np.array(found), np.array([a + v for a, v in zip(found, values)])


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    def to_go(t, n):
        """One trajectory from t on, without a stack that grows with it."""
        here = []
        while True:
            here.append(rewards[t, n])
            if terminated[t, n]:
                ahead = 0.0
                break
            if truncated[t, n] or t == len(rewards) - 1:
                ahead = next_values[t, n]
                break
            t += 1
        return functools.reduce(lambda g, r: r + gamma * g, reversed(here), ahead)

    return np.array([[to_go(t, n) for n in range(rewards.shape[1])] for t in range(len(rewards))], dtype=rewards.dtype)


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = np.zeros_like(rewards)
    for row in range(len(rewards)):
        places = np.flatnonzero(mask[row]).tolist()
        ahead = value = 0.0
        for place in reversed(places):
            delta = rewards[row, place] + gamma * value - values[row, place]
            ahead, value = delta + gamma * gae_lambda * ahead, values[row, place]
            out[row, place] = ahead
    return out


def clip_grad_norm(grads, max_norm):
    norm = functools.reduce(math.hypot, (float(x) for g in grads for x in np.ravel(g)), 0.0)
    return [g if norm <= max_norm else g * max_norm / norm for g in grads]


def ratio(log_prob, old_log_prob):
    return np.fromiter(map(math.exp, map(operator.sub, log_prob.tolist(), old_log_prob.tolist())), log_prob.dtype)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    def one(m, s, om, os):
        return os - s + (math.exp(2 * (s - os)) + ((m - om) / math.exp(os)) ** 2 - 1) / 2

    rows = zip(*(a.tolist() for a in (mean, log_std, other_mean, other_log_std)))
    return np.array([sum(itertools.starmap(one, zip(*row))) for row in rows])
