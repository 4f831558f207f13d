"""Numerically careful code: exactly rounded, compensated and pairwise sums, Welford's moments, the statistics module."""

import functools
import math
import statistics

import numpy as np

DTYPE = "float64"


def kahan(xs):
    total, lost = 0.0, 0.0
    for x in xs:
        y = x - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total


def pairwise(xs):
    if len(xs) == 1:
        return xs[0]
    half = len(xs) // 2
    return pairwise(xs[:half]) + pairwise(xs[half:])


def normalize_advantages(advantages):
    a = [float(x) for x in advantages]
    return (advantages - statistics.fmean(a)) / (statistics.pstdev(a) + 1e-8)


def importance_estimate(fx, log_p, log_q):
    return math.fsum(f * math.exp(d) for f, d in zip(fx.tolist(), (log_p - log_q).tolist())) / len(fx)


def self_normalized_estimate(fx, log_p, log_q):
    d = log_p - log_q
    w = np.exp(d - d.max())
    return kahan(w * fx) / kahan(w)


def effective_sample_size(log_weights):
    """n / (1 + squared coefficient of variation of the weights)."""
    w = [math.exp(x) for x in (log_weights - log_weights.max()).tolist()]
    return len(w) / (1 + statistics.pvariance(w) / statistics.fmean(w) ** 2)


def kl_k1(log_prob, old_log_prob):
    return pairwise(old_log_prob - log_prob) / len(log_prob)


def kl_k2(log_prob, old_log_prob):
    return math.fsum(d * d for d in (log_prob - old_log_prob).tolist()) / (2 * len(log_prob))


def kl_k3(log_prob, old_log_prob):
    return kahan([math.expm1(d) - d for d in (log_prob - old_log_prob).tolist()]) / len(log_prob)


def surrogate_loss(log_prob, old_log_prob, advantages):
    terms = -advantages * np.exp(log_prob - old_log_prob)
    return math.fsum(terms) / len(terms), terms / len(terms)


def value_loss(values, returns):
    error = values - returns
    return kahan(error * error) / len(error), error * (2 / len(error))


def explained_variance(values, returns):
    return 1 - statistics.pvariance((returns - values).tolist()) / statistics.pvariance(returns.tolist())


def masked_mean(x, mask):
    return math.fsum(x[mask]) / int(mask.sum())


def sequence_mean(x, mask):
    return statistics.fmean(statistics.fmean(row[keep].tolist()) for row, keep in zip(x, mask))


def sequence_sum_mean(x, mask):
    return statistics.fmean(math.fsum(row[keep]) for row, keep in zip(x, mask))


def clip_grad_norm(grads, max_norm):
    norm = functools.reduce(math.hypot, (math.hypot(*g.ravel().tolist()) for g in grads))
    return [g / (norm / max_norm) if norm > max_norm else g.copy() for g in grads]


def running_moments(batches):
    """Welford, row after row."""
    count, mean, m2 = 0, np.zeros(batches[0].shape[1]), np.zeros(batches[0].shape[1])
    for batch in batches:
        for row in batch.astype(float):
            count += 1
            delta = row - mean
            mean += delta / count
            m2 += delta * (row - mean)
    return mean, m2 / count
