"""OpenRLHF in float32 with padding set to zero before the call, and its ways declared.

The package multiplies padding by zero, which leaves NaN where NaN stood; without NaN the rest can be judged.
"""

# An adapter offers what it imports.
# ruff: noqa: F401

import openrlhf_float32
from openrlhf_float32 import DTYPE, FRAMEWORK, VERSION

NAME = "OpenRLHF, float32, unused slots zeroed"
CONVENTIONS = {"token_mask": "multiply", "log_ratio_clamp": 20}


def zero(mask, *tensors):
    return tensors if mask is None else [tensor.masked_fill(~mask, 0.0) for tensor in tensors]


def token_gae(rewards, values, mask, gamma, gae_lambda):
    return openrlhf_float32.token_gae(*zero(mask, rewards, values), mask, gamma, gae_lambda)


def normalize_advantages(advantages, mask=None):
    return openrlhf_float32.normalize_advantages(*zero(mask, advantages), mask)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None, dual_clip=None):
    log_prob, old_log_prob, advantages = zero(mask, log_prob, old_log_prob, advantages)
    return openrlhf_float32.clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask, dual_clip)


def value_loss(values, returns, mask=None):
    return openrlhf_float32.value_loss(*zero(mask, values, returns), mask)


def clipped_value_loss(values, old_values, returns, value_clip_eps, mask=None):
    return openrlhf_float32.clipped_value_loss(*zero(mask, values, old_values, returns), value_clip_eps, mask)


def masked_mean(x, mask):
    return openrlhf_float32.masked_mean(*zero(mask, x), mask)


def sequence_mean(x, mask):
    return openrlhf_float32.sequence_mean(*zero(mask, x), mask)
