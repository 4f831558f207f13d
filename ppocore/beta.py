r"""Policies over bounded actions: independent Beta distributions on (0, 1), each given by alpha and beta."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.beta_function import digamma_gap_kernel, log_beta_kernel

CONCENTRATIONS = "[0.001, 1000000]"
"""Where log B is right to its bound: nothing overflows."""


class BetaLogProb(NamedTuple):
    """log p(a) summed over D, shape (B,), and its derivatives, shape (B, D)."""

    log_prob: Array
    grad_alpha: Array
    grad_beta: Array
    grad_actions: Array


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
