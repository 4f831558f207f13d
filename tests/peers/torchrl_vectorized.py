"""torchrl's vectorised value estimators in float32, unused next values zeroed (see `torchrl_clean.py`)."""

# An adapter offers what it imports.
# ruff: noqa: F401

from torchrl.objectives.value import functional
from torchrl_float32 import DTYPE, FRAMEWORK, VERSION, sequences, steps

NAME = "torchrl, float32, vectorised estimators"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    next_values = next_values.masked_fill(terminated, 0.0)
    rewards, values, next_values, terminated, truncated = sequences(rewards, values, next_values, terminated, truncated)
    advantages, returns = functional.vec_generalized_advantage_estimate(
        gamma, gae_lambda, values, next_values, rewards, terminated | truncated, terminated
    )
    return steps(advantages), steps(returns)


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    next_values = next_values.masked_fill(terminated, 0.0)
    rewards, next_values, terminated, truncated = sequences(rewards, next_values, terminated, truncated)
    return steps(functional.vec_td1_return_estimate(gamma, next_values, rewards, terminated | truncated, terminated))
