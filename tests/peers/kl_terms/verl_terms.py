"""verl's KL terms: `core_algos.kl_penalty`, for the loss and for the reward."""

from functools import partial

from verl.trainer.ppo.core_algos import kl_penalty

FRAMEWORK = "torch"


def named(kind):
    return partial(_penalty, kind=kind)


def _penalty(log_prob, ref_log_prob, kind):
    return kl_penalty(log_prob, ref_log_prob, kind)


k1, k2, k3, absolute = named("k1"), named("k2"), named("k3"), named("abs")
k1_straight, k3_straight = named("k1+"), named("k3+")


def recorded(old_log_prob, ref_log_prob):
    """As `apply_kl_penalty` takes it into the reward."""
    return kl_penalty(old_log_prob, ref_log_prob, "kl")
