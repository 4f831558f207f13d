"""stable-baselines3's collection and buffer as a pair: `collect_rollouts` on a scripted vector environment.

Observations are row numbers of a table of values: first the states in the order they are met, then the final
observations of truncated episodes, then what follows the rollout.
"""

# An adapter offers what it imports.
# ruff: noqa: F401

from types import SimpleNamespace

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3_float32 import DTYPE, FRAMEWORK, LINE, VERSION

NAME = "stable-baselines3, float32, collection and buffer"


class Script:
    """A vector environment that plays given rewards and ends, as `DummyVecEnv` reports them."""

    def __init__(self, rewards, terminated, truncated):
        self.steps, self.num_envs = rewards.shape
        self.rewards, self.terminated, self.truncated = rewards, terminated, truncated
        self.t = 0

    def rows(self, block, t):
        """The observations of step t in one of the table's blocks."""
        first = (block * self.steps + t) * self.num_envs
        return np.arange(first, first + self.num_envs, dtype=np.float32)[:, None]

    def step(self, actions):
        t, self.t = self.t, self.t + 1
        infos = [{"TimeLimit.truncated": bool(cut)} for cut in self.truncated[t] & ~self.terminated[t]]
        dones = self.terminated[t] | self.truncated[t]
        for env in np.flatnonzero(dones):
            infos[env]["terminal_observation"] = self.rows(1, t)[env]
        block, row = (0, t + 1) if t + 1 < self.steps else (2, 0)
        return self.rows(block, row), self.rewards[t].copy(), dones, infos


class Policy:
    def __init__(self, table):
        self.table = table

    def set_training_mode(self, mode):
        pass

    def obs_to_tensor(self, observation):
        return torch.as_tensor(observation), None

    def predict_values(self, observations):
        return self.table[observations.long()]

    def __call__(self, observations):
        zeros = torch.zeros(len(observations))
        return zeros[:, None], self.predict_values(observations), zeros


def gae(rewards, values, next_values, last_values, terminated, truncated, gamma, gae_lambda):
    steps, envs = rewards.shape
    env = Script(rewards.numpy(), terminated.numpy(), truncated.numpy())
    ppo = PPO.__new__(PPO)
    ppo.policy = Policy(torch.cat([values.ravel(), next_values.ravel(), last_values]))
    ppo.policy.squash_output = False
    ppo.device, ppo.action_space, ppo.use_sde, ppo.gamma, ppo.num_timesteps = "cpu", LINE, False, gamma, 0
    ppo.ep_info_buffer = None
    ppo._update_info_buffer = lambda infos, dones: None
    ppo._last_obs, ppo._last_episode_starts = env.rows(0, 0), np.ones(envs, dtype=bool)
    callback = SimpleNamespace(
        on_rollout_start=lambda: None,
        on_rollout_end=lambda: None,
        on_step=lambda: True,
        update_locals=lambda variables: None,
    )
    buffer = RolloutBuffer(steps, LINE, LINE, "cpu", gae_lambda=gae_lambda, gamma=gamma, n_envs=envs)
    ppo.collect_rollouts(env, callback, buffer, steps)
    return torch.from_numpy(buffer.advantages), torch.from_numpy(buffer.returns)
