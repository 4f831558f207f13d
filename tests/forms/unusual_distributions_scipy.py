"""scipy.special and scipy.stats."""

import numpy as np
from scipy import special, stats

DTYPE = "float64"


def _masked(logits, action_mask):
    return logits if action_mask is None else np.where(action_mask, logits, -np.inf)


def categorical_log_prob(logits, actions, action_mask=None):
    log_p = special.log_softmax(_masked(logits, action_mask), axis=1)
    return np.take_along_axis(log_p, actions[:, None], axis=1).ravel()


def categorical_entropy(logits, action_mask=None):
    return special.entr(special.softmax(_masked(logits, action_mask), axis=1)).sum(axis=1)


def categorical_kl(logits, other_logits):
    return special.rel_entr(special.softmax(logits, axis=1), special.softmax(other_logits, axis=1)).sum(axis=1)


def gaussian_log_prob(mean, log_std, actions):
    return stats.norm.logpdf(actions, loc=mean, scale=np.exp(log_std)).sum(axis=1)


def gaussian_entropy(mean, log_std):
    return stats.norm.entropy(loc=mean, scale=np.exp(log_std)).sum(axis=1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = np.log((1 + actions) / (1 - actions)) / 2
    return (stats.norm.logpdf(u, mean, np.exp(log_std)) - np.log1p(-(actions**2))).sum(axis=1)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    d = log_std - other_log_std
    z = (mean - other_mean) / np.exp(other_log_std)
    return 0.5 * (np.expm1(2 * d) - 2 * d + z * z).sum(axis=1)


def effective_sample_size(log_weights):
    return np.exp(2 * special.logsumexp(log_weights) - special.logsumexp(2 * log_weights))


def self_normalized_estimate(fx, log_p, log_q):
    return special.softmax(log_p - log_q) @ fx


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    p, q = special.softmax(logits, axis=1), special.softmax(old_logits, axis=1)
    rows = np.arange(len(p))
    weighted = p[rows, actions] / q[rows, actions] * advantages
    loss = kl_coef * special.rel_entr(q, p).sum() / len(p) - weighted.mean()
    one_hot = np.eye(p.shape[1])[actions]
    return loss, (weighted[:, None] * (p - one_hot) + kl_coef * (p - q)) / len(p)
