"""Off-policy estimates in JAX: scans, and padding squeezed out by sorting the valid steps to the front."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    return jnp.average(fx * jnp.clip(jnp.exp(log_p - log_q), None, max_weight))


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    order = jnp.argsort(~mask, axis=1, stable=True)
    d = jnp.take_along_axis(jnp.where(mask, log_prob - old_log_prob, 0.0), order, axis=1)
    r = jnp.take_along_axis(jnp.where(mask, rewards, 0.0), order, axis=1)

    def forward(weight, column):
        ratio, reward = column
        weight = weight * ratio
        return weight * gamma, weight * reward

    _, terms = jax.lax.scan(forward, jnp.ones_like(r[:, 0]), (jnp.exp(d).T, r.T))
    return terms.sum(axis=0).mean()
