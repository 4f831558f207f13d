"""torch.func: one sample, one environment or one row at a time, mapped over the batch; gradients by torch.func.grad."""

import torch
from torch.func import grad_and_value, vmap

FRAMEWORK = "torch"
DTYPE = "float64"


def _one_environment(rewards, values, last_values, dones, gamma, gae_lambda):
    later, following, out = torch.zeros_like(last_values), last_values, []
    for t in range(len(rewards) - 1, -1, -1):
        go_on = 1 - dones[t].to(rewards.dtype)
        later = rewards[t] + gamma * go_on * following - values[t] + gamma * gae_lambda * go_on * later
        following = values[t]
        out.append(later)
    return torch.stack(out[::-1])


def gae(rewards, values, last_values, dones, gamma, gae_lambda):
    mapped = vmap(_one_environment, in_dims=(1, 1, 0, 1, None, None), out_dims=1)
    return mapped(rewards, values, last_values, dones, gamma, gae_lambda)


def ratio(log_prob, old_log_prob):
    return vmap(lambda new, old: torch.exp(new - old))(log_prob, old_log_prob)


def _one_sample(log_prob, old_log_prob, advantage, low, high):
    r = torch.exp(log_prob - old_log_prob)
    return -torch.minimum(r * advantage, torch.clip(r, low, high) * advantage)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    samples = vmap(_one_sample, in_dims=(0, 0, 0, None, None))
    return samples(log_prob, old_log_prob, advantages, 1 - clip_eps, 1 + clip_eps).mean()


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    def loss(logits):
        def one(z, old_z, action, advantage):
            new, old = torch.log_softmax(z, 0), torch.log_softmax(old_z, 0)
            chosen = torch.arange(len(z)) == action
            d = torch.where(chosen, new - old, torch.zeros_like(z)).sum()
            return kl_coef * torch.sum(old.exp() * (old - new)) - d.exp() * advantage

        return vmap(one)(logits, old_logits, actions, advantages).mean()

    gradient, value = grad_and_value(loss)(logits.detach())
    return value, gradient


def categorical_log_prob(logits, actions):
    return vmap(lambda z, a: (z * torch.nn.functional.one_hot(a, len(z))).sum() - z.logsumexp(0))(logits, actions)


def value_loss(values, returns):
    return vmap(torch.nn.functional.mse_loss)(values, returns).mean()


def sequence_mean(x, mask):
    row = lambda x, mask: torch.where(mask, x, torch.zeros_like(x)).sum() / mask.sum()
    return vmap(row)(x, mask).mean()
