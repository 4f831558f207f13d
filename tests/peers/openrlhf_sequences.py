"""OpenRLHF's rewards, proportional controller, GSPO and truncated weights, in float32: its losses are averaged in it.

Padding is set to zero before the call, as in `openrlhf_clean`: the package multiplies it by zero.  Its advantages of
groups stand in the middle of a method and cannot be called.
"""

# The first import sets up what the others need.
# ruff: noqa: I001

from openrlhf_float32 import FRAMEWORK, VERSION  # noqa: F401
import torch
from openrlhf.models.loss import PolicyLoss
from openrlhf.models.utils import compute_reward
from openrlhf.trainer.ppo_utils.kl_controller import AdaptiveKLController

NAME = "OpenRLHF, sequences, float32"
DTYPE = "float32"
CONVENTIONS = {"truncated_is_loss": {"log_ratio_clamp": 20}}


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    kl = (log_prob - ref_log_prob).masked_fill(~mask, 0.0)
    return compute_reward(scores, kl_coef, kl, mask)


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    controller = AdaptiveKLController(kl_coef, target_kl, horizon)
    controller.update(kl, batch_steps)
    return controller.value


def rows(mask, *tensors):
    """Rows of tokens with a mask of numbers, padding zeroed; a flat batch is one row."""
    mask = torch.ones_like(tensors[0], dtype=torch.bool) if mask is None else mask
    found = [tensor.masked_fill(~mask, 0.0) for tensor in tensors]
    return [tensor if tensor.ndim == 2 else tensor[None] for tensor in (*found, mask.double())]


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    advantages = advantages[:, None].expand_as(log_prob)
    log_prob, old_log_prob, advantages, mask = rows(mask, log_prob, old_log_prob, advantages)
    loss = PolicyLoss(clip_eps_low=clip_eps_low, clip_eps_high=clip_eps_high, policy_loss_type="gspo")
    return loss(log_prob, old_log_prob, advantages, action_mask=mask)[0]


def truncated_is_loss(
    log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps_low, clip_eps_high, mask=None
):
    log_prob, old_log_prob, rollout, advantages, mask = rows(
        mask, log_prob, old_log_prob, rollout_log_prob, advantages
    )
    loss = PolicyLoss(
        clip_eps_low=clip_eps_low, clip_eps_high=clip_eps_high, is_correction_level="token",
        is_correction_mode="clip", is_correction_threshold=[0.0, max_weight],
    )
    return loss(log_prob, old_log_prob, advantages, action_mask=mask, rollout_log_probs=rollout)[0]
