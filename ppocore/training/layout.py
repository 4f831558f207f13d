"""Where the parameters of policy and values lie in one flat vector, and how they begin."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array, Ints
from ppocore._kernels import kernel
from ppocore.environments import Spec
from ppocore.networks import mlp_size, orthogonal_mlp
from ppocore.training.config import Config


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
    """Orthogonal matrices: gain sqrt(2) inside, 0.01 for the policy's last and 1 for the values'."""
    inside, inner = math.sqrt(2.0), [int(size) for size in layout.policy_sizes[:-1]]
    policy = orthogonal_mlp([*inner, layout.outputs], hidden_gain=inside, output_gain=0.01, rng=rng)
    spread = np.full(layout.value - layout.log_std, config.log_std)
    if layout.shared:
        last = (inner[-1] + 1) * layout.outputs
        value = orthogonal_mlp([inner[-1], 1], hidden_gain=inside, output_gain=1.0, rng=rng)
        # Bias and all, the rows of a matrix: the value is one column more.
        head = np.column_stack([policy[-last:].reshape(-1, layout.outputs), value])
        parts = [policy[:-last], head.ravel(), spread]
    else:
        parts = [policy, spread, orthogonal_mlp(layout.value_sizes.tolist(), hidden_gain=inside, output_gain=1.0,
                                                rng=rng)]  # fmt: skip
    return np.concatenate(parts).astype(config.dtype)
