"""Group advantages as projections, pairs, flat batches and loops; the KL reward as differences of sums still to come."""

import numpy as np

FRAMEWORK = "numpy"
DTYPE = "float64"


def grpo_advantages(rewards):
    """A flat batch, the statistics repeated for every completion, as trainers that gather across processes do it."""
    prompts, group = rewards.shape
    flat = rewards.reshape(-1)
    mean = np.repeat(flat.reshape(prompts, group).mean(axis=1), group)
    std = np.repeat(flat.reshape(prompts, group).std(axis=1), group)
    return ((flat - mean) / (std + 1e-8)).reshape(prompts, group)


def rloo_advantages(rewards):
    """The mean of the differences to each of the others."""
    gaps = rewards[:, :, None] - rewards[:, None, :]
    return gaps.sum(axis=2) / (rewards.shape[1] - 1)


def dr_grpo_advantages(rewards):
    """The projection on what adds up to 0."""
    group = rewards.shape[1]
    centring = np.eye(group, dtype=rewards.dtype) - np.full((group, group), 1 / group, dtype=rewards.dtype)
    return np.einsum("pg,gh->ph", rewards, centring)


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    out = np.zeros_like(log_prob)
    for row, score in enumerate(scores):
        tokens = np.flatnonzero(mask[row])
        out[row, tokens] = kl_coef * (ref_log_prob[row, tokens] - log_prob[row, tokens])
        out[row, tokens[-1]] += score
    return out


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    """The KL is held between 0.8 and 1.2 of its target."""
    held = min(max(kl, 0.8 * target_kl), 1.2 * target_kl)
    return kl_coef * (1.0 + (held - target_kl) / target_kl * (batch_steps / horizon))
