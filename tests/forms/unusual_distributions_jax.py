"""One-hot selection, vmap, jit, logsumexp."""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

FRAMEWORK = "jax"
DTYPE = "float64"


def categorical_log_prob(logits, actions, action_mask=None):
    if action_mask is not None:
        logits = jnp.where(action_mask, logits, -1e9)
    chosen = jnp.where(jax.nn.one_hot(actions, logits.shape[-1], dtype=bool), logits, 0).sum(-1)
    return chosen - logsumexp(logits, axis=-1)


def categorical_entropy(logits, action_mask=None):
    p = jax.nn.softmax(logits, where=action_mask)
    return jax.scipy.special.entr(p).sum(-1)


@jax.jit
def categorical_kl(logits, other_logits):
    return jax.vmap(lambda a, b: jnp.vdot(jax.nn.softmax(a), jax.nn.log_softmax(a) - jax.nn.log_softmax(b)))(logits, other_logits)


@jax.jit
def gaussian_kl(mean, log_std, other_mean, other_log_std):
    z = (mean - other_mean) * jnp.exp(-other_log_std)
    growth = log_std - other_log_std
    return 0.5 * jnp.sum(jnp.exp(2 * growth) + z**2 - 1 - 2 * growth, axis=-1)


def gaussian_log_prob(mean, log_std, actions):
    diag = jax.vmap(lambda s: jnp.diag(jnp.exp(2 * s)))(log_std)
    return jax.vmap(jax.scipy.stats.multivariate_normal.logpdf)(actions, mean, diag)


def gaussian_entropy(mean, log_std):
    k = mean.shape[-1]
    return k / 2 * (1 + jnp.log(2 * jnp.pi)) + log_std.sum(-1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = jnp.arctanh(actions)
    base = jax.scipy.stats.norm.logpdf(u, mean, jnp.exp(log_std)).sum(-1)
    return base + 2 * jnp.log(jnp.cosh(u)).sum(-1)


def effective_sample_size(log_weights):
    return jnp.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights))


def importance_estimate(fx, log_p, log_q):
    value, sign = logsumexp(log_p - log_q, b=fx / len(fx), return_sign=True)
    return sign * jnp.exp(value)
