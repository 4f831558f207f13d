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
