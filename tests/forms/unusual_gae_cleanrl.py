"""CleanRL's loop: dones and last_values, truncation unknown."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def gae(rewards, values, last_values, dones, gamma, gae_lambda):
    advantages = torch.zeros_like(rewards)
    lastgaelam = 0
    for t in reversed(range(rewards.shape[0])):
        nextnonterminal = 1.0 - dones[t].to(rewards.dtype)
        nextvalues = last_values if t == rewards.shape[0] - 1 else values[t + 1]
        delta = rewards[t] + gamma * nextvalues * nextnonterminal - values[t]
        advantages[t] = lastgaelam = delta + gamma * gae_lambda * nextnonterminal * lastgaelam
    returns = advantages + values
    return advantages, returns


def td_errors(rewards, values, last_values, dones, gamma):
    nextvalues = torch.cat([values[1:], last_values.unsqueeze(0)])
    return rewards + gamma * nextvalues * ~dones - values


def discounted_returns(rewards, last_values, dones, gamma):
    returns = torch.zeros_like(rewards)
    for t in reversed(range(rewards.shape[0])):
        next_return = last_values if t == rewards.shape[0] - 1 else returns[t + 1]
        returns[t] = rewards[t] + gamma * (1.0 - dones[t].type_as(rewards)) * next_return
    return returns
