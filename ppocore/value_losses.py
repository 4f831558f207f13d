r"""The regression of the value function, value and gradient together.  Both losses are minimised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.reductions import checked_reduction, reduce_samples


class ValueLoss(NamedTuple):
    """A loss, and its derivative in the values (0 at masked slots)."""

    loss: float
    grad_values: Array


def value_loss(
    values: ArrayLike, returns: ArrayLike, *, mask: ArrayLike | None = None, reduction: str = "mean"
) -> ValueLoss:
    r"""Mean squared error of the value function, without a factor 1/2.

    .. math:: L = \operatorname{mean}\big((V - R)^2\big), \qquad
        \frac{\partial L}{\partial V} = 2 (V - R) \cdot \text{weight}

    Parameters
    ----------
    values, returns : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the batch becomes one number; the last two need (B, L).

    Returns
    -------
    ValueLoss
        Named tuple ``(loss, grad_values)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, or the
        reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Many codes have 1/2 of this; see ``docs/conventions.md``.

    *Accuracy.* u (H + 3) times the loss, H at most 19 + log2 n over n slots (38 + log2 n for sequence_mean):
    no term is negative.  Derivative: relatively 3 u.

    *Theorems.* ACC-05, LOSS-04, VAL-03, VAL-04.

    References
    ----------
    arXiv:1707.06347, section 5.  Mission row S0.

    Examples
    --------
    >>> out = value_loss([1, 2], [0, 4])
    >>> print(out.loss, out.grad_values)
    2.5 [ 1. -2.]
    """
    door = Doorman("value_loss")
    valid, (v, target) = door.batch(mask, values=values, returns=returns)
    how = checked_reduction(door, reduction, valid)
    terms, slopes = squared_error_terms(v, target)
    loss, weights = reduce_samples(terms, valid, how)
    return ValueLoss(door.scalar(loss), door.out(weights * slopes))


def clipped_value_loss(
    values: ArrayLike,
    returns: ArrayLike,
    old_values: ArrayLike,
    *,
    value_clip_eps: float,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> ValueLoss:
    r"""Mean of the larger squared error, of the value and of the value clipped around the old one.

    .. math::

        L = \operatorname{mean} \max\big((V - R)^2,\; (V_{old} + \operatorname{clip}(V - V_{old}, -\epsilon,
        \epsilon) - R)^2\big)

    The derivative is 2 (V - R) times the sample's weight, except 0 where the clipped error is the larger one.

    Parameters
    ----------
    values, returns, old_values : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    value_clip_eps : float >= 0
        In units of the values.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the batch becomes one number; the last two need (B, L).

    Returns
    -------
    ValueLoss
        Named tuple ``(loss, grad_values)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False,
        `value_clip_eps` is negative, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Where both errors are equal the derivative is that of the unclipped one.  No factor 1/2.

    *Accuracy.* u times the same mean of (H + 7) x^2 + 6 |x| (|V_old| + eps) where V left the band, (H + 3)
    x^2 inside; x is the error that counts.  Derivative: relatively 3 u, no claim within 2^-30 of its jumps.

    *Theorems.* ACC-05, VAL-01, VAL-02, VAL-05.

    References
    ----------
    Engstrom et al., Implementation Matters in Deep Policy Gradients, arXiv:2005.12729, section 3.
    Mission row S0.

    Examples
    --------
    The value left the band away from the return, then towards it:

    >>> out = clipped_value_loss([2, 2], [0, 4], [0, 0], value_clip_eps=1)
    >>> print(out.loss, out.grad_values)
    6.5 [2. 0.]
    """
    door = Doorman("clipped_value_loss")
    valid, (v, target, old) = door.batch(mask, values=values, returns=returns, old_values=old_values)
    eps = door.number("value_clip_eps", value_clip_eps, "[0, inf)")
    how = checked_reduction(door, reduction, valid)
    terms, slopes = np.zeros_like(v), np.zeros_like(v)
    _clipped_value_loop(v.ravel(), target.ravel(), old.ravel(), eps, terms.ravel(), slopes.ravel())
    loss, weights = reduce_samples(terms, valid, how)
    return ValueLoss(door.scalar(loss), door.out(weights * slopes))


def huber_value_loss(
    values: ArrayLike,
    returns: ArrayLike,
    *,
    delta: float,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> ValueLoss:
    r"""Mean Huber error of the values: quadratic near the return, linear far from it.

    .. math::

        L = \operatorname{mean} h(V - R), \qquad
        h(e) = \begin{cases} e^2 / 2 & |e| \le \delta \\ \delta\,(|e| - \delta / 2) & \text{otherwise} \end{cases}

    The derivative is V - R clipped to [-delta, delta], times the sample's weight.  Both pieces meet in value and in
    slope: there is no kink.

    Parameters
    ----------
    values, returns : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    delta : float > 0
        Where the error becomes linear, in units of the values.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the batch becomes one number; the last two need (B, L).

    Returns
    -------
    ValueLoss
        Named tuple ``(loss, grad_values)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, `delta` is not
        positive, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* For large delta half of `value_loss`.  The smooth L1 loss of some frameworks is this over delta:
    the same only where delta is 1.

    *Accuracy.* u times the same mean of (H + 3) h where |e| < delta, delta (3 |e| + delta) + H h beyond; H at
    most 19 + log2 n over n slots (38 + log2 n for sequence_mean).  Derivative: relatively 3 u.

    *Theorems.* HUB-01, HUB-02.

    References
    ----------
    Huber, Robust Estimation of a Location Parameter, 1964.  Mission row S0.

    Examples
    --------
    >>> out = huber_value_loss([1, 4], [0, 0], delta=2)
    >>> print(out.loss, out.grad_values)
    3.25 [0.5 1. ]
    """
    door = Doorman("huber_value_loss")
    valid, (v, target) = door.batch(mask, values=values, returns=returns)
    width = door.number("delta", delta, "(0, inf)")
    how = checked_reduction(door, reduction, valid)
    terms, slopes = np.zeros_like(v), np.zeros_like(v)
    _huber_loop(v.ravel(), target.ravel(), width, terms.ravel(), slopes.ravel())
    loss, weights = reduce_samples(terms, valid, how)
    return ValueLoss(door.scalar(loss), door.out(weights * slopes))


def squared_error_terms(values: Floats, returns: Floats) -> tuple[Floats, Floats]:
    """(V - R)^2 of every sample, and its derivative in V.  Unchecked."""
    terms, slopes = np.zeros_like(values), np.zeros_like(values)
    _squared_error_loop(values.ravel(), returns.ravel(), terms.ravel(), slopes.ravel())
    return terms, slopes


@kernel
def squared_error_kernel(value: float, target: float) -> tuple[float, float]:
    """(V - R)^2, and its derivative in V.  Theorems: ACC-05, FLT-01, LOSS-01, VAL-03, VAL-04."""
    error = value - target
    return error * error, 2 * error


@kernel
def huber_kernel(value: float, target: float, delta: float) -> tuple[float, float]:
    """The Huber error of V - R, and its derivative in V.  Theorems: HUB-01, HUB-02."""
    error = value - target
    if error > delta:
        return delta * (error - delta / 2), delta
    if error < -delta:
        return delta * (-error - delta / 2), -delta
    return error * error / 2, error


@kernel
def clipped_value_kernel(value: float, target: float, old_value: float, value_clip_eps: float) -> tuple[float, float]:
    """max((V - R)^2, (clipped V - R)^2), and its derivative in V.

    Theorems: ACC-05, FLT-01, VAL-01, VAL-02, VAL-05.
    """
    moved = value - old_value
    if moved > value_clip_eps:
        edge = old_value + value_clip_eps
        # The edge, left of V, is farther from R exactly if R is right of their midpoint.
        if target - edge > value - target:
            return (edge - target) * (edge - target), value * 0
    if moved < -value_clip_eps:
        edge = old_value - value_clip_eps
        if edge - target > target - value:
            return (edge - target) * (edge - target), value * 0
    return squared_error_kernel(value, target)


@kernel
def clipped_only_kernel(value: float, target: float, old_value: float, value_clip_eps: float) -> tuple[float, float]:
    """(clipped V - R)^2, and its derivative in V: 0 beyond the band.  Theorems: VAL-06."""
    moved = value - old_value
    if moved > value_clip_eps:
        error = old_value + value_clip_eps - target
        return error * error, value * 0
    if moved < -value_clip_eps:
        error = old_value - value_clip_eps - target
        return error * error, value * 0
    return squared_error_kernel(value, target)


@kernel
def error_clamp_kernel(value: float, target: float, largest: float) -> tuple[float, float]:
    """min((V - R)^2, largest), and its derivative in V: 0 beyond.  Theorems: VAL-06."""
    error = value - target
    if error * error > largest:
        return largest, value * 0
    return squared_error_kernel(value, target)


@kernel
def _squared_error_loop(values: Floats, returns: Floats, terms: Floats, slopes: Floats) -> None:
    for i in range(len(values)):
        terms[i], slopes[i] = squared_error_kernel(values[i], returns[i])


@kernel
def _clipped_value_loop(
    values: Floats, returns: Floats, old_values: Floats, eps: float, terms: Floats, slopes: Floats
) -> None:
    for i in range(len(values)):
        terms[i], slopes[i] = clipped_value_kernel(values[i], returns[i], old_values[i], eps)


@kernel
def _huber_loop(values: Floats, returns: Floats, delta: float, terms: Floats, slopes: Floats) -> None:
    for i in range(len(values)):
        terms[i], slopes[i] = huber_kernel(values[i], returns[i], delta)
