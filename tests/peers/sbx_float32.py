"""sbx-rl: `PPO._one_update` around stub train states.

The actor's and the critic's parameters are the log-probabilities and the values themselves, and a step
keeps the gradient. The update is compiled and differentiates by itself, so its gradients are handed over
explicitly.
"""

from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
from flax import struct
from sbx import PPO

NAME = "sbx, float32"
VERSION = version("sbx-rl")
FRAMEWORK = "jax"
DTYPE = "float32"

NO_CLIPPING = 1e30


class Kept(struct.PyTreeNode):
    """A train state whose parameters are its network's outputs, and whose step keeps the gradient in their
    place.
    """

    apply_fn: Callable = struct.field(pytree_node=False)
    params: Any

    def apply_gradients(self, *, grads):
        return self.replace(params=grads)


def act(params, observations):
    log_prob, entropy = params
    return SimpleNamespace(log_prob=lambda actions: log_prob, entropy=lambda: entropy)


def criticise(params, observations):
    return params


def one_update(
    log_prob,
    values,
    entropy,
    *,
    old_log_prob=0.0,
    returns=0.0,
    advantages=0.0,
    clip_eps=0.5,
    vf_coef=1.0,
    ent_coef=0.0,
    normalize=False,
):
    """The three losses of `_one_update` and the gradients by log_prob, entropy and values."""
    zeros = jnp.zeros_like(log_prob)
    (actor, critic), (_, policy_loss, entropy_loss, value_loss, _) = PPO._one_update(
        Kept(act, (log_prob, entropy)),
        Kept(criticise, values),
        zeros,
        zeros,
        zeros + advantages,
        zeros + returns,
        zeros + old_log_prob,
        clip_eps,
        ent_coef,
        vf_coef,
        normalize_advantage=normalize,
    )
    return (policy_loss, entropy_loss, value_loss), (*actor.params, critic.params)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    zeros = jnp.zeros_like(log_prob)
    (loss, _, _), (gradient, _, _) = one_update(
        log_prob, zeros, zeros, old_log_prob=old_log_prob, advantages=advantages, clip_eps=clip_eps
    )
    return loss, gradient


def surrogate_loss(log_prob, old_log_prob, advantages):
    return clip_loss(log_prob, old_log_prob, advantages, NO_CLIPPING)


def value_loss(values, returns):
    zeros = jnp.zeros_like(values)
    (_, _, loss), (_, _, gradient) = one_update(zeros, values, zeros, returns=returns)
    return loss, gradient


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    """The three terms; the value term bears its coefficient already, the entropy term does not."""
    (policy, entropy_term, value_term), (by_log_prob, by_entropy, by_values) = one_update(
        log_prob,
        values,
        entropy,
        old_log_prob=old_log_prob,
        returns=returns,
        advantages=advantages,
        clip_eps=clip_eps,
        vf_coef=vf_coef,
        ent_coef=ent_coef,
    )
    return policy + ent_coef * entropy_term + value_term, by_log_prob, by_values, by_entropy


def normalize_advantages(advantages):
    """At ratio 1 the gradient of the loss is minus the normalised advantage over the number of rows."""
    zeros = jnp.zeros_like(advantages)
    _, (gradient, _, _) = one_update(zeros, zeros, zeros, advantages=advantages, normalize=True)
    return gradient * -len(advantages)
