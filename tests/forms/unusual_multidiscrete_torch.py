"""Several choices as libraries have them: a list of torch distributions, masks by a large negative number."""

import torch
from torch.distributions import Categorical, kl_divergence

FRAMEWORK = "torch"
DTYPE = "float64"


def _choices(logits, nvec, action_mask=None):
    if action_mask is not None:
        logits = torch.where(action_mask, logits, torch.tensor(-1e8, dtype=logits.dtype))
    return [Categorical(logits=part) for part in logits.split(list(nvec), dim=1)]


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    choices = _choices(logits, nvec, action_mask)
    return torch.stack([c.log_prob(a) for c, a in zip(choices, torch.unbind(actions, dim=1))], dim=1).sum(dim=1)


def multidiscrete_entropy(logits, nvec, action_mask=None):
    return torch.stack([c.entropy() for c in _choices(logits, nvec, action_mask)], dim=1).sum(dim=1)


def multidiscrete_kl(logits, other_logits, nvec):
    pairs = zip(_choices(logits, nvec), _choices(other_logits, nvec))
    return sum(kl_divergence(p, q) for p, q in pairs)
