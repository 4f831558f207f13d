"""JAX as projects write it: scans under jit over NamedTuples and dataclasses, associative scans, vmap, value_and_grad."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

FRAMEWORK = "jax"
DTYPE = "float64"


class Transition(NamedTuple):
    reward: jax.Array
    value: jax.Array
    done: jax.Array


def _gae(rewards, values, last_values, dones, gamma, gae_lambda, *, unroll):
    def back(carry, step: Transition):
        advantage, following = carry
        alive = 1.0 - step.done
        delta = step.reward + gamma * following * alive - step.value
        advantage = delta + gamma * gae_lambda * alive * advantage
        return (advantage, step.value), advantage

    steps = Transition(rewards, values, dones.astype(rewards.dtype))
    _, advantages = lax.scan(back, (jnp.zeros_like(last_values), last_values), steps, reverse=True, unroll=unroll)
    return advantages, advantages + values


gae = jax.jit(functools.partial(_gae, unroll=4))


@jax.jit
def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    """x -> a x + b is composed associatively."""
    last = jnp.arange(len(rewards))[:, None] == len(rewards) - 1
    ends = terminated | truncated | last
    slope = jnp.where(ends, 0.0, gamma) * jnp.ones_like(rewards)
    offset = rewards + jnp.where(ends & ~terminated, gamma * next_values, 0.0)

    def compose(later, earlier):
        return later[0] * earlier[0], earlier[0] * later[1] + earlier[1]

    return lax.associative_scan(compose, (slope, offset), reverse=True)[1]


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["log_prob", "old_log_prob", "advantages"], meta_fields=["clip_eps"])
@dataclasses.dataclass(frozen=True)
class Minibatch:
    log_prob: jax.Array
    old_log_prob: jax.Array
    advantages: jax.Array
    clip_eps: float

    def loss(self):
        ratio = jnp.exp(self.log_prob - lax.stop_gradient(self.old_log_prob))
        clipped = lax.clamp(1 - self.clip_eps, ratio, 1 + self.clip_eps)
        gain = lax.min(ratio * self.advantages, clipped * self.advantages)
        return -jnp.mean(gain)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return jax.jit(Minibatch.loss)(Minibatch(log_prob, old_log_prob, advantages, clip_eps))


class Loss(NamedTuple):
    loss: jax.Array
    grad_values: jax.Array


@jax.jit
def value_loss(values, returns):
    return Loss(*jax.value_and_grad(lambda v: jnp.mean(jnp.square(v - returns)))(values))


@jax.jit
def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    def total(free):
        log_prob, values, entropy = free["log_prob"], free["values"], free["entropy"]
        ratio = jnp.exp(log_prob - old_log_prob)
        worse = jnp.maximum(-advantages * ratio, -advantages * jnp.clip(ratio, 1 - clip_eps, 1 + clip_eps))
        errors = (values - returns) ** 2
        return jnp.mean(worse + vf_coef * errors - ent_coef * entropy)

    value, slopes = jax.value_and_grad(total)({"log_prob": log_prob, "values": values, "entropy": entropy})
    return {"loss": value, **{f"grad_{name}": slope for name, slope in slopes.items()}}


def _categorical_kl(logits, other_logits):
    def term(index):
        p, q = jax.nn.log_softmax(logits)[index], jax.nn.log_softmax(other_logits)[index]
        return jnp.exp(p) * (p - q)

    return lax.fori_loop(0, logits.size, lambda i, total: total + term(i), jnp.zeros((), logits.dtype))


categorical_kl = jax.vmap(_categorical_kl)


@jax.jit
def categorical_log_prob(logits, actions, action_mask=None):
    if action_mask is not None:
        logits = jnp.where(action_mask, logits, -jnp.inf)
    return jax.vmap(lambda z, a: z[a] - jax.nn.logsumexp(z))(logits, actions)


def token_gae(rewards, values, mask, gamma, gae_lambda):
    def row(r, v, m):
        def back(state, x):
            advantage, following = state
            reward, value, valid = x
            new = reward + gamma * following - value + gamma * gae_lambda * advantage
            return lax.cond(valid, lambda: ((new, value), new), lambda: (state, advantage))

        zero = jnp.zeros((), r.dtype)
        return lax.scan(back, (zero, zero), (r, v, m), reverse=True)[1]

    return jax.vmap(row)(rewards, values, mask)


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    first_moment = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, first_moment, grads)
    second_moment = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * (g**2), second_moment, grads)
    hat = lambda moment, decay: moment / (1 - decay ** jnp.asarray(step, moment.dtype))
    update = hat(first_moment, beta1) / (jnp.sqrt(hat(second_moment, beta2)) + eps)
    return params + -learning_rate * update, first_moment, second_moment


def clip_grad_norm(grads, max_norm):
    norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)))
    return jax.tree.map(lambda g: lax.select(norm < max_norm, g, g / norm.astype(g.dtype) * max_norm), grads)
