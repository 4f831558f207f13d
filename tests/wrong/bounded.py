"""Beta."""

import numpy as np
from scipy.special import betaln, digamma

from . import collector

WRONG, wrong = collector()


@wrong("beta_log_prob", "betaln forgotten", expect="known-mistake")
def _(alpha, beta, actions):
    return ((alpha - 1) * np.log(actions) + (beta - 1) * np.log(1 - actions)).sum(-1)


@wrong("beta_log_prob", "softplus + 1 twice", expect="known-mistake")
def _(alpha, beta, actions):
    return (alpha * np.log(actions) + beta * np.log(1 - actions) - betaln(alpha + 1, beta + 1)).sum(-1)


@wrong("beta_log_prob", "log_prob of every dimension", expect="known-mistake")
def _(alpha, beta, actions):
    return (alpha - 1) * np.log(actions) + (beta - 1) * np.log(1 - actions) - betaln(alpha, beta)


@wrong("beta_log_prob", "mirrored", expect="known-mistake")
def _(alpha, beta, actions):
    return ((beta - 1) * np.log(actions) + (alpha - 1) * np.log(1 - actions) - betaln(alpha, beta)).sum(-1)


@wrong("beta_log_prob", "digamma for log-gamma")
def _(alpha, beta, actions):
    normaliser = digamma(alpha) + digamma(beta) - digamma(alpha + beta)
    return ((alpha - 1) * np.log(actions) + (beta - 1) * np.log(1 - actions) - normaliser).sum(-1)


@wrong("beta_log_prob", "scaled to (-1, 1), Jacobian per row")
def _(alpha, beta, actions):
    powers = (alpha - 1) * np.log(actions) + (beta - 1) * np.log(1 - actions) - betaln(alpha, beta)
    return powers.sum(-1) - np.log(2)


def entropy(alpha, beta):
    both = (alpha + beta - 2) * digamma(alpha + beta)
    return betaln(alpha, beta) - (alpha - 1) * digamma(alpha) - (beta - 1) * digamma(beta) + both


@wrong("beta_entropy", "mean over dimensions", expect="known-mistake")
def _(alpha, beta):
    return entropy(alpha, beta).mean(-1)


@wrong("beta_entropy", "psi(alpha + beta) with alpha + beta", expect="known-mistake")
def _(alpha, beta):
    return (entropy(alpha, beta) + 2 * digamma(alpha + beta)).sum(-1)


@wrong("beta_entropy", "of the Gaussian that the code had before", expect="known-mistake")
def _(alpha, beta):
    return (0.5 * np.log(2 * np.pi * np.e) + np.log(beta)).sum(-1)


@wrong("beta_entropy", "alpha - 1 for both sides")
def _(alpha, beta):
    both = 2 * (alpha - 1) * digamma(alpha + beta)
    return (betaln(alpha, beta) - (alpha - 1) * (digamma(alpha) + digamma(beta)) + both).sum(-1)


@wrong("beta_entropy", "minus log p of the mode where there is one")
def _(alpha, beta):
    mode = np.where((alpha > 1) & (beta > 1), (alpha - 1) / np.maximum(alpha + beta - 2, 1e-3), 0.5)
    return (betaln(alpha, beta) - (alpha - 1) * np.log(mode) - (beta - 1) * np.log(1 - mode)).sum(-1)


def kl(alpha, beta, other_alpha, other_beta):
    on, off = digamma(alpha) - digamma(alpha + beta), digamma(beta) - digamma(alpha + beta)
    steps = (alpha - other_alpha) * on + (beta - other_beta) * off
    return betaln(other_alpha, other_beta) - betaln(alpha, beta) + steps


@wrong("beta_kl", "the other direction", expect="known-mistake")
def _(alpha, beta, other_alpha, other_beta):
    return kl(other_alpha, other_beta, alpha, beta).sum(-1)


@wrong("beta_kl", "KL of the Gaussian head that was there before", expect="known-mistake")
def _(alpha, beta, other_alpha, other_beta):
    gap = (alpha - other_alpha) ** 2
    return (np.log(other_beta / beta) + (beta**2 + gap) / (2 * other_beta**2) - 0.5).sum(-1)


@wrong("beta_kl", "log B of the policies exchanged", expect="known-mistake")
def _(alpha, beta, other_alpha, other_beta):
    difference = betaln(other_alpha, other_beta) - betaln(alpha, beta)
    return (kl(alpha, beta, other_alpha, other_beta) - 2 * difference).sum(-1)


@wrong("beta_kl", "psi(alpha) for both sides")
def _(alpha, beta, other_alpha, other_beta):
    on = digamma(alpha) - digamma(alpha + beta)
    steps = (alpha - other_alpha + beta - other_beta) * on
    return (betaln(other_alpha, other_beta) - betaln(alpha, beta) + steps).sum(-1)


@wrong("beta_kl", "clamped at 0 per dimension, of the wrong sign for beta")
def _(alpha, beta, other_alpha, other_beta):
    off = digamma(beta) - digamma(alpha + beta)
    return np.maximum(kl(alpha, beta, other_alpha, other_beta) - 2 * (beta - other_beta) * off, 0).sum(-1)
