"""jax.custom_vjp, segment sums, while_loop and one-hot products."""

import functools

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _clip(log_prob, old_log_prob, advantages, low, high):
    return _forward(log_prob, old_log_prob, advantages, low, high)[0]


def _forward(log_prob, old_log_prob, advantages, low, high):
    r = jnp.exp(log_prob - old_log_prob)
    held = jnp.where(advantages > 0, r > 1 + high, (advantages < 0) & (r < 1 - low))
    value = jnp.where(held, jnp.where(advantages > 0, 1 + high, 1 - low), r) * advantages
    return -value.mean(), jnp.where(held, 0.0, -r * advantages) / r.size


def _backward(low, high, slope, upstream):
    return upstream * slope, None, None


_clip.defvjp(_forward, _backward)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high):
    return _clip(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high)


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * jnp.where(terminated, 0.0, next_values) - values
    rate = jnp.where(terminated | truncated, 0.0, gamma * gae_lambda)

    def body(state):
        t, out = state
        return t - 1, out.at[t].set(delta[t] + rate[t] * out[t + 1])

    start = (len(rewards) - 1, jnp.zeros((len(rewards) + 1, rewards.shape[1]), delta.dtype))
    advantages = jax.lax.while_loop(lambda state: state[0] >= 0, body, start)[1][:-1]
    return advantages, advantages + values


def _sums(x, mask):
    rows = jnp.repeat(jnp.arange(len(x)), x.shape[1])
    return jax.ops.segment_sum(jnp.where(mask, x, 0).ravel(), rows, num_segments=len(x))


def sequence_mean(x, mask):
    return (_sums(x, mask) / _sums(mask.astype(x.dtype), mask)).mean()


def sequence_sum_mean(x, mask):
    return _sums(x, mask).mean()


def categorical_log_prob(logits, actions, action_mask=None):
    seen = logits if action_mask is None else jnp.where(action_mask, logits, -jnp.inf)
    chosen = jax.nn.one_hot(actions, logits.shape[1], dtype=bool)
    return jnp.where(chosen, jax.nn.log_softmax(seen, axis=-1), 0).sum(axis=-1)


def gaussian_log_prob(mean, log_std, actions):
    return jax.vmap(jax.vmap(jax.scipy.stats.norm.logpdf))(actions, mean, jnp.exp(log_std)).sum(axis=-1)


def effective_sample_size(log_weights):
    w = jax.nn.softmax(log_weights)
    return 1 / jnp.vdot(w, w)


def adapt_kl_coef(kl_coef, kl, target_kl):
    return jnp.select([kl > 1.5 * target_kl, kl < target_kl / 1.5], [kl_coef * 2.0, kl_coef * 0.5], kl_coef)
