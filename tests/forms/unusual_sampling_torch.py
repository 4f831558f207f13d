"""Importance sampling and KL estimates, in log space where it is natural."""

import math

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def ratio(log_prob, old_log_prob):
    return 1 / torch.exp(old_log_prob - log_prob)


def importance_estimate(fx, log_p, log_q):
    return torch.dot(torch.exp(log_p - log_q - math.log(len(fx))), fx)


def self_normalized_estimate(fx, log_p, log_q):
    log_w = log_p - log_q
    w = torch.exp(log_w - log_w.max())
    return (w * fx).sum() / w.sum()


def effective_sample_size(log_weights):
    log_w = log_weights - torch.logsumexp(log_weights, 0)
    return 1 / torch.exp(2 * log_w).sum()


def kl_k1(log_prob, old_log_prob, mask=None):
    return torch.sub(old_log_prob, log_prob).mean() if mask is None else (old_log_prob - log_prob)[mask].mean()


def kl_k2(log_prob, old_log_prob, mask=None):
    d = log_prob - old_log_prob
    if mask is None:
        return torch.linalg.vector_norm(d) ** 2 / (2 * d.numel())
    return torch.where(mask, d * d, 0.0).sum() / (2 * mask.sum())


def kl_k3(log_prob, old_log_prob, mask=None):
    logratio = log_prob - old_log_prob
    each = logratio.exp() - 1 - logratio
    return each.mean() if mask is None else each.where(mask, torch.zeros_like(each)).sum() / mask.count_nonzero()


def adapt_kl_coef(kl_coef, kl, target_kl):
    return torch.as_tensor(kl_coef, dtype=torch.float64) * 2.0 ** ((kl > 1.5 * target_kl) - (kl < target_kl / 1.5))
