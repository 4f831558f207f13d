"""From the outputs of a network to a policy: chances of actions, or a Gaussian; compiled, one sample at a time.

In float64, whatever the networks use: a few numbers per sample, and the kernels are those that are proved.
"""

from __future__ import annotations

import numpy as np

from ppocore._arrays import Bools, Floats
from ppocore._kernels import kernel
from ppocore.distributions import HALF_LOG_TWO_PI, gaussian_log_prob_kernel, log_softmax_kernel
from ppocore.divergences import categorical_kl_term_kernel, gaussian_kl_kernel


@kernel
def describe(continuous: bool, outputs: Floats, legal: Bools, described: Floats) -> None:
    """What is kept of a policy to compare it later: log-chances, or means."""
    if continuous:
        for j in range(len(outputs)):
            described[j] = outputs[j]
    else:
        log_softmax_kernel(outputs, legal, described)


@kernel
def draw(
    continuous: bool, described: Floats, log_std: Floats, uniform: float, normals: Floats, action: Floats
) -> float:
    """Write an action, by one uniform number or one normal number for each dimension; its log-probability."""
    if continuous:
        for j in range(len(described)):
            action[j] = described[j] + np.exp(log_std[j]) * normals[j]
        return log_prob(continuous, described, log_std, action)
    chosen, below = len(described) - 1, 0.0
    for j in range(len(described)):
        below += np.exp(described[j])
        if uniform < below:
            chosen = j
            break
    action[0] = chosen
    return described[chosen]


@kernel
def best(continuous: bool, described: Floats, action: Floats) -> None:
    """The likeliest action."""
    if continuous:
        for j in range(len(described)):
            action[j] = described[j]
    else:
        action[0] = np.argmax(described)


@kernel
def log_prob(continuous: bool, described: Floats, log_std: Floats, action: Floats) -> float:
    """Of an action."""
    if not continuous:
        return described[int(action[0])]
    total = 0.0
    for j in range(len(described)):
        total += gaussian_log_prob_kernel(described[j], log_std[j], action[j])[0]
    return total


@kernel
def entropy(continuous: bool, described: Floats, log_std: Floats) -> float:
    """In nats."""
    total = 0.0
    for j in range(len(described)):
        if continuous:
            total += log_std[j] + 0.5 + HALF_LOG_TWO_PI
        else:
            total -= np.exp(described[j]) * described[j]
    return total


@kernel
def divergence(
    continuous: bool, old: Floats, old_log_std: Floats, described: Floats, log_std: Floats
) -> float:
    """KL(old, new)."""
    total = 0.0
    for j in range(len(described)):
        if continuous:
            total += gaussian_kl_kernel(old[j], old_log_std[j], described[j], log_std[j])[0]
        else:
            total += categorical_kl_term_kernel(old[j], described[j])
    return total


@kernel
def pull(
    continuous: bool,
    described: Floats,
    log_std: Floats,
    action: Floats,
    old: Floats,
    old_log_std: Floats,
    whole: float,
    by_log_prob: float,
    by_entropy: float,
    by_kl: float,
    grad_outputs: Floats,
    grad_log_std: Floats,
) -> None:
    """Gradients of by_log_prob * log_prob + by_entropy * entropy + by_kl * KL(old, new); `whole` is the entropy.

    Those of the outputs are written, those of log_std, which all samples share, added.
    """
    if continuous:
        for j in range(len(described)):
            _, by_mean, by_spread = gaussian_log_prob_kernel(described[j], log_std[j], action[j])
            _, kl_by_old_mean, _, kl_by_spread = gaussian_kl_kernel(old[j], old_log_std[j], described[j], log_std[j])
            # KL depends on the two means by their difference alone.
            grad_outputs[j] = by_log_prob * by_mean - by_kl * kl_by_old_mean
            grad_log_std[j] += by_log_prob * by_spread + by_entropy + by_kl * kl_by_spread
        return
    for j in range(len(described)):
        chance = np.exp(described[j])
        hit = 1.0 if j == int(action[0]) else 0.0
        grad_outputs[j] = by_log_prob * (hit - chance) - by_entropy * chance * (described[j] + whole)
        if by_kl != 0:
            grad_outputs[j] += by_kl * (chance - np.exp(old[j]))
