"""Where the parameters of policy and values lie in one flat vector, and how they begin."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array, Ints
from ppocore.environments import Spec
from ppocore.networks import mlp_size, orthogonal_mlp
from ppocore.training.config import Config


class Layout(NamedTuple):
    """Policy network, log standard deviations (for real actions), value network: in this order."""

    policy_sizes: Ints
    value_sizes: Ints
    log_std: int
    """Where the policy network ends."""
    value: int
    """Where the value network begins."""
    end: int
    continuous: bool
    relu: bool


def layout_of(config: Config, spec: Spec) -> Layout:
    """The layers of a configuration in an environment."""
    outputs = spec.dimensions if spec.continuous else spec.num_actions
    policy = np.array([spec.observation_size, *config.hidden, outputs])
    value = np.array([spec.observation_size, *config.hidden, 1])
    log_std = mlp_size(policy.tolist())
    begin = log_std + (outputs if spec.continuous else 0)
    return Layout(policy, value, log_std, begin, begin + mlp_size(value.tolist()), spec.continuous,
                  config.activation == "relu")  # fmt: skip


def first_parameters(config: Config, layout: Layout, rng: np.random.Generator) -> Array:
    """Orthogonal matrices: gain sqrt(2) inside, 0.01 for the policy's last and 1 for the values'."""
    inside = math.sqrt(2.0)
    policy = orthogonal_mlp(layout.policy_sizes.tolist(), hidden_gain=inside, output_gain=0.01, rng=rng)
    values = orthogonal_mlp(layout.value_sizes.tolist(), hidden_gain=inside, output_gain=1.0, rng=rng)
    spread = np.full(layout.value - layout.log_std, config.log_std)
    return np.concatenate([policy, spread, values]).astype(config.dtype)
