"""Python functions made into ufuncs: the recursions are accumulations over arrays of tuples."""

import math

import numpy as np

DTYPE = "float64"

_step = np.frompyfunc(lambda later, here: (here[0] + here[1] * later[0], here[1]), 2, 1)
_pair = np.frompyfunc(lambda total, decay: (total, decay), 2, 1)
_first = np.frompyfunc(lambda pair: pair[0], 1, 1)
_k3 = np.frompyfunc(lambda d: math.expm1(d) - d, 1, 1)
_exp = np.frompyfunc(math.exp, 1, 1)


def _backwards(total, decay):
    pairs = _pair(total[::-1], decay[::-1])
    return _first(_step.accumulate(pairs, axis=0))[::-1].astype(total.dtype)


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    ahead = np.frompyfunc(lambda v, over: 0.0 if over else v, 2, 1)(next_values, terminated)
    return rewards + gamma * ahead.astype(rewards.dtype) - values


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = td_errors(rewards, values, next_values, terminated, truncated, gamma)
    advantages = _backwards(delta, np.where(terminated | truncated, 0.0, gamma * gae_lambda))
    return advantages, advantages + values


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    cut = terminated | truncated
    cut[-1] |= True
    total = rewards + gamma * np.where(cut & ~terminated, next_values, 0.0)
    return _backwards(total.astype(rewards.dtype), np.where(cut, 0.0, gamma))


def ratio(log_prob, old_log_prob):
    return _exp(log_prob - old_log_prob).astype(log_prob.dtype)


def kl_k3(log_prob, old_log_prob, mask=None):
    each = _k3(log_prob - old_log_prob).astype(log_prob.dtype)
    return each.mean() if mask is None else each[mask].mean()


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    out = np.frompyfunc(lambda new, old: not 1 - clip_eps <= math.exp(new - old) <= 1 + clip_eps, 2, 1)
    return out(log_prob, old_log_prob).astype(bool).mean()
