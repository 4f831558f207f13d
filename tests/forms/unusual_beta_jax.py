"""Beta policies by jax.scipy: E log a and E log(1 - a) are the slopes of log B, here by autodiff."""

import jax
from jax.scipy import special, stats

FRAMEWORK = "jax"
DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    return stats.beta.logpdf(actions, alpha, beta).sum(axis=-1)


def beta_entropy(alpha, beta):
    on, off = jax.grad(lambda a, b: special.betaln(a, b).sum(), argnums=(0, 1))(alpha, beta)
    return (special.betaln(alpha, beta) - (alpha - 1) * on - (beta - 1) * off).sum(axis=-1)


def beta_kl(alpha, beta, other_alpha, other_beta):
    """log B' less the tangent of log B at the policy."""
    steps = (other_alpha - alpha, other_beta - beta)
    log_beta, along = jax.jvp(special.betaln, (alpha, beta), steps)
    return (special.betaln(other_alpha, other_beta) - log_beta - along).sum(axis=-1)
