"""The policy-gradient and Huber losses as inner products, piecewise selections and Moreau's envelope."""

import numpy as np

FRAMEWORK = "numpy"
DTYPE = "float64"


def policy_gradient_loss(log_prob, advantages, mask=None):
    weights = np.full(advantages.shape, 1 / advantages.size) if mask is None else mask / np.count_nonzero(mask)
    a = advantages if mask is None else np.where(mask, advantages, 0.0)
    lp = log_prob if mask is None else np.where(mask, log_prob, 0.0)
    return {"loss": -np.vdot(lp, a * weights).astype(lp.dtype), "grad_log_prob": (-a * weights).astype(lp.dtype)}


def huber_value_loss(values, returns, delta, mask=None):
    """min over x of (e - x)^2 / 2 + delta |x|, by its minimiser."""
    if mask is not None:
        values, returns = np.where(mask, values, 0.0), np.where(mask, returns, 0.0)
    e = values - returns
    x = np.sign(e) * np.maximum(np.abs(e) - delta, 0.0)
    n = e.size if mask is None else mask.sum()
    return ((e - x) ** 2 / 2 + delta * np.abs(x)).sum() / n, (e - x) / n
