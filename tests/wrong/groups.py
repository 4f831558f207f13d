"""Group advantages, token rewards and the proportional coefficient; NumPy and torch (methods that both have)."""

import numpy as np

from . import collector

WRONG, wrong = collector()


def _last(mask):
    return mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)


@wrong("kl_reward", "the KL is added to the reward", "KLP-02")
def _(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = np.where(mask, kl_coef * (log_prob - ref_log_prob), 0.0)
    rewards[np.arange(len(scores)), _last(mask)] += scores
    return rewards


@wrong("kl_reward", "the whole penalty at the last token, nothing before", "KLP-10")
def _(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = np.zeros_like(log_prob)
    kl = np.where(mask, log_prob - ref_log_prob, 0.0).sum(axis=1)
    rewards[np.arange(len(scores)), _last(mask)] = scores - kl_coef * kl
    return rewards


@wrong("kl_reward", "the score lands on the padding", expect="known-mistake")
def _(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = np.where(mask, -kl_coef * (log_prob - ref_log_prob), 0.0)
    rewards[:, -1] += scores
    return rewards


@wrong("kl_reward", "the score at sum(mask) - 1", expect="known-mistake", framework="torch")
def _(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = (-kl_coef * (log_prob - ref_log_prob)).masked_fill(~mask, 0.0)
    return rewards.scatter_add(1, mask.sum(1, keepdim=True) - 1, scores[:, None])


@wrong("kl_reward", "the KL clamped to [-1, 1], a mistake nobody has named")
def _(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = np.where(mask, -kl_coef * np.clip(log_prob - ref_log_prob, -1, 1), 0.0)
    rewards[np.arange(len(scores)), _last(mask)] += scores
    return rewards


@wrong("grpo_advantages", "standardised over all prompts together", expect="known-mistake")
def _(rewards):
    return (rewards - rewards.mean()) / (rewards.std() + 1e-4)


@wrong("grpo_advantages", "over the prompts", expect="known-mistake", framework="torch")
def _(rewards):
    return (rewards - rewards.mean(0)) / (rewards.std(0, unbiased=False) + 1e-6)


@wrong("grpo_advantages", "groups of a batch that is ordered the other way", expect="known-mistake")
def _(rewards):
    prompts, group = rewards.shape
    flat = rewards.reshape(-1)
    mean = np.tile(flat.reshape(group, prompts).mean(axis=0), group)
    std = np.tile(flat.reshape(group, prompts).std(axis=0), group)
    return ((flat - mean) / (std + 1e-8)).reshape(prompts, group)


@wrong("grpo_advantages", "the spread of the batch", expect="known-mistake", framework="torch")
def _(rewards):
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std() + 1e-4)


@wrong("grpo_advantages", "rows without a spread are left as they are")
def _(rewards):
    std = rewards.std(axis=1, keepdims=True)
    return np.where(std > 0, (rewards - rewards.mean(axis=1, keepdims=True)) / (std + 1e-8), rewards)


@wrong("rloo_advantages", "the whole mean as baseline", expect="known-mistake")
def _(rewards):
    return rewards - rewards.mean(axis=1, keepdims=True)


@wrong("rloo_advantages", "the sum of the others over G", expect="known-mistake", framework="torch")
def _(rewards):
    return rewards - (rewards.sum(1, keepdim=True) - rewards) / rewards.shape[1]


@wrong("rloo_advantages", "G is taken from the number of prompts")
def _(rewards):
    return rewards - (rewards.sum(axis=1, keepdims=True) - rewards) / max(len(rewards) - 1, 1)


@wrong("dr_grpo_advantages", "still divided by the spread", expect="known-mistake", framework="torch")
def _(rewards):
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)


@wrong("dr_grpo_advantages", "a constant normaliser", note="the constant belongs to the loss")
def _(rewards):
    return (rewards - rewards.mean(axis=1, keepdims=True)) / 8


@wrong("adapt_kl_coef_proportional", "the error is not clipped", expect="known-mistake")
def _(kl_coef, kl, target_kl, batch_steps, horizon):
    return kl_coef * (1 + (kl / target_kl - 1) * batch_steps / horizon)


@wrong("adapt_kl_coef_proportional", "the step is clipped instead of the error", expect="known-mistake")
def _(kl_coef, kl, target_kl, batch_steps, horizon):
    return kl_coef * (1 + np.clip((kl / target_kl - 1) * batch_steps / horizon, -0.2, 0.2))


@wrong("adapt_kl_coef_proportional", "whole numbers divided", expect="known-mistake")
def _(kl_coef, kl, target_kl, batch_steps, horizon):
    return kl_coef * (1 + np.clip(kl / target_kl - 1, -0.2, 0.2) * (batch_steps // horizon))


