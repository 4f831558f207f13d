"""verl in float32 with its dual clip as an argument, its clamp declared, and its other masked mean."""

# An adapter offers what it imports.
# ruff: noqa: F401

import verl_float64
from verl.utils import torch_functional
from verl_float64 import (
    FRAMEWORK,
    VERSION,
    categorical_entropy,
    categorical_log_prob,
    clip_fraction,
    clipped_value_loss,
    normalize_advantages,
    sequence_mean,
    sequence_sum_mean,
    token_gae,
)

NAME = "verl, float32"
DTYPE = "float32"
CONVENTIONS = {"log_ratio_clamp": 20}

NO_DUAL_CLIP = 1e30


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None, dual_clip=NO_DUAL_CLIP):
    loss, _ = verl_float64.policy_loss(
        log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high, clip_ratio_c=dual_clip
    )
    return loss


def masked_mean(x, mask):
    """Adds 1e-8 to the count, which float32 does not see."""
    return torch_functional.masked_mean(x, mask.long())
