"""Find out what your PPO really computes: a verified reference, and a gate that names what is wrong.

Every name below is imported when it is first used, so that ``import ppocore`` is quick and loads neither
Numba nor SciPy nor any framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_ROOMS = {
    "advantages": (
        "GAE",
        "discounted_returns",
        "gae",
        "td_errors",
    ),
    "bernoulli": (
        "BernoulliEntropy",
        "BernoulliKL",
        "BernoulliLogProb",
        "bernoulli_entropy",
        "bernoulli_kl",
        "bernoulli_log_prob",
    ),
    "beta": ("BetaEntropy", "BetaKL", "BetaLogProb", "beta_entropy", "beta_kl", "beta_log_prob"),
    "conformance": ("check",),
    "diagnostics": ("BatchHealth", "batch_health", "clip_fraction", "explained_variance", "pareto_k_hat"),
    "distributions": (
        "CategoricalEntropy",
        "CategoricalLogProb",
        "CategoricalLogProbAndEntropy",
        "GaussianEntropy",
        "GaussianLogProb",
        "categorical_entropy",
        "categorical_log_prob",
        "categorical_log_prob_and_entropy",
        "gaussian_entropy",
        "gaussian_log_prob",
    ),
    "divergences": (
        "CategoricalKL",
        "GaussianKL",
        "KLEstimate",
        "categorical_kl",
        "gaussian_kl",
        "kl_k1",
        "kl_k2",
        "kl_k3",
    ),
    "expectations": (
        "exact_expectation",
        "exact_importance_expectation",
        "exact_importance_variance",
        "exact_truncation_bias",
        "exact_variance",
    ),
    "groups": ("dr_grpo_advantages", "grpo_advantages", "rloo_advantages"),
    "importance": (
        "ImportanceEstimate",
        "PerDecisionEstimate",
        "Ratio",
        "effective_sample_size",
        "gaussian_weight_second_moment",
        "importance_estimate",
        "per_decision_importance_estimate",
        "ratio",
        "self_normalized_estimate",
        "truncated_importance_estimate",
    ),
    "kl_penalty": ("KLPenaltyLoss", "kl_penalty_loss"),
    "losses": (
        "PPOLoss",
        "PolicyLoss",
        "clip_loss",
        "policy_gradient_loss",
        "ppo_loss",
        "surrogate_loss",
    ),
    "multidiscrete": (
        "MultiDiscreteEntropy",
        "MultiDiscreteKL",
        "MultiDiscreteLogProb",
        "multidiscrete_entropy",
        "multidiscrete_kl",
        "multidiscrete_log_prob",
    ),
    "normalization": ("normalize_advantages",),
    "off_policy": ("VTrace", "vtrace"),
    "optimizers": (
        "AdamStep",
        "ClippedGradients",
        "Moments",
        "adam_step",
        "adapt_kl_coef",
        "adapt_kl_coef_proportional",
        "clip_grad_norm",
        "running_moments",
        "sgd_step",
        "update_moments",
    ),
    "reductions": ("Mean", "masked_mean", "sequence_mean", "sequence_sum_mean", "trajectory_mean"),
    "sequence_losses": ("cispo_loss", "gspo_loss", "truncated_is_loss"),
    "squashed": ("squashed_gaussian_entropy", "squashed_gaussian_log_prob"),
    "token_advantages": ("token_gae",),
    "token_rewards": ("kl_reward",),
    "value_losses": ("ValueLoss", "clipped_value_loss", "huber_value_loss", "value_loss"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted([*_ROOM_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        value = getattr(import_module(f"ppocore.{_ROOM_OF[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"ppocore.{name}")
    elif name == "__version__":
        value = _version()
    else:
        raise AttributeError(f"module 'ppocore' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ppocore")
    except PackageNotFoundError:
        return "0.1.0"


if TYPE_CHECKING:
    from ppocore.advantages import GAE as GAE
    from ppocore.advantages import discounted_returns as discounted_returns
    from ppocore.advantages import gae as gae
    from ppocore.advantages import td_errors as td_errors
    from ppocore.bernoulli import BernoulliEntropy as BernoulliEntropy
    from ppocore.bernoulli import BernoulliKL as BernoulliKL
    from ppocore.bernoulli import BernoulliLogProb as BernoulliLogProb
    from ppocore.bernoulli import bernoulli_entropy as bernoulli_entropy
    from ppocore.bernoulli import bernoulli_kl as bernoulli_kl
    from ppocore.bernoulli import bernoulli_log_prob as bernoulli_log_prob
    from ppocore.beta import BetaEntropy as BetaEntropy
    from ppocore.beta import BetaKL as BetaKL
    from ppocore.beta import BetaLogProb as BetaLogProb
    from ppocore.beta import beta_entropy as beta_entropy
    from ppocore.beta import beta_kl as beta_kl
    from ppocore.beta import beta_log_prob as beta_log_prob
    from ppocore.conformance import check as check
    from ppocore.diagnostics import BatchHealth as BatchHealth
    from ppocore.diagnostics import batch_health as batch_health
    from ppocore.diagnostics import clip_fraction as clip_fraction
    from ppocore.diagnostics import explained_variance as explained_variance
    from ppocore.diagnostics import pareto_k_hat as pareto_k_hat
    from ppocore.distributions import CategoricalEntropy as CategoricalEntropy
    from ppocore.distributions import CategoricalLogProb as CategoricalLogProb
    from ppocore.distributions import CategoricalLogProbAndEntropy as CategoricalLogProbAndEntropy
    from ppocore.distributions import GaussianEntropy as GaussianEntropy
    from ppocore.distributions import GaussianLogProb as GaussianLogProb
    from ppocore.distributions import categorical_entropy as categorical_entropy
    from ppocore.distributions import categorical_log_prob as categorical_log_prob
    from ppocore.distributions import categorical_log_prob_and_entropy as categorical_log_prob_and_entropy
    from ppocore.distributions import gaussian_entropy as gaussian_entropy
    from ppocore.distributions import gaussian_log_prob as gaussian_log_prob
    from ppocore.divergences import CategoricalKL as CategoricalKL
    from ppocore.divergences import GaussianKL as GaussianKL
    from ppocore.divergences import KLEstimate as KLEstimate
    from ppocore.divergences import categorical_kl as categorical_kl
    from ppocore.divergences import gaussian_kl as gaussian_kl
    from ppocore.divergences import kl_k1 as kl_k1
    from ppocore.divergences import kl_k2 as kl_k2
    from ppocore.divergences import kl_k3 as kl_k3
    from ppocore.expectations import exact_expectation as exact_expectation
    from ppocore.expectations import exact_importance_expectation as exact_importance_expectation
    from ppocore.expectations import exact_importance_variance as exact_importance_variance
    from ppocore.expectations import exact_truncation_bias as exact_truncation_bias
    from ppocore.expectations import exact_variance as exact_variance
    from ppocore.groups import dr_grpo_advantages as dr_grpo_advantages
    from ppocore.groups import grpo_advantages as grpo_advantages
    from ppocore.groups import rloo_advantages as rloo_advantages
    from ppocore.importance import ImportanceEstimate as ImportanceEstimate
    from ppocore.importance import PerDecisionEstimate as PerDecisionEstimate
    from ppocore.importance import Ratio as Ratio
    from ppocore.importance import effective_sample_size as effective_sample_size
    from ppocore.importance import gaussian_weight_second_moment as gaussian_weight_second_moment
    from ppocore.importance import importance_estimate as importance_estimate
    from ppocore.importance import per_decision_importance_estimate as per_decision_importance_estimate
    from ppocore.importance import ratio as ratio
    from ppocore.importance import self_normalized_estimate as self_normalized_estimate
    from ppocore.importance import truncated_importance_estimate as truncated_importance_estimate
    from ppocore.kl_penalty import KLPenaltyLoss as KLPenaltyLoss
    from ppocore.kl_penalty import kl_penalty_loss as kl_penalty_loss
    from ppocore.losses import PolicyLoss as PolicyLoss
    from ppocore.losses import PPOLoss as PPOLoss
    from ppocore.losses import clip_loss as clip_loss
    from ppocore.losses import policy_gradient_loss as policy_gradient_loss
    from ppocore.losses import ppo_loss as ppo_loss
    from ppocore.losses import surrogate_loss as surrogate_loss
    from ppocore.multidiscrete import MultiDiscreteEntropy as MultiDiscreteEntropy
    from ppocore.multidiscrete import MultiDiscreteKL as MultiDiscreteKL
    from ppocore.multidiscrete import MultiDiscreteLogProb as MultiDiscreteLogProb
    from ppocore.multidiscrete import multidiscrete_entropy as multidiscrete_entropy
    from ppocore.multidiscrete import multidiscrete_kl as multidiscrete_kl
    from ppocore.multidiscrete import multidiscrete_log_prob as multidiscrete_log_prob
    from ppocore.normalization import normalize_advantages as normalize_advantages
    from ppocore.off_policy import VTrace as VTrace
    from ppocore.off_policy import vtrace as vtrace
    from ppocore.optimizers import AdamStep as AdamStep
    from ppocore.optimizers import ClippedGradients as ClippedGradients
    from ppocore.optimizers import Moments as Moments
    from ppocore.optimizers import adam_step as adam_step
    from ppocore.optimizers import adapt_kl_coef as adapt_kl_coef
    from ppocore.optimizers import adapt_kl_coef_proportional as adapt_kl_coef_proportional
    from ppocore.optimizers import clip_grad_norm as clip_grad_norm
    from ppocore.optimizers import running_moments as running_moments
    from ppocore.optimizers import sgd_step as sgd_step
    from ppocore.optimizers import update_moments as update_moments
    from ppocore.reductions import Mean as Mean
    from ppocore.reductions import masked_mean as masked_mean
    from ppocore.reductions import sequence_mean as sequence_mean
    from ppocore.reductions import sequence_sum_mean as sequence_sum_mean
    from ppocore.reductions import trajectory_mean as trajectory_mean
    from ppocore.sequence_losses import cispo_loss as cispo_loss
    from ppocore.sequence_losses import gspo_loss as gspo_loss
    from ppocore.sequence_losses import truncated_is_loss as truncated_is_loss
    from ppocore.squashed import squashed_gaussian_entropy as squashed_gaussian_entropy
    from ppocore.squashed import squashed_gaussian_log_prob as squashed_gaussian_log_prob
    from ppocore.token_advantages import token_gae as token_gae
    from ppocore.token_rewards import kl_reward as kl_reward
    from ppocore.value_losses import ValueLoss as ValueLoss
    from ppocore.value_losses import clipped_value_loss as clipped_value_loss
    from ppocore.value_losses import huber_value_loss as huber_value_loss
    from ppocore.value_losses import value_loss as value_loss

    __version__: str
