"""A policy as a torch module."""

from __future__ import annotations

import torch

from ppocore.training.export.plain import PlainPolicy


class TorchPolicy(torch.nn.Module):  # type: ignore[misc]
    """Observations (n, D), or (n,) numbers of states, to the outputs that `PlainPolicy.outputs` names.

    `action` is the likeliest one.  Parameters train on as any module's.
    """

    def __init__(self, policy: PlainPolicy) -> None:
        super().__init__()
        self.policy, self.log_std = policy, None
        self.activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "elu": torch.nn.ELU}[policy.activation]()
        self.layers = torch.nn.ModuleList()
        for matrix, bias in policy.layers:
            layer = torch.nn.Linear(*matrix.shape, dtype=torch.from_numpy(matrix).dtype)
            layer.load_state_dict({"weight": torch.from_numpy(matrix.T.copy()), "bias": torch.from_numpy(bias.copy())})
            self.layers.append(layer)
        for name, bound in zip(("low", "high"), policy.bounds, strict=True):
            self.register_buffer(name, torch.from_numpy(bound).to(self.layers[0].weight.dtype))
        if policy.log_std is not None:
            self.log_std = torch.nn.Parameter(torch.from_numpy(policy.log_std.copy()))
        if policy.moments is not None:
            self.register_buffer("mean", torch.from_numpy(policy.moments.mean.copy()))
            self.register_buffer("spread", torch.from_numpy((policy.moments.variance + policy.moments.eps) ** 0.5))

    def forward(self, observation: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the policy makes of a row of observations."""
        x = self._inputs(observation)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        x = self.layers[-1](x)
        return self._chosen(x) if self.policy.nvec else self._real(x)

    def _inputs(self, x: torch.Tensor) -> torch.Tensor:
        number = self.layers[0].weight.dtype
        if self.policy.num_states:
            x = torch.nn.functional.one_hot(x, self.policy.num_states)
        if self.policy.moments is not None:
            limit = self.policy.moments.limit
            x = ((x.double() - self.mean) / self.spread).clamp(-limit, limit)
        return x.to(number)

    def _chosen(self, logits: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = [torch.log_softmax(choice, -1) for choice in logits.split(self.policy.nvec, dim=-1)]
        actions = torch.stack([choice.argmax(-1) for choice in found], dim=-1)
        return actions if len(found) > 1 else actions[:, 0], torch.cat(found, dim=-1)

    def _real(self, outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.log_std is None:
            mean, log_std = outputs.chunk(2, dim=-1)
            assert self.policy.log_std_bounds is not None
            log_std = log_std.clamp(*self.policy.log_std_bounds)
        else:
            mean, log_std = outputs, self.log_std.expand(outputs.shape)
        if self.policy.squashed:
            return (self.low + self.high) / 2 + (self.high - self.low) / 2 * mean.tanh(), mean, log_std
        return mean.clamp(self.low, self.high), mean, log_std
