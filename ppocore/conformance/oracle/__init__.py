"""Literal definitions in 60-digit decimals, with room for rounding; imports none of the math rooms."""

from __future__ import annotations

from collections.abc import Callable

from ppocore.conformance.oracle import (
    advantages,
    bernoulli,
    beta,
    groups,
    losses,
    multidiscrete,
    off_policy,
    probability,
    sequence_losses,
    statistics,
)
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs

Formula = Callable[[Inputs, Choices], Outputs]

DEFINITIONS: dict[str, Formula] = {
    formula.__name__: formula
    for formula in (
        advantages.td_errors, advantages.gae, advantages.discounted_returns, advantages.token_gae,
        advantages.normalize_advantages, off_policy.vtrace,
        groups.grpo_advantages, groups.rloo_advantages, groups.dr_grpo_advantages, groups.kl_reward,
        groups.adapt_kl_coef_proportional,
        probability.ratio, probability.importance_estimate, probability.self_normalized_estimate,
        probability.effective_sample_size, probability.kl_k1, probability.kl_k2, probability.kl_k3,
        off_policy.truncated_importance_estimate, off_policy.per_decision_importance_estimate,
        probability.categorical_kl, probability.gaussian_kl, probability.adapt_kl_coef,
        probability.categorical_log_prob, probability.categorical_entropy, probability.gaussian_log_prob,
        probability.gaussian_entropy, probability.squashed_gaussian_log_prob,
        bernoulli.bernoulli_log_prob, bernoulli.bernoulli_entropy, bernoulli.bernoulli_kl,
        beta.beta_log_prob, beta.beta_entropy, beta.beta_kl,
        multidiscrete.multidiscrete_log_prob, multidiscrete.multidiscrete_entropy, multidiscrete.multidiscrete_kl,
        losses.surrogate_loss, losses.clip_loss, losses.kl_penalty_loss, losses.value_loss,
        losses.policy_gradient_loss, losses.huber_value_loss,
        losses.clipped_value_loss, losses.ppo_loss,
        sequence_losses.gspo_loss, sequence_losses.cispo_loss, sequence_losses.truncated_is_loss,
        statistics.masked_mean, statistics.sequence_mean, statistics.sequence_sum_mean,
        statistics.clip_fraction, statistics.explained_variance, statistics.clip_grad_norm,
        statistics.adam_step, statistics.running_moments,
    )
}
