"""Losses for long answers; torch, so that forgotten stop-gradients show, and NumPy."""

import numpy as np

from . import collector

WRONG, wrong = collector()


def _valid(log_prob, mask):
    return (log_prob == log_prob) if mask is None else mask


@wrong("gspo_loss", "the log-ratios are added up", "IS-02", framework="torch")
def _(log_prob, old_log_prob, advantages, mask, clip_eps):
    s = (log_prob - old_log_prob).masked_fill(~mask, 0.0).sum(1).exp()
    return -(s * advantages).min(s.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("gspo_loss", "the exponentials are added up", "IS-01")
def _(log_prob, old_log_prob, advantages, mask, clip_eps):
    s = np.where(mask, np.exp(log_prob - old_log_prob), 0.0).sum(axis=1)
    return -np.minimum(s * advantages, np.clip(s, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("gspo_loss", "PPO's ratios of tokens", "IS-08", framework="torch")
def _(log_prob, old_log_prob, advantages, mask, clip_eps):
    r, a = (log_prob - old_log_prob).exp(), advantages[:, None].expand_as(log_prob)
    return -(r * a).min(r.clamp(1 - clip_eps, 1 + clip_eps) * a)[mask].mean()


@wrong("gspo_loss", "tokens weigh alike", expect="known-mistake", framework="torch")
def _(log_prob, old_log_prob, advantages, mask, clip_eps):
    s = ((log_prob - old_log_prob).masked_fill(~mask, 0.0).sum(1) / mask.sum(1)).exp()
    terms = (s * advantages).min(s.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
    return -(terms * mask.sum(1)).sum() / mask.sum()


@wrong("gspo_loss", "the gradient of the token form without its division", expect="known-mistake", framework="torch")
def _(log_prob, old_log_prob, advantages, mask, clip_eps):
    new = log_prob.masked_fill(~mask, 0.0)
    d = new - old_log_prob.masked_fill(~mask, 0.0)
    s = (new.sum(1) - new.sum(1).detach() + (d.sum(1) / mask.sum(1)).detach()).exp()
    return -(s * advantages).min(s.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("cispo_loss", "the stop-gradient is forgotten", expect="known-mistake", framework="torch")
def _(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    w = (log_prob - old_log_prob).exp().clamp(1 - clip_eps, 1 + clip_eps)
    return -(w * advantages * log_prob)[_valid(log_prob, mask)].mean()


@wrong("cispo_loss", "clipped weights without the log-prob", "CLIP-15", framework="torch")
def _(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    w = (log_prob - old_log_prob).exp().clamp(1 - clip_eps, 1 + clip_eps)
    return -(w * advantages)[_valid(log_prob, mask)].mean()


@wrong("cispo_loss", "an absolute upper bound", expect="known-mistake", framework="torch")
def _(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    w = (log_prob - old_log_prob).exp().clamp(max=clip_eps_high).detach()
    return -(w * advantages * log_prob)[_valid(log_prob, mask)].mean()


@wrong("cispo_loss", "the weight is detached, and the log-prob as well")
def _(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    w = np.clip(np.exp(log_prob - old_log_prob), 1 - clip_eps, 1 + clip_eps)
    terms = np.where(valid, w * advantages * log_prob, 0.0)
    return -terms.sum() / valid.sum(), np.zeros_like(log_prob)


@wrong("truncated_is_loss", "the weight is inside the clip", "IS-12", framework="torch")
def _(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    valid = _valid(log_prob, mask)
    r = (log_prob - old_log_prob).exp() * (old_log_prob - rollout_log_prob).exp().clamp(max=max_weight)
    return -(r * advantages).min(r.clamp(1 - clip_eps, 1 + clip_eps) * advantages)[valid].mean()


@wrong("truncated_is_loss", "the weight follows the policy being trained", expect="known-mistake", framework="torch")
def _(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    valid, r = _valid(log_prob, mask), (log_prob - old_log_prob).exp()
    w = (log_prob - rollout_log_prob).exp().clamp(max=max_weight)
    return -(w * (r * advantages).min(r.clamp(1 - clip_eps, 1 + clip_eps) * advantages))[valid].mean()


@wrong("truncated_is_loss", "the weight is accepted and not used", expect="known-mistake", framework="torch")
def _(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    valid, r = _valid(log_prob, mask), (log_prob - old_log_prob).exp()
    return -(r * advantages).min(r.clamp(1 - clip_eps, 1 + clip_eps) * advantages)[valid].mean()


@wrong("truncated_is_loss", "the bound is squared, a mistake nobody has named", framework="torch")
def _(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    valid, r = _valid(log_prob, mask), (log_prob - old_log_prob).exp()
    w = (old_log_prob - rollout_log_prob).exp().clamp(max=max_weight**2)
    return -(w * (r * advantages).min(r.clamp(1 - clip_eps, 1 + clip_eps) * advantages))[valid].mean()
