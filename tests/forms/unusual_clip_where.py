"""spinningup's g(eps, A): min(rA, where(A > 0, (1 + eps) A, (1 - eps) A)); gradient by indicator."""

import numpy as np

DTYPE = "float64"


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    bound = np.where(advantages > 0, (1 + clip_eps) * advantages, (1 - clip_eps) * advantages)
    held = r * advantages > bound
    loss = -np.where(held, bound, r * advantages).mean()
    return loss, -(r * advantages) * ~held / len(r)


def value_loss(values, returns, mask=None):
    if mask is None:
        mask = np.ones(values.shape, bool)
    error = np.subtract(values, returns, where=mask, out=np.zeros_like(values))
    return np.sum(error**2) / np.count_nonzero(mask), 2 * error / np.count_nonzero(mask)


def clipped_value_loss(values, returns, old_values, value_clip_eps):
    held = np.minimum(np.maximum(values, old_values - value_clip_eps), old_values + value_clip_eps)
    plain, bounded = values - returns, held - returns
    worse = np.where(np.abs(bounded) > np.abs(plain), bounded, plain)
    moving = (np.abs(plain) >= np.abs(bounded)) | (held == values)
    return np.mean(worse**2), 2 * plain * moving / len(values)


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    if mask is None:
        mask = np.ones(log_prob.shape, bool)
    n = mask.sum()
    gradient = np.zeros_like(log_prob)
    gradient[mask] = -np.exp(log_prob[mask] - old_log_prob[mask]) * advantages[mask] / n
    return {"grad_log_prob": gradient, "loss": gradient[mask].sum()}


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.count_nonzero((r > 1 + clip_eps) | (r < 1 - clip_eps)) / r.size
