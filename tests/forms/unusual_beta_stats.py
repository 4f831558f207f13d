"""Beta policies by scipy.stats, whose log-density is the logarithm of Boost's density."""

from scipy import stats

DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    return stats.beta.logpdf(actions, alpha, beta).sum(axis=-1)


def beta_entropy(alpha, beta):
    return stats.beta.entropy(alpha, beta).sum(axis=-1)
