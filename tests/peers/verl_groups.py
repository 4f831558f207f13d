"""verl's advantages of groups, rewards, proportional controller and the losses of the language-model family.

Padding is set to zero before the call, as in `openrlhf_clean`: the package multiplies it by zero.
"""

from importlib.metadata import version

import numpy as np
import torch
from verl.trainer.ppo import core_algos, rollout_corr_helper
from verl.workers.config import ActorConfig

NAME = "verl, groups and sequences, float64"
VERSION = version("verl")
FRAMEWORK = "torch"
DTYPE = "float64"
CONVENTIONS = {"truncated_is_loss": {"log_ratio_clamp": 20, "dual_clip": 3}}


def grouped(estimator, rewards, **settings):
    """One token an answer; prompts are told by their number."""
    scores = rewards.reshape(-1, 1)
    index = np.repeat(np.arange(len(rewards)), rewards.shape[1])
    advantages, _ = estimator(scores, torch.ones_like(scores), index, **settings)
    return advantages.reshape(rewards.shape)


def grpo_advantages(rewards):
    return grouped(core_algos.compute_grpo_outcome_advantage, rewards)


def dr_grpo_advantages(rewards):
    return grouped(core_algos.compute_grpo_outcome_advantage, rewards, norm_adv_by_std_in_grpo=False)


def rloo_advantages(rewards):
    return grouped(core_algos.compute_rloo_outcome_advantage, rewards)


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    """The score is laid at the last valid token, as the reward managers do."""
    last = mask.shape[1] - 1 - mask.long().flip(1).argmax(dim=1)
    token_scores = torch.zeros_like(log_prob)
    token_scores[torch.arange(len(scores)), last] = scores
    return core_algos.compute_rewards(token_scores, log_prob, ref_log_prob, kl_coef)


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    controller = core_algos.AdaptiveKLController(kl_coef, target_kl, horizon)
    controller.update(kl, batch_steps)
    return controller.value


def config(low, high):
    return ActorConfig(
        strategy="fsdp", rollout_n=1, use_dynamic_bsz=True, clip_ratio_low=low, clip_ratio_high=high
    )


def rows(mask, *tensors):
    """Rows of tokens with a mask of numbers, padding zeroed; a flat batch is one row."""
    mask = torch.ones_like(tensors[0], dtype=torch.bool) if mask is None else mask
    found = [tensor.masked_fill(~mask, 0.0) for tensor in tensors]
    return [tensor if tensor.ndim == 2 else tensor[None] for tensor in (*found, mask.long())]


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    log_prob, old_log_prob, advantages, mask = rows(mask, log_prob, old_log_prob, advantages)
    loss, _ = core_algos.compute_policy_loss_cispo(
        old_log_prob, log_prob, advantages, mask, config=config(clip_eps_low, clip_eps_high)
    )
    return loss


def truncated_is_loss(
    log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps_low, clip_eps_high, mask=None
):
    log_prob, old_log_prob, rollout, advantages, mask = rows(
        mask, log_prob, old_log_prob, rollout_log_prob, advantages
    )
    weights, _ = rollout_corr_helper.compute_rollout_correction_weights(
        (old_log_prob - rollout).detach(), mask, "token", max_weight
    )
    loss, _ = core_algos.compute_policy_loss_vanilla(
        old_log_prob, log_prob, advantages, mask, config=config(clip_eps_low, clip_eps_high),
        rollout_is_weights=weights,
    )
    return loss
