"""The natural JAX line: the mean of booleans is float32 in JAX, even with x64 on."""

import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    return jnp.mean(jnp.abs(jnp.exp(log_prob - old_log_prob) - 1) > clip_eps)
