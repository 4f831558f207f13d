"""Everything through torch.distributions."""

import torch
from torch.distributions import (
    Categorical,
    Independent,
    Normal,
    TanhTransform,
    TransformedDistribution,
    kl_divergence,
)

FRAMEWORK = "torch"
DTYPE = "float64"


def _categorical(logits, action_mask):
    if action_mask is not None:
        logits = torch.where(action_mask, logits, torch.finfo(logits.dtype).min)
    return Categorical(logits=logits)


def categorical_log_prob(logits, actions, action_mask=None):
    return _categorical(logits, action_mask).log_prob(actions)


def categorical_entropy(logits, action_mask=None):
    return _categorical(logits, action_mask).entropy()


def categorical_kl(logits, other_logits):
    return kl_divergence(Categorical(logits=logits), Categorical(logits=other_logits))


def gaussian_log_prob(mean, log_std, actions):
    return Independent(Normal(mean, log_std.exp()), 1).log_prob(actions)


def gaussian_entropy(mean, log_std):
    return Normal(mean, log_std.exp()).entropy().sum(dim=-1)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    here = Independent(Normal(mean, log_std.exp()), 1)
    return kl_divergence(here, Independent(Normal(other_mean, other_log_std.exp()), 1))


def squashed_gaussian_log_prob(mean, log_std, actions):
    base = Normal(mean, log_std.exp())
    return TransformedDistribution(base, [TanhTransform()]).log_prob(actions).sum(-1)


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = Categorical(logits=logits), Categorical(logits=old_logits)
    r = torch.exp(new.log_prob(actions) - old.log_prob(actions))
    return -torch.mean(r * advantages) + kl_coef * kl_divergence(old, new).mean()
