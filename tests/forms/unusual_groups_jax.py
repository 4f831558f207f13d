"""Group advantages in JAX: segment sums over a flat batch, a scan for the KL reward, selections for the coefficient."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def _segments(rewards):
    prompts, group = rewards.shape
    ids = jnp.repeat(jnp.arange(prompts), group)
    return rewards.reshape(-1), ids, prompts, group


def dr_grpo_advantages(rewards):
    flat, ids, prompts, group = _segments(rewards)
    means = jax.ops.segment_sum(flat, ids, num_segments=prompts) / group
    return (flat - means[ids]).reshape(rewards.shape)


def grpo_advantages(rewards):
    flat, ids, prompts, group = _segments(rewards)
    gaps = dr_grpo_advantages(rewards).reshape(-1)
    stds = jnp.sqrt(jax.ops.segment_sum(gaps**2, ids, num_segments=prompts) / group)
    return (gaps / (stds[ids] + 1e-8)).reshape(rewards.shape)


def rloo_advantages(rewards):
    flat, ids, prompts, group = _segments(rewards)
    sums = jax.ops.segment_sum(flat, ids, num_segments=prompts)
    return ((group * flat - sums[ids]) / (group - 1)).reshape(rewards.shape)


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    def backwards(open_scores, column):
        new, ref, valid = column
        reward = jnp.where(valid, kl_coef * (ref - new) + open_scores, 0.0)
        return jnp.where(valid, 0.0, open_scores), reward

    _, columns = jax.lax.scan(backwards, scores, (log_prob.T, ref_log_prob.T, mask.T), reverse=True)
    return columns.T


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    error = (kl - target_kl) / target_kl
    error = jnp.where(error > 0.2, 0.2, jnp.where(error < -0.2, -0.2, error))
    return kl_coef * (1 + error * batch_steps / horizon)
