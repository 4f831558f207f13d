"""tianshou's advantages in float32 with the unused next values of terminal steps set to zero before the call."""

# An adapter offers what it imports.
# ruff: noqa: F401

import tianshou_float32
from tianshou_float32 import DTYPE, FRAMEWORK, VERSION

NAME = "tianshou, float32, unused slots zeroed"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    next_values = next_values.masked_fill(terminated, 0.0)
    return tianshou_float32.gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda)
