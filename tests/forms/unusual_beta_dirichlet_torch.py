"""Beta policies as Dirichlets over (a, 1 - a)."""

import torch
from torch.distributions import Dirichlet, kl_divergence

FRAMEWORK = "torch"
DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    policy = Dirichlet(torch.stack([alpha, beta], dim=-1))
    return policy.log_prob(torch.stack([actions, 1 - actions], dim=-1)).sum(-1)


def beta_entropy(alpha, beta):
    return Dirichlet(torch.stack([alpha, beta], dim=-1)).entropy().sum(-1)


def beta_kl(alpha, beta, other_alpha, other_beta):
    policy, other = Dirichlet(torch.stack([alpha, beta], dim=-1)), Dirichlet(torch.stack([other_alpha, other_beta], -1))
    return kl_divergence(policy, other).sum(-1)
