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


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip,
           c_clip):
    """The linear recursion as an associative scan over pairs (rate, step)."""
    ratios = jnp.exp(log_prob - old_log_prob)
    rho = jnp.clip(ratios, None, rho_clip)
    after = jnp.where(terminated, 0.0, next_values)
    goes_on = (~(terminated | truncated)).at[-1].set(False)
    steps = rho * (rewards + gamma * after - values)
    rates = jnp.where(goes_on, gamma * gae_lambda * jnp.clip(ratios, None, c_clip), 0.0)

    def join(later, earlier):
        return earlier[0] * later[0], earlier[1] + earlier[0] * later[1]

    _, x = jax.lax.associative_scan(join, (rates, steps), reverse=True)
    targets = values + x
    ahead = jnp.where(goes_on, jnp.concatenate([targets[1:], after[-1:]]), after)
    return targets, rho * (rewards + gamma * ahead - values)
