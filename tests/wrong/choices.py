"""MultiDiscrete."""

import numpy as np

from . import collector

WRONG, wrong = collector()


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def tables(logits, nvec):
    return [log_softmax(part) for part in np.split(logits, np.cumsum(nvec)[:-1], axis=1)]


@wrong("multidiscrete_log_prob", "one softmax for all choices", expect="known-mistake")
def _(logits, actions, nvec):
    offsets = np.cumsum([0, *nvec[:-1]])
    return np.take_along_axis(log_softmax(logits), actions + offsets, axis=1).sum(1)


@wrong("multidiscrete_log_prob", "one log-prob per choice", expect="known-mistake")
def _(logits, actions, nvec):
    return np.stack([t[np.arange(len(t)), a] for t, a in zip(tables(logits, nvec), actions.T)], axis=1)


@wrong("multidiscrete_log_prob", "the last choice overwrites the others", expect="known-mistake")
def _(logits, actions, nvec):
    for t, a in zip(tables(logits, nvec), actions.T):
        log_prob = t[np.arange(len(t)), a]
    return log_prob


@wrong("multidiscrete_log_prob", "the columns interleaved")
def _(logits, actions, nvec):
    parts = [logits[:, k::len(nvec)] for k in range(len(nvec))]
    return sum(log_softmax(p)[np.arange(len(p)), np.minimum(a, p.shape[1] - 1)] for p, a in zip(parts, actions.T))


@wrong("multidiscrete_log_prob", "mask forgotten", expect="known-mistake")
def _(logits, actions, nvec, action_mask=None):
    return sum(t[np.arange(len(t)), a] for t, a in zip(tables(logits, nvec), actions.T))


@wrong("multidiscrete_entropy", "mean over the choices", expect="known-mistake")
def _(logits, nvec):
    return np.mean([-(np.exp(t) * t).sum(1) for t in tables(logits, nvec)], axis=0)


@wrong("multidiscrete_entropy", "one softmax for all choices", expect="known-mistake")
def _(logits, nvec):
    t = log_softmax(logits)
    return -(np.exp(t) * t).sum(1)


@wrong("multidiscrete_entropy", "each choice over its log n")
def _(logits, nvec):
    return sum(-(np.exp(t) * t).sum(1) / np.log(t.shape[1] + 1) for t in tables(logits, nvec))


@wrong("multidiscrete_kl", "the other direction", expect="known-mistake")
def _(logits, other_logits, nvec):
    return sum((np.exp(q) * (q - p)).sum(1) for p, q in zip(tables(logits, nvec), tables(other_logits, nvec)))


@wrong("multidiscrete_kl", "the largest of the choices")
def _(logits, other_logits, nvec):
    pairs = zip(tables(logits, nvec), tables(other_logits, nvec))
    return np.max([(np.exp(p) * (p - q)).sum(1) for p, q in pairs], axis=0)
