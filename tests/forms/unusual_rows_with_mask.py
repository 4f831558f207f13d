"""Samples without a mask, or rows of tokens with one: a flat batch with a mask is no form of these."""

import numpy as np

DTYPE = "float64"


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    r = np.exp(log_prob - old_log_prob)
    return _reduced(-np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages), mask)


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    return _reduced(-np.exp(log_prob - old_log_prob) * advantages, mask)


def _reduced(terms, mask):
    return terms.mean() if mask is None else np.where(mask, terms, 0).sum(1).sum() / mask.sum()
