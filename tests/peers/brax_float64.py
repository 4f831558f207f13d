"""brax: `compute_gae`, `compute_ppo_loss` around stub networks, its running statistics.

`compute_ppo_loss` makes its advantages itself: with discount 0 and values 0 they are the rewards, and the
value target is the reward. Time comes second in its data; here every row is a trajectory of one step.
"""

from importlib.metadata import version
from types import SimpleNamespace

import jax
import jax.numpy as jnp
from brax.training.acme import running_statistics
from brax.training.agents.ppo import losses
from brax.training.types import Transition

NAME = "brax, float64"
VERSION = version("brax")
FRAMEWORK = "jax"
DTYPE = "float64"
CONVENTIONS = {"gae_recursion": "brax", "truncation": "mask"}

NO_CLIPPING = 1e30


@jax.jit
def gae(rewards, values, last_values, terminated, truncated, gamma, gae_lambda):
    targets, advantages = losses.compute_gae(
        truncated.astype(values.dtype),
        (terminated & ~truncated).astype(values.dtype),
        rewards,
        values,
        last_values,
        gae_lambda,
        gamma,
    )
    return advantages, targets


def one_loss(
    name,
    *,
    log_prob,
    values,
    rewards,
    old_log_prob,
    entropy,
    clip_eps=0.5,
    vf_coef=1.0,
    ent_coef=0.0,
    old_values=None,
    value_clip_eps=None,
    normalize=False,
):
    """One entry of the metrics of `compute_ppo_loss`."""
    steps = (len(rewards), 1)
    column = {
        name: tensor.reshape(steps)
        for name, tensor in {
            "rewards": rewards,
            "old_log_prob": old_log_prob,
            "old_values": old_values,
        }.items()
        if tensor is not None
    }
    zeros = jnp.zeros_like(column["rewards"])
    data = Transition(
        observation=zeros,
        action=zeros,
        reward=column["rewards"],
        discount=zeros + 1,
        next_observation=zeros,
        extras={
            "state_extras": {"truncation": zeros},
            "policy_extras": {
                "raw_action": zeros,
                "log_prob": column["old_log_prob"],
                "value": column.get("old_values"),
            },
        },
    )
    spread = SimpleNamespace(scale=zeros, loc=zeros)
    distribution = SimpleNamespace(
        log_prob=lambda parameters, actions: parameters,
        entropy=lambda parameters, key: entropy.reshape(1, -1),
        create_dist=lambda parameters: spread,
    )

    def value_apply(normalizer, parameters, observation):
        return parameters if observation.ndim == 2 else jnp.zeros_like(parameters[0])

    network = SimpleNamespace(
        parametric_action_distribution=distribution,
        policy_network=SimpleNamespace(apply=lambda normalizer, parameters, observation: parameters),
        value_network=SimpleNamespace(apply=value_apply),
    )
    _, metrics = losses.compute_ppo_loss(
        SimpleNamespace(policy=log_prob.reshape(1, -1), value=values.reshape(1, -1)),
        None,
        data,
        None,
        network,
        entropy_cost=ent_coef,
        discounting=0.0,
        clipping_epsilon=clip_eps,
        normalize_advantage=normalize,
        vf_coefficient=vf_coef,
        clipping_epsilon_value=value_clip_eps,
    )
    return metrics[name]


def policy_loss(log_prob, old_log_prob, advantages, clip_eps, normalize=False):
    zeros = jnp.zeros_like(log_prob)
    return one_loss(
        "policy_loss",
        log_prob=log_prob,
        values=zeros,
        rewards=advantages,
        old_log_prob=old_log_prob,
        entropy=zeros,
        clip_eps=clip_eps,
        normalize=normalize,
    )


@jax.jit
def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return policy_loss(log_prob, old_log_prob, advantages, clip_eps)


@jax.jit
def surrogate_loss(log_prob, old_log_prob, advantages):
    return policy_loss(log_prob, old_log_prob, advantages, NO_CLIPPING)


@jax.jit
def normalize_advantages(advantages):
    """At ratio 1 the gradient of the loss is minus the normalised advantage over the number of rows."""
    zeros = jnp.zeros_like(advantages)
    gradient = jax.grad(policy_loss)(zeros, zeros, advantages, 0.5, normalize=True)
    return gradient * -len(advantages)


@jax.jit
def value_loss(values, returns):
    return clipped_value_loss(values, None, returns, None)


@jax.jit
def clipped_value_loss(values, old_values, returns, value_clip_eps):
    zeros = jnp.zeros_like(values)
    return one_loss(
        "v_loss",
        log_prob=zeros,
        values=values,
        rewards=returns,
        old_log_prob=zeros,
        entropy=zeros,
        old_values=old_values,
        value_clip_eps=value_clip_eps,
    )


@jax.jit
def running_moments(batches):
    state = running_statistics.init_state(jax.ShapeDtypeStruct(batches[0].shape[1:], batches[0].dtype))
    for batch in batches:
        state = running_statistics.update(state, batch)
    return state.mean, state.std**2
