"""The policy-gradient and Huber losses in PyTorch: a loop, a smooth L1 times delta, masks by multiplication."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def policy_gradient_loss(log_prob, advantages, mask=None):
    if mask is None:
        return torch.stack([-p * a for p, a in zip(log_prob, advantages, strict=True)]).sum() / len(advantages)
    kept = torch.where(mask, log_prob, 0.0) * torch.where(mask, advantages, 0.0)
    return kept.sum().neg() / mask.sum()


def huber_value_loss(values, returns, delta, mask=None):
    if mask is not None:
        values, returns = torch.masked_select(values, mask), torch.masked_select(returns, mask)
    each = torch.nn.functional.smooth_l1_loss(values, returns, reduction="none", beta=delta)
    return delta * each.mean()
