"""categorical, Gaussian, squashed Gaussian."""

import math

import numpy as np

from . import collector

WRONG, wrong = collector()
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@wrong("categorical_entropy", "minus forgotten", "ENT-04", "red")
def _(logits, action_mask=None):
    z = logits if action_mask is None else np.where(action_mask, logits, -np.inf)
    z = z - z.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return (np.exp(lp) * np.where(np.isfinite(lp), lp, 0.0)).sum(-1)


@wrong("gaussian_entropy", "mean over action dimensions", "ENT-07")
def _(mean, log_std):
    return (log_std + 0.5 + HALF_LOG_2PI).mean(-1)


@wrong("gaussian_entropy", "constant counted once, not per dimension", "ENT-10")
def _(mean, log_std):
    return (math.log(2 * math.pi) + 1) / 2 + log_std.sum(-1)


@wrong("gaussian_entropy", "log(2 pi + variance)", "ENT-11")
def _(mean, log_std):
    return (0.5 * (np.log(2 * math.pi + np.exp(2 * log_std)) + 1)).sum(-1)


@wrong("gaussian_entropy", "not summed", "ENT-12", "red")
def _(mean, log_std):
    return log_std + 0.5 + HALF_LOG_2PI


@wrong("categorical_entropy", "0 log 0 at masked actions", "ENT-14")
def _(logits, action_mask):
    z = np.where(action_mask, logits, -np.inf)
    z = z - z.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(np.exp(lp) * lp).sum(-1)


@wrong("categorical_entropy", "not renormalised after masking", "ENT-14", "red")
def _(logits, action_mask):
    logits = np.where(np.isnan(logits), -np.inf, logits)
    z = logits - logits.max(-1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    return -np.where(action_mask & (p > 0), p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(-1)


@wrong("categorical_entropy", "half precision: negative entropies", "ENT-17", "red")
def _(logits):
    z = (logits - logits.max(-1, keepdims=True)).astype(np.float16)
    lse = np.log(np.exp(z).sum(-1))
    p = np.exp(z - lse[:, None])
    return (lse - (p * z).sum(-1)).astype(logits.dtype)


@wrong("gaussian_entropy", "softplus to keep it positive", "ENT-18", "red", note="C row, not in the closed list")
def _(mean, log_std):
    return np.log1p(np.exp((log_std + 0.5 + HALF_LOG_2PI).sum(-1)))


@wrong("gaussian_log_prob", "half applied to log std too", "LOG-01")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * (math.log(2 * math.pi) + log_std) - 0.5 * z**2).sum(-1)


@wrong("gaussian_log_prob", "not summed over dimensions", "LOG-02", "red")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return -HALF_LOG_2PI - log_std - 0.5 * z**2


@wrong("squashed_gaussian_log_prob", "Jacobian at tanh of the squashed action", "LOG-07")
def _(mean, log_std, actions):
    z = (np.arctanh(actions) - mean) / np.exp(log_std)
    return (-HALF_LOG_2PI - log_std - 0.5 * z**2 - np.log(1 - np.tanh(actions) ** 2)).sum(-1)


@wrong("gaussian_log_prob", "tanh Jacobian though nothing is squashed", "LOG-08", "red")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-HALF_LOG_2PI - log_std - 0.5 * z**2 - np.log(1 - np.tanh(actions) ** 2 + 1e-6)).sum(-1)


@wrong("categorical_log_prob", "scored with z / sum(z)", "LOG-17")
def _(logits, actions):
    p = logits / logits.sum(-1, keepdims=True)
    return np.log(p[np.arange(len(actions)), actions])


# ------------------------------------------------------------------ not in bugs.md


@wrong("categorical_log_prob", "raw logit")
def _(logits, actions):
    return logits[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "probability instead of log-probability")
def _(logits, actions):
    z = np.exp(logits - logits.max(-1, keepdims=True))
    return (z / z.sum(-1, keepdims=True))[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "no maximum subtracted: overflow")
def _(logits, actions):
    p = np.exp(logits)
    return np.log(p[np.arange(len(actions)), actions] / p.sum(-1))


@wrong("categorical_log_prob", "1e-8 inside the logarithm")
def _(logits, actions):
    z = np.exp(logits - logits.max(-1, keepdims=True))
    return np.log((z / z.sum(-1, keepdims=True))[np.arange(len(actions)), actions] + 1e-8)


@wrong("categorical_log_prob", "softmax over the batch axis")
def _(logits, actions):
    z = logits - logits.max(0, keepdims=True)
    return (z - np.log(np.exp(z).sum(0, keepdims=True)))[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "action index off by one")
def _(logits, actions):
    z = logits - logits.max(-1, keepdims=True)
    z = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return z[np.arange(len(actions)), actions - 1]


@wrong("categorical_log_prob", "global maximum of the batch subtracted")
def _(logits, actions):
    z = logits - logits.max()
    return z[np.arange(len(actions)), actions] - np.log(np.exp(z).sum(-1))


@wrong("categorical_log_prob", "mask by adding log(mask + 1e-3)")
def _(logits, actions, action_mask):
    z = np.where(np.isnan(logits), 0.0, logits) + np.log(action_mask + 1e-3)
    z = z - z.max(-1, keepdims=True)
    return (z - np.log(np.exp(z).sum(-1, keepdims=True)))[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "masked logits set to 0")
def _(logits, actions, action_mask):
    z = np.where(action_mask, logits, 0.0)
    z = z - z.max(-1, keepdims=True)
    return (z - np.log(np.exp(z).sum(-1, keepdims=True)))[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "masked logits set to -10")
def _(logits, actions, action_mask):
    z = np.where(action_mask, logits, -10.0)
    z = z - z.max(-1, keepdims=True)
    return (z - np.log(np.exp(z).sum(-1, keepdims=True)))[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "mask multiplied: NaN leaks", expect="known-mistake")
def _(logits, actions, action_mask):
    z = logits * action_mask - 1e9 * ~action_mask
    z = z - z.max(-1, keepdims=True)
    return (z - np.log(np.exp(z).sum(-1, keepdims=True)))[np.arange(len(actions)), actions]


@wrong("categorical_log_prob", "mask inverted")
def _(logits, actions, action_mask):
    z = np.where(action_mask, -1e9, np.where(np.isnan(logits), 0.0, logits))
    z = z - z.max(-1, keepdims=True)
    return (z - np.log(np.exp(z).sum(-1, keepdims=True)))[np.arange(len(actions)), actions]


@wrong("categorical_entropy", "bits")
def _(logits):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(np.exp(lp) * lp).sum(-1) / math.log(2)


@wrong("categorical_entropy", "normalised by log A")
def _(logits):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(np.exp(lp) * lp).sum(-1) / math.log(max(logits.shape[-1], 2))


@wrong("categorical_entropy", "mean over actions")
def _(logits):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(np.exp(lp) * lp).mean(-1)


@wrong("categorical_entropy", "log of the largest probability")
def _(logits):
    z = logits - logits.max(-1, keepdims=True)
    return np.log(np.exp(z).sum(-1))


@wrong("categorical_entropy", "mask not used")
def _(logits, action_mask):
    z = np.where(np.isnan(logits), 0.0, logits)
    z = z - z.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(np.exp(lp) * lp).sum(-1)


@wrong("categorical_entropy", "1e-6 added to the probabilities")
def _(logits):
    z = np.exp(logits - logits.max(-1, keepdims=True))
    p = z / z.sum(-1, keepdims=True) + 1e-6
    return -(p * np.log(p)).sum(-1)


@wrong("categorical_entropy", "sum over the batch, repeated")
def _(logits):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    h = -(np.exp(lp) * lp).sum(-1)
    return np.full_like(h, h.mean())


@wrong("gaussian_log_prob", "log_std taken as the variance's log")
def _(mean, log_std, actions):
    return (-0.5 * (actions - mean) ** 2 / np.exp(log_std) - 0.5 * log_std - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "standard deviation used as variance in the square")
def _(mean, log_std, actions):
    return (-0.5 * (actions - mean) ** 2 / np.exp(log_std) - log_std - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "half missing before the square")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-(z**2) - log_std - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "log 2 pi without the half")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - math.log(2 * math.pi)).sum(-1)


@wrong("gaussian_log_prob", "constant missing")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std).sum(-1)


@wrong("gaussian_log_prob", "sign of log std")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * z**2 + log_std - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "mean over dimensions")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI).mean(-1)


@wrong("gaussian_log_prob", "density instead of its logarithm")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return np.exp((-0.5 * z**2 - log_std - HALF_LOG_2PI).sum(-1))


@wrong("gaussian_log_prob", "1e-3 added to the standard deviation")
def _(mean, log_std, actions):
    s = np.exp(log_std) + 1e-3
    return (-0.5 * ((actions - mean) / s) ** 2 - np.log(s) - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "1e-8 in the denominator of the square (spinningup)", note="spinningup's EPS = 1e-8 in std: 1.5e-6 relative at log_std -5")
def _(mean, log_std, actions):
    z = (actions - mean) / (np.exp(log_std) + 1e-8)
    return (-0.5 * (z**2 + 2 * log_std + math.log(2 * math.pi))).sum(-1)


@wrong("gaussian_log_prob", "log_std clamped to [-2, 2]")
def _(mean, log_std, actions):
    s = np.clip(log_std, -2, 2)
    return (-0.5 * ((actions - mean) / np.exp(s)) ** 2 - s - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "actions clipped to [-1, 1]")
def _(mean, log_std, actions):
    z = (np.clip(actions, -1, 1) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_log_prob", "log_std of the first row for all rows")
def _(mean, log_std, actions):
    s = log_std[:1]
    return (-0.5 * ((actions - mean) / np.exp(s)) ** 2 - s - HALF_LOG_2PI).sum(-1)


@wrong("gaussian_entropy", "constant missing")
def _(mean, log_std):
    return log_std.sum(-1)


@wrong("gaussian_entropy", "half for the e missing: log std + log sqrt(2 pi)")
def _(mean, log_std):
    return (log_std + HALF_LOG_2PI).sum(-1)


@wrong("gaussian_entropy", "log(2 pi e) without the half")
def _(mean, log_std):
    return (log_std + math.log(2 * math.pi * math.e)).sum(-1)


@wrong("gaussian_entropy", "half of the log std")
def _(mean, log_std):
    return (0.5 * log_std + 0.5 + HALF_LOG_2PI).sum(-1)


@wrong("gaussian_entropy", "sign")
def _(mean, log_std):
    return -(log_std + 0.5 + HALF_LOG_2PI).sum(-1)


@wrong("gaussian_entropy", "depends on the mean (log-prob at zero)")
def _(mean, log_std):
    return (0.5 * (mean / np.exp(log_std)) ** 2 + log_std + HALF_LOG_2PI).sum(-1)


@wrong("squashed_gaussian_log_prob", "Jacobian missing")
def _(mean, log_std, actions):
    z = (np.arctanh(actions) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI).sum(-1)


@wrong("squashed_gaussian_log_prob", "Jacobian added")
def _(mean, log_std, actions):
    z = (np.arctanh(actions) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI + np.log(1 - actions**2)).sum(-1)


@wrong("squashed_gaussian_log_prob", "atanh missing")
def _(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI - np.log(1 - actions**2)).sum(-1)


@wrong("squashed_gaussian_log_prob", "1e-6 inside the logarithm (SB3)", note="epsilon of SB3's SquashedDiagGaussian: 5e-5 at a = 0.99")
def _(mean, log_std, actions):
    z = (np.arctanh(actions) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI - np.log(1 - actions**2 + 1e-6)).sum(-1)


@wrong("squashed_gaussian_log_prob", "Jacobian log(1 - a) only")
def _(mean, log_std, actions):
    z = (np.arctanh(actions) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI - np.log(1 - np.abs(actions))).sum(-1)


@wrong("squashed_gaussian_log_prob", "Jacobian averaged over dimensions")
def _(mean, log_std, actions):
    z = (np.arctanh(actions) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI).sum(-1) - np.log(1 - actions**2).mean(-1)


@wrong("squashed_gaussian_log_prob", "action clamped to +-0.95 before atanh")
def _(mean, log_std, actions):
    a = np.clip(actions, -0.95, 0.95)
    z = (np.arctanh(a) - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI - np.log(1 - a**2)).sum(-1)


@wrong("squashed_gaussian_log_prob", "softplus identity with the log 2 left out")
def _(mean, log_std, actions):
    u = np.arctanh(actions)
    z = (u - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - HALF_LOG_2PI).sum(-1) - (2 * (-u - np.logaddexp(0, -2 * u))).sum(-1)
