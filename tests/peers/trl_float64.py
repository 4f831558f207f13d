"""TRL: `GRPOTrainer._compute_loss` around stubs (TRL has no PPO any more), and its helpers on logits.

The trainer reads the per-token log-probabilities and entropies from a method, which the stub answers; its
metrics are read from where it logs them. Flat batches are handed over as one row.
"""

from collections import defaultdict
from types import SimpleNamespace

import torch
import trl
from trl.trainer import utils
from trl.trainer.grpo_trainer import GRPOTrainer

NAME = "TRL, float64"
VERSION = trl.__version__
FRAMEWORK = "torch"
DTYPE = "float64"

NO_CLIPPING = 1e30


def loss(
    log_prob,
    old_log_prob,
    advantages,
    mask=None,
    *,
    clip_eps_low=0.5,
    clip_eps_high=0.5,
    loss_type="bnpo",
    reference=None,
    corrected=False,
    entropies=None,
):
    """The loss of one batch and its metrics. "bnpo" divides by the number of valid tokens, "grpo" row by
    row.
    """
    rows = [None if x is None else x if x.ndim == 2 else x[None] for x in (log_prob, old_log_prob, advantages, mask)]
    log_prob, old_log_prob, advantages, mask = rows
    mask = torch.ones_like(log_prob, dtype=torch.int64) if mask is None else mask.long()
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (
            log_prob,
            torch.zeros_like(log_prob) if entropies is None else entropies,
            None,
        ),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level="token",
        beta=0.0 if reference is None else 1.0,
        loss_type=loss_type,
        epsilon_low=clip_eps_low,
        epsilon_high=clip_eps_high,
        use_vllm=False,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False,
        model=SimpleNamespace(training=True),
        _metrics={"train": defaultdict(list)},
        args=SimpleNamespace(delta=None, use_bias_correction_kl=corrected),
        accelerator=SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x),
    )
    tokens = torch.zeros_like(mask)
    inputs = {
        "prompt_ids": tokens,
        "prompt_mask": mask,
        "completion_ids": tokens,
        "completion_mask": mask,
        "advantages": advantages,
        "old_per_token_logps": old_log_prob,
        "ref_per_token_logps": reference if reference is None or reference.ndim == 2 else reference[None],
    }
    return GRPOTrainer._compute_loss(trainer, None, inputs), trainer._metrics["train"]


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    value, _ = loss(log_prob, old_log_prob, advantages, mask, clip_eps_low=clip_eps_low, clip_eps_high=clip_eps_high)
    return value


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    value, _ = loss(log_prob, old_log_prob, advantages, mask, clip_eps_low=NO_CLIPPING, clip_eps_high=NO_CLIPPING)
    return value


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    _, metrics = loss(log_prob, old_log_prob, advantages, clip_eps_low=clip_eps, clip_eps_high=clip_eps)
    return metrics["clip_ratio/region_mean"][0]


def kl_k3(log_prob, old_log_prob, mask=None):
    """The penalty towards the reference policy, for actions of the policy: the old policy takes the place
    of the latter.
    """
    _, metrics = loss(old_log_prob, old_log_prob, torch.zeros_like(log_prob), mask, reference=log_prob)
    return metrics["kl"][0]


def masked_mean(x, mask):
    """The mean entropy that the trainer reports."""
    _, metrics = loss(torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x), mask, entropies=x)
    return metrics["entropy"][0]


def sequence_mean(x, mask):
    """The "grpo" loss at ratio 1 and advantage -x."""
    value, _ = loss(torch.zeros_like(x), torch.zeros_like(x), -x, mask, loss_type="grpo")
    return value


def sequence_sum_mean(x, mask):
    """The "luspo" loss at ratio 1 and advantage -x."""
    value, _ = loss(torch.zeros_like(x), torch.zeros_like(x), -x, mask, loss_type="luspo")
    return value


def categorical_log_prob(logits, actions):
    return utils.selective_log_softmax(logits, actions)


def categorical_entropy(logits):
    return utils.entropy_from_logits(logits)
