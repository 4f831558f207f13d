"""truncated and per-decision importance sampling."""

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("truncated_importance_estimate", "clamped on both sides", expect="known-mistake")
def _(fx, log_p, log_q, max_weight):
    return np.mean(np.clip(np.exp(log_p - log_q), 1 / max_weight, max_weight) * fx)


@wrong("truncated_importance_estimate", "large ones masked out", expect="known-mistake")
def _(fx, log_p, log_q, max_weight):
    w = np.exp(log_p - log_q)
    return np.mean(w * (w <= max_weight) * fx)


@wrong("truncated_importance_estimate", "normalised by the cut weights", expect="known-mistake")
def _(fx, log_p, log_q, max_weight):
    w = np.minimum(np.exp(log_p - log_q), max_weight)
    return np.average(fx, weights=w)


@wrong("truncated_importance_estimate", "soft cap")
def _(fx, log_p, log_q, max_weight):
    w = np.exp(log_p - log_q)
    return np.mean(max_weight * np.tanh(w / max_weight) * fx)


@wrong("per_decision_importance_estimate", "no cumulative sum", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    k = np.cumsum(mask, 1) - 1
    return np.where(mask, gamma**k * np.exp(log_prob - old_log_prob) * rewards, 0).sum(1).mean()


@wrong("per_decision_importance_estimate", "one weight a trajectory", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    w = np.exp(np.where(mask, log_prob - old_log_prob, 0).sum(1))
    k = np.cumsum(mask, 1) - 1
    return (w * np.where(mask, gamma**k * rewards, 0).sum(1)).mean()


@wrong("per_decision_importance_estimate", "slots for steps in the discount", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    w = np.exp(np.cumsum(np.where(mask, log_prob - old_log_prob, 0), 1))
    return np.where(mask, gamma ** np.arange(mask.shape[1]) * w * rewards, 0).sum(1).mean()


@wrong("per_decision_importance_estimate", "ratios clipped to 0.8..1.2 first")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    r = np.clip(np.exp(np.where(mask, log_prob - old_log_prob, 0)), 0.8, 1.2)
    k = np.cumsum(mask, 1) - 1
    return np.where(mask, gamma**k * np.cumprod(r, 1) * rewards, 0).sum(1).mean()
