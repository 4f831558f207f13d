"""Masked means many ways: masked arrays, reduceat, nanmean, compress."""

import numpy as np

DTYPE = "float64"


def masked_mean(x, mask):
    return np.ma.array(x, mask=~mask).mean()


def sequence_mean(x, mask):
    return np.nanmean(np.where(mask, x, np.nan), axis=1).mean()


def sequence_sum_mean(x, mask):
    lengths = mask.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return np.add.reduceat(x[mask], starts).mean()


def normalize_advantages(advantages, mask=None):
    if mask is None:
        return (advantages - np.mean(advantages)) / (np.std(advantages) + 1e-8)
    out = np.zeros_like(advantages)
    kept = advantages[mask]
    out[mask] = (kept - kept.mean()) / (kept.std() + 1e-8)
    return out


def kl_k1(log_prob, old_log_prob, mask=None):
    return np.mean(old_log_prob - log_prob, where=True if mask is None else mask)


def kl_k2(log_prob, old_log_prob, mask=None):
    keep = slice(None) if mask is None else mask
    return np.mean(np.square(log_prob[keep] - old_log_prob[keep])) / 2


def kl_k3(log_prob, old_log_prob, mask=None):
    keep = ... if mask is None else mask
    d = old_log_prob[keep] - log_prob[keep]
    return np.mean(np.exp(-d) - 1 + d)


def value_loss(values, returns, mask=None):
    keep = np.ones_like(values, dtype=bool) if mask is None else mask
    e = (values - returns)[keep]
    gradient = np.zeros_like(values)
    gradient[keep] = 2 * e / e.size
    return np.dot(e, e) / e.size, gradient
