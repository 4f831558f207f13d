"""Library code that keeps (N, T) arrays, behind an adapter that transposes (the answer is a view, not contiguous)."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


class BatchMajorEstimator:
    def __init__(self, gamma, lam):
        self.gamma, self.lam = gamma, lam

    def __call__(self, reward, value, next_value, done, terminated):
        advantage = torch.zeros_like(value)
        running = torch.zeros_like(value[:, 0])
        for t in range(value.size(1) - 1, -1, -1):
            bootstrap = torch.where(terminated[:, t], 0.0, next_value[:, t])
            delta = reward[:, t] + self.gamma * bootstrap - value[:, t]
            running = delta + self.gamma * self.lam * torch.where(done[:, t], 0.0, running)
            advantage[:, t] = running
        return advantage, advantage + value


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    estimator = BatchMajorEstimator(gamma, gae_lambda)
    a, g = estimator(rewards.T, values.T, next_values.T, (terminated | truncated).T, terminated.T)
    return a.T, g.T


def token_gae(rewards, values, mask, gamma, gae_lambda):
    """verl's way, with where instead of multiplication."""
    lastgaelam, nextvalues = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    reversed_ = []
    for t in reversed(range(rewards.shape[-1])):
        delta = rewards[:, t] + gamma * nextvalues - values[:, t]
        lastgaelam_ = delta + gamma * gae_lambda * lastgaelam
        nextvalues = torch.where(mask[:, t], values[:, t], nextvalues)
        lastgaelam = torch.where(mask[:, t], lastgaelam_, lastgaelam)
        reversed_.append(lastgaelam)
    return torch.stack(reversed_[::-1], dim=1)
