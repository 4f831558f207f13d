"""baselines: negative log-probabilities, so the ratio is exp(old - new)."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def _neglogp(log_prob):
    return -log_prob


def ratio(log_prob, old_log_prob):
    return torch.exp(_neglogp(old_log_prob) - _neglogp(log_prob))


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    neglogpac, oldneglogpac = _neglogp(log_prob), _neglogp(old_log_prob)
    r = torch.exp(oldneglogpac - neglogpac)
    pg_losses = -advantages * r
    pg_losses2 = -advantages * torch.clamp(r, 1.0 - clip_eps, 1.0 + clip_eps)
    worst = torch.maximum(pg_losses, pg_losses2)
    return worst.mean() if mask is None else torch.masked_select(worst, mask).mean()


def surrogate_loss(log_prob, old_log_prob, advantages):
    return torch.mean(-advantages * ratio(log_prob, old_log_prob))


def kl_k2(log_prob, old_log_prob, mask=None):
    square = torch.square(_neglogp(log_prob) - _neglogp(old_log_prob))
    return 0.5 * (square.mean() if mask is None else square[mask].mean())


def kl_k1(log_prob, old_log_prob):
    return (_neglogp(log_prob) - _neglogp(old_log_prob)).mean()
