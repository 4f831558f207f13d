"""Advantages brought to mean 0 and standard deviation 1, in three passes over chunks that stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, ready
from ppocore._kernels import bare
from ppocore.reductions import in_chunks, moment

STD_EPS = 1e-8


def normalize_advantages(advantages: ArrayLike, *, mask: ArrayLike | None = None) -> Array:
    r"""Advantages with mean 0 and (nearly) standard deviation 1.

    .. math:: \frac{A - \operatorname{mean}(A)}{\operatorname{std}(A) + 10^{-8}}

    Parameters
    ----------
    advantages : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    mask : array of bool, same shape, optional
        True where the slot is valid; mean and standard deviation run over all valid slots together.

    Returns
    -------
    array of float, same shape
        0 at masked slots.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, or a row of the mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The standard deviation divides by n (ddof 0); the 1e-8 is added outside the root.  Equal
    advantages, and so also a single one, give 0.

    *Accuracy.* In two passes.  With e = (h + 1) mean|A|, h the height of the sum over n slots (at most 18 +
    log2 n) and D = std + 1e-8: u (e + |A - mean| (3 + (e + (h/2 + 4) std) / D)) / D.

    *Theorems.* ACC-12, NORM-01, NORM-02.

    References
    ----------
    Engstrom et al., Implementation Matters in Deep Policy Gradients, arXiv:2005.12729.  Mission row S0.

    Examples
    --------
    >>> normalize_advantages([1, 3]).round(6)
    array([-1.,  1.])
    """
    result = _of_plain_arrays(advantages, mask)
    if result is not None:
        return result
    door = Doorman("normalize_advantages")
    valid, (a,) = door.batch(mask, advantages=advantages)
    result = np.empty(a.shape, door.dtype())
    _normalize(a.reshape(-1), None if mask is None else valid.reshape(-1), result.reshape(-1))
    return result


def _of_plain_arrays(advantages: Any, mask: Any) -> Array | None:
    """The result where kernels may read the arrays as they are; None where something else has to be done or said."""
    if mask is None:
        if not ready((advantages,)) or advantages.ndim != 1:
            return None
        result = np.empty_like(advantages)
        return result if _normalize(advantages, None, result) else None
    if not ready((advantages,), (mask,)) or advantages.ndim not in (1, 2) or not mask.any(axis=-1).all():
        return None
    result = np.empty_like(advantages)
    return result if _normalize(advantages.reshape(-1), mask.reshape(-1), result.reshape(-1)) else None


def _normalize(a: Any, mask: Any, result: Any) -> bool:
    """Write the normalised advantages; False where one that is used may not be finite."""
    count = a.size if mask is None else int(np.count_nonzero(mask))
    mean = moment(a, mask, 0.0, False) / count
    divisor = float(np.sqrt(moment(a, mask, mean, True) / count)) + STD_EPS
    in_chunks(lambda i: _scale(a[i], None if mask is None else mask[i], mean, divisor, result[i]), a.size)
    return divisor < np.inf


@bare
def _scale(a: Floats, mask: Bools | None, mean: float, divisor: float, result: Floats) -> None:
    """(a - mean) / divisor, and 0 at masked slots; adding 0 turns -0 into 0."""
    if mask is None:
        for i in range(len(a)):
            result[i] = (np.float64(a[i]) - mean) / divisor + 0.0
    else:
        for i in range(len(a)):
            gap = np.float64(a[i]) - mean if mask[i] else 0.0
            result[i] = gap / divisor + 0.0
