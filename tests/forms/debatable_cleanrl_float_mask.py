"""CleanRL stores dones as float32. 0 and 1 are exact, but gamma * gae_lambda * mask is rounded to float32
before it meets the float64 carry: in float64 this loses half the digits; in float32 it is the textbook."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def gae(rewards, values, last_values, dones, gamma, gae_lambda):
    advantages = torch.zeros_like(rewards)
    lastgaelam = 0
    nextvalues = last_values
    for t in reversed(range(rewards.shape[0])):
        nextnonterminal = 1.0 - dones[t].float()
        delta = rewards[t] + gamma * nextvalues * nextnonterminal - values[t]
        advantages[t] = lastgaelam = delta + gamma * gae_lambda * nextnonterminal * lastgaelam
        nextvalues = values[t]
    return advantages, advantages + values
