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


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip,
           c_clip):
    """Remark 1: the target by the target of the next step; values beyond the end are zeros that nothing reads."""
    log_rho = log_prob - old_log_prob
    rho = torch.exp(torch.minimum(log_rho, torch.log(torch.tensor(rho_clip, dtype=log_rho.dtype))))
    c = torch.minimum(torch.exp(log_rho), torch.tensor(c_clip, dtype=log_rho.dtype)) * gae_lambda
    v_next = torch.where(terminated, torch.zeros_like(next_values), next_values)
    stop = terminated | truncated
    targets = []
    ahead, ahead_value = v_next[-1], v_next[-1]
    advantages = []
    for t in range(len(rewards) - 1, -1, -1):
        v_s = torch.where(stop[t], v_next[t], ahead)
        here = torch.where(stop[t], v_next[t], ahead_value)
        advantages.append(rho[t] * (rewards[t] + gamma * v_s - values[t]))
        td = rewards[t] + gamma * v_next[t] - values[t]
        ahead = values[t] + rho[t] * td + gamma * c[t] * (v_s - here)
        ahead_value = values[t]
        targets.append(ahead)
    return torch.stack(targets[::-1]), torch.stack(advantages[::-1])
