"""A policy as a torch module."""

from __future__ import annotations

import torch

from ppocore.training.export.plain import PlainPolicy


class TorchPolicy(torch.nn.Module):  # type: ignore[misc]
    """Observations (n, D), or (n,) numbers of states, to the outputs that `PlainPolicy.outputs` names.

    `action` is the likeliest one: int64 (n,), or (n, dimensions) within bounds.  A Gaussian's log-probability of other
    actions follows from mean and log_std, before the bounds.  Parameters train on as any module's.
    """

    def __init__(self, policy: PlainPolicy) -> None:
        super().__init__()
        self.num_states, self.low, self.high = policy.num_states, *policy.bounds
        self.activation = torch.nn.ReLU() if policy.relu else torch.nn.Tanh()
        self.layers = torch.nn.ModuleList()
        for matrix, bias in policy.layers:
            layer = torch.nn.Linear(*matrix.shape, dtype=torch.from_numpy(matrix).dtype)
            layer.load_state_dict({"weight": torch.from_numpy(matrix.T.copy()), "bias": torch.from_numpy(bias.copy())})
            self.layers.append(layer)
        self.log_std = None
        if policy.log_std is not None:
            self.log_std = torch.nn.Parameter(torch.from_numpy(policy.log_std.copy()))

    def forward(self, observation: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the policy makes of a row of observations."""
        x = observation
        if self.num_states:
            x = torch.nn.functional.one_hot(x, self.num_states).to(self.layers[0].weight.dtype)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        x = self.layers[-1](x)
        if self.log_std is None:
            return x.argmax(-1), torch.log_softmax(x, -1)
        return x.clamp(self.low, self.high), x, self.log_std.expand(x.shape)
