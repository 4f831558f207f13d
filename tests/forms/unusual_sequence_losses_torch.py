"""Losses for long answers in torch: token forms with stop-gradients, selections, score-function surrogates."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    """The token form: every token carries the ratio of its answer, and its own gradient; the mean of row means."""
    new, old = log_prob.masked_fill(~mask, 0.0), old_log_prob.masked_fill(~mask, 0.0)
    log_s = ((new - old).sum(-1) / mask.sum(-1)).detach()
    ratio = torch.exp(new - new.detach() + log_s.unsqueeze(-1))
    a = advantages.unsqueeze(-1)
    clipped = torch.clamp(ratio, 1 - clip_eps_low, 1 + clip_eps_high)
    losses = torch.maximum(-a * ratio, -a * clipped).masked_fill(~mask, 0.0)
    return (losses.sum(-1) / mask.sum(-1)).mean()


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    """Weights made without a graph; the mean as a weighted sum."""
    valid = torch.ones_like(log_prob, dtype=torch.bool) if mask is None else mask
    with torch.no_grad():
        d = torch.where(valid, log_prob - old_log_prob, torch.zeros_like(log_prob))
        weight = d.exp().clip(min=1 - clip_eps_low).clip(max=1 + clip_eps_high)
        weight = weight * torch.where(valid, advantages, torch.zeros_like(advantages)) / valid.sum()
    return -(weight * log_prob.masked_fill(~valid, 0.0)).sum()


def truncated_is_loss(
    log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps_low, clip_eps_high, mask=None
):
    """Losses first, then the weight, then a masked mean, as trainers do it."""
    valid = torch.ones_like(log_prob, dtype=torch.bool) if mask is None else mask
    new, old, rollout, a = (
        x.masked_fill(~valid, 0.0) for x in (log_prob, old_log_prob, rollout_log_prob, advantages))
    ratio = torch.exp(new - old)
    losses = torch.maximum(-a * ratio, -a * torch.clamp(ratio, 1 - clip_eps_low, 1 + clip_eps_high))
    weight = torch.exp(old - rollout).clamp(max=max_weight).detach()
    return (losses * weight * valid).sum() / valid.sum()
