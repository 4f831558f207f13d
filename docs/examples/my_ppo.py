"""A home-made PPO, and its adapter at the bottom.  It trains, the curve goes up, and two things are wrong.

    ppocore check docs/examples/my_ppo.py
"""

import numpy as np

GAMMA, GAE_LAMBDA, CLIP, VF_COEF, ENT_COEF = 0.99, 0.95, 0.2, 0.5, 0.01


def compute_advantages(rewards, values, dones, last_values, gamma=GAMMA, lam=GAE_LAMBDA):
    """Arrays of shape (steps, envs); dones[t] says that step t ended its episode."""
    advantages = np.zeros_like(rewards)
    running = np.zeros_like(last_values)
    for t in reversed(range(len(rewards))):
        if t == len(rewards) - 1:
            alive, following = ~dones[t], last_values
        else:
            alive, following = ~dones[t + 1], values[t + 1]
        delta = rewards[t] + gamma * following * alive - values[t]
        running = delta + gamma * lam * alive * running
        advantages[t] = running
    return advantages, advantages + values


def policy_loss(log_prob, old_log_prob, advantages, clip=CLIP):
    ratio = np.exp(log_prob - old_log_prob)
    return -np.minimum(ratio * advantages, np.clip(ratio, 1 - clip, 1 + clip) * advantages).mean()


def total_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip=CLIP, vf=VF_COEF, ent=ENT_COEF):
    value_error = 0.5 * ((values - returns) ** 2).mean()
    return policy_loss(log_prob, old_log_prob, advantages, clip) + vf * value_error + ent * entropy.mean()


# The adapter: one function per operation, parameters under the names of `ppocore operations`.


def gae(rewards, values, last_values, dones, gamma, gae_lambda):
    return compute_advantages(rewards, values, dones, last_values, gamma, gae_lambda)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return policy_loss(log_prob, old_log_prob, advantages, clip_eps)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    return total_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef)
