"""verl in float32 with its clamp declared, its dual clip as an argument, and its other masked mean."""

from verl.utils import torch_functional
from verl_float64 import *
from verl_float64 import policy_loss

NAME = "verl, float32"
DTYPE = "float32"
CONVENTIONS = {"log_ratio_clamp": 20}

NO_DUAL_CLIP = 1e30


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None, dual_clip=NO_DUAL_CLIP):
    loss, _ = policy_loss(
        log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high, clip_ratio_c=dual_clip
    )
    return loss


def masked_mean(x, mask):
    """Adds 1e-8 to the count, which float32 does not see."""
    return torch_functional.masked_mean(x, mask.long())
