"""Beta policies by jax.scipy.stats."""

from jax.scipy import stats

FRAMEWORK = "jax"
DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    return stats.beta.logpdf(actions, alpha, beta).sum(axis=-1)
