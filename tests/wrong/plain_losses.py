"""the policy-gradient and the Huber loss."""

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("policy_gradient_loss", "sign", expect="known-mistake")
def _(log_prob, advantages):
    return np.mean(log_prob * advantages)


@wrong("policy_gradient_loss", "batch-normalised advantages inside", expect="known-mistake")
def _(log_prob, advantages):
    return -np.mean(log_prob * (advantages - advantages.mean()) / (advantages.std() + 1e-8))


@wrong("policy_gradient_loss", "outer product by broadcasting", expect="known-mistake")
def _(log_prob, advantages):
    return -np.mean(log_prob[:, None] * advantages[None, :])


@wrong("policy_gradient_loss", "entropy bonus hidden inside")
def _(log_prob, advantages):
    return -np.mean(log_prob * advantages) + 0.01 * np.mean(log_prob)


@wrong("policy_gradient_loss", "value right, no gradient", expect="known-mistake")
def _(log_prob, advantages):
    return -np.mean(log_prob * advantages), np.zeros_like(log_prob)


@wrong("huber_value_loss", "smooth L1 with beta", expect="known-mistake", framework="torch")
def _(values, returns, delta):
    import torch

    return torch.nn.functional.smooth_l1_loss(values, returns, beta=delta)


@wrong("huber_value_loss", "default delta", expect="known-mistake", framework="torch")
def _(values, returns, delta):
    import torch

    return torch.nn.functional.huber_loss(values, returns)


@wrong("huber_value_loss", "clamped error squared", expect="known-mistake", framework="torch")
def _(values, returns, delta):
    return 0.5 * (values - returns).clamp(-delta, delta).square().mean()


@wrong("huber_value_loss", "summed pieces")
def _(values, returns, delta):
    e = np.abs(values - returns)
    return np.mean(np.minimum(e, delta) ** 2 / 2 + delta * np.maximum(e - delta, 0) ** 2)


@wrong("huber_value_loss", "linear piece as |e| - delta/2", expect="known-mistake")
def _(values, returns, delta):
    e = np.abs(values - returns)
    return np.mean(np.where(e <= delta, e**2 / 2, e - delta / 2))
