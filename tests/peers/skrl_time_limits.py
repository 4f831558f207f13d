"""skrl (torch) with `time_limit_bootstrap=True`.

With this setting the agent adds gamma V(next observation) to the reward of truncated steps before it stores
them (`PPO.record_transition`, called here for that), and `compute_gae` cuts at them.
"""

# An adapter offers what it imports.
# ruff: noqa: F401

from types import SimpleNamespace

import skrl_float32
import torch
from skrl.agents.torch.ppo import PPO
from skrl_float32 import DTYPE, FRAMEWORK, VERSION

NAME = "skrl (torch), float32, time_limit_bootstrap"


class Stored(Exception):
    """Carries the stored reward out of `record_transition`."""


def stored_rewards(rewards, next_values, truncated, gamma):
    """The rewards of one step as the agent writes them into its memory."""
    column = rewards[:, None].clone()
    agent = PPO.__new__(PPO)
    agent.cfg = SimpleNamespace(rewards_shaper=None, time_limit_bootstrap=True, discount_factor=gamma)
    agent.training = True
    agent.write_interval = 0
    agent.value = SimpleNamespace(act=lambda inputs, role: (next_values[:, None], {}))
    agent._observation_preprocessor = agent._state_preprocessor = lambda x, **options: x
    agent._value_preprocessor = lambda x, **options: x
    agent._current_log_prob = agent._current_values = None
    stored = {}
    agent.memory = SimpleNamespace(add_samples=stored.update)
    agent.record_transition(
        observations=None,
        states=None,
        actions=None,
        rewards=column,
        next_observations=None,
        next_states=None,
        terminated=torch.zeros_like(truncated)[:, None],
        truncated=truncated[:, None],
        infos={},
        timestep=0,
        timesteps=1,
    )
    return stored["rewards"][:, 0]


def gae(rewards, values, next_values, last_values, terminated, truncated, gamma, gae_lambda):
    stored = [stored_rewards(*row, gamma) for row in zip(rewards, next_values, truncated, strict=True)]
    returns, _ = skrl_float32.estimate(
        torch.stack(stored), values, last_values, terminated, truncated, gamma, gae_lambda, True
    )
    return returns - values, returns
