r"""Policies over bounded actions: independent Beta distributions on (0, 1), each given by alpha and beta."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.beta_function import (
    digamma_gap_kernel,
    digamma_step_kernel,
    log_beta_kernel,
    log_gamma_above_kernel,
    trigamma_kernel,
)

CONCENTRATIONS = "[0.001, 1000000]"
"""Where log B is right to its bound: nothing overflows."""


class BetaLogProb(NamedTuple):
    """log p(a) summed over D, shape (B,), and its derivatives, shape (B, D)."""

    log_prob: Array
    grad_alpha: Array
    grad_beta: Array
    grad_actions: Array


class BetaEntropy(NamedTuple):
    """Differential entropy in nats summed over D, shape (B,), and its derivatives, shape (B, D)."""

    entropy: Array
    grad_alpha: Array
    grad_beta: Array


class BetaKL(NamedTuple):
    """KL(policy, other) in nats summed over D, shape (B,), and its derivatives, shape (B, D)."""

    kl: Array
    grad_alpha: Array
    grad_beta: Array
    grad_other_alpha: Array
    grad_other_beta: Array


def beta_log_prob(alpha: ArrayLike, beta: ArrayLike, actions: ArrayLike) -> BetaLogProb:
    r"""Log-density of actions inside (0, 1) under independent Beta distributions, summed over their dimensions.

    .. math::

        \log p(a) = \sum_d (\alpha_d - 1) \log a_d + (\beta_d - 1) \log(1 - a_d) - \log B(\alpha_d, \beta_d), \qquad
        B(\alpha, \beta) = \frac{\Gamma(\alpha) \Gamma(\beta)}{\Gamma(\alpha + \beta)}

    .. math::

        \frac{\partial \log p}{\partial \alpha} = \log a + \psi(\alpha + \beta) - \psi(\alpha), \quad
        \frac{\partial \log p}{\partial \beta} = \log(1 - a) + \psi(\alpha + \beta) - \psi(\beta), \quad
        \frac{\partial \log p}{\partial a} = \frac{\alpha - 1}{a} - \frac{\beta - 1}{1 - a}

    Parameters
    ----------
    alpha, beta : array of float, shape (B, D)
        Concentrations within [0.001, 1000000].
    actions : array of float, shape (B, D)
        Strictly inside (0, 1).

    Returns
    -------
    BetaLogProb
        Named tuple ``(log_prob, grad_alpha, grad_beta, grad_actions)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a concentration is outside its range, or an action is not inside (0, 1).
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Nothing is clamped: an action of exactly 0 or 1 is refused.

    *Accuracy.* log B is not a difference of log-gammas: no digits are lost where alpha and beta are large.  The bounds
    are in ``docs/accuracy.md``.

    *Theorems.* ACC-33, BET-01.

    References
    ----------
    Mission row S6; Chou, Maturana and Scherer, Improving Stochastic Policy Gradients with the Beta Distribution,
    ICML 2017, section 4.

    Examples
    --------
    >>> out = beta_log_prob([[2.0]], [[2.0]], [[0.5]])  # the density is 6 a (1 - a)
    >>> out.log_prob.round(8), out.grad_actions
    (array([0.40546511]), array([[0.]]))
    """
    door = Doorman("beta_log_prob")
    a = door.floats("alpha", alpha, "B D", interval=CONCENTRATIONS)
    b = door.floats("beta", beta, "B D", interval=CONCENTRATIONS)
    hint = "These are actions of the Beta distribution, not yet scaled to the environment's bounds."
    x = door.floats("actions", actions, "B D", interval="(0, 1)", hint=hint)
    log_prob = np.empty(len(a))
    grad_alpha, grad_beta, grad_actions = np.empty_like(a), np.empty_like(a), np.empty_like(a)
    _log_prob_rows(a, b, x, log_prob, grad_alpha, grad_beta, grad_actions)
    return BetaLogProb(door.out(log_prob), door.out(grad_alpha), door.out(grad_beta), door.out(grad_actions))


def beta_entropy(alpha: ArrayLike, beta: ArrayLike) -> BetaEntropy:
    r"""Differential entropy of independent Beta distributions, summed over their dimensions, in nats.

    .. math::

        H = \sum_d \log B(\alpha_d, \beta_d) + (\alpha_d - 1) (\psi(\alpha_d + \beta_d) - \psi(\alpha_d))
            + (\beta_d - 1) (\psi(\alpha_d + \beta_d) - \psi(\beta_d))

    .. math::

        \frac{\partial H}{\partial \alpha} = (\alpha + \beta - 2)\, \psi'(\alpha + \beta)
            - (\alpha - 1)\, \psi'(\alpha), \qquad
        \frac{\partial H}{\partial \beta} = (\alpha + \beta - 2)\, \psi'(\alpha + \beta) - (\beta - 1)\, \psi'(\beta)

    Parameters
    ----------
    alpha, beta : array of float, shape (B, D)
        Concentrations within [0.001, 1000000].

    Returns
    -------
    BetaEntropy
        Named tuple ``(entropy, grad_alpha, grad_beta)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, or a concentration is outside its range.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Of actions inside (0, 1): for actions scaled to an interval of width w add log w per dimension.
    Never above 0, which is the entropy of the uniform distribution, alpha = beta = 1.

    *Accuracy.* The three terms have different signs: the error is one of their sizes, which are near alpha + beta
    where both are large.  The bounds are in ``docs/accuracy.md``.

    *Theorems.* ACC-33, BET-02.

    References
    ----------
    Mission row S12; Chou, Maturana and Scherer, Improving Stochastic Policy Gradients with the Beta Distribution,
    ICML 2017, section 4.

    Examples
    --------
    >>> out = beta_entropy([[1.0]], [[2.0]])  # the density is 2 (1 - a): 1/2 - log 2
    >>> out.entropy.round(8), out.grad_alpha.round(8)
    (array([-0.19314718]), array([[0.39493407]]))
    """
    door = Doorman("beta_entropy")
    a = door.floats("alpha", alpha, "B D", interval=CONCENTRATIONS)
    b = door.floats("beta", beta, "B D", interval=CONCENTRATIONS)
    entropy, grad_alpha, grad_beta = np.empty(len(a)), np.empty_like(a), np.empty_like(a)
    _entropy_rows(a, b, entropy, grad_alpha, grad_beta)
    return BetaEntropy(door.out(entropy), door.out(grad_alpha), door.out(grad_beta))


def beta_kl(alpha: ArrayLike, beta: ArrayLike, other_alpha: ArrayLike, other_beta: ArrayLike) -> BetaKL:
    r"""KL of independent Beta distributions, Beta(alpha, beta) against Beta(other_alpha, other_beta), summed over D.

    .. math::

        KL = \sum_d \log \frac{B(\alpha'_d, \beta'_d)}{B(\alpha_d, \beta_d)}
            + (\alpha_d - \alpha'_d) (\psi(\alpha_d) - \psi(\alpha_d + \beta_d))
            + (\beta_d - \beta'_d) (\psi(\beta_d) - \psi(\alpha_d + \beta_d))

    .. math::

        \frac{\partial KL}{\partial \alpha} = (\alpha - \alpha')\, \psi'(\alpha)
            - (\alpha + \beta - \alpha' - \beta')\, \psi'(\alpha + \beta), \qquad
        \frac{\partial KL}{\partial \alpha'} = \psi(\alpha') - \psi(\alpha)
            - \psi(\alpha' + \beta') + \psi(\alpha + \beta),

    and alike in beta.

    Parameters
    ----------
    alpha, beta, other_alpha, other_beta : array of float, shape (B, D)
        Concentrations within [0.001, 1000000].  For KL(old, new) pass the old policy first.

    Returns
    -------
    BetaKL
        Named tuple ``(kl, grad_alpha, grad_beta, grad_other_alpha, grad_other_beta)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, or a concentration is outside its range.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The direction is the order of the arguments.  KL of actions scaled to other bounds is this KL.

    *Accuracy.* Computed as A(alpha) + A(beta) - A(alpha + beta), where A >= 0 is how far log Gamma at the other
    concentration lies above its tangent: right to 67 u of their sum, however close the policies are, beside a rounding
    of alpha + beta.  The bounds are in ``docs/accuracy.md``.

    *Theorems.* ACC-33, BET-03.

    References
    ----------
    Mission rows S12, S13.

    Examples
    --------
    >>> out = beta_kl([[1.0]], [[1.0]], [[2.0]], [[1.0]])  # 1 - log 2: the other density is 2 a
    >>> out.kl.round(8), out.grad_other_alpha
    (array([0.30685282]), array([[0.5]]))
    """
    door = Doorman("beta_kl")
    a = door.floats("alpha", alpha, "B D", interval=CONCENTRATIONS)
    b = door.floats("beta", beta, "B D", interval=CONCENTRATIONS)
    other_a = door.floats("other_alpha", other_alpha, "B D", interval=CONCENTRATIONS)
    other_b = door.floats("other_beta", other_beta, "B D", interval=CONCENTRATIONS)
    kl = np.empty(len(a))
    grads = np.empty_like(a), np.empty_like(a), np.empty_like(a), np.empty_like(a)
    _kl_rows(a, b, other_a, other_b, kl, *grads)
    return BetaKL(door.out(kl), *(door.out(grad) for grad in grads))


@kernel
def beta_log_prob_kernel(alpha: float, beta: float, action: float) -> tuple[float, float, float, float]:
    """One dimension: log-density, and its derivatives in alpha, beta and the action.

    Theorems: ACC-33, BET-01, FLT-02.
    """
    on, off = np.log(action), np.log1p(-action)
    log_prob = (alpha - 1) * on + (beta - 1) * off - log_beta_kernel(alpha, beta)
    by_alpha, by_beta = on + digamma_gap_kernel(alpha, beta), off + digamma_gap_kernel(beta, alpha)
    return log_prob, by_alpha, by_beta, (alpha - 1) / action - (beta - 1) / (1 - action)


@kernel
def beta_entropy_kernel(alpha: float, beta: float) -> tuple[float, float, float]:
    """One dimension: entropy, and its derivatives in alpha and beta.  Theorems: ACC-33, BET-02, FLT-02."""
    above, over = alpha - 1, beta - 1
    entropy = log_beta_kernel(alpha, beta) + above * digamma_gap_kernel(alpha, beta)
    entropy = entropy + over * digamma_gap_kernel(beta, alpha)
    both = (above + over) * trigamma_kernel(alpha + beta)
    return entropy, both - above * trigamma_kernel(alpha), both - over * trigamma_kernel(beta)


@kernel
def beta_kl_kernel(
    alpha: float, beta: float, other_alpha: float, other_beta: float
) -> tuple[float, float, float, float, float]:
    """One dimension: KL, and its derivatives in the four concentrations.  Theorems: ACC-33, BET-03, FLT-02."""
    left, right = other_alpha - alpha, other_beta - beta
    whole, other_whole, both = alpha + beta, other_alpha + other_beta, left + right
    kl = log_gamma_above_kernel(alpha, other_alpha, left) + log_gamma_above_kernel(beta, other_beta, right)
    kl = kl - log_gamma_above_kernel(whole, other_whole, both)
    bend, turn = both * trigamma_kernel(whole), digamma_step_kernel(whole, other_whole, both)
    return (
        kl,
        bend - left * trigamma_kernel(alpha),
        bend - right * trigamma_kernel(beta),
        digamma_step_kernel(alpha, other_alpha, left) - turn,
        digamma_step_kernel(beta, other_beta, right) - turn,
    )


@kernel
def _log_prob_rows(
    alpha: Floats,
    beta: Floats,
    actions: Floats,
    log_prob: Floats,
    grad_alpha: Floats,
    grad_beta: Floats,
    grad_actions: Floats,
) -> None:
    for i in range(alpha.shape[0]):
        total = alpha[i, 0] * 0
        for d in range(alpha.shape[1]):
            part, grad_alpha[i, d], grad_beta[i, d], grad_actions[i, d] = beta_log_prob_kernel(
                alpha[i, d], beta[i, d], actions[i, d]
            )
            total = total + part
        log_prob[i] = total


@kernel
def _entropy_rows(alpha: Floats, beta: Floats, entropy: Floats, grad_alpha: Floats, grad_beta: Floats) -> None:
    for i in range(alpha.shape[0]):
        total = alpha[i, 0] * 0
        for d in range(alpha.shape[1]):
            part, grad_alpha[i, d], grad_beta[i, d] = beta_entropy_kernel(alpha[i, d], beta[i, d])
            total = total + part
        entropy[i] = total


@kernel
def _kl_rows(
    alpha: Floats,
    beta: Floats,
    other_alpha: Floats,
    other_beta: Floats,
    kl: Floats,
    grad_alpha: Floats,
    grad_beta: Floats,
    grad_other_alpha: Floats,
    grad_other_beta: Floats,
) -> None:
    for i in range(alpha.shape[0]):
        total = alpha[i, 0] * 0
        for d in range(alpha.shape[1]):
            part, grad_alpha[i, d], grad_beta[i, d], grad_other_alpha[i, d], grad_other_beta[i, d] = beta_kl_kernel(
                alpha[i, d], beta[i, d], other_alpha[i, d], other_beta[i, d]
            )
            total = total + part
        kl[i] = total
