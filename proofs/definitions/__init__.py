"""What every operation means: the formulas of the papers and of the source, literally, in exact arithmetic.

Nothing of ppocore is imported here.  ``DEFINITIONS[name](**inputs)`` takes plain lists by the names of the
contract and returns a dict by output name: first the outputs of the contract, then the other derivatives that
ppocore returns.  Exact results are Fractions, the others `arb` balls at ``flint.ctx.prec``; a result that is
exactly 0 may be a Fraction among balls.  ``ALTERNATIVES[name]`` are other routes to the same numbers; they may
return fewer outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions import advantages as adv
from proofs.definitions import bernoulli as bern
from proofs.definitions import beta as bet
from proofs.definitions import diagnostics as diag
from proofs.definitions import distributions as dist
from proofs.definitions import divergences as div
from proofs.definitions import expectations as expect
from proofs.definitions import groups as grp
from proofs.definitions import importance as imp
from proofs.definitions import losses, off_policy, optimizers
from proofs.definitions import multidiscrete as multi
from proofs.definitions import reductions as red
from proofs.definitions import sequence_losses as seq

Definition = Callable[..., dict[str, Any]]

_ROUTES: dict[str, tuple[Definition, ...]] = {
    "td_errors": (adv.td_errors, adv.td_errors_as_one_step),
    "gae": (adv.gae, adv.gae_by_products, adv.gae_by_mixture, adv.gae_by_elimination),
    "discounted_returns": (adv.discounted_returns, adv.discounted_returns_by_elimination),
    "vtrace": (off_policy.vtrace, off_policy.vtrace_by_elimination),
    "token_gae": (adv.token_gae, adv.token_gae_compressed),
    "normalize_advantages": (adv.normalize_advantages, adv.normalize_advantages_by_pairs),
    "grpo_advantages": (grp.grpo_advantages, grp.grpo_advantages_by_pairs),
    "rloo_advantages": (grp.rloo_advantages, grp.rloo_advantages_by_pairs),
    "dr_grpo_advantages": (grp.dr_grpo_advantages, grp.dr_grpo_advantages_by_pairs),
    "kl_reward": (grp.kl_reward, grp.kl_reward_by_returns),
    "adapt_kl_coef_proportional": (
        optimizers.adapt_kl_coef_proportional, optimizers.adapt_kl_coef_proportional_by_target
    ),
    "ratio": (imp.ratio, imp.ratio_of_probabilities),
    "importance_estimate": (imp.importance_estimate, imp.importance_estimate_of_probabilities),
    "self_normalized_estimate": (imp.self_normalized_estimate, imp.self_normalized_estimate_by_softmax),
    "effective_sample_size": (imp.effective_sample_size, imp.effective_sample_size_by_normalized),
    "truncated_importance_estimate": (
        imp.truncated_importance_estimate, imp.truncated_importance_estimate_by_excess
    ),
    "per_decision_importance_estimate": (
        imp.per_decision_importance_estimate, imp.per_decision_importance_estimate_by_prefixes
    ),
    "kl_k1": (div.kl_k1, div.kl_k1_of_ratio),
    "kl_k2": (div.kl_k2, div.kl_k2_of_ratio),
    "kl_k3": (div.kl_k3, div.kl_k3_of_ratio),
    "categorical_kl": (div.categorical_kl, div.categorical_kl_by_cross_entropy, div.categorical_kl_by_bregman),
    "gaussian_kl": (
        div.gaussian_kl, div.gaussian_kl_by_cross_entropy, div.gaussian_kl_by_bregman, div.gaussian_kl_by_integral
    ),
    "adapt_kl_coef": (optimizers.adapt_kl_coef, optimizers.adapt_kl_coef_by_quotient),
    "categorical_log_prob": (dist.categorical_log_prob, dist.categorical_log_prob_by_partition),
    "categorical_entropy": (dist.categorical_entropy, dist.categorical_entropy_by_partition),
    "categorical_log_prob_and_entropy": (
        dist.categorical_log_prob_and_entropy, dist.categorical_log_prob_and_entropy_by_partition
    ),
    "gaussian_log_prob": (dist.gaussian_log_prob, dist.gaussian_log_prob_of_density),
    "gaussian_entropy": (dist.gaussian_entropy, dist.gaussian_entropy_by_integral),
    "squashed_gaussian_log_prob": (dist.squashed_gaussian_log_prob, dist.squashed_gaussian_log_prob_by_slope),
    "bernoulli_log_prob": (bern.bernoulli_log_prob, bern.bernoulli_log_prob_by_partition),
    "bernoulli_entropy": (bern.bernoulli_entropy, bern.bernoulli_entropy_by_partition),
    "bernoulli_kl": (bern.bernoulli_kl, bern.bernoulli_kl_by_bregman),
    "beta_log_prob": (bet.beta_log_prob, bet.beta_log_prob_by_shifts),
    "beta_entropy": (bet.beta_entropy, bet.beta_entropy_by_shifts),
    "beta_kl": (bet.beta_kl, bet.beta_kl_by_shifts),
    "multidiscrete_log_prob": (multi.multidiscrete_log_prob, multi.multidiscrete_log_prob_by_partition),
    "multidiscrete_entropy": (multi.multidiscrete_entropy, multi.multidiscrete_entropy_of_joint),
    "multidiscrete_kl": (multi.multidiscrete_kl, multi.multidiscrete_kl_by_partition),
    "policy_gradient_loss": (losses.policy_gradient_loss, losses.policy_gradient_loss_by_polarisation),
    "surrogate_loss": (losses.surrogate_loss, losses.surrogate_loss_of_probabilities),
    "clip_loss": (losses.clip_loss, losses.clip_loss_by_sign),
    "gspo_loss": (seq.gspo_loss, seq.gspo_loss_by_roots),
    "cispo_loss": (seq.cispo_loss, seq.cispo_loss_by_hand),
    "truncated_is_loss": (seq.truncated_is_loss, seq.truncated_is_loss_at_the_advantage),
    "kl_penalty_loss": (losses.kl_penalty_loss, losses.kl_penalty_loss_by_hand),
    "value_loss": (losses.value_loss, losses.value_loss_by_moments),
    "clipped_value_loss": (losses.clipped_value_loss, losses.clipped_value_loss_by_distance),
    "huber_value_loss": (losses.huber_value_loss, losses.huber_value_loss_by_clipping),
    "ppo_loss": (losses.ppo_loss, losses.ppo_loss_by_samples),
    "masked_mean": (red.masked_mean, red.masked_mean_by_rows),
    "sequence_mean": (red.sequence_mean, red.sequence_mean_by_slots),
    "sequence_sum_mean": (red.sequence_sum_mean, red.sequence_sum_mean_by_columns),
    "clip_fraction": (diag.clip_fraction, diag.clip_fraction_by_ends),
    "explained_variance": (diag.explained_variance, diag.explained_variance_by_pairs),
    "clip_grad_norm": (optimizers.clip_grad_norm, optimizers.clip_grad_norm_by_maximum),
    "adam_step": (optimizers.adam_step, optimizers.adam_step_by_rate),
    "running_moments": (optimizers.running_moments, optimizers.running_moments_by_sums),
    # Public functions of ppocore beyond the table of operations.
    "gaussian_weight_second_moment": (
        imp.gaussian_weight_second_moment, imp.gaussian_weight_second_moment_by_integral
    ),
    "sgd_step": (optimizers.sgd_step, optimizers.sgd_step_by_model),
    "squashed_gaussian_entropy": (dist.squashed_gaussian_entropy, dist.squashed_gaussian_entropy_of_density),
    "trajectory_mean": (red.trajectory_mean, red.trajectory_mean_padded),
    "update_moments": (optimizers.update_moments, optimizers.update_moments_by_gap),
    "exact_expectation": (expect.exact_expectation, expect.exact_expectation_over_samples),
    "exact_variance": (expect.exact_variance, expect.exact_variance_over_samples),
    "exact_importance_expectation": (
        expect.exact_importance_expectation, expect.exact_importance_expectation_over_samples
    ),
    "exact_importance_variance": (
        expect.exact_importance_variance, expect.exact_importance_variance_over_samples
    ),
    "exact_truncation_bias": (expect.exact_truncation_bias, expect.exact_truncation_bias_by_excess),
}

DEFINITIONS: dict[str, Definition] = {name: routes[0] for name, routes in _ROUTES.items()}
ALTERNATIVES: dict[str, tuple[Definition, ...]] = {name: routes[1:] for name, routes in _ROUTES.items()}
