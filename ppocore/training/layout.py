"""Where the parameters of policy and values lie in one flat vector, and how they begin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Array, Ints
from ppocore.environments import Spec
from ppocore.networks import mlp_size
from ppocore.training.config import Config
from ppocore.training.initial import first_mlp


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
    outputs = 1 if spec.continuous else spec.num_actions
    policy = np.array([spec.observation_size, *config.hidden, outputs])
    value = np.array([spec.observation_size, *config.hidden, 1])
    log_std = mlp_size(policy.tolist())
    begin = log_std + (outputs if spec.continuous else 0)
    return Layout(policy, value, log_std, begin, begin + mlp_size(value.tolist()), spec.continuous,
                  config.activation == "relu")  # fmt: skip


def first_parameters(config: Config, layout: Layout, rng: np.random.Generator) -> Array:
    """As configured."""
    alike: dict[str, Any] = {"initialization": config.initialization, "hidden_gain": config.hidden_gain, "rng": rng}
    policy = first_mlp(layout.policy_sizes.tolist(), output_gain=config.policy_gain, **alike)
    values = first_mlp(layout.value_sizes.tolist(), output_gain=config.value_gain, **alike)
    spread = np.full(layout.value - layout.log_std, config.log_std)
    return np.concatenate([policy, spread, values]).astype(config.dtype)
