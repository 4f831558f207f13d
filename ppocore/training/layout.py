"""Where the parameters of policy and values lie in one flat vector, and how they begin."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array, Ints
from ppocore.environments import Spec
from ppocore.networks import mlp_size, orthogonal_mlp
from ppocore.training.config import Config
from ppocore.training.heads import Head, head_of


class Layout(NamedTuple):
    """Policy network, log standard deviations (if parameters), value network: in this order."""

    policy_sizes: Ints
    value_sizes: Ints
    log_std: int
    """Where the policy network ends."""
    value: int
    """Where the value network begins."""
    end: int
    head: Head
    relu: bool


def layout_of(config: Config, spec: Spec) -> Layout:
    """The layers of a configuration in an environment."""
    head = head_of(config, spec)
    policy = np.array([spec.observation_size, *config.hidden, head.outputs])
    value = np.array([spec.observation_size, *config.hidden, 1])
    log_std = mlp_size(policy.tolist())
    begin = log_std + (head.dimensions if spec.continuous and not head.std_from_state else 0)
    return Layout(policy, value, log_std, begin, begin + mlp_size(value.tolist()), head,
                  config.activation == "relu")  # fmt: skip


def first_parameters(config: Config, layout: Layout, rng: np.random.Generator) -> Array:
    """Orthogonal matrices: gain sqrt(2) inside, 0.01 for the policy's last and 1 for the values'."""
    inside = math.sqrt(2.0)
    policy = orthogonal_mlp(layout.policy_sizes.tolist(), hidden_gain=inside, output_gain=0.01, rng=rng)
    values = orthogonal_mlp(layout.value_sizes.tolist(), hidden_gain=inside, output_gain=1.0, rng=rng)
    if layout.head.std_from_state:
        # The biases of those outputs.
        policy[-layout.head.dimensions :] = config.log_std
    spread = np.full(layout.value - layout.log_std, config.log_std)
    return np.concatenate([policy, spread, values]).astype(config.dtype)
