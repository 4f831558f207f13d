"""OpenRLHF: `openrlhf.models.loss`, `openrlhf.models.utils`, and the experience maker's advantages.

The package's own `__init__` files import deepspeed, flash-attn and vllm. None of these is touched by the
code below, so empty packages with the right `__path__` take their place, and a module named deepspeed that
has nothing in it.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from types import ModuleType, SimpleNamespace

import torch


def stand_in(name, **contents):
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(contents)
    sys.modules[name] = module


def bare_package(name, folder):
    stand_in(name, __path__=[folder])


folder = importlib.util.find_spec("openrlhf").submodule_search_locations[0]
for package in ("", ".models", ".utils", ".trainer", ".trainer.ppo_utils", ".trainer.ray"):
    bare_package("openrlhf" + package, folder + package.replace(".", "/"))
stand_in("deepspeed")
stand_in("openrlhf.trainer.ray.launcher", RayActorGroup=None)

from openrlhf.models.loss import PolicyLoss, ValueLoss, aggregate_loss  # noqa: E402
from openrlhf.models.utils import (  # noqa: E402
    compute_approx_kl,
    log_probs_from_logits,
)
from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker  # noqa: E402

NAME = "OpenRLHF, float32"
VERSION = version("openrlhf")
FRAMEWORK = "torch"
DTYPE = "float32"


def rows(*tensors):
    return [tensor if tensor.ndim == 2 else tensor[None] for tensor in tensors]


def slots(mask, like):
    """The mask as OpenRLHF wants it: integers, all ones if there is none."""
    return torch.ones_like(like, dtype=torch.int64) if mask is None else mask.long()


# --- advantages ---


def token_gae(rewards, values, mask, gamma, gae_lambda):
    advantages, _ = RemoteExperienceMaker.get_advantages_and_returns(
        None, values, rewards, mask.long(), gamma, gae_lambda
    )
    return advantages


def normalize_advantages(advantages, mask=None):
    """The experience maker on one sequence whose token rewards are the advantages (a KL of minus them,
    coefficient 1).

    With estimator "reinforce" and gamma 0 these come through to its normalisation over the whole batch.
    """
    settings = SimpleNamespace(
        algo=SimpleNamespace(advantage=SimpleNamespace(estimator="reinforce", gamma=0.0, no_std_norm=False)),
        rollout=SimpleNamespace(n_samples_per_prompt=1),
        reward=SimpleNamespace(
            clip_range=None,
            overlong_buffer_len=None,
            overlong_penalty_factor=None,
            stop_properly_penalty_coef=None,
        ),
    )
    maker = RemoteExperienceMaker.__new__(RemoteExperienceMaker)
    maker.strategy = SimpleNamespace(args=settings)
    maker.advantage_estimator = "reinforce"
    maker.kl_ctl = SimpleNamespace(value=1.0)
    experience = SimpleNamespace(
        rewards=torch.zeros(1),
        index=[0],
        kl=-advantages[None],
        action_mask=slots(mask, advantages)[None],
        values=None,
        info={},
    )
    maker.compute_advantages_and_returns([experience])
    return experience.advantages[0]


# --- losses ---


def policy_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high, dual_clip):
    log_prob, old_log_prob, advantages, mask = rows(log_prob, old_log_prob, advantages, slots(mask, log_prob))
    return PolicyLoss(clip_eps_low, clip_eps_high, dual_clip)(log_prob, old_log_prob, advantages, mask)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None, dual_clip=None):
    loss, *_ = policy_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high, dual_clip)
    return loss


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    _, fraction, *_ = policy_loss(log_prob, old_log_prob, advantages, None, clip_eps, clip_eps, None)
    return fraction


def value_loss(values, returns, mask=None):
    values, returns, mask = rows(values, returns, slots(mask, values))
    return ValueLoss()(values, values, returns, mask)


def clipped_value_loss(values, old_values, returns, value_clip_eps, mask=None):
    values, old_values, returns, mask = rows(values, old_values, returns, slots(mask, values))
    return ValueLoss(value_clip_eps)(values, old_values, returns, mask)


# --- estimators and means ---


def kl(estimator, log_prob, old_log_prob, mask):
    """OpenRLHF's estimator is for actions of its first argument, so the old policy comes first."""
    log_prob, old_log_prob, mask = rows(log_prob, old_log_prob, slots(mask, log_prob))
    return aggregate_loss(compute_approx_kl(old_log_prob, log_prob, kl_estimator=estimator), mask)


def kl_k1(log_prob, old_log_prob, mask=None):
    return kl("k1", log_prob, old_log_prob, mask)


def kl_k2(log_prob, old_log_prob, mask=None):
    return kl("k2", log_prob, old_log_prob, mask)


def kl_k3(log_prob, old_log_prob, mask=None):
    return kl("k3", log_prob, old_log_prob, mask)


def masked_mean(x, mask):
    return aggregate_loss(x, mask.long())


def sequence_mean(x, mask):
    return aggregate_loss(x, mask.long(), token_level_loss=False)


def categorical_log_prob(logits, actions):
    return log_probs_from_logits(logits, actions)
