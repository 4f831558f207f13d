"""Masked means with where, nanmean, masked_select, and a Python loop over rows."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def masked_mean(x, mask):
    return torch.nanmean(torch.where(mask, x, float("nan")))


def sequence_mean(x, mask):
    return torch.stack([row[m].mean() for row, m in zip(x, mask)]).mean()


def sequence_sum_mean(x, mask):
    return torch.where(mask, x, 0.0).sum() / x.shape[0]


def normalize_advantages(advantages, mask=None):
    if mask is None:
        mask = torch.ones_like(advantages, dtype=torch.bool)
    n = mask.sum()
    mean = torch.where(mask, advantages, 0.0).sum() / n
    centred = torch.where(mask, advantages - mean, 0.0)
    return centred / ((centred**2).sum() / n).sqrt().add(1e-8)


def explained_variance(values, returns):
    error = returns - values
    return 1 - torch.var(error, correction=0) / torch.var(returns, correction=0)
