"""Losses for long answers in JAX: vmap over answers, custom stop-gradients, weights as data."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    def answer(new, old, a, valid):
        d = jnp.where(valid, new, 0.0) - jnp.where(valid, old, 0.0)
        s = jnp.exp(jnp.average(d, weights=valid))
        bound = jnp.where(a > 0, jnp.minimum(s, 1 + clip_eps_high), jnp.maximum(s, 1 - clip_eps_low))
        return bound * a

    return -jnp.mean(jax.vmap(answer)(log_prob, old_log_prob, advantages, mask))


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    valid = jnp.ones(log_prob.shape, dtype=bool) if mask is None else mask
    new, old, a = (jnp.where(valid, x, 0.0) for x in (log_prob, old_log_prob, advantages))
    frozen = jax.lax.stop_gradient(new)
    weight = jnp.clip(jnp.exp(frozen - old), 1 - clip_eps, 1 + clip_eps)
    return jnp.sum(-weight * a * new, where=valid) / jnp.sum(valid)


def truncated_is_loss(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    valid = jnp.ones(log_prob.shape, dtype=bool) if mask is None else mask
    new, old, rollout, a = (
        jnp.where(valid, x, 0.0) for x in (log_prob, old_log_prob, rollout_log_prob, advantages))
    log_weight = old - rollout
    weight = jnp.where(log_weight < jnp.log(max_weight), jnp.exp(log_weight), max_weight)
    r = jnp.exp(new - old)
    held = jnp.where(a > 0, jnp.minimum(r, 1 + clip_eps), jnp.maximum(r, 1 - clip_eps))
    return -jnp.mean(weight * held * a, where=valid)
