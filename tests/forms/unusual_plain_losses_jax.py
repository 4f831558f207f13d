"""The policy-gradient and Huber losses in JAX: tensordot, clip_gradient by hand, a piecewise selection."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def policy_gradient_loss(log_prob, advantages, mask=None):
    if mask is None:
        mask = jnp.ones(advantages.shape, dtype=bool)
    return -jnp.tensordot(jnp.where(mask, log_prob, 0.0), jnp.where(mask, advantages, 0.0), axes=log_prob.ndim) / mask.sum()


@jax.custom_vjp
def _half_square_clipped(e, delta):
    return jax.lax.select(jnp.abs(e) > delta, delta * jnp.abs(e) - 0.5 * delta * delta, 0.5 * e * e)


def _forward(e, delta):
    return _half_square_clipped(e, delta), (e, delta)


def _backward(saved, g):
    e, delta = saved
    return g * jnp.clip(e, -delta, delta), jnp.zeros_like(delta)


_half_square_clipped.defvjp(_forward, _backward)


def huber_value_loss(values, returns, delta, mask=None):
    e = values - returns if mask is None else jnp.where(mask, values - returns, 0.0)
    terms = _half_square_clipped(e, jnp.full_like(e, delta))
    return terms.mean() if mask is None else terms.sum() / mask.sum()
