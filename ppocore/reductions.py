r"""From one number per step to one number per batch: the means in use, each by its name.

With N trajectories of T_n valid steps (rows of a padded (B, L) batch, so N = B):

==================== ======================================== =================================
name                 formula                                  times what gives ``trajectory``
==================== ======================================== =================================
``trajectory``       (1/N) sum_n sum_t x                      1
``sum``              sum_n sum_t x                            1 / N
``mean``             sum_n sum_t x / sum_n T_n                sum_n T_n / N
mean_over_all_slots  sum_n sum_t x / (B L)                    L
``sequence_mean``    (1/N) sum_n (1/T_n) sum_t x              T, if all T_n = T; else none exists
==================== ======================================== =================================

The source (S6, S9, S13) uses ``trajectory``.  To keep its optimum when the first term of
``-trajectory(A r) + beta KL`` is replaced by a mean over steps, beta becomes ``beta N / sum_n T_n``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats
from ppocore._kernels import inner

REDUCTIONS = ("mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean")


class Mean(NamedTuple):
    """A mean, and its derivative in every entry of `x` (0 at masked slots)."""

    mean: float
    grad_x: Array


def masked_mean(x: ArrayLike, mask: ArrayLike) -> Mean:
    r"""Mean over all valid slots: every valid step weighs the same.

    .. math:: \sum_{b,l} m_{bl}\, x_{bl} \Big/ \sum_{b,l} m_{bl}

    Parameters
    ----------
    x : array of float, shape (B, L) or (B,)
        Masked slots are not used and may hold anything.
    mask : array of bool, same shape
        True where the slot is valid; every row needs one valid slot.

    Returns
    -------
    Mean
        Named tuple ``(mean, grad_x)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a row has no valid slot, or a valid entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* Pairwise summation: u (h + 1) mean|x|, h at most 18 + log2 n over n slots.

    *Theorems.* ACC-01, RED-01, RED-05, RED-06, RED-07.

    References
    ----------
    Mission row S6.  Known as token-mean (verl), masked mean (TRL).

    Examples
    --------
    >>> print(masked_mean([[1, 2], [6, float("nan")]], [[True, True], [True, False]]).mean)
    3.0
    """
    return _mean("masked_mean", x, mask, "mean")


def sequence_mean(x: ArrayLike, mask: ArrayLike) -> Mean:
    r"""Mean over the rows of each row's mean: every sequence weighs the same.

    .. math:: \frac1B \sum_b \Big( \sum_l m_{bl}\, x_{bl} \Big/ \sum_l m_{bl} \Big)

    Parameters
    ----------
    x : array of float, shape (B, L)
        Masked slots are not used and may hold anything.
    mask : array of bool, shape (B, L)
        True where the slot is valid; every row needs one valid slot.

    Returns
    -------
    Mean
        Named tuple ``(mean, grad_x)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a row has no valid slot, or a valid entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* u (h + 2) times the same mean of |x|, h at most 36 + log2 (B L): two pairwise sums.

    *Theorems.* ACC-01, RED-02, RED-05, RED-06.

    References
    ----------
    Mission row S6.  Known as seq-mean-token-mean (verl), the "grpo" loss type (TRL).

    Examples
    --------
    >>> print(sequence_mean([[1, 2], [6, float("nan")]], [[True, True], [True, False]]).mean)
    3.75
    """
    return _mean("sequence_mean", x, mask, "sequence_mean")


def sequence_sum_mean(x: ArrayLike, mask: ArrayLike) -> Mean:
    r"""Mean over the rows of each row's sum: the source's 1/N sum over n and t, on a padded batch.

    .. math:: \frac1B \sum_b \sum_l m_{bl}\, x_{bl}

    Parameters
    ----------
    x : array of float, shape (B, L)
        Masked slots are not used and may hold anything.
    mask : array of bool, shape (B, L)
        True where the slot is valid; every row needs one valid slot.

    Returns
    -------
    Mean
        Named tuple ``(mean, grad_x)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a row has no valid slot, or a valid entry is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* u (h + 1) times the same mean of |x|, h at most 18 + log2 (B L).

    *Theorems.* ACC-01, RED-03, RED-04, RED-05.

    References
    ----------
    Mission rows S6, S9.  Known as seq-mean-token-sum (verl).

    Examples
    --------
    >>> print(sequence_sum_mean([[1, 2], [6, float("nan")]], [[True, True], [True, False]]).mean)
    4.5
    """
    return _mean("sequence_sum_mean", x, mask, "trajectory")


def trajectory_mean(x: ArrayLike, lengths: ArrayLike) -> Mean:
    r"""The same as `sequence_sum_mean` for trajectories laid end to end, without padding.

    .. math:: \frac1N \sum_{n=1}^{N} \sum_{t=1}^{T_n} x_{nt}

    Parameters
    ----------
    x : array of float, shape (T_1 + ... + T_N,)
        One number per step, trajectory after trajectory.
    lengths : array of int, shape (N,)
        T_1 ... T_N, each at least 1.

    Returns
    -------
    Mean
        Named tuple ``(mean, grad_x)``.

    Raises
    ------
    ValueError
        If `x` is empty or not finite, or `lengths` do not add up to its length.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The lengths enter only through N and the check that they fit: this is a sum divided by
    the number of trajectories, not by the number of steps.

    *Accuracy.* u (h + 1) times the same mean of |x|, h at most 18 + log2 (sum T_n).

    *Theorems.* ACC-01, RED-04.

    References
    ----------
    Mission row S6.

    Examples
    --------
    >>> print(trajectory_mean([1, 2, 6], [2, 1]).mean)
    4.5
    """
    door = Doorman("trajectory_mean")
    steps = door.floats("x", x, "S")
    count = door.lengths("lengths", lengths, steps.size, "steps of x").size
    return Mean(door.scalar(steps.sum() / count), door.out(np.full(steps.shape, 1.0 / count)))


@inner
def fold(terms: Floats) -> float:
    """The sum, the second half added to the first until one is left: as few additions in a row as can be."""
    count = len(terms)
    while count > 1:
        half = (count + 1) >> 1
        for j in range(count - half):
            terms[j] = terms[j] + terms[half + j]
        count = half
    total: float = terms[0]
    return total


def reduce_samples(x: Floats, mask: Bools, reduction: str) -> tuple[float, Floats]:
    """The reduction of `x` (0 at masked slots), and its derivative in every slot."""
    count = x.shape[0]
    with np.errstate(over="ignore", invalid="ignore"):
        if reduction == "sequence_mean":
            lengths = mask.sum(axis=1)
            return float((x.sum(axis=1) / lengths).sum() / count), mask / (lengths * count)[:, None]
        divisors = {"mean": mask.sum(), "sum": 1, "mean_over_all_slots": mask.size, "trajectory": count}
        return float(x.sum() / divisors[reduction]), mask / divisors[reduction]


def checked_reduction(door: Doorman, reduction: str, mask: Bools) -> str:
    """`reduction`, if it exists and means something for a batch of this shape."""
    name = door.option("reduction", reduction, REDUCTIONS)
    if name in ("trajectory", "sequence_mean") and mask.ndim != 2:
        raise door.refusal("reduction", f"is {name!r}", "it needs arrays of shape (B, L) and a mask")
    return name


def _mean(function: str, x: ArrayLike, mask: ArrayLike, reduction: str) -> Mean:
    door = Doorman(function)
    if reduction == "mean":
        valid, (entries,) = door.batch(door.flags("mask", mask, "..."), x=x)
    else:
        valid = door.valid_rows(mask, "B L")
        entries = door.floats("x", x, "B L", used=valid)
    value, weights = reduce_samples(entries, valid, reduction)
    return Mean(door.scalar(value), door.out(weights))
