"""rlax and the packages it stands on, optax and distrax.

rlax works on one sequence (batches by vmap) and knows no flags: a terminal step has discount 0, and the
value after step t is the value of row t + 1. So truncation cannot be said to it without folding values into
rewards, and `gae` asks for `dones` and `last_values`. The functions are compiled, as they would be in use.
"""

import warnings

import distrax
import jax
import jax.numpy as jnp
import optax
import rlax

warnings.filterwarnings("ignore", category=PendingDeprecationWarning)

NAME = "rlax, float64"
VERSION = rlax.__version__
FRAMEWORK = "jax"
DTYPE = "float64"


# --- sequences ---


def discounts(dones, gamma, like):
    return jnp.where(dones, 0.0, gamma).astype(like.dtype)


@jax.jit
def gae(rewards, values, last_values, dones, gamma, gae_lambda):
    over_environments = jax.vmap(rlax.truncated_generalized_advantage_estimation, (1, 1, None, 1), 1)
    all_values = jnp.concatenate([values, last_values[None]])
    return over_environments(rewards, discounts(dones, gamma, rewards), gae_lambda, all_values)


@jax.jit
def td_errors(rewards, values, next_values, dones, gamma):
    over_steps = jax.vmap(rlax.td_learning)
    errors = over_steps(values.ravel(), rewards.ravel(), discounts(dones, gamma, rewards).ravel(), next_values.ravel())
    return errors.reshape(rewards.shape)


@jax.jit
def discounted_returns(rewards, last_values, dones, gamma):
    over_environments = jax.vmap(rlax.lambda_returns, (1, 1, 1, None), 1)
    after = jnp.zeros_like(rewards).at[-1].set(last_values)
    return over_environments(rewards, discounts(dones, gamma, rewards), after, 1.0)


# --- losses ---


@jax.jit
def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return rlax.clipped_surrogate_pg_loss(jnp.exp(log_prob - old_log_prob), advantages, clip_eps)


@jax.jit
def value_loss(values, returns):
    return jnp.mean(rlax.l2_loss(values, returns))


# --- distributions ---


@jax.jit
def categorical_log_prob(logits, actions):
    return rlax.softmax().logprob(actions, logits)


@jax.jit
def categorical_entropy(logits):
    return rlax.softmax().entropy(logits)


@jax.jit
def categorical_kl(logits, other_logits):
    return rlax.softmax().kl(logits, other_logits)


@jax.jit
def gaussian_log_prob(mean, log_std, actions):
    return rlax.gaussian_diagonal().logprob(actions, mean, jnp.exp(log_std))


@jax.jit
def gaussian_entropy(mean, log_std):
    return rlax.gaussian_diagonal().entropy(mean, jnp.exp(log_std))


@jax.jit
def gaussian_kl(mean, log_std, other_mean, other_log_std):
    return rlax.gaussian_diagonal().kl(mean, jnp.exp(log_std), other_mean, jnp.exp(other_log_std))


@jax.jit
def squashed_gaussian_log_prob(mean, log_std, actions):
    """distrax, since `rlax.squashed_gaussian` also squashes the mean and the deviation."""
    gaussian = distrax.MultivariateNormalDiag(mean, jnp.exp(log_std))
    return distrax.Transformed(gaussian, distrax.Block(distrax.Tanh(), 1)).log_prob(actions)


# --- the optimiser ---


@jax.jit
def clip_grad_norm(grads, max_norm):
    clipper = optax.clip_by_global_norm(max_norm)
    clipped, _ = clipper.update(grads, clipper.init(grads))
    return clipped


@jax.jit
def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    adam = optax.adam(learning_rate, beta1, beta2, eps)
    scale_by_adam, *rest = adam.init(params)
    state = scale_by_adam._replace(count=jnp.asarray(step - 1, jnp.int32), mu=first_moment, nu=second_moment)
    updates, (state, *_) = adam.update(grads, (state, *rest), params)
    return optax.apply_updates(params, updates), state.mu, state.nu
