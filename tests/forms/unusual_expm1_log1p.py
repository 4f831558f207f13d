"""Other names of the same functions: expm1, log1p, exp2, sinh, logsumexp, softplus, log cosh, entr."""

import numpy as np
from scipy import special, stats

DTYPE = "float64"
LOG_2 = np.log(2.0)


def ratio(log_prob, old_log_prob):
    return np.exp2((log_prob - old_log_prob) / LOG_2)


def importance_estimate(fx, log_p, log_q):
    size, sign = special.logsumexp(log_p - log_q, b=fx, return_sign=True)
    return sign * np.exp(size - np.log(len(fx)))


def self_normalized_estimate(fx, log_p, log_q):
    d = log_p - log_q
    return np.exp(d - special.logsumexp(d)) @ fx


def effective_sample_size(log_weights):
    return np.exp(2 * special.logsumexp(log_weights) - special.logsumexp(2 * log_weights))


def kl_k3(log_prob, old_log_prob):
    d = log_prob - old_log_prob
    return np.mean(2 * np.sinh(d / 2) * np.exp(d / 2) - d)


def categorical_kl(logits, other_logits):
    p, q = special.softmax(logits, axis=-1), special.softmax(other_logits, axis=-1)
    return special.rel_entr(p, q).sum(-1)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    growth = 2 * (log_std - other_log_std)
    z = (mean - other_mean) / np.exp(other_log_std)
    return 0.5 * np.sum(np.expm1(growth) - growth + z * z, axis=-1)


def categorical_log_prob(logits, actions, action_mask=None):
    legal = np.ones(logits.shape, bool) if action_mask is None else action_mask
    chosen = np.take_along_axis(logits, actions[:, None], axis=1)
    others = np.where(legal, logits - chosen, -np.inf)
    return -special.logsumexp(others, axis=1)


def categorical_entropy(logits, action_mask=None):
    legal = np.ones(logits.shape, bool) if action_mask is None else action_mask
    return special.entr(special.softmax(np.where(legal, logits, -np.inf), axis=-1)).sum(-1)


def gaussian_log_prob(mean, log_std, actions):
    return stats.norm.logpdf(actions, loc=mean, scale=np.exp(log_std)).sum(-1)


def gaussian_entropy(mean, log_std):
    return 0.5 * np.sum(np.log(2 * np.pi * np.e * np.exp(log_std) ** 2), axis=-1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = 0.5 * (np.log1p(actions) - np.log1p(-actions))
    normal = -0.5 * ((u - mean) / np.exp(log_std)) ** 2 - log_std - 0.5 * np.log(2 * np.pi)
    return np.sum(normal - 2 * (LOG_2 - u - np.logaddexp(0, -2 * u)), axis=-1)


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    return np.mean(np.abs(np.expm1(log_prob - old_log_prob)) > clip_eps)
