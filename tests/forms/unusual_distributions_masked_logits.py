"""Masking by a large negative number (CleanRL, sb3-contrib), full-covariance Gaussian, softplus identity."""

import math

import torch
import torch.nn.functional as F
from torch.distributions import MultivariateNormal

FRAMEWORK = "torch"
DTYPE = "float64"


def categorical_log_prob(logits, actions, action_mask=None):
    if action_mask is not None:
        logits = torch.where(action_mask, logits, torch.tensor(-1e8, dtype=logits.dtype))
    return -F.cross_entropy(logits, actions, reduction="none")


def categorical_entropy(logits, action_mask=None):
    if action_mask is not None:
        logits = torch.where(action_mask, logits, torch.tensor(-1e8, dtype=logits.dtype))
    centred = logits - logits.max(dim=-1, keepdim=True).values
    p = torch.softmax(centred, dim=-1)
    return torch.logsumexp(centred, dim=-1) - (p * centred).sum(-1)


def categorical_kl(logits, other_logits):
    p, q = logits.log_softmax(-1), other_logits.log_softmax(-1)
    return F.kl_div(q, p, reduction="none", log_target=True).sum(-1)


def gaussian_log_prob(mean, log_std, actions):
    return MultivariateNormal(mean, scale_tril=torch.diag_embed(log_std.exp())).log_prob(actions)


def gaussian_entropy(mean, log_std):
    return MultivariateNormal(mean, scale_tril=torch.diag_embed(log_std.exp())).entropy()


def squashed_gaussian_log_prob(mean, log_std, actions):
    """spinningup SAC: 2 (log 2 - u - softplus(-2u))."""
    u = 0.5 * (torch.log1p(actions) - torch.log1p(-actions))
    log_prob = (-0.5 * ((u - mean) / log_std.exp()) ** 2 - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    return log_prob - (2 * (math.log(2) - u - F.softplus(-2 * u))).sum(-1)
