"""clip_grad_norm, adam_step, running_moments."""

import math

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("clip_grad_norm", "each tensor by its own norm")
def _(grads, max_norm):
    return [g * min(1.0, max_norm / max(float(np.linalg.norm(g.ravel())), 1e-30)) for g in grads]


@wrong("clip_grad_norm", "element-wise")
def _(grads, max_norm):
    return [np.clip(g, -max_norm, max_norm) for g in grads]


@wrong("clip_grad_norm", "always scaled to max_norm")
def _(grads, max_norm):
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
    return [g * (max_norm / norm if norm > 0 else 1.0) for g in grads]


@wrong("clip_grad_norm", "squared norm")
def _(grads, max_norm):
    norm = sum(float((g**2).sum()) for g in grads)
    return [g * min(1.0, max_norm / norm if norm > 0 else 1.0) for g in grads]


@wrong("clip_grad_norm", "L1 norm")
def _(grads, max_norm):
    norm = sum(float(np.abs(g).sum()) for g in grads)
    return [g * min(1.0, max_norm / norm if norm > 0 else 1.0) for g in grads]


@wrong("clip_grad_norm", "largest entry")
def _(grads, max_norm):
    norm = max(float(np.abs(g).max()) for g in grads)
    return [g * min(1.0, max_norm / norm if norm > 0 else 1.0) for g in grads]


@wrong("clip_grad_norm", "sum of the norms")
def _(grads, max_norm):
    norm = sum(float(np.linalg.norm(g.ravel())) for g in grads)
    return [g * min(1.0, max_norm / norm if norm > 0 else 1.0) for g in grads]


@wrong("clip_grad_norm", "first tensor not scaled")
def _(grads, max_norm):
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
    s = min(1.0, max_norm / norm if norm > 0 else 1.0)
    return [grads[0].copy()] + [g * s for g in grads[1:]]


@wrong("clip_grad_norm", "not clipped")
def _(grads, max_norm):
    return [g.copy() for g in grads]


@wrong("clip_grad_norm", "eps of 1e-2 in the denominator")
def _(grads, max_norm):
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
    return [g * min(1.0, max_norm / (norm + 1e-2)) for g in grads]


@wrong("clip_grad_norm", "divided by the count: root mean square")
def _(grads, max_norm):
    n = sum(g.size for g in grads)
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads) / n)
    return [g * min(1.0, max_norm / norm if norm > 0 else 1.0) for g in grads]


@wrong("clip_grad_norm", "in place")
def _(grads, max_norm):
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
    for g in grads:
        g *= min(1.0, max_norm / norm if norm > 0 else 1.0)
    return grads


def _moments(grads, m, v, beta1, beta2):
    return beta1 * m + (1 - beta1) * grads, beta2 * v + (1 - beta2) * grads**2


@wrong("adam_step", "no bias correction")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * m / (np.sqrt(v) + eps), m, v


@wrong("adam_step", "second moment not corrected")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * m / (1 - beta1**step) / (np.sqrt(v) + eps), m, v


@wrong("adam_step", "eps inside the root")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * m / (1 - beta1**step) / np.sqrt(v / (1 - beta2**step) + eps), m, v


@wrong("adam_step", "eps hat (TensorFlow 1): eps not rescaled")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    rate = learning_rate * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    return params - rate * m / (np.sqrt(v) + eps), m, v


@wrong("adam_step", "step counted from 0 (one too many)")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    s = step + 1
    return params - learning_rate * (m / (1 - beta1**s)) / (np.sqrt(v / (1 - beta2**s)) + eps), m, v


@wrong("adam_step", "ascent")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params + learning_rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "betas exchanged")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    beta1, beta2 = beta2, beta1
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "root forgotten")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * (m / (1 - beta1**step)) / (v / (1 - beta2**step) + eps), m, v


@wrong("adam_step", "corrected moments are returned and stored")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    m, v = m / (1 - beta1**step), v / (1 - beta2**step)
    return params - learning_rate * m / (np.sqrt(v) + eps), m, v


@wrong("adam_step", "stale moment: the old first moment drives the step")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * (first_moment / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "AMSGrad: largest second moment kept")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    top = np.maximum(v, second_moment)
    return params - learning_rate * (m / (1 - beta1**step)) / (np.sqrt(top / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "weight decay of 0.01 (AdamW default)")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    params = params * (1 - learning_rate * 0.01)
    return params - learning_rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "first moment without (1 - beta1)")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = beta1 * first_moment + grads
    v = beta2 * second_moment + (1 - beta2) * grads**2
    return params - learning_rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "second moment of the mean gradient")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = beta1 * first_moment + (1 - beta1) * grads
    v = beta2 * second_moment + (1 - beta2) * (grads**2).mean()
    return params - learning_rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@wrong("adam_step", "plain gradient step")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * grads, m, v


@wrong("adam_step", "eps of 1e-8 hard-wired")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2):
    m, v = _moments(grads, first_moment, second_moment, beta1, beta2)
    return params - learning_rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + 1e-8), m, v


@wrong("adam_step", "moments updated in place")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    first_moment *= beta1
    first_moment += (1 - beta1) * grads
    second_moment *= beta2
    second_moment += (1 - beta2) * grads**2
    m, v = first_moment / (1 - beta1**step), second_moment / (1 - beta2**step)
    return params - learning_rate * m / (np.sqrt(v) + eps), first_moment.copy(), second_moment.copy()


@wrong("running_moments", "unbiased variance")
def _(batches):
    x = np.concatenate(batches)
    n = len(x)
    return x.mean(0), ((x - x.mean(0)) ** 2).sum(0) / max(n - 1, 1)


@wrong("running_moments", "mean of batch means, mean of batch variances")
def _(batches):
    return np.mean([b.mean(0) for b in batches], 0), np.mean([b.var(0) for b in batches], 0)


@wrong("running_moments", "pooled variance without the shift of the means")
def _(batches):
    n = sum(len(b) for b in batches)
    return sum(b.sum(0) for b in batches) / n, sum(b.var(0) * len(b) for b in batches) / n


@wrong("running_moments", "features mixed into one number", "ENV-05", "red")
def _(batches):
    x = np.concatenate(batches)
    d = x.shape[1]
    return np.full(d, x.mean()), np.full(d, x.var())


@wrong("running_moments", "standard deviation for the variance")
def _(batches):
    x = np.concatenate(batches)
    return x.mean(0), x.std(0)


@wrong("running_moments", "count starts at 1e-4 with variance 1 (baselines RunningMeanStd)", note="baselines' own code; off by 1e-4 / n")
def _(batches):
    mean, var, count = 0.0, 1.0, 1e-4
    for b in batches:
        n = len(b)
        delta, total = b.mean(0) - mean, count + n
        m2 = var * count + b.var(0) * n + delta**2 * count * n / total
        mean, var, count = mean + delta * n / total, m2 / total, total
    return mean, var


@wrong("running_moments", "last batch only")
def _(batches):
    return batches[-1].mean(0), batches[-1].var(0)


@wrong("running_moments", "Chan's cross term with the sum of counts")
def _(batches):
    mean, var, n = batches[0].mean(0), batches[0].var(0), len(batches[0])
    for b in batches[1:]:
        k = len(b)
        delta = b.mean(0) - mean
        var = (var * n + b.var(0) * k + delta**2) / (n + k)
        mean, n = mean + delta * k / (n + k), n + k
    return mean, var


@wrong("running_moments", "second moment instead of variance")
def _(batches):
    x = np.concatenate(batches)
    return x.mean(0), (x**2).mean(0)


@wrong("running_moments", "exponential average of the batches")
def _(batches):
    mean, var = batches[0].mean(0), batches[0].var(0)
    for b in batches[1:]:
        mean, var = 0.9 * mean + 0.1 * b.mean(0), 0.9 * var + 0.1 * b.var(0)
    return mean, var


@wrong("running_moments", "batch count 1 for every batch", "ENV-05", "red")
def _(batches):
    mean, m2, n = np.zeros(batches[0].shape[1]), np.zeros(batches[0].shape[1]), 0
    for b in batches:
        x, n = b.mean(0), n + 1
        delta = x - mean
        mean = mean + delta / n
        m2 = m2 + delta * (x - mean)
    return mean, m2 / n
