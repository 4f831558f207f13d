"""tianshou: `Algorithm.compute_episodic_return` (numba), `PPO._update_with_batch` around stubs, its running
moments.

The update hands its loss to an optimiser; the stub optimiser keeps it, graph and all, for the suite to
differentiate.
"""

from types import SimpleNamespace

import numpy as np
import tianshou
import torch
from tianshou.algorithm.algorithm_base import Algorithm
from tianshou.algorithm.modelfree.ppo import PPO
from tianshou.data import Batch
from tianshou.utils import RunningMeanStd

NAME = "tianshou, float32"
VERSION = tianshou.__version__
FRAMEWORK = "torch"
DTYPE = "float32"

NO_CLIPPING = 1e30


# --- the replay buffer's rows, one environment after the other ---


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    steps, envs = rewards.shape
    rewards, terminated, truncated = (x.numpy().T.ravel() for x in (rewards, terminated, truncated))
    buffer = SimpleNamespace(terminated=terminated, unfinished_index=lambda: np.arange(1, envs + 1) * steps - 1)
    returns, advantages = Algorithm.compute_episodic_return(
        Batch(rew=rewards, terminated=terminated, truncated=truncated),
        buffer,
        np.arange(steps * envs),
        v_s_=next_values.T,
        v_s=values.T,
        gamma=gamma,
        gae_lambda=gae_lambda,
    )
    return tuple(torch.from_numpy(x.reshape(envs, steps).T).to(values.dtype) for x in (advantages, returns))


# --- PPO._update_with_batch ---


class Given:
    def __init__(self, log_prob, entropy):
        self.given_log_prob, self.given_entropy = log_prob, entropy

    def log_prob(self, actions):
        return self.given_log_prob

    def entropy(self):
        return self.given_entropy


class Minibatch(SimpleNamespace):
    def split(self, size, merge_last):
        yield self


def loss(
    log_prob,
    values=None,
    entropy=None,
    *,
    old_log_prob=None,
    old_values=None,
    returns=None,
    advantages=None,
    clip_eps=0.5,
    vf_coef=0.0,
    ent_coef=0.0,
    clip_values=False,
    dual_clip=None,
    normalize=False,
):
    def given(tensor):
        return torch.zeros_like(log_prob) if tensor is None else tensor

    kept = []
    algorithm = SimpleNamespace(
        policy=lambda minibatch: SimpleNamespace(dist=Given(log_prob, given(entropy))),
        critic=lambda observations: given(values)[:, None],
        optim=SimpleNamespace(step=kept.append),
        eps_clip=clip_eps,
        dual_clip=dual_clip,
        value_clip=clip_values,
        vf_coef=vf_coef,
        ent_coef=ent_coef,
        advantage_normalization=normalize,
        recompute_adv=False,
        _eps=1e-8,
    )
    minibatch = Minibatch(
        adv=given(advantages),
        act=None,
        obs=None,
        logp_old=given(old_log_prob),
        v_s=given(old_values),
        returns=given(returns),
    )
    PPO._update_with_batch(algorithm, minibatch, None, 1)
    return kept[0]


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, dual_clip=None):
    return loss(log_prob, old_log_prob=old_log_prob, advantages=advantages, clip_eps=clip_eps, dual_clip=dual_clip)


def surrogate_loss(log_prob, old_log_prob, advantages):
    return loss(log_prob, old_log_prob=old_log_prob, advantages=advantages, clip_eps=NO_CLIPPING)


def value_loss(values, returns):
    return loss(torch.zeros_like(values), values, returns=returns, vf_coef=1.0)


def clipped_value_loss(values, old_values, returns, value_clip_eps):
    """The package has one epsilon for both clips."""
    return loss(
        torch.zeros_like(values),
        values,
        returns=returns,
        old_values=old_values,
        clip_eps=value_clip_eps,
        vf_coef=1.0,
        clip_values=True,
    )


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    return loss(
        log_prob,
        values,
        entropy,
        old_log_prob=old_log_prob,
        advantages=advantages,
        returns=returns,
        clip_eps=clip_eps,
        vf_coef=vf_coef,
        ent_coef=ent_coef,
    )


def normalize_advantages(advantages):
    """At ratio 1 the gradient of the loss is minus the normalised advantage over the number of rows."""
    log_prob = torch.zeros_like(advantages, requires_grad=True)
    loss(log_prob, advantages=advantages, normalize=True).backward()
    return log_prob.grad * -len(advantages)


# --- statistics ---


def running_moments(batches):
    moments = RunningMeanStd()
    for batch in batches:
        moments.update(batch.numpy())
    return moments.mean, moments.var
