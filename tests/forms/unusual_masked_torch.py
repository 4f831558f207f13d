"""torch.masked, masked_select, scatter, segment_reduce and nested tensors in place of x[mask]."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def _mean(x, mask):
    return x.mean() if mask is None else torch.masked.mean(x, mask=mask)


def normalize_advantages(advantages, mask=None):
    if mask is None:
        mask = torch.ones_like(advantages, dtype=torch.bool)
    std = torch.masked.std(advantages, mask=mask, unbiased=False)
    return (advantages - torch.masked.mean(advantages, mask=mask)) / (std + 1e-8)


def kl_k1(log_prob, old_log_prob, mask=None):
    return _mean(old_log_prob - log_prob, mask)


def kl_k3(log_prob, old_log_prob, mask=None):
    d = log_prob - old_log_prob
    return _mean(d.expm1() - d, mask)


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    if mask is not None:
        log_prob, old_log_prob, advantages = (x.masked_select(mask) for x in (log_prob, old_log_prob, advantages))
    return torch.dot(-torch.exp(log_prob - old_log_prob), advantages) / advantages.numel()


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    if mask is not None:
        keep = mask.nonzero(as_tuple=True)
        log_prob, old_log_prob, advantages = log_prob[keep], old_log_prob[keep], advantages[keep]
    r = torch.exp(log_prob - old_log_prob)
    edge = torch.where(advantages > 0, r.clamp(max=1 + clip_eps), r.clamp(min=1 - clip_eps))
    return torch.nn.functional.l1_loss(-advantages * edge, torch.zeros_like(r), reduction="none").mul(
        torch.sign(-advantages * edge).detach()).mean()


def value_loss(values, returns, mask=None):
    if mask is None:
        return (values - returns).square().mean()
    return torch.masked.mean((values - returns).square(), mask=mask)


def categorical_entropy(logits, action_mask=None):
    if action_mask is None:
        action_mask = torch.ones_like(logits, dtype=torch.bool)
    p = torch.masked.softmax(logits, dim=-1, mask=action_mask)
    return torch.special.entr(torch.where(action_mask, p, torch.zeros_like(p))).sum(-1)


def masked_mean(x, mask):
    return torch.masked_select(x, mask).mean()


def sequence_mean(x, mask):
    return torch.segment_reduce(x[mask], "mean", lengths=mask.sum(1)).mean()


def sequence_sum_mean(x, mask):
    rows = mask.nonzero()[:, 0]
    return torch.zeros(len(x), dtype=x.dtype).index_add(0, rows, x[mask]).mean()
