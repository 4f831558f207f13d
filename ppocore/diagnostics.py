"""What a batch says about itself: how far the policies have parted, and whether to trust its weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Doorman, Floats
from ppocore.importance import effective_sample_size

K_HAT_GOOD, K_HAT_USABLE = 0.5, 0.7
ESS_GOOD, ESS_USABLE = 0.5, 0.1


class BatchHealth(NamedTuple):
    """Diagnostics of one batch of importance weights, and what to do: trust, shrink or resample."""

    effective_sample_size: float
    k_hat: float
    max_ratio: float
    verdict: str


def clip_fraction(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    advantages: ArrayLike,
    *,
    clip_eps: float,
    mask: ArrayLike | None = None,
) -> float:
    r"""Fraction of the samples whose ratio is outside the band.

    .. math:: \operatorname{mean}\big(|r - 1| > \epsilon\big), \qquad r = e^{\log P_\theta - \log P_{\theta'}}

    Parameters
    ----------
    log_prob, old_log_prob, advantages : array of float, shape (B,), or (B, L) with a mask
        The advantages are checked but do not matter: see Conventions.
    clip_eps : float in [0, 1]
    mask : array of bool, same shape, optional
        True where the slot is valid; the mean runs over valid slots.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, or
        `clip_eps` is outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Counts every ratio outside the band, also those whose gradient the clip lets through
    (A > 0 below the band, A < 0 above it).

    *Accuracy.* One rounding, u times the fraction; no claim if a ratio is within 2^-30 of an end.

    *Theorems.* ACC-04, DIAG-01, PG-10.

    References
    ----------
    Mission rows S11, S16.

    Examples
    --------
    >>> clip_fraction([0.0, 1.0], [0.0, 0.0], [1.0, -1.0], clip_eps=0.25)
    0.5
    """
    door = Doorman("clip_fraction")
    valid, (new, old, _) = door.batch(mask, log_prob=log_prob, old_log_prob=old_log_prob, advantages=advantages)
    eps = door.number("clip_eps", clip_eps, "[0, 1]", "Did you pass the upper end 1 + epsilon?")
    with np.errstate(over="ignore", under="ignore"):
        ratios = np.exp(new - old)
    outside = ((ratios > 1 + eps) | (ratios < 1 - eps)) & valid
    return float(outside.sum() / valid.sum())


def explained_variance(values: ArrayLike, returns: ArrayLike) -> float:
    r"""How much of the variance of the returns the value function explains.

    .. math:: 1 - \operatorname{Var}(R - V) / \operatorname{Var}(R)

    Parameters
    ----------
    values, returns : array of float, shape (B,)

    Returns
    -------
    float
        At most 1; nan if all returns are equal, since nothing is there to be explained.

    Raises
    ------
    ValueError
        If shapes differ or are empty, or an entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Variances, not mean squares: a constant offset of the values is not punished.

    *Accuracy.* In two passes.  With e = R - V, q = var(e) / var(R) and E_x = (h + 4) var(x) + u (h + 1)^2
    mean|x|^2, h at most 18 + log2 B: u ((E_e + 2 std(e) rms(e) + u rms(e)^2 + q E_R) / var(R) + q + |1 - q|).

    *Theorems.* ACC-12, DIAG-02.

    References
    ----------
    Mission row S0.

    Examples
    --------
    >>> explained_variance([1, 3, 1, 3], [1, 5, 1, 5])
    0.75
    """
    door = Doorman("explained_variance")
    v = door.floats("values", values, "B")
    target = door.floats("returns", returns, "B")
    # A constant must have variance 0 exactly: its rounded mean could differ from it by an ulp.
    if (target == target[0]).all():
        return float("nan")
    return float(1 - _variance(target - v) / _variance(target))


def pareto_k_hat(log_weights: ArrayLike) -> float:
    r"""Shape of the generalised Pareto distribution that fits the largest weights.

    Moments of the weights of order 1/k and beyond are infinite if the true shape is k: the variance from
    k = 1/2 on, the mean from k = 1 on.

    Parameters
    ----------
    log_weights : array of float, shape (n,)
        log w, up to a common constant.

    Returns
    -------
    float
        k-hat; nan if there is no tail to fit: fewer than 5 of the min(n / 5, 3 sqrt(n)) largest weights lie
        above the rest (always so for n < 25, or for equal weights).

    Raises
    ------
    ValueError
        If the array is empty or an entry is not finite.
    TypeError
        If the dtype is wrong.

    Notes
    -----
    *Conventions.* The profile posterior mean of Zhang and Stephens, shrunk towards 1/2 by a prior worth 10
    samples, as Pareto-smoothed importance sampling does it.

    *Accuracy.* A statistical estimate: its spread is about (1 + k) / sqrt(size of the tail).

    References
    ----------
    Zhang and Stephens, Technometrics 51 (2009).  Vehtari, Simpson, Gelman, Yao, Gabry, Pareto Smoothed
    Importance Sampling, arXiv:1507.02646.  Mission rows S5, S11.

    Examples
    --------
    Weights that are exactly Pareto with shape 1 and so have no mean, shrunk a little towards 1/2:

    >>> import numpy as np
    >>> round(pareto_k_hat(-np.log(np.arange(1, 10001) / 10001)), 2)
    0.95
    """
    door = Doorman("pareto_k_hat")
    return _k_hat(door.floats("log_weights", log_weights, "n"))


def batch_health(log_weights: ArrayLike) -> BatchHealth:
    r"""Whether a batch still teaches the policy something: trust it, shrink the step, or resample.

    With n weights, the rule is, top to bottom:

    - ``resample`` if k-hat > 0.7 or ESS < n / 10: a few samples speak for all; collect new data.
    - ``shrink`` if k-hat > 0.5 or ESS < n / 2: usable, but the variance is or looks infinite, or half the
      batch is lost; take smaller or fewer steps.
    - ``trust`` otherwise.

    A k-hat that cannot be fitted (nan) does not count.

    Parameters
    ----------
    log_weights : array of float, shape (n,)
        log_prob - old_log_prob of the batch.

    Returns
    -------
    BatchHealth
        Named tuple ``(effective_sample_size, k_hat, max_ratio, verdict)``.

    Raises
    ------
    ValueError
        If the array is empty or an entry is not finite.
    TypeError
        If the dtype is wrong.

    Notes
    -----
    *Conventions.* The thresholds of k-hat are those of PSIS; those of the ESS are ours.  A constant added to
    the log-weights changes `max_ratio` only.  Weights cannot show actions that the old policy never takes.

    *Accuracy.* As `effective_sample_size` and `pareto_k_hat`.

    References
    ----------
    Vehtari et al., arXiv:1507.02646.  Mission rows S5, S11.

    Examples
    --------
    >>> batch_health([0.0, 0.0, 0.0, 0.0])
    BatchHealth(effective_sample_size=4.0, k_hat=nan, max_ratio=1.0, verdict='trust')
    """
    door = Doorman("batch_health")
    weights = door.floats("log_weights", log_weights, "n")
    ess, k_hat = effective_sample_size(weights), _k_hat(weights)
    with np.errstate(over="ignore", under="ignore"):
        max_ratio = float(np.exp(weights.max()))
    return BatchHealth(ess, k_hat, max_ratio, _verdict(ess / weights.size, k_hat))


def _variance(x: Floats) -> float:
    """In two passes, as `numpy.var`, in a third of its time for what a batch holds."""
    around = x - np.add.reduce(x) / x.size
    return float(np.add.reduce(around * around) / x.size)


def _verdict(ess_share: float, k_hat: float) -> str:
    if k_hat > K_HAT_USABLE or ess_share < ESS_USABLE:
        return "resample"
    if k_hat > K_HAT_GOOD or ess_share < ESS_GOOD:
        return "shrink"
    return "trust"


def _k_hat(log_weights: Floats) -> float:
    size = log_weights.size
    tail = int(np.ceil(min(size / 5, 3 * np.sqrt(size))))
    if tail < 5:
        return float("nan")
    ordered = np.sort(log_weights - log_weights.max())
    excess = np.exp(ordered[-tail:]) - np.exp(ordered[-tail - 1])
    excess = excess[excess > 0]
    return _pareto_shape(excess) if excess.size >= 5 else float("nan")


def _pareto_shape(excess: Floats) -> float:
    """Zhang and Stephens' estimate of k from sorted positive excesses, with the prior of PSIS."""
    n = excess.size
    count = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    grid = (1 - np.sqrt(count / (np.arange(count) + 0.5))) / (3 * quartile) + 1 / excess[-1]
    shapes = np.log1p(-grid[:, None] * excess).mean(axis=1)
    log_likelihood = n * (np.log(-grid / shapes) - shapes - 1)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    best = (grid * posterior).sum() / posterior.sum()
    shape = np.log1p(-best * excess).mean()
    return float((n * shape + 10 * 0.5) / (n + 10))
