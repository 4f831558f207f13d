"""ppocore itself as an adapter: `ppocore check ppocore.conformance.reference --strict`.

The only file of the gate that looks into the rooms of mathematics.  Values and gradients are handed on by the
names of the table; what ppocore returns beyond the table stays here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ppocore

Array = NDArray[Any]

NAME = "ppocore"
VERSION: str = ppocore.__version__
FRAMEWORK = "numpy"
DTYPE = "float64"


def td_errors(
    rewards: Array, values: Array, next_values: Array, terminated: Array, truncated: Array, gamma: float
) -> Any:
    return ppocore.td_errors(rewards, values, next_values, terminated, truncated, gamma=gamma)


def gae(
    rewards: Array, values: Array, next_values: Array, terminated: Array, truncated: Array, gamma: float,
    gae_lambda: float,
) -> Any:
    return ppocore.gae(rewards, values, next_values, terminated, truncated, gamma=gamma,
                       gae_lambda=gae_lambda)


def discounted_returns(
    rewards: Array, next_values: Array, terminated: Array, truncated: Array, gamma: float
) -> Any:
    return ppocore.discounted_returns(rewards, next_values, terminated, truncated, gamma=gamma)


def vtrace(
    log_prob: Array, old_log_prob: Array, rewards: Array, values: Array, next_values: Array, terminated: Array,
    truncated: Array, gamma: float, gae_lambda: float, rho_clip: float, c_clip: float,
) -> Any:
    return ppocore.vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma=gamma,
                          gae_lambda=gae_lambda, rho_clip=rho_clip, c_clip=c_clip)


def token_gae(rewards: Array, values: Array, mask: Array, gamma: float, gae_lambda: float) -> Any:
    return ppocore.token_gae(rewards, values, mask, gamma=gamma, gae_lambda=gae_lambda).advantages


def grpo_advantages(rewards: Array) -> Any:
    return ppocore.grpo_advantages(rewards)


def rloo_advantages(rewards: Array) -> Any:
    return ppocore.rloo_advantages(rewards)


def dr_grpo_advantages(rewards: Array) -> Any:
    return ppocore.dr_grpo_advantages(rewards)


def kl_reward(scores: Array, log_prob: Array, ref_log_prob: Array, mask: Array, kl_coef: float) -> Any:
    return ppocore.kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef=kl_coef)


def normalize_advantages(advantages: Array, mask: Array | None = None) -> Any:
    return ppocore.normalize_advantages(advantages, mask=mask)


def ratio(log_prob: Array, old_log_prob: Array) -> Any:
    return ppocore.ratio(log_prob, old_log_prob).ratio


def importance_estimate(fx: Array, log_p: Array, log_q: Array) -> Any:
    return ppocore.importance_estimate(fx, log_p, log_q).estimate


def self_normalized_estimate(fx: Array, log_p: Array, log_q: Array) -> Any:
    return ppocore.self_normalized_estimate(fx, log_p, log_q).estimate


def effective_sample_size(log_weights: Array) -> Any:
    return ppocore.effective_sample_size(log_weights)


def truncated_importance_estimate(fx: Array, log_p: Array, log_q: Array, max_weight: float) -> Any:
    return ppocore.truncated_importance_estimate(fx, log_p, log_q, max_weight=max_weight).estimate


def per_decision_importance_estimate(
    log_prob: Array, old_log_prob: Array, rewards: Array, mask: Array, gamma: float
) -> Any:
    return ppocore.per_decision_importance_estimate(rewards, log_prob, old_log_prob, mask, gamma=gamma).estimate


def kl_k1(log_prob: Array, old_log_prob: Array, mask: Array | None = None) -> Any:
    return ppocore.kl_k1(log_prob, old_log_prob, mask=mask).kl


def kl_k2(log_prob: Array, old_log_prob: Array, mask: Array | None = None) -> Any:
    return ppocore.kl_k2(log_prob, old_log_prob, mask=mask).kl


def kl_k3(log_prob: Array, old_log_prob: Array, mask: Array | None = None) -> Any:
    return ppocore.kl_k3(log_prob, old_log_prob, mask=mask).kl


def categorical_kl(logits: Array, other_logits: Array) -> Any:
    return ppocore.categorical_kl(logits, other_logits).kl


def gaussian_kl(mean: Array, log_std: Array, other_mean: Array, other_log_std: Array) -> Any:
    return ppocore.gaussian_kl(mean, log_std, other_mean, other_log_std).kl


def adapt_kl_coef(kl_coef: float, kl: float, target_kl: float) -> Any:
    return ppocore.adapt_kl_coef(kl_coef, kl, target_kl)


def adapt_kl_coef_proportional(
    kl_coef: float, kl: float, target_kl: float, batch_steps: int, horizon: int
) -> Any:
    return ppocore.adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps=batch_steps, horizon=horizon)


def categorical_log_prob(logits: Array, actions: Array, action_mask: Array | None = None) -> Any:
    return ppocore.categorical_log_prob(logits, actions, action_mask=action_mask).log_prob


def categorical_entropy(logits: Array, action_mask: Array | None = None) -> Any:
    return ppocore.categorical_entropy(logits, action_mask=action_mask).entropy


def gaussian_log_prob(mean: Array, log_std: Array, actions: Array) -> Any:
    return ppocore.gaussian_log_prob(mean, log_std, actions).log_prob


def gaussian_entropy(mean: Array, log_std: Array) -> Any:
    return ppocore.gaussian_entropy(mean, log_std).entropy


def squashed_gaussian_log_prob(mean: Array, log_std: Array, actions: Array) -> Any:
    return ppocore.squashed_gaussian_log_prob(mean, log_std, actions).log_prob


def bernoulli_log_prob(logits: Array, actions: Array) -> Any:
    return ppocore.bernoulli_log_prob(logits, actions).log_prob


def bernoulli_entropy(logits: Array) -> Any:
    return ppocore.bernoulli_entropy(logits).entropy


def bernoulli_kl(logits: Array, other_logits: Array) -> Any:
    return ppocore.bernoulli_kl(logits, other_logits).kl


def beta_log_prob(alpha: Array, beta: Array, actions: Array) -> Any:
    return ppocore.beta_log_prob(alpha, beta, actions).log_prob


def beta_entropy(alpha: Array, beta: Array) -> Any:
    return ppocore.beta_entropy(alpha, beta).entropy


def beta_kl(alpha: Array, beta: Array, other_alpha: Array, other_beta: Array) -> Any:
    return ppocore.beta_kl(alpha, beta, other_alpha, other_beta).kl


def multidiscrete_log_prob(
    logits: Array, actions: Array, nvec: list[int], action_mask: Array | None = None
) -> Any:
    return ppocore.multidiscrete_log_prob(logits, actions, nvec, action_mask=action_mask).log_prob


def multidiscrete_entropy(logits: Array, nvec: list[int], action_mask: Array | None = None) -> Any:
    return ppocore.multidiscrete_entropy(logits, nvec, action_mask=action_mask).entropy


def multidiscrete_kl(logits: Array, other_logits: Array, nvec: list[int]) -> Any:
    return ppocore.multidiscrete_kl(logits, other_logits, nvec).kl


def policy_gradient_loss(log_prob: Array, advantages: Array, mask: Array | None = None) -> Any:
    return ppocore.policy_gradient_loss(log_prob, advantages, mask=mask)


def surrogate_loss(log_prob: Array, old_log_prob: Array, advantages: Array, mask: Array | None = None) -> Any:
    return ppocore.surrogate_loss(log_prob, old_log_prob, advantages, mask=mask)


def clip_loss(
    log_prob: Array, old_log_prob: Array, advantages: Array, clip_eps: float | None = None,
    clip_eps_low: float | None = None, clip_eps_high: float | None = None, dual_clip: float | None = None,
    mask: Array | None = None,
) -> Any:
    return ppocore.clip_loss(
        log_prob, old_log_prob, advantages, clip_eps=clip_eps, clip_eps_low=clip_eps_low,
        clip_eps_high=clip_eps_high, dual_clip=dual_clip, mask=mask)


def gspo_loss(
    log_prob: Array, old_log_prob: Array, advantages: Array, mask: Array, clip_eps: float | None = None,
    clip_eps_low: float | None = None, clip_eps_high: float | None = None,
) -> Any:
    return ppocore.gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps=clip_eps, clip_eps_low=clip_eps_low,
                             clip_eps_high=clip_eps_high)


def cispo_loss(
    log_prob: Array, old_log_prob: Array, advantages: Array, clip_eps: float | None = None,
    clip_eps_low: float | None = None, clip_eps_high: float | None = None, mask: Array | None = None,
) -> Any:
    return ppocore.cispo_loss(log_prob, old_log_prob, advantages, clip_eps=clip_eps, clip_eps_low=clip_eps_low,
                              clip_eps_high=clip_eps_high, mask=mask)


def truncated_is_loss(
    log_prob: Array, old_log_prob: Array, rollout_log_prob: Array, advantages: Array, max_weight: float,
    clip_eps: float | None = None, clip_eps_low: float | None = None, clip_eps_high: float | None = None,
    mask: Array | None = None,
) -> Any:
    return ppocore.truncated_is_loss(
        log_prob, old_log_prob, rollout_log_prob, advantages, max_weight=max_weight, clip_eps=clip_eps,
        clip_eps_low=clip_eps_low, clip_eps_high=clip_eps_high, mask=mask)


def kl_penalty_loss(
    logits: Array, old_logits: Array, actions: Array, advantages: Array, kl_coef: float
) -> Any:
    return ppocore.kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef=kl_coef)[:2]


def value_loss(values: Array, returns: Array, mask: Array | None = None) -> Any:
    return ppocore.value_loss(values, returns, mask=mask)


def clipped_value_loss(
    values: Array, returns: Array, old_values: Array, value_clip_eps: float, mask: Array | None = None
) -> Any:
    return ppocore.clipped_value_loss(values, returns, old_values, value_clip_eps=value_clip_eps, mask=mask)


def huber_value_loss(values: Array, returns: Array, delta: float, mask: Array | None = None) -> Any:
    return ppocore.huber_value_loss(values, returns, delta=delta, mask=mask)


def ppo_loss(
    log_prob: Array, old_log_prob: Array, advantages: Array, values: Array, returns: Array, entropy: Array,
    clip_eps: float, vf_coef: float, ent_coef: float,
) -> Any:
    return ppocore.ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps=clip_eps,
                            vf_coef=vf_coef, ent_coef=ent_coef)[:4]


def masked_mean(x: Array, mask: Array) -> Any:
    return ppocore.masked_mean(x, mask).mean


def sequence_mean(x: Array, mask: Array) -> Any:
    return ppocore.sequence_mean(x, mask).mean


def sequence_sum_mean(x: Array, mask: Array) -> Any:
    return ppocore.sequence_sum_mean(x, mask).mean


def clip_fraction(log_prob: Array, old_log_prob: Array, advantages: Array, clip_eps: float) -> Any:
    return ppocore.clip_fraction(log_prob, old_log_prob, advantages, clip_eps=clip_eps)


def explained_variance(values: Array, returns: Array) -> Any:
    return ppocore.explained_variance(values, returns)


def clip_grad_norm(grads: Sequence[Array], max_norm: float) -> Any:
    return list(ppocore.clip_grad_norm(grads, max_norm=max_norm).grads)


def adam_step(
    params: Array, grads: Array, first_moment: Array, second_moment: Array, step: int, learning_rate: float,
    beta1: float, beta2: float, eps: float,
) -> Any:
    return ppocore.adam_step(params, grads, first_moment, second_moment, step=step,
                             learning_rate=learning_rate, beta1=beta1, beta2=beta2, eps=eps)


def running_moments(batches: Sequence[Array]) -> Any:
    moments = ppocore.running_moments(batches)
    return np.asarray(moments.mean), np.asarray(moments.var)
