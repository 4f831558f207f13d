"""TRL's clip loss as "grpo" takes it: a mean over sequences of each sequence's mean over tokens."""

# An adapter offers what it imports.
# ruff: noqa: F401

import trl_float64
from trl_float64 import DTYPE, FRAMEWORK, VERSION

NAME = "TRL, float64, loss type grpo"


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    value, _ = trl_float64.loss(
        log_prob,
        old_log_prob,
        advantages,
        mask,
        clip_eps_low=clip_eps_low,
        clip_eps_high=clip_eps_high,
        loss_type="grpo",
    )
    return value
