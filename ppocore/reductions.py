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

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, ready
from ppocore._kernels import bare, inner
from ppocore._threads import THREADS, WORTH_IT, own_room, pieces, spread

R = TypeVar("R")

REDUCTIONS = ("mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean")
CHUNK = 1 << 14
"""Entries of a large batch that are worked on together: few enough to stay in the cache, and a power of two."""
RUN = 4
"""Chunks that a thread looks after at once: between two of them it may have to wait for the interpreter."""
LANES = 1 << 12
"""Sums side by side that a chunk is added up in: with those to fold them, no more additions in a row than NumPy has."""
LARGEST = 1e38
"""Results from here on may be infinite as a float32 number."""


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


def tree(sums: list[float]) -> float:
    """The sum of a list in pairs, pairs of pairs and so on: an order that nothing but the length decides."""
    while len(sums) > 1:
        pairs = [sums[i] + sums[i + 1] for i in range(0, len(sums) - 1, 2)]
        sums = pairs + sums[2 * len(pairs) :]
    return sums[0]


def in_chunks(work: Callable[[slice], R], length: int, width: int = 1) -> list[R]:
    """What `work` makes of every few chunks of a batch, or of so many rows of a width; large ones in threads."""
    size = max(1, CHUNK // width)
    if length <= size:
        return [work(slice(0, length))]
    threads = THREADS if length * width >= WORTH_IT else 1
    return spread(lambda part: work(slice(part.start, part.stop)), pieces(length, size, threads, RUN), threads)


def sums_in_chunks(work: Callable[[slice, Floats], None], length: int, kinds: int) -> list[float]:
    """The totals of so many kinds of terms, whose sums over every chunk `work` writes down."""

    def filled(i: slice) -> Floats:
        sums = np.empty((kinds, -(-(i.stop - i.start) // CHUNK)))
        work(i, sums)
        return sums

    found = in_chunks(filled, length)
    return [tree(sums) for sums in (found[0] if len(found) == 1 else np.concatenate(found, axis=1)).tolist()]


def moment(x: Any, mask: Any, around: float, squared: bool) -> float:
    """The sum of x - around or of its squares, over the valid entries; without a mask (None) over all."""

    def work(i: slice, sums: Floats) -> None:
        add_up(x[i], None if mask is None else mask[i], around, squared, own_room(LANES), sums[0])

    return sums_in_chunks(work, x.size, 1)[0]


@bare
def add_up(x: Floats, mask: Bools | None, around: float, squared: bool, lanes: Floats, sums: Floats) -> None:
    """The terms of `moment`, each chunk with a sum of its own."""
    for c in range(len(sums)):
        i, j = c * CHUNK, (c + 1) * CHUNK
        if mask is None:
            sums[c] = _open_sum(x[i:j], around, squared, lanes)
        else:
            sums[c] = _masked_sum(x[i:j], mask[i:j], around, squared, lanes)


@inner
def _open_sum(x: Floats, around: float, squared: bool, lanes: Floats) -> float:
    width = len(lanes) if len(lanes) < len(x) else len(x)
    sums = lanes[:width]
    for k in range(width):
        sums[k] = 0.0
    for i in range(0, len(x), width):
        some = x[i : i + width]
        for k in range(len(some)):
            gap = np.float64(some[k]) - around
            sums[k] = sums[k] + (gap * gap if squared else gap)
    return fold(sums)


@inner
def _masked_sum(x: Floats, mask: Bools, around: float, squared: bool, lanes: Floats) -> float:
    """The same bits as of the open sum, were the masked entries all equal to `around`."""
    width = len(lanes) if len(lanes) < len(x) else len(x)
    sums = lanes[:width]
    for k in range(width):
        sums[k] = 0.0
    for i in range(0, len(x), width):
        some, valid = x[i : i + width], mask[i : i + width]
        for k in range(len(some)):
            gap = np.float64(some[k]) - around if valid[k] else 0.0
            sums[k] = sums[k] + (gap * gap if squared else gap)
    return fold(sums)


@bare
def _add_up_and_weigh(x: Floats, mask: Bools, weight: float, lanes: Floats, sums: Floats, grad: Floats) -> None:
    """The sum of every chunk, and the weight in every valid slot."""
    for c in range(len(sums)):
        i, j = c * CHUNK, (c + 1) * CHUNK
        sums[c] = _masked_sum(x[i:j], mask[i:j], 0.0, False, lanes)
        _weigh(mask[i:j], weight, grad[i:j])


@bare
def _row_means(x: Floats, mask: Bools, rows: int, lanes: Floats, means: Floats, grad: Floats) -> None:
    """The mean of every row, and the derivatives of the mean over so many rows of them."""
    for b in range(len(means)):
        count = 0
        for valid in mask[b]:
            count = count + valid
        means[b] = _masked_sum(x[b], mask[b], 0.0, False, lanes) / count
        _weigh(mask[b], 1.0 / (count * rows), grad[b])


@inner
def _weigh(mask: Bools, weight: float, grad: Floats) -> None:
    for i in range(len(mask)):
        grad[i] = weight if mask[i] else 0.0


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


def _mean(function: str, x: Any, mask: Any, reduction: str) -> Mean:
    flat = reduction == "mean"
    if ready((x,), (mask,)) and (x.ndim == 2 or (flat and x.ndim == 1)) and mask.any(axis=-1).all():
        grad = np.empty_like(x)
        mean = _reduced(x, mask, reduction, grad)
        if abs(mean) < LARGEST:
            return Mean(x.dtype.type(mean + 0.0), grad)
    door = Doorman(function)
    if flat:
        valid, (entries,) = door.batch(door.flags("mask", mask, "..."), x=x)
    else:
        valid = door.valid_rows(mask, "B L")
        entries = door.floats("x", x, "B L", used=valid)
    grad = np.empty(entries.shape, door.dtype())
    return Mean(door.scalar(_reduced(entries, valid, reduction, grad)), grad)


def _reduced(x: Any, mask: Any, reduction: str, grad: Any) -> float:
    """Write the gradient, and return the mean; not finite where a valid entry is not."""
    if reduction == "sequence_mean":
        return _mean_of_rows(x, mask, grad)
    divisor = int(np.count_nonzero(mask)) if reduction == "mean" else len(x)
    return _total(x.reshape(-1), mask.reshape(-1), 1.0 / divisor, grad.reshape(-1)) / divisor


def _total(x: Any, mask: Any, weight: float, grad: Any) -> float:
    def work(i: slice, sums: Floats) -> None:
        _add_up_and_weigh(x[i], mask[i], weight, own_room(LANES), sums[0], grad[i])

    return sums_in_chunks(work, x.size, 1)[0]


def _mean_of_rows(x: Any, mask: Any, grad: Any) -> float:
    rows, width = x.shape
    means = np.empty(rows)
    if width > CHUNK:
        for b in range(rows):
            count = int(np.count_nonzero(mask[b]))
            means[b] = _total(x[b], mask[b], 1.0 / (count * rows), grad[b]) / count
    else:
        in_chunks(lambda i: _row_means(x[i], mask[i], rows, own_room(LANES), means[i], grad[i]), rows, width)
    return moment(means, None, 0.0, False) / len(means)
