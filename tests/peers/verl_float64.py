"""verl: `verl.trainer.ppo.core_algos` and `verl.utils.torch_functional`, with the defaults of its actor's
configuration.

Everything there is (rows, tokens) with a mask of numbers; flat batches are handed over as one row. By
default the actor clips twice (`clip_ratio_c=3`), and its log-ratio is clamped to [-20, 20].
"""

from importlib.metadata import version

import torch
from verl.trainer.ppo import core_algos
from verl.utils import torch_functional
from verl.workers.config import ActorConfig

NAME = "verl, float64, as configured by default"
VERSION = version("verl")
FRAMEWORK = "torch"
DTYPE = "float64"


def rows(*tensors):
    return [tensor if tensor.ndim == 2 else tensor[None] for tensor in tensors]


def slots(mask, like):
    """The mask as verl wants it: integers, all ones if there is none."""
    return torch.ones_like(like, dtype=torch.int64) if mask is None else mask.long()


def token_gae(rewards, values, mask, gamma, gae_lambda):
    """The advantages come whitened, the returns do not: returns minus values."""
    _, returns = core_algos.compute_gae_advantage_return(rewards, values, mask.long(), gamma, gae_lambda)
    return returns - values


def policy_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high, **settings):
    config = ActorConfig(
        strategy="fsdp",
        rollout_n=1,
        use_dynamic_bsz=True,
        clip_ratio_low=clip_eps_low,
        clip_ratio_high=clip_eps_high,
        **settings,
    )
    log_prob, old_log_prob, advantages, mask = rows(log_prob, old_log_prob, advantages, slots(mask, log_prob))
    return core_algos.compute_policy_loss_vanilla(old_log_prob, log_prob, advantages, mask, config=config)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    loss, _ = policy_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high)
    return loss


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    _, metrics = policy_loss(log_prob, old_log_prob, advantages, None, clip_eps, clip_eps)
    return metrics["actor/pg_clipfrac"]


def clipped_value_loss(values, old_values, returns, value_clip_eps, mask=None):
    values, old_values, returns, mask = rows(values, old_values, returns, slots(mask, values))
    loss, _ = core_algos.compute_value_loss(values, returns, old_values, mask, value_clip_eps)
    return loss


def kl(estimator, log_prob, old_log_prob, mask):
    """verl's estimator is for actions of its first argument, so the old policy comes first."""
    log_prob, old_log_prob, mask = rows(log_prob, old_log_prob, slots(mask, log_prob))
    return core_algos.agg_loss(core_algos.kl_penalty(old_log_prob, log_prob, estimator), mask, "token-mean")


def kl_k1(log_prob, old_log_prob, mask=None):
    return kl("k1", log_prob, old_log_prob, mask)


def kl_k2(log_prob, old_log_prob, mask=None):
    return kl("k2", log_prob, old_log_prob, mask)


def kl_k3(log_prob, old_log_prob, mask=None):
    return kl("k3", log_prob, old_log_prob, mask)


def normalize_advantages(advantages, mask=None):
    advantages, mask = rows(advantages, slots(mask, advantages))
    return torch_functional.masked_whiten(advantages, mask)[0]


def masked_mean(x, mask):
    return core_algos.agg_loss(x, mask.long(), "token-mean")


def sequence_mean(x, mask):
    return core_algos.agg_loss(x, mask.long(), "seq-mean-token-mean")


def sequence_sum_mean(x, mask):
    return core_algos.agg_loss(x, mask.long(), "seq-mean-token-sum")


def categorical_log_prob(logits, actions):
    return torch_functional.logprobs_from_logits(logits, actions)


def categorical_entropy(logits):
    return torch_functional.entropy_from_logits(logits)
