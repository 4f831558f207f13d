"""The learning rate that holds the KL of the policy near a number, as rsl_rl moves it before every step; compiled."""

from __future__ import annotations

from ppocore._kernels import inner

SMALLEST, LARGEST = 1e-5, 1e-2
"""What a rate is moved to at most; one that was set beyond stays there until it is moved."""
FACTOR = 1.5


@inner
def adapted(rate: float, kl: float, desired_kl: float) -> float:
    """The rate of the next step, given the mean KL(old, new) of its minibatch before it is taken."""
    if kl > 2.0 * desired_kl:
        return max(SMALLEST, rate / FACTOR)
    if 0.0 < kl < desired_kl / 2.0:
        return min(LARGEST, rate * FACTOR)
    return rate
