"""Sums of weights in log space, positive and negative parts apart."""

import numpy as np

DTYPE = "float64"


def effective_sample_size(log_weights):
    return np.exp(2 * np.logaddexp.reduce(log_weights) - np.logaddexp.reduce(2 * log_weights))


def _log_sum(log_terms):
    return np.logaddexp.reduce(log_terms) if log_terms.size else -np.inf


def self_normalized_estimate(fx, log_p, log_q):
    log_w = log_p - log_q
    total = np.logaddexp.reduce(log_w)
    with np.errstate(divide="ignore"):
        size = log_w + np.log(np.abs(fx))
    return np.exp(_log_sum(size[fx > 0]) - total) - np.exp(_log_sum(size[fx < 0]) - total)


def _log_softmax(logits, action_mask=None):
    legal = np.full(logits.shape, True) if action_mask is None else action_mask
    seen = np.where(legal, logits, -np.inf)
    top = np.max(seen, axis=1, keepdims=True)
    return (seen - top) - np.logaddexp.reduce(seen - top, axis=1, keepdims=True)


def categorical_log_prob(logits, actions, action_mask=None):
    return np.array([row[a] for row, a in zip(_log_softmax(logits, action_mask), actions)])


def categorical_entropy(logits, action_mask=None):
    log_p = _log_softmax(logits, action_mask)
    return -np.sum(np.exp(log_p) * log_p, axis=1, where=np.isfinite(log_p))


def categorical_kl(logits, other_logits):
    log_p, log_q = _log_softmax(logits), _log_softmax(other_logits)
    return np.sum(np.exp(log_p) * (log_p - log_q), axis=1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = (np.log1p(actions) - np.log1p(-actions)) / 2
    z = (u - mean) / np.exp(log_std)
    jacobian = 2 * (np.log(2.0) - np.logaddexp(u, -u))
    return np.sum(-(z * z + np.log(2 * np.pi)) / 2 - log_std - jacobian, axis=1)


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = _log_softmax(logits), _log_softmax(old_logits)
    rows = np.arange(len(actions))
    weighted = np.exp(new[rows, actions] - old[rows, actions]) * advantages
    kl = np.sum(np.exp(old) * (old - new), axis=1)
    slope = kl_coef * (np.exp(new) - np.exp(old)) + weighted[:, None] * np.exp(new)
    slope[rows, actions] -= weighted
    return np.mean(kl_coef * kl - weighted), slope / len(rows)
