"""torch.nn.Modules with buffers and settings of their own; what the gate is handed are their bound forward methods."""

import torch
from torch import nn

FRAMEWORK = "torch"
DTYPE = "float64"


class GeneralizedAdvantage(nn.Module):
    def forward(self, *, rewards, values, last_values, dones, gamma, gae_lambda):
        not_done = torch.logical_not(dones).type_as(rewards)
        following = torch.vstack((values[1:], last_values.unsqueeze(0)))
        deltas = torch.addcmul(rewards, following, not_done, value=gamma).sub_(values)
        advantages = torch.empty_like(deltas)
        carry = torch.zeros_like(last_values)
        for step, (delta, alive) in enumerate(zip(reversed(deltas.unbind()), reversed(not_done.unbind()))):
            carry = torch.lerp(torch.zeros_like(carry), carry, gamma * gae_lambda).mul(alive).add(delta)
            advantages[-1 - step] = carry
        return {"advantages": advantages, "returns": advantages.add(values)}


class ClippedSurrogate(nn.Module):
    def __init__(self, reduction):
        super().__init__()
        self.reduce = getattr(torch, reduction)

    def forward(self, log_prob, old_log_prob, advantages, clip_eps, dual_clip=None):
        ratio = torch.exp(log_prob - old_log_prob.detach())
        low = torch.minimum(ratio * advantages, nn.functional.hardtanh(ratio, 1 - clip_eps, 1 + clip_eps) * advantages)
        if dual_clip is not None:
            low = torch.where(advantages.lt(0), low.maximum(dual_clip * advantages), low)
        return self.reduce(low).neg()


class ValueError_(nn.Module):
    def __init__(self):
        super().__init__()
        self.criterion = nn.MSELoss(reduction="none")

    def forward(self, values, returns, old_values, value_clip_eps):
        near = torch.max(torch.min(values, old_values + value_clip_eps), old_values - value_clip_eps)
        return torch.stack((self.criterion(values, returns), self.criterion(near, returns))).amax(0).mean()


class DiagonalGaussian(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("half_log_two_pi", torch.tensor(0.9189385332046727, dtype=torch.float64))

    def log_prob(self, mean, log_std, actions):
        return torch.sum(-0.5 * ((actions - mean) / log_std.exp()).pow(2) - log_std - self.half_log_two_pi, dim=1)

    def entropy(self, mean, log_std):
        return (log_std + (0.5 + self.half_log_two_pi.to(log_std.dtype))).sum(1)


gae = GeneralizedAdvantage().forward
clip_loss = ClippedSurrogate("mean").forward
clipped_value_loss = ValueError_().forward
gaussian_log_prob = DiagonalGaussian().log_prob
gaussian_entropy = DiagonalGaussian().entropy
value_loss = lambda values, returns: torch.dist(values, returns).square() / values.numel()
