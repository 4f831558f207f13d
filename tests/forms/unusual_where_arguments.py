"""The where= of NumPy's reductions, nan-functions, bincount and reduceat in place of masks."""

import numpy as np

DTYPE = "float64"


def _all(x, mask):
    return np.ones(x.shape, bool) if mask is None else mask


def normalize_advantages(advantages, mask=None):
    where = _all(advantages, mask)
    return (advantages - advantages.mean(where=where)) / (advantages.std(where=where) + 1e-8)


def kl_k1(log_prob, old_log_prob, mask=None):
    return np.nanmean(np.where(_all(log_prob, mask), old_log_prob - log_prob, np.nan))


def kl_k2(log_prob, old_log_prob, mask=None):
    d = np.subtract(log_prob, old_log_prob, where=_all(log_prob, mask), out=np.zeros_like(log_prob))
    return 0.5 * np.dot(d, d) / np.count_nonzero(_all(log_prob, mask))


def kl_k3(log_prob, old_log_prob, mask=None):
    d = log_prob - old_log_prob
    return np.mean(np.expm1(d) - d, where=_all(d, mask))


def value_loss(values, returns, mask=None):
    keep = np.flatnonzero(_all(values, mask))
    gradient = np.zeros_like(values)
    np.add.at(gradient, keep, 2 * (values[keep] - returns[keep]) / keep.size)
    return {"loss": np.square(values[keep] - returns[keep]).mean(), "grad_values": gradient}


def masked_mean(x, mask):
    return np.nanmean(np.where(mask, x, np.nan))


def sequence_mean(x, mask):
    rows, columns = np.nonzero(mask)
    return np.mean(np.bincount(rows, weights=x[rows, columns]) / np.bincount(rows))


def sequence_sum_mean(x, mask):
    rows, columns = np.nonzero(mask)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.add.reduceat(x[rows, columns], starts).mean()


def categorical_entropy(logits, action_mask=None):
    legal = _all(logits, action_mask)
    z = logits - logits.max(axis=-1, keepdims=True, where=legal, initial=-np.inf)
    e = np.exp(z, where=legal, out=np.zeros_like(z))
    p = e / e.sum(-1, keepdims=True)
    return -np.sum(p * np.log(p, where=p > 0, out=np.zeros_like(p)), axis=-1)


def explained_variance(values, returns):
    return 1 - np.cov(returns - values, ddof=0) / np.cov(returns, ddof=0)


def self_normalized_estimate(fx, log_p, log_q):
    d = log_p - log_q
    return np.average(fx, weights=np.exp(d - d.max()))
