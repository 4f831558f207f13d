"""The fifteen lines of the README: an adapter for a PyTorch loss; the gate differentiates it by itself."""

import torch

FRAMEWORK, DTYPE = "torch", "float32"


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    ratio = (log_prob - old_log_prob).exp()
    clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
    return -torch.min(ratio * advantages, clipped * advantages).mean()


def normalize_advantages(advantages):
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
