"""Beta policies by scipy.stats, whose log-density is the logarithm of Boost's density."""

import numpy as np
from scipy import special, stats

DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    return stats.beta.logpdf(actions, alpha, beta).sum(axis=-1)


def beta_entropy(alpha, beta):
    return stats.beta.entropy(alpha, beta).sum(axis=-1)


def beta_kl(alpha, beta, other_alpha, other_beta):
    """The mean under the policy is log q at a fixed point, and what its exponents add: E log a by digamma."""
    half = stats.beta.logpdf(0.5, other_alpha, other_beta)
    on, off = (special.digamma(x) - special.digamma(alpha + beta) + np.log(2) for x in (alpha, beta))
    cross = half + (other_alpha - 1) * on + (other_beta - 1) * off
    return -(stats.beta.entropy(alpha, beta) + cross).sum(axis=-1)
