"""CleanRL: max of the negated terms; separate lower and upper epsilon; masked by selection of where."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def _agg(x, mask):
    if mask is None:
        return x.mean()
    return torch.where(mask, x, torch.zeros_like(x)).sum() / mask.sum()


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, dual_clip=None, mask=None):
    if mask is not None:
        zero = torch.zeros_like(log_prob)
        log_prob, old_log_prob = torch.where(mask, log_prob, zero), torch.where(mask, old_log_prob, zero)
        advantages = torch.where(mask, advantages, zero)
    ratio = torch.exp(log_prob - old_log_prob)
    pg_loss1 = -advantages * ratio
    pg_loss2 = -advantages * torch.clamp(ratio, 1 - clip_eps_low, 1 + clip_eps_high)
    pg = torch.maximum(pg_loss1, pg_loss2)
    if dual_clip is not None:
        pg = torch.where(advantages < 0, torch.minimum(pg, -advantages * dual_clip), pg)
    return _agg(pg, mask)


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
    v_clipped = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    worst = torch.stack(((values - returns) ** 2, (v_clipped - returns) ** 2)).max(dim=0).values
    return _agg(worst, mask)


def value_loss(values, returns, mask=None):
    return _agg((returns - values).pow(2), mask)


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    """Score-function form: same value, same gradient."""
    if mask is not None:
        log_prob, old_log_prob, advantages = log_prob[mask], old_log_prob[mask], advantages[mask]
    weight = (log_prob - old_log_prob).exp().detach()
    return -(weight * advantages * (1 + log_prob - log_prob.detach())).mean()


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    pg_loss = clip_loss(log_prob, old_log_prob, advantages, clip_eps, clip_eps)
    v_loss = 0.5 * ((values - returns) ** 2).mean()
    return pg_loss - ent_coef * entropy.mean() + v_loss * (2 * vf_coef)
