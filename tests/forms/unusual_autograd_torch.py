"""torch.autograd.Function: every loss with a backward written by hand."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


class _Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, log_prob, old_log_prob, advantages, low, high):
        r = torch.exp(log_prob - old_log_prob)
        held = ((advantages > 0) & (r > 1 + high)) | ((advantages < 0) & (r < 1 - low))
        edge = torch.where(advantages > 0, torch.full_like(r, 1 + high), torch.full_like(r, 1 - low))
        ctx.save_for_backward(torch.where(held, 0.0, -r * advantages).to(r.dtype))
        return -(torch.where(held, edge, r) * advantages).mean()

    @staticmethod
    def backward(ctx, upstream):
        (slope,) = ctx.saved_tensors
        return upstream * slope / slope.numel(), None, None, None, None


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high):
    return _Clip.apply(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high)


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, returns, mask):
        error = torch.where(mask, values - returns, 0.0).to(values.dtype)
        ctx.save_for_backward(error)
        ctx.count = int(mask.sum())
        return (error * error).sum() / ctx.count

    @staticmethod
    def backward(ctx, upstream):
        (error,) = ctx.saved_tensors
        return upstream * 2 * error / ctx.count, None, None


def value_loss(values, returns, mask=None):
    return _Square.apply(values, returns, torch.ones_like(values, dtype=torch.bool) if mask is None else mask)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    policy = _Clip.apply(log_prob, old_log_prob, advantages, clip_eps, clip_eps)
    return policy + vf_coef * value_loss(values, returns) - ent_coef * torch.nanmean(entropy)
