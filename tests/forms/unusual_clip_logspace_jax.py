"""torchrl's clip in log space with log1p bounds, in JAX, jitted; one sample at a time under vmap."""

import functools

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def _one(log_prob, old_log_prob, advantage, low, high):
    d = log_prob - old_log_prob
    return jnp.minimum(jnp.exp(d) * advantage, jnp.exp(jnp.clip(d, low, high)) * advantage)


@jax.jit
def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    low, high = jnp.log1p(-clip_eps), jnp.log1p(clip_eps)
    each = jax.vmap(functools.partial(_one, low=low, high=high))(log_prob, old_log_prob, advantages)
    return -each.mean()


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
    v_clipped = jax.lax.clamp(old_values - value_clip_eps, values, old_values + value_clip_eps)
    each = jnp.where((values - returns) ** 2 > (v_clipped - returns) ** 2, (values - returns) ** 2, (v_clipped - returns) ** 2)
    return jnp.mean(each, where=mask)


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    def one(z, z_old, action, advantage):
        log_p = z - jax.nn.logsumexp(z)
        log_q = z_old - jax.nn.logsumexp(z_old)
        return -jnp.exp(log_p[action] - log_q[action]) * advantage + kl_coef * jnp.exp(log_q) @ (log_q - log_p)

    return jax.vmap(one)(logits, old_logits, actions, advantages).mean()


@jax.jit
def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    d = log_prob - old_log_prob
    return jnp.mean(d != jnp.clip(d, jnp.log1p(-clip_eps), jnp.log1p(clip_eps)), dtype=d.dtype)
