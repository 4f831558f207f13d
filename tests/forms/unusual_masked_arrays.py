"""numpy.ma throughout: a mask is a masked array's mask turned round."""

import numpy as np
import numpy.ma as ma

DTYPE = "float64"


def _kept(x, mask):
    return ma.masked_array(x, mask=None if mask is None else ~mask)


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = ma.masked_all_like(_kept(rewards, mask))
    for row in range(len(rewards)):
        r = _kept(rewards[row], mask[row]).compressed()
        v = np.append(_kept(values[row], mask[row]).compressed(), 0)
        advantages = np.zeros(len(r) + 1, rewards.dtype)
        for t in range(len(r) - 1, -1, -1):
            advantages[t] = r[t] + gamma * v[t + 1] - v[t] + gamma * gae_lambda * advantages[t + 1]
        out[row, mask[row]] = advantages[:-1]
    return out.filled(0)


def normalize_advantages(advantages, mask=None):
    a = _kept(advantages, mask)
    return ((a - a.mean()) / (a.std() + 1e-8)).filled(0)


def kl_k1(log_prob, old_log_prob, mask=None):
    return (_kept(old_log_prob, mask) - _kept(log_prob, mask)).mean()


def kl_k2(log_prob, old_log_prob, mask=None):
    return ((_kept(old_log_prob, mask) - _kept(log_prob, mask)) ** 2 / 2).mean()


def kl_k3(log_prob, old_log_prob, mask=None):
    d = _kept(log_prob, mask) - _kept(old_log_prob, mask)
    return (ma.exp(d) - 1 - d).mean()


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    r = ma.exp(_kept(log_prob, mask) - _kept(old_log_prob, mask))
    terms = -r * _kept(advantages, mask)
    return terms.mean(), (terms / terms.count()).filled(0)


def value_loss(values, returns, mask=None):
    error = _kept(values, mask) - _kept(returns, mask)
    return (error**2).mean(), (2 * error / error.count()).filled(0)


def categorical_entropy(logits, action_mask=None):
    z = _kept(logits, action_mask)
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - ma.log(ma.exp(z).sum(axis=1, keepdims=True))
    return np.asarray(-(ma.exp(log_p) * log_p).sum(axis=1))


def masked_mean(x, mask):
    return _kept(x, mask).mean()


def sequence_mean(x, mask):
    return _kept(x, mask).mean(axis=1).mean()


def sequence_sum_mean(x, mask):
    return _kept(x, mask).sum(axis=1).mean()
