"""min(rA, clip(r)A) by relu: exact in real arithmetic; r << 1 is rounded at the size of the bound, not of r."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high):
    r = torch.exp(log_prob - old_log_prob)
    gained = (1 + clip_eps_high) - torch.relu((1 + clip_eps_high) - r)
    lost = (1 - clip_eps_low) + torch.relu(r - (1 - clip_eps_low))
    return -(torch.relu(advantages) * gained - torch.relu(-advantages) * lost).mean()
