"""jax.jit around jax.lax.associative_scan; vmap over environments; token advantages by a flipped cumulative scan."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def _combine(later, earlier):
    decay_l, total_l = later
    decay_e, total_e = earlier
    return decay_e * decay_l, total_e + decay_e * total_l


@jax.jit
def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * jnp.where(terminated, 0, next_values) - values
    decay = jnp.where(terminated | truncated, 0, gamma * gae_lambda).astype(delta.dtype)
    _, advantages = jax.lax.associative_scan(_combine, (decay, delta), reverse=True)
    return advantages, advantages + values


def _one_environment(rewards, next_values, terminated, truncated, gamma):
    last = len(rewards) - 1

    def body(k, state):
        out, ahead = state
        t = last - k
        ahead = jnp.where(truncated[t], next_values[t], ahead)
        ahead = rewards[t] + gamma * jnp.where(terminated[t], 0, ahead)
        return out.at[t].set(ahead), ahead

    return jax.lax.fori_loop(0, last + 1, body, (jnp.zeros_like(rewards), next_values[-1]))[0]


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    columns = jax.vmap(_one_environment, in_axes=(1, 1, 1, 1, None), out_axes=1)
    return columns(rewards, next_values, terminated, truncated, gamma)


def token_gae(rewards, values, mask, gamma, gae_lambda):
    order = jnp.argsort(~mask, axis=1, stable=True)  # valid tokens first, in their order
    pick = lambda x: jnp.take_along_axis(jnp.where(mask, x, 0), order, axis=1)
    r, v = pick(rewards), pick(values)
    delta = r + gamma * jnp.pad(v, ((0, 0), (0, 1)))[:, 1:] - v
    decay = jnp.full_like(delta, gamma * gae_lambda)
    _, packed = jax.lax.associative_scan(_combine, (decay.T, delta.T), reverse=True)
    rows = jnp.arange(len(mask))[:, None]
    return jnp.zeros_like(rewards).at[rows, order].set(packed.T)
