"""torchrl in float32, with two obstacles out of the way, so that the rest can be judged.

The unused next values of terminal steps are set to zero before the call: the package multiplies them by
zero, which leaves NaN where NaN stood. And `KLPENPPOLoss` may not change its coefficient between the loss
and its gradient.
"""

# An adapter offers what it imports.
# ruff: noqa: F403

import torchrl_float32
from torchrl_float32 import *

NAME = "torchrl, float32, unused slots zeroed, coefficient held"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    next_values = next_values.masked_fill(terminated, 0.0)
    return torchrl_float32.gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda)


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    next_values = next_values.masked_fill(terminated, 0.0)
    return torchrl_float32.td_errors(rewards, values, next_values, terminated, truncated, gamma)


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    next_values = next_values.masked_fill(terminated, 0.0)
    return torchrl_float32.discounted_returns(rewards, next_values, terminated, truncated, gamma)


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, rho_clip, c_clip):
    next_values = next_values.masked_fill(terminated, 0.0)
    return torchrl_float32.vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma,
                                  rho_clip, c_clip)


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    return torchrl_float32.kl_penalty(logits, old_logits, actions, advantages, kl_coef, increment=1.0, decrement=1.0)
