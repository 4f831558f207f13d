"""The batch cut into micro-batches of three, each weighted by its share; gradients accumulated by backward()."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    leaf = log_prob.detach().clone().requires_grad_()
    total = 0.0
    for rows in torch.split(torch.arange(len(leaf)), 3):
        r = torch.exp(leaf[rows] - old_log_prob[rows])
        a = advantages[rows]
        part = -torch.minimum(r * a, r.clamp(1 - clip_eps, 1 + clip_eps) * a).sum() / len(leaf)
        part.backward()
        total = total + part.detach()
    return total, leaf.grad


def value_loss(values, returns):
    part = torch.nn.functional.mse_loss(values, returns, reduction="none")
    return sum(c.sum() for c in part.chunk(2)) / part.numel()


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, log_prob, old_log_prob, advantages):
        weighted = torch.exp(log_prob - old_log_prob) * advantages
        ctx.save_for_backward(weighted)
        return -weighted.mean()

    @staticmethod
    def backward(ctx, grad):
        (weighted,) = ctx.saved_tensors
        return -grad * weighted / weighted.numel(), None, None


def surrogate_loss(log_prob, old_log_prob, advantages):
    return _Surrogate.apply(log_prob, old_log_prob, advantages)
