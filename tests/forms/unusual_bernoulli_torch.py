"""Binary choices through torch.distributions."""

import torch
from torch.distributions import Bernoulli, Independent, kl_divergence

FRAMEWORK = "torch"
DTYPE = "float64"


def _policy(logits):
    return Independent(Bernoulli(logits=logits), 1)


def bernoulli_log_prob(logits, actions):
    return _policy(logits).log_prob(actions.to(torch.float32).to(logits.dtype))


def bernoulli_entropy(logits):
    return _policy(logits).entropy()


def bernoulli_kl(logits, other_logits):
    return kl_divergence(_policy(logits), _policy(other_logits))
