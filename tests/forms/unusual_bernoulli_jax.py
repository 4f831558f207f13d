"""Binary choices in JAX as a softmax over two actions."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def _table(logits):
    return jax.nn.log_softmax(jnp.stack([jnp.zeros_like(logits), logits], axis=-1), axis=-1)


def bernoulli_log_prob(logits, actions):
    return jnp.take_along_axis(_table(logits), actions[..., None], axis=-1)[..., 0].sum(axis=1)


def bernoulli_entropy(logits):
    table = _table(logits)
    return -(jnp.exp(table) * table).sum(axis=(1, 2))


def bernoulli_kl(logits, other_logits):
    p, q = _table(logits), _table(other_logits)
    return (jnp.exp(p) * (p - q)).sum(axis=(1, 2))
