r"""KL divergences: exact for the policies of `ppocore.distributions`, and estimated from samples.

Every one is built of ``k3(d) = e^d - 1 - d``, which is never negative and 0 only at 0, so that a KL
divergence computed here is a sum of terms of one sign: nothing cancels, however close the two policies are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, ready
from ppocore._kernels import bare, kernel
from ppocore._threads import THREADS, WORTH_IT, pieces, spread
from ppocore._tiles import by_rows
from ppocore.distributions import LARGEST_LOG_STD, LOG_STD_INTERVAL
from ppocore.softmax_rows import log_prob_rows, sum_of_row

CHUNK = 1 << 14
"""Logits of each policy that are worked on together."""
RUN = 4
"""Chunks that a thread takes at a time."""


class KLEstimate(NamedTuple):
    """An estimate of KL(old, new), and the derivative of the estimate in log_prob."""

    kl: float
    grad_log_prob: Array


class CategoricalKL(NamedTuple):
    """KL(logits, other_logits) in nats, shape (B,), and its derivatives, shape (B, A)."""

    kl: Array
    grad_logits: Array
    grad_other_logits: Array


class GaussianKL(NamedTuple):
    """KL of two Gaussians in nats, shape (B,), and its derivatives, shape (B, D)."""

    kl: Array
    grad_mean: Array
    grad_log_std: Array
    grad_other_mean: Array
    grad_other_log_std: Array


def kl_k1(log_prob: ArrayLike, old_log_prob: ArrayLike, *, mask: ArrayLike | None = None) -> KLEstimate:
    r"""KL(old, new) estimated as the mean of -d, with d = log_prob - old_log_prob.

    .. math:: k_1 = \operatorname{mean}(-d), \qquad E_{old}[k_1] = KL(old, new)

    Parameters
    ----------
    log_prob, old_log_prob : array of float, shape (B,), or (B, L) with a mask
        Of actions drawn from the old policy.
    mask : array of bool, same shape, optional
        True where the slot is valid; the mean runs over valid slots.

    Returns
    -------
    KLEstimate
        Named tuple ``(kl, grad_log_prob)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, or a row of the mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Unbiased, and so is its gradient; one batch may well come out negative.  For actions
    drawn from the policy that is being trained the expected gradient is 0: it then trains nothing.

    *Accuracy.* u (h + 2) mean|d|, h at most 18 + log2 n over n slots; the derivative u |exact|.

    *Theorems.* ACC-07, KL-03, KL-07, KL-16.

    References
    ----------
    Schulman, Approximating KL Divergence, 2020 (blog).  Mission rows S11, S12.

    Examples
    --------
    >>> out = kl_k1([-1.0, -2.0], [-1.5, -1.0])
    >>> print(out.kl, out.grad_log_prob)
    0.25 [-0.5 -0.5]
    """
    return _estimate("kl_k1", log_prob, old_log_prob, mask, 1)


def kl_k2(log_prob: ArrayLike, old_log_prob: ArrayLike, *, mask: ArrayLike | None = None) -> KLEstimate:
    r"""KL(old, new) estimated as the mean of d^2 / 2, with d = log_prob - old_log_prob.

    .. math:: k_2 = \operatorname{mean}(d^2 / 2)

    Parameters
    ----------
    log_prob, old_log_prob : array of float, shape (B,), or (B, L) with a mask
        Of actions drawn from the old policy.
    mask : array of bool, same shape, optional
        True where the slot is valid; the mean runs over valid slots.

    Returns
    -------
    KLEstimate
        Named tuple ``(kl, grad_log_prob)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, or a row of the mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Biased (it agrees with KL to second order in the difference of the policies), and its
    expected gradient under the old policy is not that of KL(old, new).

    *Accuracy.* u (h + 4) times the mean of d^2 / 2, h at most 18 + log2 n over n slots; the derivative 2 u
    |exact|.

    *Theorems.* ACC-07, KL-16.

    References
    ----------
    Schulman, Approximating KL Divergence, 2020 (blog).  Mission rows S11, S12.

    Examples
    --------
    >>> out = kl_k2([-1.0, -2.0], [-1.5, -1.0])
    >>> print(out.kl, out.grad_log_prob)
    0.3125 [ 0.25 -0.5 ]
    """
    return _estimate("kl_k2", log_prob, old_log_prob, mask, 2)


def kl_k3(log_prob: ArrayLike, old_log_prob: ArrayLike, *, mask: ArrayLike | None = None) -> KLEstimate:
    r"""KL(old, new) estimated as the mean of e^d - 1 - d, with d = log_prob - old_log_prob.

    .. math:: k_3 = \operatorname{mean}(e^d - 1 - d) \ge 0, \qquad E_{old}[k_3] = KL(old, new)

    Parameters
    ----------
    log_prob, old_log_prob : array of float, shape (B,), or (B, L) with a mask
        Of actions drawn from the old policy.
    mask : array of bool, same shape, optional
        True where the slot is valid; the mean runs over valid slots.

    Returns
    -------
    KLEstimate
        Named tuple ``(kl, grad_log_prob)``.  Infinite where e^d overflows (d > 709).

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, or a row of the mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Unbiased where the old policy covers the new one, and so is its gradient.

    *Accuracy.* u times the mean of (|d| + h + 13) k3(d), h at most 18 + log2 n over n slots: by a series for
    |d| < 1/2, by expm1 beyond.  ``exp(d) - 1 - d`` has no right digit at |d| = 1e-8.  Derivative: u (|d| e^d
    + 3 |e^d - 1|) / n.

    *Theorems.* ACC-07, KL-02, KL-03, KL-07, KL-16.

    References
    ----------
    Schulman, Approximating KL Divergence, 2020 (blog).  Mission rows S11, S12.

    Examples
    --------
    >>> print(kl_k3([-1.0], [-1.0]).kl, kl_k3([1e-9], [0.0]).kl)
    0.0 5.000000001666667e-19
    """
    return _estimate("kl_k3", log_prob, old_log_prob, mask, 3)


def categorical_kl(
    logits: ArrayLike, other_logits: ArrayLike, *, action_mask: ArrayLike | None = None
) -> CategoricalKL:
    r"""KL(p, q) of two softmax policies, p from `logits` and q from `other_logits`.

    .. math::

        KL = \sum_j p_j (\log p_j - \log q_j), \qquad
        \frac{\partial KL}{\partial z_j} = p_j \big(\log p_j - \log q_j - KL\big), \qquad
        \frac{\partial KL}{\partial z'_j} = q_j - p_j

    Parameters
    ----------
    logits, other_logits : array of float, shape (B, A)
        For KL(old, new) pass the old logits first.  Logits of masked actions are not used.
    action_mask : array of bool, shape (B, A), optional
        True where the action is legal, in both policies; every row needs one.

    Returns
    -------
    CategoricalKL
        Named tuple ``(kl, grad_logits, grad_other_logits)``; gradients are 0 at masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a legal logit is not finite, or a row of the mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The direction is the order of the arguments.  KL is 0 exactly when both rows are the same
    policy; a common offset of a row changes nothing.

    *Accuracy.* Summed as p k3(d), d = log q - log p, terms of one sign.  With E of `categorical_log_prob` and
    E_d = E_p + E_q + |d|: u times the sum of p k3(d) (E_p + A + 12) + p |e^d - 1| E_d + u E_d^2 max(p, q) /
    2; q - p to u (max(p, q) E_d + |q - p| (max(E_p, E_q) + 5)).  For d >= 1/2 see ``docs/accuracy.md``.

    *Theorems.* ACC-08, KL-01, KL-04, KL-05, KL-09, KL-10, KL-12, KL-13, KL-14, KL-15.

    References
    ----------
    Mission rows S12, S13.

    Examples
    --------
    >>> import numpy as np
    >>> out = categorical_kl(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]]))
    >>> out.kl.round(8), out.grad_other_logits.round(8)
    (array([0.14384104]), array([[-0.25,  0.25]]))
    """
    door = Doorman("categorical_kl")
    if ready((logits, other_logits), () if action_mask is None else (action_mask,)) and np.ndim(logits) == 2:
        quick = _empty_kl(logits)
        if kl_rows(logits, other_logits, action_mask, *quick):
            return quick
    if action_mask is None:
        z = door.floats("logits", logits, "B A")
        other = door.floats("other_logits", other_logits, "B A")
        legal = door.legal_actions(None, "B A", z.shape)
    else:
        legal = door.legal_actions(action_mask, "B A", ())
        z = door.floats("logits", logits, "B A", used=legal)
        other = door.floats("other_logits", other_logits, "B A", used=legal)
    found = _empty_kl(z)
    kl_rows(z, other, legal, *found)
    return CategoricalKL(*(door.out(np.asarray(x, np.float64)) for x in found))


def gaussian_kl(mean: ArrayLike, log_std: ArrayLike, other_mean: ArrayLike, other_log_std: ArrayLike) -> GaussianKL:
    r"""KL of two diagonal Gaussians, N(mean, std) against N(other_mean, other_std).

    .. math::

        KL = \sum_d \Big( \log s'_d - \log s_d + \frac{s_d^2 + (m_d - m'_d)^2}{2 s'^2_d} - \tfrac12 \Big)

    Parameters
    ----------
    mean, log_std, other_mean, other_log_std : array of float, shape (B, D)
        For KL(old, new) pass the old policy first.  ``log_std`` within [-300, 300].

    Returns
    -------
    GaussianKL
        Named tuple ``(kl, grad_mean, grad_log_std, grad_other_mean, grad_other_log_std)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or a ``log_std`` is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The direction is the order of the arguments.  KL of two tanh-Gaussians is this KL of the
    Gaussians underneath, since tanh is one-to-one.

    *Accuracy.* With g = log s - log s', z = (m - m') / s': u times the sum over d of ((D + 12 + 2|g|) k3(2g)
    + (D + 9) z^2) / 2, no term of which is negative.  Derivatives: 7 u |z| / s' in the means, u (2 |e^2g - 1|
    + 2|g| e^2g) in log s.

    *Theorems.* ACC-09, KL-06.

    References
    ----------
    Mission rows S12, S13.

    Examples
    --------
    >>> out = gaussian_kl([[1.0]], [[0.0]], [[3.0]], [[0.0]])
    >>> print(out.kl, out.grad_mean, out.grad_other_log_std)
    [2.] [[-2.]] [[-4.]]
    """
    given: tuple[Any, ...] = (mean, log_std, other_mean, other_log_std)
    if ready(given, anyhow=True) and given[0].ndim == 2:
        result, fine = _gaussian_kl(*given)
        if fine:
            return result
    # Something has to be converted, or refused, or overflows.
    door = Doorman("gaussian_kl")
    m = door.floats("mean", mean, "B D")
    s = door.floats("log_std", log_std, "B D", interval=LOG_STD_INTERVAL)
    other_m = door.floats("other_mean", other_mean, "B D")
    other_s = door.floats("other_log_std", other_log_std, "B D", interval=LOG_STD_INTERVAL)
    result, _ = _gaussian_kl(m, s, other_m, other_s)
    return GaussianKL(*map(door.out, result))


def kl_rows(logits: Any, other_logits: Any, legal: Any, kl: Any, grad_logits: Any, grad_other_logits: Any) -> bool:
    """Write KL(p, q) of every row of logits and its derivatives; False where a legal logit is not finite or a row has
    none.  Chunk by chunk, in threads where large."""
    length, width = logits.shape
    size = min(length, max(1, CHUNK // width))

    def work(part: range) -> bool:
        room = np.empty((6, size, width))
        for first in part:
            rows = slice(first, min(first + size, part.stop))
            log_p, log_q, p, q, falls, terms = room[:, : rows.stop - first]
            mask = None if legal is None else legal[rows]
            if not (log_prob_rows(logits[rows], mask, log_p) and log_prob_rows(other_logits[rows], mask, log_q)):
                return False
            with np.errstate(all="ignore"):
                np.exp(log_p, p)
                np.exp(log_q, q)
                np.subtract(log_q, log_p, log_q)
                np.expm1(-np.abs(log_q), falls)
            _kl_terms(log_q.ravel(), p.ravel(), q.ravel(), falls.ravel(), terms.ravel())
            _kl_slopes(log_q, p, q, falls, terms, kl[rows], grad_logits[rows], grad_other_logits[rows])
        return True

    threads = THREADS if logits.size >= WORTH_IT else 1
    return all(spread(work, pieces(length, size, threads, RUN), threads))


def categorical_kl_rows(log_p: Floats, log_q: Floats, legal: Bools) -> Floats:
    """KL(p, q) of every row of log-probabilities.  Unchecked."""
    kl = np.zeros(len(log_p))
    _categorical_kl_rows(log_p, log_q, legal, kl)
    return kl


def prob_difference(log_p: Floats, log_q: Floats, legal: Bools) -> Floats:
    """q - p from log-probabilities, without cancellation where they are close; 0 at illegal actions."""
    gap = np.subtract(log_q, log_p, out=np.zeros_like(log_p), where=legal)
    larger = np.maximum(log_p, log_q)
    return np.exp(larger) * -np.expm1(-np.abs(gap)) * np.sign(gap)


def _empty_kl(logits: Any) -> CategoricalKL:
    """Room for the divergences of these rows; one block for the derivatives, lest two be fetched in every call."""
    by_logits, by_other = np.empty((2, *logits.shape), logits.dtype)
    return CategoricalKL(np.empty(len(logits), logits.dtype), by_logits, by_other)


@kernel
def k3_kernel(d: float) -> float:
    """e^d - 1 - d.  Theorems: ACC-07, FLT-02, KL-02, KL-03, KL-11."""
    if d < 0.5 and d > -0.5:
        tail = d * 0 + 1
        for k in range(16, 2, -1):
            tail = 1 + d * tail / k
        return d * d * tail / 2
    return np.expm1(d) - d  # type: ignore[no-any-return]


@kernel
def kl_estimate_kernel(d: float, which: int) -> tuple[float, float]:
    """k1, k2 or k3 of one log-ratio, and its derivative in d.

    Theorems: ACC-07, FLT-02, KL-02, KL-03, KL-07, KL-16.
    """
    if which == 1:
        return -d, d * 0 - 1
    if which == 2:
        return d * d / 2, d
    return k3_kernel(d), np.expm1(d)


@kernel
def categorical_kl_term_kernel(log_p: float, log_q: float) -> float:
    """p k3(log q - log p) = p (log p - log q) + q - p: the terms of KL(p, q), each >= 0.

    Theorems: ACC-08, FLT-02, KL-14, KL-15.
    """
    d = log_q - log_p
    if d < 0.5:
        return np.exp(log_p) * k3_kernel(d)  # type: ignore[no-any-return]
    return np.exp(log_q) - np.exp(log_p) * (1 + d)  # type: ignore[no-any-return]


@bare
def _kl_terms(gaps: Floats, p: Floats, q: Floats, falls: Floats, terms: Floats) -> None:
    """`categorical_kl_term_kernel` without branches, of d = log q - log p, from p, q and expm1(-|d|); 0 where p and q
    are."""
    for i in range(len(terms)):
        d = gaps[i]
        tail = 1.0
        for k in range(16, 2, -1):
            tail = 1 + d * tail / k
        k3 = d * d * tail / 2 if (d < 0.5) & (d > -0.5) else falls[i] - d
        term = p[i] * k3 if d < 0.5 else q[i] - p[i] * (1 + d)
        terms[i] = term if p[i] + q[i] > 0 else 0.0


@bare
def _kl_slopes(
    gaps: Floats, p: Floats, q: Floats, falls: Floats, terms: Floats, kl: Floats, by_logits: Floats, by_other: Floats
) -> None:
    """The sum of the terms of each row, p (-d - KL), and q - p without cancellation."""
    for b in range(len(kl)):
        gap, mine, other, fall, term = gaps[b], p[b], q[b], falls[b], terms[b]
        first, second = by_logits[b], by_other[b]
        total = sum_of_row(term)
        kl[b] = total + 0.0
        for j in range(len(gap)):
            d = gap[j] if mine[j] + other[j] > 0 else 0.0
            first[j] = mine[j] * (0.0 - d - total) + 0.0
            second[j] = (mine[j] * fall[j] if d < 0 else 0.0) - (other[j] * fall[j] if d > 0 else 0.0) + 0.0


@kernel
def gaussian_kl_kernel(
    mean: float, log_std: float, other_mean: float, other_log_std: float
) -> tuple[float, float, float, float]:
    """One dimension: KL, and its derivatives in mean, log_std and other_log_std.

    Theorems: ACC-09, FLT-02, KL-06, KL-12.
    """
    d = 2 * (log_std - other_log_std)
    return gaussian_kl_terms_kernel(mean - other_mean, k3_kernel(d), np.expm1(d), np.exp(-other_log_std))


@kernel
def gaussian_kl_terms_kernel(
    gap: float, k3: float, growth: float, inverse_std: float
) -> tuple[float, float, float, float]:
    """The same where k3 and e^d - 1 of d = 2 (log s - log s') are known, and 1 / s'.  Theorems: ACC-09, KL-06."""
    z = gap * inverse_std
    return (k3 + z * z) / 2, z * inverse_std, growth, -growth - z * z


@kernel
def known_k3_kernel(d: float, growth: float) -> float:
    """k3 where e^d - 1 is known.  Theorems: ACC-07."""
    if d < 0.5 and d > -0.5:
        return k3_kernel(d)
    return growth - d


@kernel
def _estimate_terms(
    log_prob: Floats, old_log_prob: Floats, valid: Bools, which: int, terms: Floats, slopes: Floats
) -> None:
    for i in range(len(valid)):
        if valid[i]:
            terms[i], slopes[i] = kl_estimate_kernel(log_prob[i] - old_log_prob[i], which)


@kernel
def _categorical_kl_rows(log_p: Floats, log_q: Floats, legal: Bools, kl: Floats) -> None:
    for b in range(log_p.shape[0]):
        total = kl[b]
        for j in range(log_p.shape[1]):
            if legal[b, j]:
                total = total + categorical_kl_term_kernel(log_p[b, j], log_q[b, j])
        kl[b] = total


@kernel
def _exponents(log_std: Floats, other_log_std: Floats, doubled_gaps: Floats, negated: Floats) -> bool:
    """2 (log s - log s') and -log s'; whether all of both are in their interval."""
    size, wrong = log_std.size, False
    logs, others = log_std.reshape(size), other_log_std.reshape(size)
    for i in range(size):
        s, other = np.float64(logs[i]), np.float64(others[i])
        doubled_gaps[i] = 2 * (s - other)
        wrong = wrong | (not (s >= -LARGEST_LOG_STD)) | (not (s <= LARGEST_LOG_STD))
    for i in range(size):
        negated[i] = -np.float64(others[i])
        wrong = wrong | (not (negated[i] >= -LARGEST_LOG_STD)) | (not (negated[i] <= LARGEST_LOG_STD))
    return not wrong


@kernel
def _k3_loop(gaps: Floats, growths: Floats, room: Floats) -> None:
    """k3 of every number, in its place.  Where no more than half of them need the series, they are done together."""
    count = 0
    for i in range(len(gaps)):
        room[count] = gaps[i]
        count = count + ((gaps[i] < 0.5) & (gaps[i] > -0.5))
    if 2 * count > len(gaps):
        for i in range(len(gaps)):
            gaps[i] = known_k3_kernel(gaps[i], growths[i])
        return
    for k in range(count):
        room[k] = known_k3_kernel(room[k], 0.0)
    count = 0
    for i in range(len(gaps)):
        small = (gaps[i] < 0.5) & (gaps[i] > -0.5)
        gaps[i] = room[count] if small else known_k3_kernel(gaps[i], growths[i])
        count = count + small


@kernel
def _gaussian_kl_rows(
    mean: Floats,
    other_mean: Floats,
    terms: Floats,
    growths: Floats,
    inverse_stds: Floats,
    kl: Floats,
    grad_mean: Floats,
    grad_log_std: Floats,
    grad_other_mean: Floats,
    grad_other_log_std: Floats,
) -> bool:
    """KL of every row and its derivatives; whether every difference of means is finite.  `terms` comes as k3.

    Each array has a loop of its own: one that wrote to several would not become vector instructions.
    """
    size, wrong = mean.size, False
    m, other, inv = mean.reshape(size), other_mean.reshape(size), inverse_stds
    by_mean, by_log_std = grad_mean.reshape(size), grad_log_std.reshape(size)
    by_other_mean, by_other_log_std = grad_other_mean.reshape(size), grad_other_log_std.reshape(size)
    for i in range(size):
        gap = np.float64(m[i]) - np.float64(other[i])
        terms[i] = gaussian_kl_terms_kernel(gap, terms[i], 0.0, inv[i])[0]
        wrong = wrong | (gap - gap != 0)
    for i in range(size):
        # Adding 0 turns -0 into 0.
        by_mean[i] = gaussian_kl_terms_kernel(np.float64(m[i]) - np.float64(other[i]), 0.0, 0.0, inv[i])[1] + 0.0
    for i in range(size):
        by_log_std[i] = growths[i] + 0.0
    for i in range(size):
        by_other_mean[i] = 0.0 - gaussian_kl_terms_kernel(np.float64(m[i]) - np.float64(other[i]), 0.0, 0.0, inv[i])[1]
    for i in range(size):
        gap = np.float64(m[i]) - np.float64(other[i])
        by_other_log_std[i] = gaussian_kl_terms_kernel(gap, 0.0, growths[i], inv[i])[3] + 0.0
    for b in range(len(kl)):
        total = 0.0
        for i in range(b * mean.shape[1], (b + 1) * mean.shape[1]):
            total = total + terms[i]
        kl[b] = total
    return not wrong


def _gaussian_kl(mean: Any, log_std: Any, other_mean: Any, other_log_std: Any) -> tuple[GaussianKL, bool]:
    """KL of every row and its derivatives; whether all inputs are in their intervals and no gap overflows."""
    dtype, shape = mean.dtype, mean.shape
    result = GaussianKL(np.empty(len(mean), dtype), *np.empty((4, *shape), dtype))

    def work(rows: slice, given: Any, room: Any) -> bool:
        m, s, other_m, other_s = given
        terms, growth, inverse, free = room
        fine = _exponents(s, other_s, terms, inverse)
        np.expm1(terms, growth)
        np.exp(inverse, inverse)
        _k3_loop(terms, growth, free)
        return _gaussian_kl_rows(m, other_m, *room[:3], *(x[rows] for x in result)) and fine

    return result, by_rows((mean, log_std, other_mean, other_log_std), 4, work)


def _estimate(
    function: str, log_prob: ArrayLike, old_log_prob: ArrayLike, mask: ArrayLike | None, which: int
) -> KLEstimate:
    door = Doorman(function)
    valid, (new, old) = door.batch(mask, log_prob=log_prob, old_log_prob=old_log_prob)
    terms, slopes = np.zeros_like(new), np.zeros_like(new)
    _estimate_terms(new.ravel(), old.ravel(), valid.ravel(), which, terms.ravel(), slopes.ravel())
    count = valid.sum()
    return KLEstimate(door.scalar(terms.sum() / count), door.out(slopes / count))
