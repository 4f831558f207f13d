"""Where the parameters of policy and values lie in one flat vector, and how they begin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Array, Floats, Ints
from ppocore.environments import Spec
from ppocore.networks import ACTIVATIONS, mlp_size
from ppocore.training.config import Config
from ppocore.training.heads import Head, bounds_of, head_of
from ppocore.training.initial import first_mlp


class Layout(NamedTuple):
    """Policy network, log standard deviations (if parameters), value network: in this order.

    A shared trunk is the policy network, with the value as one output more.
    """

    policy_sizes: Ints
    value_sizes: Ints
    log_std: int
    """Where the policy network ends."""
    value: int
    """Where the log standard deviations end, and the value network begins if it is separate."""
    end: int
    value_network: int
    """Where the network with the value among its outputs begins: 0 if it is that of the policy."""
    value_output: int
    """Which output of the value network is the value."""
    head: Head
    bounds: Floats
    """(2, dimensions) of real actions."""
    activation: int
    """Place in `networks.ACTIVATIONS`."""
    shared: bool


def layout_of(config: Config, spec: Spec) -> Layout:
    """The layers of a configuration in an environment."""
    head = head_of(config, spec)
    policy = np.array([spec.observation_size, *config.hidden, head.outputs + int(config.shared_trunk)])
    value = policy if config.shared_trunk else np.array([spec.observation_size, *config.hidden, 1])
    log_std = mlp_size(policy.tolist())
    begin = log_std + (head.dimensions if spec.continuous and not head.std_from_state else 0)
    return Layout(
        policy_sizes=policy,
        value_sizes=value,
        log_std=log_std,
        value=begin,
        end=begin + (0 if config.shared_trunk else mlp_size(value.tolist())),
        value_network=0 if config.shared_trunk else begin,
        value_output=head.outputs if config.shared_trunk else 0,
        head=head,
        bounds=bounds_of(spec),
        activation=ACTIVATIONS.index(config.activation),
        shared=config.shared_trunk,
    )


def first_parameters(config: Config, layout: Layout, rng: np.random.Generator) -> Array:
    """As configured."""
    inner, head = [int(size) for size in layout.policy_sizes[:-1]], layout.head
    alike: dict[str, Any] = {"initialization": config.initialization, "hidden_gain": config.hidden_gain, "rng": rng}
    policy = first_mlp([*inner, head.outputs], output_gain=config.policy_gain, **alike)
    if head.std_from_state:
        # The biases of those outputs.
        policy[-head.dimensions :] = config.log_std
    spread = np.full(layout.value - layout.log_std, config.log_std)
    if layout.shared:
        last = (inner[-1] + 1) * head.outputs
        value = first_mlp([inner[-1], 1], output_gain=config.value_gain, **alike)
        # Bias and all, the rows of a matrix: the value is one column more.
        top = np.column_stack([policy[-last:].reshape(-1, head.outputs), value])
        parts = [policy[:-last], top.ravel(), spread]
    else:
        parts = [policy, spread, first_mlp(layout.value_sizes.tolist(), output_gain=config.value_gain, **alike)]
    return np.concatenate(parts).astype(config.dtype)
