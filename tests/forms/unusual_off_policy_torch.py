"""Off-policy estimates in PyTorch: backward recursions, cumulative products, einsum."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    w = torch.exp(log_p - log_q)
    excess = torch.relu(w - max_weight)
    return torch.where(excess > 0, max_weight * fx, w * fx).mean()


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    """Horner's rule from the end of the row: V = rho (r + gamma V')."""
    ahead = rewards.new_zeros(rewards.shape[0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        here = (log_prob[:, t] - old_log_prob[:, t]).exp() * (rewards[:, t] + gamma * ahead)
        ahead = torch.where(mask[:, t], here, ahead)
    return ahead.mean()
