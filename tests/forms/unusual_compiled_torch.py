"""torch.compile (traced, no compiler of C needed) and TorchScript."""

import functools

import torch

FRAMEWORK = "torch"
DTYPE = "float64"

compiled = functools.partial(torch.compile, backend="aot_eager", dynamic=True)


@torch.jit.script
def _advantages(rewards: torch.Tensor, values: torch.Tensor, next_values: torch.Tensor, terminated: torch.Tensor,
                truncated: torch.Tensor, gamma: float, gae_lambda: float) -> tuple[torch.Tensor, torch.Tensor]:
    steps = rewards.size(0)
    out = torch.zeros_like(rewards)
    carry = torch.zeros_like(rewards[0])
    for i in range(steps):
        t = steps - 1 - i
        ahead = torch.where(terminated[t], torch.zeros_like(carry), next_values[t])
        carry = torch.where(torch.logical_or(terminated[t], truncated[t]), torch.zeros_like(carry), carry)
        carry = rewards[t] + gamma * ahead - values[t] + gamma * gae_lambda * carry
        out[t] = carry
    return out, out + values


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    return _advantages(rewards, values, next_values, terminated, truncated, gamma, gae_lambda)


@compiled
def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    ratio = torch.exp(log_prob - old_log_prob)
    return torch.max(-advantages * ratio, -advantages * torch.clamp(ratio, 1 - clip_eps, 1 + clip_eps)).mean()


@compiled
def normalize_advantages(advantages):
    return (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)


@torch.jit.script
def kl_k3(log_prob: torch.Tensor, old_log_prob: torch.Tensor) -> torch.Tensor:
    d = log_prob - old_log_prob
    return torch.mean(torch.expm1(d) - d)
