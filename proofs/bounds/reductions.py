"""Bounds of `ppocore.reductions`: sums by NumPy's tree or one no higher, then one division."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds.book import Balls, bound
from proofs.bounds.trees import height


def reduced(errors: Balls, sizes: Balls, valid: Any, reduction: str) -> tuple[Balls, Balls]:
    """The error of a reduction of terms with these errors and sizes (0 at masked slots), and its exact weights."""
    errors, sizes = np.reshape(errors, valid.shape), np.reshape(sizes, valid.shape)
    weights = _weights(valid, reduction)
    additions = height(valid.size)
    if reduction == "sequence_mean":
        additions = height(valid.shape[1]) + height(valid.shape[0]) + 1
    return (weights * (errors + (additions + 1) * sizes)).sum(), weights


def _weights(valid: Any, reduction: str) -> Balls:
    one = np.where(valid, arb(1), arb(0))
    if reduction == "sequence_mean":
        return one / [[int(count) * len(valid)] for count in valid.sum(axis=1)]
    divisor = {"mean": valid.sum(), "sum": 1, "mean_over_all_slots": valid.size, "trajectory": len(valid)}[reduction]
    return one / int(divisor)


def _mean(true: Any, x: Balls, valid: Any, reduction: str) -> dict[str, Balls]:
    sizes = np.where(valid, abs(x), arb(0))
    scale, weights = reduced(sizes * 0, sizes, valid, reduction)
    return {"mean": scale, "grad_x": weights}


@bound("masked_mean", "ACC-01", mean="(h + 1) mean|x|, h = h(B L)", grad_x="|exact|")
def masked_mean(true: Any, x: Balls, mask: Any) -> dict[str, Balls]:
    return _mean(true, x, mask, "mean")


@bound("sequence_mean", "ACC-01", mean="(h(L) + h(B) + 2) of the same mean of |x|", grad_x="|exact|")
def sequence_mean(true: Any, x: Balls, mask: Any) -> dict[str, Balls]:
    return _mean(true, x, mask, "sequence_mean")


@bound("sequence_sum_mean", "ACC-01", mean="(h(B L) + 1) of the same mean of |x|", grad_x="|exact|")
def sequence_sum_mean(true: Any, x: Balls, mask: Any) -> dict[str, Balls]:
    return _mean(true, x, mask, "trajectory")


@bound("trajectory_mean", "ACC-01", mean="(h(ΣT) + 1) of the same mean of |x|", grad_x="|exact|")
def trajectory_mean(true: Any, x: Balls, lengths: Any) -> dict[str, Balls]:
    scale = (height(len(x)) + 1) * abs(x).sum() / len(lengths)
    return {"mean": scale, "grad_x": np.full(x.shape, arb(1) / len(lengths))}
