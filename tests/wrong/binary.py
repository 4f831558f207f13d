"""Bernoulli."""

import numpy as np

from . import collector

WRONG, wrong = collector()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@wrong("bernoulli_log_prob", "only the buttons that were pressed", expect="known-mistake")
def _(logits, actions):
    return (actions * np.log(sigmoid(logits))).sum(-1)


@wrong("bernoulli_log_prob", "the binary cross-entropy, not negated", expect="known-mistake")
def _(logits, actions):
    return (np.logaddexp(0, logits) - actions * logits).sum(-1)


@wrong("bernoulli_log_prob", "one softmax for all buttons", expect="known-mistake")
def _(logits, actions):
    z = logits - logits.max(-1, keepdims=True)
    return (actions * (z - np.log(np.exp(z).sum(-1, keepdims=True)))).sum(-1)


@wrong("bernoulli_log_prob", "log_prob of every button")
def _(logits, actions):
    return actions * logits - np.logaddexp(0, logits)


@wrong("bernoulli_log_prob", "tanh for sigmoid")
def _(logits, actions):
    p = np.clip((np.tanh(logits) + 1) / 2, 1e-12, 1 - 1e-12)
    return (actions * np.log(p) + (1 - actions) * np.log(1 - p)).sum(-1)


@wrong("bernoulli_entropy", "mean over buttons", expect="known-mistake")
def _(logits):
    p = sigmoid(logits)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean(-1)


@wrong("bernoulli_entropy", "minus forgotten", expect="known-mistake")
def _(logits):
    p = sigmoid(logits)
    return (p * np.log(p) + (1 - p) * np.log(1 - p)).sum(-1)


@wrong("bernoulli_entropy", "p and 1 - p crossed")
def _(logits):
    p = sigmoid(logits)
    return -(p * np.log(1 - p) + (1 - p) * np.log(p)).sum(-1)


@wrong("bernoulli_kl", "the other direction", expect="known-mistake")
def _(logits, other_logits):
    p, q = sigmoid(other_logits), sigmoid(logits)
    return (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum(-1)


@wrong("bernoulli_kl", "only the pressed side", expect="known-mistake")
def _(logits, other_logits):
    p, q = sigmoid(logits), sigmoid(other_logits)
    return (p * np.log(p / q)).sum(-1)


@wrong("bernoulli_kl", "weights of the other side")
def _(logits, other_logits):
    p, q = sigmoid(logits), sigmoid(other_logits)
    return ((1 - p) * np.log(p / q) + p * np.log((1 - p) / (1 - q))).sum(-1)
