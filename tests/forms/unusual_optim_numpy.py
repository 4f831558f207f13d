"""Adam with the corrections folded into the rate; Welford row by row; norm of the flat vector."""

import math

import numpy as np

DTYPE = "float64"


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = first_moment + (1 - beta1) * (grads - first_moment)
    v = second_moment + (1 - beta2) * (np.square(grads) - second_moment)
    root = math.sqrt(1 - beta2**step)
    rate = learning_rate * root / (1 - beta1**step)
    return {"params": params - rate * m / (np.sqrt(v) + eps * root), "first_moment": m, "second_moment": v}


def clip_grad_norm(grads, max_norm):
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
    return [g / max(1.0, float(norm) / max_norm) for g in grads]


def running_moments(batches):
    mean = np.zeros(batches[0].shape[1])
    m2 = np.zeros_like(mean)
    count = 0
    for row in (row for batch in batches for row in batch):
        count += 1
        delta = row - mean
        mean = mean + delta / count
        m2 = m2 + delta * (row - mean)
    return {"mean": mean, "var": m2 / count}


def explained_variance(values, returns):
    if len(returns) < 2:
        return float("nan")
    return 1 - np.var(returns - values, ddof=1) / np.var(returns, ddof=1)
