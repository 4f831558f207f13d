"""Losses for long answers in NumPy: answer by answer, by the sign of the advantage, with weights put elsewhere."""

import numpy as np

FRAMEWORK = "numpy"
DTYPE = "float64"


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    """Answer by answer; the bound that can bind is chosen by the sign."""
    loss, grad = 0.0, np.zeros_like(log_prob)
    for row, a in enumerate(advantages):
        tokens = mask[row]
        s = np.exp(np.mean(log_prob[row, tokens] - old_log_prob[row, tokens]))
        bound = 1 + clip_eps_high if a > 0 else 1 - clip_eps_low
        clipped = s > bound if a > 0 else s < bound
        loss -= a * (bound if clipped else s) / len(advantages)
        if not clipped:
            grad[row, tokens] = -a * s / (len(advantages) * tokens.sum())
    return loss, grad


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    """The band in log space, and a dot product."""
    if mask is not None:
        log_prob, old_log_prob, advantages = log_prob[mask], old_log_prob[mask], advantages[mask]
    d = np.clip(log_prob - old_log_prob, np.log1p(-clip_eps), np.log1p(clip_eps))
    return -np.dot(np.exp(d) * advantages, log_prob) / log_prob.size


def truncated_is_loss(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    """The weight at the advantages, its bound in log space, the loss as a maximum."""
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    new, old, rollout, a = (x[valid] for x in (log_prob, old_log_prob, rollout_log_prob, advantages))
    a = a * np.exp(np.minimum(old - rollout, np.log(max_weight)))
    r = np.exp(new - old)
    losses = np.maximum(-a * r, -a * np.clip(r, 1 - clip_eps, 1 + clip_eps))
    return losses.sum() / valid.sum()
