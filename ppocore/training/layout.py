"""Where the parameters of policy and values lie in one flat vector, and how they begin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Array, Ints
from ppocore._kernels import kernel
from ppocore.environments import Spec
from ppocore.networks import mlp_size
from ppocore.training.config import Config
from ppocore.training.initial import first_mlp


class Layout(NamedTuple):
    """Policy network, log standard deviations (for real actions), value network: in this order.

    A shared trunk is the policy network, with the value as one output more.
    """

    policy_sizes: Ints
    value_sizes: Ints
    log_std: int
    """Where the policy network ends."""
    value: int
    """Where the log standard deviations end, and the value network begins if it is separate."""
    end: int
    outputs: int
    """Of the policy."""
    value_output: int
    """Which output of the value network is the value."""
    continuous: bool
    relu: bool
    shared: bool


def layout_of(config: Config, spec: Spec) -> Layout:
    """The layers of a configuration in an environment."""
    outputs = 1 if spec.continuous else spec.num_actions
    policy = np.array([spec.observation_size, *config.hidden, outputs + int(config.shared_trunk)])
    value = policy if config.shared_trunk else np.array([spec.observation_size, *config.hidden, 1])
    log_std = mlp_size(policy.tolist())
    begin = log_std + (outputs if spec.continuous else 0)
    return Layout(
        policy_sizes=policy,
        value_sizes=value,
        log_std=log_std,
        value=begin,
        end=begin + (0 if config.shared_trunk else mlp_size(value.tolist())),
        outputs=outputs,
        value_output=outputs if config.shared_trunk else 0,
        continuous=spec.continuous,
        relu=config.activation == "relu",
        shared=config.shared_trunk,
    )


@kernel
def policy_network(layout: Layout, flat: Array) -> Array:
    """The part of all parameters, or of their gradients, that is the policy network."""
    return flat[: layout.log_std]


@kernel
def value_network(layout: Layout, flat: Array) -> Array:
    """The part of all parameters, or of their gradients, that is the value network."""
    return flat[: layout.log_std] if layout.shared else flat[layout.value :]


def first_parameters(config: Config, layout: Layout, rng: np.random.Generator) -> Array:
    """As configured."""
    inner = [int(size) for size in layout.policy_sizes[:-1]]
    alike: dict[str, Any] = {"initialization": config.initialization, "hidden_gain": config.hidden_gain, "rng": rng}
    policy = first_mlp([*inner, layout.outputs], output_gain=config.policy_gain, **alike)
    spread = np.full(layout.value - layout.log_std, config.log_std)
    if layout.shared:
        last = (inner[-1] + 1) * layout.outputs
        value = first_mlp([inner[-1], 1], output_gain=config.value_gain, **alike)
        # Bias and all, the rows of a matrix: the value is one column more.
        head = np.column_stack([policy[-last:].reshape(-1, layout.outputs), value])
        parts = [policy[:-last], head.ravel(), spread]
    else:
        parts = [policy, spread, first_mlp(layout.value_sizes.tolist(), output_gain=config.value_gain, **alike)]
    return np.concatenate(parts).astype(config.dtype)
