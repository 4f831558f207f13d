r"""Policies over several binary choices: independent Bernoullis, each given by one logit.

The probability of a 1 is sigmoid(logit).  Everything is built of log sigmoid, which keeps its digits however sure
the policy is of either side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats, Ints
from ppocore._kernels import kernel
from ppocore.divergences import categorical_kl_term_kernel


class BernoulliLogProb(NamedTuple):
    """log pi(a) summed over D, shape (B,), and its derivative in the logits, shape (B, D)."""

    log_prob: Array
    grad_logits: Array


class BernoulliEntropy(NamedTuple):
    """Entropy in nats summed over D, shape (B,), and its derivative in the logits, shape (B, D)."""

    entropy: Array
    grad_logits: Array


class BernoulliKL(NamedTuple):
    """KL(logits, other_logits) in nats summed over D, shape (B,), and its derivatives, shape (B, D)."""

    kl: Array
    grad_logits: Array
    grad_other_logits: Array


def bernoulli_log_prob(logits: ArrayLike, actions: ArrayLike) -> BernoulliLogProb:
    r"""Log-probability of binary actions, summed over their dimensions.

    .. math::

        \log \pi = \sum_d a_d \log\sigma(z_d) + (1 - a_d) \log\sigma(-z_d), \qquad
        \frac{\partial \log\pi}{\partial z_d} = a_d - \sigma(z_d)

    Parameters
    ----------
    logits : array of float, shape (B, D)
        log(p / (1 - p)) of a 1.
    actions : array of int, shape (B, D)
        Each 0 or 1.

    Returns
    -------
    BernoulliLogProb
        Named tuple ``(log_prob, grad_logits)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a logit is not finite, or an action is neither 0 nor 1.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* Right to (D + 4) u of itself, also where the policy is all but sure; derivatives to 6 u of
    themselves.

    *Theorems.* ACC-31, BER-01.

    References
    ----------
    Mission rows S6, S8.

    Examples
    --------
    >>> out = bernoulli_log_prob([[0.0, 0.0]], [[1, 0]])
    >>> print(out.log_prob.round(8), out.grad_logits)
    [-1.38629436] [[ 0.5 -0.5]]
    """
    door = Doorman("bernoulli_log_prob")
    z = door.floats("logits", logits, "B D")
    a = door.choices("actions", actions, "B D", np.array([2]))
    log_prob, grad_logits = np.empty(len(z)), np.empty_like(z)
    _log_prob_rows(z, a, log_prob, grad_logits)
    return BernoulliLogProb(door.out(log_prob), door.out(grad_logits))


def bernoulli_entropy(logits: ArrayLike) -> BernoulliEntropy:
    r"""Entropy of independent Bernoullis, summed over their dimensions, in nats.

    .. math::

        H = -\sum_d p_d \log p_d + (1 - p_d) \log(1 - p_d), \quad p = \sigma(z), \qquad
        \frac{\partial H}{\partial z_d} = -z_d\, p_d (1 - p_d)

    Parameters
    ----------
    logits : array of float, shape (B, D)
        log(p / (1 - p)) of a 1.

    Returns
    -------
    BernoulliEntropy
        Named tuple ``(entropy, grad_logits)``.

    Raises
    ------
    ValueError
        If the shape is wrong or empty, or a logit is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* Computed as log(1 + e^-|z|) + |z| (1 - max p), no term of which is negative: right to (D + 7) u of
    itself; derivatives to 11 u of themselves.

    *Theorems.* ACC-31, BER-02.

    References
    ----------
    Mission row S12.

    Examples
    --------
    >>> bernoulli_entropy([[0.0, 0.0]]).entropy.round(8)  # 2 log 2
    array([1.38629436])
    """
    door = Doorman("bernoulli_entropy")
    z = door.floats("logits", logits, "B D")
    entropy, grad_logits = np.empty(len(z)), np.empty_like(z)
    _entropy_rows(z, entropy, grad_logits)
    return BernoulliEntropy(door.out(entropy), door.out(grad_logits))


def bernoulli_kl(logits: ArrayLike, other_logits: ArrayLike) -> BernoulliKL:
    r"""KL(p, q) of independent Bernoullis, p from `logits` and q from `other_logits`, summed over dimensions.

    .. math::

        KL = \sum_d p \log\frac pq + (1 - p) \log\frac{1 - p}{1 - q}, \qquad
        \frac{\partial KL}{\partial z} = p (1 - p) (z - z'), \qquad
        \frac{\partial KL}{\partial z'} = q - p

    Parameters
    ----------
    logits, other_logits : array of float, shape (B, D)
        For KL(old, new) pass the old logits first.

    Returns
    -------
    BernoulliKL
        Named tuple ``(kl, grad_logits, grad_other_logits)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, or a logit is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The direction is the order of the arguments.

    *Accuracy.* The two sides of each dimension are terms of `categorical_kl`, from log-probabilities right to 5 u of
    themselves: see ``docs/accuracy.md``.  Derivatives: 15 u and 17 u of themselves, however close the policies are.

    *Theorems.* ACC-31, BER-03.

    References
    ----------
    Mission rows S12, S13.

    Examples
    --------
    >>> import numpy as np
    >>> out = bernoulli_kl([[0.0]], [[np.log(3)]])  # 1/2 against 3/4
    >>> out.kl.round(8), out.grad_other_logits.round(8)
    (array([0.14384104]), array([[0.25]]))
    """
    door = Doorman("bernoulli_kl")
    z = door.floats("logits", logits, "B D")
    other = door.floats("other_logits", other_logits, "B D")
    kl, grad_logits, grad_other = np.empty(len(z)), np.empty_like(z), np.empty_like(z)
    _kl_rows(z, other, kl, grad_logits, grad_other)
    return BernoulliKL(door.out(kl), door.out(grad_logits), door.out(grad_other))


@kernel
def log_sigmoid_kernel(x: float) -> tuple[float, float]:
    """log sigmoid(x), and its derivative sigmoid(-x).  Theorems: ACC-31, BER-01, FLT-02."""
    if x > 0:
        rest = np.exp(-x)
        return -np.log1p(rest), rest / (1 + rest)
    rest = np.exp(x)
    return x - np.log1p(rest), 1 / (1 + rest)


@kernel
def bernoulli_log_prob_kernel(logit: float, action: int) -> tuple[float, float]:
    """One dimension: log-probability, and its derivative in the logit.  Theorems: ACC-31, BER-01, FLT-02."""
    if action == 1:
        log_prob, slope = log_sigmoid_kernel(logit)
        return log_prob, slope
    log_prob, slope = log_sigmoid_kernel(-logit)
    return log_prob, -slope


@kernel
def bernoulli_entropy_kernel(logit: float) -> tuple[float, float]:
    """One dimension: log(1 + e^-|z|) + |z| e^-|z| / (1 + e^-|z|), and -z p (1 - p).

    Theorems: ACC-31, BER-02, FLT-02.
    """
    size = logit
    if logit < 0:
        size = -logit
    rest = np.exp(-size)
    unlikely = rest / (1 + rest)
    return np.log1p(rest) + size * unlikely, -logit * (unlikely / (1 + rest))


@kernel
def bernoulli_kl_kernel(logit: float, other_logit: float) -> tuple[float, float, float]:
    """One dimension: KL, and its derivatives in both logits.  Theorems: ACC-31, BER-03, FLT-02."""
    log_p, p_not = log_sigmoid_kernel(logit)
    log_p_not, p = log_sigmoid_kernel(-logit)
    log_q, q_not = log_sigmoid_kernel(other_logit)
    log_q_not, q = log_sigmoid_kernel(-other_logit)
    kl = categorical_kl_term_kernel(log_p, log_q) + categorical_kl_term_kernel(log_p_not, log_q_not)
    gap = logit - other_logit
    # q - p = q (1 - p) (1 - e^gap) keeps its digits where the policies are close; the other way round beyond.
    if gap < 0:
        return kl, p * p_not * gap, -(q * p_not * np.expm1(gap))
    return kl, p * p_not * gap, p * q_not * np.expm1(-gap)


@kernel
def _log_prob_rows(logits: Floats, actions: Ints, log_prob: Floats, grad_logits: Floats) -> None:
    for b in range(logits.shape[0]):
        total = logits[b, 0] * 0
        for d in range(logits.shape[1]):
            part, grad_logits[b, d] = bernoulli_log_prob_kernel(logits[b, d], actions[b, d])
            total = total + part
        log_prob[b] = total


@kernel
def _entropy_rows(logits: Floats, entropy: Floats, grad_logits: Floats) -> None:
    for b in range(logits.shape[0]):
        total = logits[b, 0] * 0
        for d in range(logits.shape[1]):
            part, grad_logits[b, d] = bernoulli_entropy_kernel(logits[b, d])
            total = total + part
        entropy[b] = total


@kernel
def _kl_rows(logits: Floats, other_logits: Floats, kl: Floats, grad_logits: Floats, grad_other: Floats) -> None:
    for b in range(logits.shape[0]):
        total = logits[b, 0] * 0
        for d in range(logits.shape[1]):
            part, grad_logits[b, d], grad_other[b, d] = bernoulli_kl_kernel(logits[b, d], other_logits[b, d])
            total = total + part
        kl[b] = total
