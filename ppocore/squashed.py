r"""The tanh-Gaussian: actions = tanh(u) with u drawn from a diagonal Gaussian.

Its KL divergence needs no function of its own: tanh is one-to-one, so KL of two tanh-Gaussians is
`ppocore.gaussian_kl` of the Gaussians underneath.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Doorman, Floats
from ppocore._kernels import kernel
from ppocore.distributions import (
    HALF_LOG_TWO_PI,
    LOG_STD_INTERVAL,
    GaussianEntropy,
    GaussianLogProb,
    gaussian_rows,
)

LOG_TWO = 0.6931471805599453
_NODES = np.linspace(-8.5, 8.5, 513)


def squashed_gaussian_log_prob(mean: ArrayLike, log_std: ArrayLike, actions: ArrayLike) -> GaussianLogProb:
    r"""Log-density of actions = tanh(u), u normal, summed over their dimensions.

    .. math::

        \log p(a) = \sum_d \Big( \log N(u_d; m_d, s_d) - \log(1 - a_d^2) \Big), \qquad
        u = \operatorname{artanh} a = \tfrac12\big(\log(1+a) - \log(1-a)\big)

    Parameters
    ----------
    mean, log_std : array of float, shape (B, D)
        Of u, not of the action.  ``log_std`` within [-300, 300].
    actions : array of float, shape (B, D)
        tanh(u): strictly inside (-1, 1).

    Returns
    -------
    GaussianLogProb
        Named tuple ``(log_prob, grad_mean, grad_log_std, grad_actions)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or an action is not inside (-1, 1).
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Nothing is clamped: an action of exactly 1 has no density and is refused.

    *Accuracy.* With u_a = artanh a, v = 3 |u_a z| / s + 9 u (u_a/s)^2: u times the sum over d of (D + 11)
    z^2/2 + v + (D + 2)(|log s| + 0.92) + (h + 1) |log(1 - a^2)| + 6 |u_a|, h at most 18 + log2 D.  An error
    of one ulp in an action near 1 moves artanh a by u / (1 - a^2): keep it if you can.

    *Theorems.* ACC-10, GAU-04.

    References
    ----------
    Haarnoja et al., Soft Actor-Critic, arXiv:1801.01290, appendix C.  Mission row S6.

    Examples
    --------
    >>> out = squashed_gaussian_log_prob([[0.0]], [[0.0]], [[0.0]])
    >>> out.log_prob.round(8), out.grad_actions
    (array([-0.91893853]), array([[0.]]))
    """
    door = Doorman("squashed_gaussian_log_prob")
    m = door.floats("mean", mean, "B D")
    s = door.floats("log_std", log_std, "B D", interval=LOG_STD_INTERVAL)
    hint = "These must be tanh(u), not yet scaled to the environment's bounds."
    a = door.floats("actions", actions, "B D", interval="(-1, 1)", hint=hint)
    pre_tanh, log_slopes = np.empty_like(a), np.empty_like(a)
    _artanh_loop(a.ravel(), pre_tanh.ravel(), log_slopes.ravel())
    (log_prob, grad_mean, grad_log_std, _), _ = gaussian_rows(m, s, pre_tanh)
    grad_actions = (2 * a - grad_mean) / ((1 - a) * (1 + a))
    return GaussianLogProb(
        door.out(log_prob - log_slopes.sum(axis=1)),
        door.out(grad_mean),
        door.out(grad_log_std),
        door.out(grad_actions),
    )


def squashed_gaussian_entropy(mean: ArrayLike, log_std: ArrayLike) -> GaussianEntropy:
    r"""Entropy of tanh(u), u normal, summed over the dimensions, in nats.

    .. math::

        H = \sum_d \Big( \log s_d + \tfrac12 \log 2\pi e
            + E_{z \sim N(0,1)}\big[\log\big(1 - \tanh^2(m_d + s_d z)\big)\big] \Big)

    Parameters
    ----------
    mean, log_std : array of float, shape (B, D)
        Of u.  ``log_std`` within [-300, 300].

    Returns
    -------
    GaussianEntropy
        Named tuple ``(entropy, grad_mean, grad_log_std)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or ``log_std`` is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* There is no closed form; many codes report the entropy of u instead, which is larger and
    has another gradient.  The largest possible value is log 2 per dimension (uniform on (-1, 1)).

    *Accuracy.* u times the sum over d of (1200 + 2 D) (1 + |m| + s) + (D + 3) |log s| for log_std <= 2 (513
    roundings, rarely seen).  By the trapezoidal rule with 513 nodes on |z| <= 8.5, whose error falls like
    exp(-pi^2 / (s h)), h = 17/512: below 1e-6 s for log_std <= 3.  (Gauss-Hermite with 64 nodes is wrong in
    the third digit at log_std = 2.)

    *Theorems.* ACC-10, GAU-05, GAU-06.

    References
    ----------
    Trefethen and Weideman, The Exponentially Convergent Trapezoidal Rule, SIAM Review 56 (2014), section 5.
    Mission row S12.

    Examples
    --------
    For small s it is the entropy of u, less s^2:

    >>> import numpy as np
    >>> gap = squashed_gaussian_entropy([[0.0]], [[-5.0]]).entropy - (-5 + 0.5 * np.log(2 * np.pi * np.e))
    >>> print((gap / np.exp(-10.0)).round(3))
    [-1.]
    """
    door = Doorman("squashed_gaussian_entropy")
    m = door.floats("mean", mean, "B D")
    s = door.floats("log_std", log_std, "B D", interval=LOG_STD_INTERVAL)
    weights = np.exp(-_NODES * _NODES / 2)
    weights /= weights.sum()
    grads = np.empty_like(m), np.empty_like(m)
    entropy = np.empty(len(m))
    _squashed_entropy_rows(m, s, _NODES, weights, entropy, *grads)
    return GaussianEntropy(door.out(entropy), *(door.out(grad) for grad in grads))


@kernel
def log_tanh_slope_kernel(u: float) -> float:
    """log(1 - tanh(u)^2), by |u|: finite where the result can be, and 0 at 0 up to one rounding.

    Theorems: ACC-10, FLT-02, GAU-03.
    """
    size = u
    if u < 0:
        size = -u
    return 2 * (LOG_TWO - size - np.log1p(np.exp(-2 * size)))  # type: ignore[no-any-return]


@kernel
def artanh_kernel(action: float) -> tuple[float, float]:
    """artanh(a), and log(1 - a^2).  Theorems: ACC-10, FLT-02, GAU-04."""
    up, down = np.log1p(action), np.log1p(-action)
    return (up - down) / 2, up + down


@kernel
def _artanh_loop(actions: Floats, pre_tanh: Floats, log_slopes: Floats) -> None:
    for i in range(len(actions)):
        pre_tanh[i], log_slopes[i] = artanh_kernel(actions[i])


@kernel
def _squashed_entropy_rows(
    mean: Floats,
    log_std: Floats,
    nodes: Floats,
    weights: Floats,
    entropy: Floats,
    grad_mean: Floats,
    grad_log_std: Floats,
) -> None:
    for b in range(mean.shape[0]):
        total = mean[b, 0] * 0
        for d in range(mean.shape[1]):
            std = np.exp(log_std[b, d])
            slope, by_mean, by_log_std = total * 0, total * 0, total * 0
            for k in range(len(nodes)):
                u = mean[b, d] + std * nodes[k]
                tilt = -2 * weights[k] * np.tanh(u)
                slope = slope + weights[k] * log_tanh_slope_kernel(u)
                by_mean = by_mean + tilt
                by_log_std = by_log_std + tilt * std * nodes[k]
            total = total + (log_std[b, d] + (HALF_LOG_TWO_PI + 0.5) + slope)
            grad_mean[b, d] = by_mean
            grad_log_std[b, d] = 1 + by_log_std
        entropy[b] = total
