r"""Importance sampling: expectations under p from samples of q.

The identity E_p[f] = E_q[f p/q] needs q(x) > 0 wherever f(x) p(x) != 0.  Samples cannot show that it holds:
see `ppocore.exact_importance_expectation` for finite spaces and `ppocore.batch_health` for batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats, ready
from ppocore._kernels import bare, kernel
from ppocore._threads import own_room
from ppocore.reductions import LANES, LARGEST, add_up, in_chunks, sums_in_chunks

SMALLER = 2.0**-64
"""What f is multiplied by where the sum of its weighted values overflows."""


class Ratio(NamedTuple):
    """e^(log_prob - old_log_prob), which is its own derivative in log_prob."""

    ratio: Array
    grad_log_prob: Array


class ImportanceEstimate(NamedTuple):
    """An estimate of E_p[f], and its derivatives in fx and in log_p."""

    estimate: float
    grad_fx: Array
    grad_log_p: Array


class PerDecisionEstimate(NamedTuple):
    """An estimate of a policy's return, and its derivative in log_prob (0 at masked slots)."""

    estimate: float
    grad_log_prob: Array


def ratio(log_prob: ArrayLike, old_log_prob: ArrayLike) -> Ratio:
    r"""Probability ratio r = P_theta / P_theta' of the actions taken.

    .. math:: r = e^{\log P_\theta(a|s) - \log P_{\theta'}(a|s)}

    Parameters
    ----------
    log_prob, old_log_prob : array of float, shape (B,)
        Under the policy being trained, and under the one that collected the data.

    Returns
    -------
    Ratio
        Named tuple ``(ratio, grad_log_prob)``.  Infinite where the exponential overflows (above e^709).

    Raises
    ------
    ValueError
        If shapes differ or are empty, or an entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* u (|d| + 2) r with d = log_prob - old_log_prob.

    *Theorems.* ACC-02, IS-10, IS-15.

    References
    ----------
    Mission rows S7, S10.

    Examples
    --------
    S10: the pupil plays it with probability 0.2, you with 0.4; the weight is 2.

    >>> import numpy as np
    >>> ratio(np.log([0.4]), np.log([0.2])).ratio.round(12)
    array([2.])
    """
    door = Doorman("ratio")
    new = door.floats("log_prob", log_prob, "B")
    old = door.floats("old_log_prob", old_log_prob, "B")
    with np.errstate(over="ignore", under="ignore"):
        ratios = np.exp(new - old)
    return Ratio(door.out(ratios), door.out(ratios))


def importance_estimate(fx: ArrayLike, log_p: ArrayLike, log_q: ArrayLike) -> ImportanceEstimate:
    r"""Unbiased estimate of E_p[f] from samples of q.

    .. math:: \frac1n \sum_i w_i f(x_i), \qquad w_i = p(x_i) / q(x_i), \quad x_i \sim q

    Parameters
    ----------
    fx, log_p, log_q : array of float, shape (n,)
        f and both log-densities at the samples, with their normalisation.

    Returns
    -------
    ImportanceEstimate
        Named tuple ``(estimate, grad_fx, grad_log_p)``.  Infinite where a used weight overflows.

    Raises
    ------
    ValueError
        If shapes differ or are empty, or an entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* With log_p = log_q this is the plain Monte Carlo mean of f (S3).  Equal to the mean over
    samples of p in expectation only, never as a random variable (S5): the variances differ, and this one may
    be infinite (`gaussian_weight_second_moment`).

    *Accuracy.* u times the mean of |w f| (|log w| + h + 4), h at most 18 + log2 n.  Derivatives: relatively u
    (|log w| + 4).

    *Theorems.* ACC-02, IS-06, IS-14.

    References
    ----------
    Owen, Monte Carlo theory, methods and examples, chapter 9.  Mission rows S3, S4, S5.

    Examples
    --------
    >>> print(importance_estimate([1, 5, 3], [0, 0, 0], [0, 0, 0]).estimate)
    3.0
    """
    return _estimate("importance_estimate", fx, log_p, log_q, _unbiased)


def self_normalized_estimate(fx: ArrayLike, log_p: ArrayLike, log_q: ArrayLike) -> ImportanceEstimate:
    r"""Estimate of E_p[f] by a weighted mean: log-densities may lack their normalisation.

    .. math:: \sum_i w_i f(x_i) \Big/ \sum_i w_i, \qquad w_i = p(x_i) / q(x_i)

    Parameters
    ----------
    fx, log_p, log_q : array of float, shape (n,)
        f and both log-densities at the samples, each up to a constant.

    Returns
    -------
    ImportanceEstimate
        Named tuple ``(estimate, grad_fx, grad_log_p)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, or an entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Biased at every finite n (by about -Cov_q(w, w f - w mu) / n), consistent, and always
    between the least and the largest f.

    *Accuracy.* The largest weight is scaled to 1, so nothing overflows.  With p = w / sum w, l = log w, e =
    |l| + |l - max l| + 2, its p-mean E and h at most 18 + log2 n: u times the sum of p |f| (e + E + 2 h + 2).

    *Theorems.* ACC-11, IS-07.

    References
    ----------
    Owen, Monte Carlo theory, methods and examples, section 9.2.  Mission row S5.

    Examples
    --------
    >>> print(self_normalized_estimate([1, 5], [1000, 1000], [0, 0]).estimate)
    3.0
    """
    return _estimate("self_normalized_estimate", fx, log_p, log_q, _self_normalized)


def truncated_importance_estimate(
    fx: ArrayLike, log_p: ArrayLike, log_q: ArrayLike, *, max_weight: float
) -> ImportanceEstimate:
    r"""Estimate of E_p[f] with no weight above `max_weight`: bounded variance for some bias.

    .. math:: \frac1n \sum_i \min(w_i, c)\, f(x_i)

    Parameters
    ----------
    fx, log_p, log_q : array of float, shape (n,)
        f and both log-densities at the samples, with their normalisation.
    max_weight : float > 0
        The c above.

    Returns
    -------
    ImportanceEstimate
        Named tuple ``(estimate, grad_fx, grad_log_p)``; no gradient in log_p flows where the weight is cut.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or `max_weight` is not positive.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Its bias (expectation minus E_p[f]) is exactly -E_q[f max(w - c, 0)]: downwards for f >= 0.

    *Accuracy.* As `importance_estimate`, with min(w, c); no claim on grad_log_p where w is within 2^-30 of c.

    *Theorems.* ACC-02, IS-08.

    References
    ----------
    Ionides, Truncated Importance Sampling, JCGS 17 (2008).  Mission row S5.

    Examples
    --------
    >>> import numpy as np
    >>> print(truncated_importance_estimate([1, 1], np.log([8.0, 1.0]), [0, 0], max_weight=3).estimate)
    2.0
    """
    door, f, log_weights = _samples("truncated_importance_estimate", fx, log_p, log_q)
    most = door.number("max_weight", max_weight, "(0, inf)")
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp(log_weights)
    cut = weights > most
    weights = np.where(cut, most, weights)
    terms = weights * f
    return _as_estimate(door, terms.mean(), weights / f.size, np.where(cut, 0.0, terms / f.size))


def per_decision_importance_estimate(
    rewards: ArrayLike, log_prob: ArrayLike, old_log_prob: ArrayLike, mask: ArrayLike, *, gamma: float
) -> PerDecisionEstimate:
    r"""Unbiased estimate of the return of a policy from N trajectories of another.

    .. math:: \frac1N \sum_n \sum_t \gamma^t \Big( \prod_{k \le t} r_{nk} \Big) R_{nt}

    A reward is weighed only by the decisions taken before it.

    Parameters
    ----------
    rewards, log_prob, old_log_prob : array of float, shape (B, L)
        One row per trajectory.
    mask : array of bool, shape (B, L)
        True where the step exists; masked slots are skipped, time counts valid steps.
    gamma : float in [0, 1]

    Returns
    -------
    PerDecisionEstimate
        Named tuple ``(estimate, grad_log_prob)``.  Infinite where a product of ratios overflows.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, or gamma is
        outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The per-step ratio of PPO (S7) keeps only the last factor of the product; it is not
    unbiased for anything but one-step problems.

    *Accuracy.* A term of step t is relatively right to u (c_t + 6), c_t the sum of |d_k| and of |d_1 + ... +
    d_k| over k <= t, d = log_prob - old_log_prob; the sum adds u (h + 1), h at most 18 + log2 (B L).

    *Theorems.* ACC-11, IS-05.

    References
    ----------
    Precup, Sutton, Singh, Eligibility Traces for Off-Policy Policy Evaluation, ICML 2000.
    Mission rows S5, S7.

    Examples
    --------
    >>> import numpy as np
    >>> out = per_decision_importance_estimate([[1, 8]], np.log([[0.5, 0.5]]), np.log([[0.25, 0.25]]),
    ...                                        [[True, True]], gamma=0.5)
    >>> print(round(out.estimate, 12))
    18.0
    """
    door = Doorman("per_decision_importance_estimate")
    valid = door.valid_rows(mask, "B L")
    r = door.floats("rewards", rewards, "B L", used=valid)
    new = door.floats("log_prob", log_prob, "B L", used=valid)
    old = door.floats("old_log_prob", old_log_prob, "B L", used=valid)
    discount = door.number("gamma", gamma, "[0, 1]")
    steps_before = np.cumsum(valid, axis=1) - 1
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        products = np.exp(np.cumsum(new - old, axis=1))
        terms = np.where(valid & (r != 0), discount ** np.maximum(steps_before, 0) * products * r, 0.0)
        # A log-probability enters every product from its own step on.
        onwards = np.cumsum(terms[:, ::-1], axis=1)[:, ::-1]
        grad = np.where(valid, onwards, 0.0) / len(r)
        return PerDecisionEstimate(door.scalar(terms.sum() / len(r)), door.out(grad))


def effective_sample_size(log_weights: ArrayLike) -> float:
    r"""Effective number of samples behind a weighted mean.

    .. math:: \Big( \sum_i w_i \Big)^2 \Big/ \sum_i w_i^2

    Parameters
    ----------
    log_weights : array of float, shape (n,)
        log w, up to a common constant.

    Returns
    -------
    float
        Between 1 (one sample carries everything) and n (all weigh the same).

    Raises
    ------
    ValueError
        If the array is empty or an entry is not finite.
    TypeError
        If the dtype is wrong.

    Notes
    -----
    *Conventions.* A count, not a fraction.

    *Accuracy.* The largest weight is scaled to 1, so nothing overflows.  With v = max l - l, relatively u (2
    mean_w v + 2 mean_(w^2) v + 3 h + 12), weighted means, h at most 18 + log2 n.

    *Theorems.* ACC-11, IS-11, IS-16.

    References
    ----------
    Kong, A Note on Importance Sampling using Standardized Weights, 1992.  Mission rows S5, S11.

    Examples
    --------
    >>> effective_sample_size([1000, 1000, 1000])
    3.0
    """
    given: Any = log_weights
    if ready((given,)) and given.ndim == 1:
        size = _effective_size(given)
        if size < np.inf:
            return size
    return _effective_size(Doorman("effective_sample_size").floats("log_weights", log_weights, "n"))


def gaussian_weight_second_moment(
    mean: ArrayLike, log_std: ArrayLike, other_mean: ArrayLike, other_log_std: ArrayLike
) -> Array:
    r"""E_q[(p/q)^2] for p = N(mean, std), q = N(other_mean, other_std): 1 plus the variance of the weight.

    .. math::

        \prod_d \frac{s'^2}{s \sqrt{2 s'^2 - s^2}} \exp \frac{(m - m')^2}{2 s'^2 - s^2}
        \quad\text{if } s^2 < 2 s'^2 \text{ in every dimension, else } \infty

    Parameters
    ----------
    mean, log_std, other_mean, other_log_std : array of float, shape (B, D)
        The target p, then the sampling distribution q.  ``log_std`` within [-300, 300].

    Returns
    -------
    array of float, shape (B,)
        Infinite exactly where importance sampling from q has infinite weight variance (or overflows).

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or a ``log_std`` is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* With g = log s - log s', t = 2 - e^2g, E = 2 |e^2g - 1| + 2|g| e^2g, relatively u (2 + the sum
    over d of z^2/t (E/t + 13 + h) + E/2t + (h + 3)(|g| + |log t|/2)), h at most 18 + log2 D; no claim for u E
    > 2^-30 t.

    *Theorems.* ACC-09, IS-09, IS-12.

    References
    ----------
    Mission row S5 ("unless s_p^2 < 2 s_q^2").

    Examples
    --------
    >>> import numpy as np
    >>> same_std = gaussian_weight_second_moment([[1.0]], [[0.0]], [[0.0]], [[0.0]])
    >>> bool(same_std[0] == np.e), gaussian_weight_second_moment([[0.0]], [[0.35]], [[0.0]], [[0.0]])
    (True, array([inf]))
    """
    door = Doorman("gaussian_weight_second_moment")
    interval = "[-300, 300]"
    m = door.floats("mean", mean, "B D")
    s = door.floats("log_std", log_std, "B D", interval=interval)
    other_m = door.floats("other_mean", other_mean, "B D")
    other_s = door.floats("other_log_std", other_log_std, "B D", interval=interval)
    moments = np.empty_like(m)
    _second_moments(m.ravel(), s.ravel(), other_m.ravel(), other_s.ravel(), moments.ravel())
    with np.errstate(over="ignore"):
        return door.out(np.exp(moments.sum(axis=1)))


@kernel
def log_second_moment_kernel(mean: float, log_std: float, other_mean: float, other_log_std: float) -> float:
    """One dimension of log E_q[(p/q)^2]; infinite unless s^2 < 2 s'^2.  Theorems: ACC-09, FLT-02, IS-09, IS-12."""
    gap = log_std - other_log_std
    grown = np.expm1(2 * gap)
    if grown >= 1:
        return np.inf
    z = (mean - other_mean) * np.exp(-other_log_std)
    return z * z / (1 - grown) - gap - np.log1p(-grown) / 2  # type: ignore[no-any-return]


@kernel
def _second_moments(mean: Floats, log_std: Floats, other_mean: Floats, other_log_std: Floats, moments: Floats) -> None:
    for i in range(len(mean)):
        moments[i] = log_second_moment_kernel(mean[i], log_std[i], other_mean[i], other_log_std[i])


def _samples(function: str, fx: ArrayLike, log_p: ArrayLike, log_q: ArrayLike) -> tuple[Doorman, Floats, Floats]:
    door = Doorman(function)
    f = door.floats("fx", fx, "n")
    return door, f, door.floats("log_p", log_p, "n") - door.floats("log_q", log_q, "n")


def _as_estimate(door: Doorman, estimate: float, grad_fx: Floats, grad_log_p: Floats) -> ImportanceEstimate:
    return ImportanceEstimate(door.scalar(estimate), door.out(grad_fx), door.out(grad_log_p))


def _estimate(
    function: str, fx: Any, log_p: Any, log_q: Any, estimator: Callable[[Any, Any, Any, Any, Any], float]
) -> ImportanceEstimate:
    """What `estimator` makes of the samples and writes into two gradients."""
    if ready((fx, log_p, log_q)) and fx.ndim == 1:
        # One block: of two, the allocator would give one back to the system, and fetch it again in the next call.
        grad_fx, grad_log_p = np.empty((2, fx.size), fx.dtype)
        estimate = estimator(fx, log_p, log_q, grad_fx, grad_log_p)
        if abs(estimate) < LARGEST:
            return ImportanceEstimate(fx.dtype.type(estimate + 0.0), grad_fx, grad_log_p)
    door = Doorman(function)
    f, p, q = (door.floats(name, x, "n") for name, x in (("fx", fx), ("log_p", log_p), ("log_q", log_q)))
    grad_fx, grad_log_p = np.empty((2, f.size), door.dtype())
    return ImportanceEstimate(door.scalar(estimator(f, p, q, grad_fx, grad_log_p)), grad_fx, grad_log_p)


def _unbiased(f: Any, log_p: Any, log_q: Any, grad_fx: Any, grad_log_p: Any) -> float:
    """Write the gradients, and return the mean of w f; NaN where an input is not finite."""

    def work(i: slice, sums: Floats) -> None:
        weights, fine = _weights(log_p[i], log_q[i], 0.0)
        if not _weigh(weights, f[i], f.size, grad_fx[i], grad_log_p[i]) & fine:
            weights[0] = np.nan
        add_up(weights, None, 0.0, False, own_room(LANES), sums[0])

    return sums_in_chunks(work, f.size, 1)[0] / f.size  # type: ignore[no-any-return]


def _self_normalized(f: Any, log_p: Any, log_q: Any, grad_fx: Any, grad_log_p: Any) -> float:
    """Write the gradients, and return the weighted mean of f; NaN where an input is not finite."""
    largest = max(in_chunks(lambda i: _largest(log_p[i], log_q[i]), f.size))
    scale = 1.0

    def work(i: slice, sums: Floats) -> None:
        weights, fine = _weights(log_p[i], log_q[i], largest)
        add_up(weights, None, 0.0, False, own_room(LANES), sums[0])
        if not _times(weights, f[i], scale) & fine:
            weights[0] = np.nan
        add_up(weights, None, 0.0, False, own_room(LANES), sums[1])

    total, weighted = sums_in_chunks(work, f.size, 2)
    if not abs(weighted) < np.inf:
        scale = SMALLER
        total, weighted = sums_in_chunks(work, f.size, 2)
    estimate = weighted / total / scale

    def finish(i: slice) -> None:
        _share(_weights(log_p[i], log_q[i], largest)[0], f[i], total, estimate, grad_fx[i], grad_log_p[i])

    in_chunks(finish, f.size)
    return estimate


def _effective_size(log_weights: Any) -> float:
    largest = float(log_weights.max())

    def work(i: slice, sums: Floats) -> None:
        weights, fine = _weights(log_weights[i], None, largest)
        if not fine:
            weights[0] = np.nan
        for row, squared in enumerate((False, True)):
            add_up(weights, None, 0.0, squared, own_room(LANES), sums[row])

    total, squares = sums_in_chunks(work, log_weights.size, 2)
    return total * total / squares


def _largest(log_p: Any, log_q: Any) -> float:
    gaps = own_room(log_p.size)
    _gaps(log_p, log_q, 0.0, gaps)
    return float(gaps.max())


def _weights(log_p: Any, log_q: Any, largest: float) -> tuple[Floats, bool]:
    """exp of the log-weights minus the largest, in this thread's room after the lanes to add them up in; whether all
    that came in is finite."""
    weights = own_room(LANES + log_p.size)[LANES:]
    fine = _gaps(log_p, log_q, largest, weights)
    with np.errstate(all="ignore"):
        np.exp(weights, weights)
    return weights, fine


@bare
def _gaps(log_p: Floats, log_q: Floats | None, largest: float, gaps: Floats) -> bool:
    """Write log-weights minus the largest; whether all that came in is finite."""
    wrong = False
    if log_q is None:
        for i in range(len(gaps)):
            p = np.float64(log_p[i])
            gaps[i] = p - largest
            wrong = wrong | (p - p != 0)
    else:
        for i in range(len(gaps)):
            p, q = np.float64(log_p[i]), np.float64(log_q[i])
            gaps[i] = p - q - largest
            wrong = wrong | (p - p != 0) | (q - q != 0)
    return not wrong


@bare
def _times(weights: Floats, f: Floats, scale: float) -> bool:
    """Multiply the weights by f and a scale; whether every f is finite.  Where f is 0 no weight matters (inf * 0)."""
    wrong = False
    for i in range(len(weights)):
        value = np.float64(f[i])
        weights[i] = weights[i] * (value * scale) if value != 0 else 0.0
        wrong = wrong | (value - value != 0)
    return not wrong


@bare
def _weigh(weights: Floats, f: Floats, count: int, grad_fx: Floats, grad_log_p: Floats) -> bool:
    """Write the gradients of a plain mean, and w f over the weights; whether every f is finite."""
    for i in range(len(weights)):
        grad_fx[i] = weights[i] / count
    fine = _times(weights, f, 1.0)
    for i in range(len(weights)):
        grad_log_p[i] = weights[i] / count + 0.0
    return fine


@bare
def _share(weights: Floats, f: Floats, total: float, estimate: float, grad_fx: Floats, grad_log_p: Floats) -> None:
    """Write the gradients of a weighted mean."""
    for i in range(len(weights)):
        weights[i] = weights[i] / total
    for i in range(len(weights)):
        grad_fx[i] = weights[i]
    for i in range(len(weights)):
        grad_log_p[i] = weights[i] * (np.float64(f[i]) - estimate) + 0.0
