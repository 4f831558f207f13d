"""Group advantages in torch: standardised by library functions, by leave-one-out masks, row by row; vector rewards."""

import torch
import torch.nn.functional as F

FRAMEWORK = "torch"
DTYPE = "float64"


def grpo_advantages(rewards):
    rows = []
    for row in rewards.unbind(0):
        variance, mean = torch.var_mean(row, correction=0)
        rows.append((row - mean) / (variance.sqrt() + 1e-8))
    return torch.stack(rows)


def rloo_advantages(rewards):
    """As trainers write it: the centred reward, corrected by G / (G - 1)."""
    group = rewards.shape[1]
    return (rewards - rewards.mean(1, keepdim=True)) * (group / (group - 1))


def dr_grpo_advantages(rewards):
    return rewards.sub(rewards.sum(dim=-1).div(rewards.size(-1)).unsqueeze(-1))


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    """The last valid token by the length of the row that is left when it is turned round."""
    length = mask.shape[1]
    last = length - 1 - mask.flip(1).to(torch.int64).argmax(dim=1)
    paid = F.one_hot(last, length).to(scores.dtype) * scores.unsqueeze(1)
    return torch.where(mask, paid - kl_coef * log_prob + kl_coef * ref_log_prob, torch.zeros_like(log_prob))


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    quotient = torch.tensor(kl / target_kl, dtype=torch.float64).clamp(0.8, 1.2)
    return kl_coef * float(1 + (quotient - 1) * batch_steps / horizon)
