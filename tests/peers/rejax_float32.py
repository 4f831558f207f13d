"""rejax: `PPO.calculate_gae`, and the actor's update, whose gradient shows the normalised advantages.

rejax knows one flag, done, and takes a truncated step for a terminal one. (Its updates return no loss
values, so the losses themselves cannot be judged.)
"""

from importlib.metadata import version
from types import SimpleNamespace

import jax
import jax.numpy as jnp
from rejax.algos.ppo import PPO, AdvantageMinibatch, Trajectory

NAME = "rejax, float32"
VERSION = version("rejax")
FRAMEWORK = "jax"
DTYPE = "float32"


@jax.jit
def gae(rewards, values, last_values, terminated, truncated, gamma, gae_lambda):
    settings = SimpleNamespace(gamma=gamma, gae_lambda=gae_lambda)
    trajectories = Trajectory(
        obs=None, action=None, log_prob=None, reward=rewards, value=values, done=terminated | truncated
    )
    return PPO.calculate_gae(settings, trajectories, last_values)


@jax.jit
def normalize_advantages(advantages):
    """At ratio 1 the gradient of the loss is minus the normalised advantage over the number of rows."""
    zeros = jnp.zeros_like(advantages)
    actor = SimpleNamespace(apply=lambda log_prob, *_, method: (log_prob, zeros))
    settings = SimpleNamespace(actor=actor, clip_eps=0.5, ent_coef=0.0)
    kept = SimpleNamespace(params=zeros, apply_gradients=lambda grads: grads)
    state = SimpleNamespace(actor_ts=kept, replace=lambda actor_ts: actor_ts)
    trajectories = Trajectory(obs=None, action=None, log_prob=zeros, reward=None, value=None, done=None)
    batch = AdvantageMinibatch(trajectories, advantages, None)
    return PPO.update_actor(settings, state, batch) * -len(advantages)
