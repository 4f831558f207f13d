"""Bounds of `ppocore.sequence_losses`."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds.book import NEAR, NO_CLAIM, Balls, bound, larger, where
from proofs.bounds.losses import clipped
from proofs.bounds.reductions import reduced
from proofs.bounds.rollouts import where_used
from proofs.bounds.trees import height
from proofs.methods.rounding import LIBM_UNITS as LIBM

INFINITE = float("inf")
Width = Any


def _widths(clip_eps: Width, low: Width, high: Width) -> tuple[Width, Width]:
    return (clip_eps if low is None else low), (clip_eps if high is None else high)


@bound(
    "gspo_loss", "ACC-22",
    loss="mean over answers of |sA|(e + H + 3), at a clipped answer |g A|(H + 2), e = (h(L) + 2) mean|d|",
    grad_log_prob="(e + 5)|exact|, 0 where clipped; nothing within 2^-30 of an end",
)
def gspo_loss(
    true: Any, log_prob: Balls, old_log_prob: Balls, advantages: Balls, mask: Any, clip_eps: Width = None,
    clip_eps_low: Width = None, clip_eps_high: Width = None,
) -> dict[str, Balls]:
    d = where_used(log_prob, mask) - where_used(old_log_prob, mask) + arb(0)
    lengths = [int(n) for n in mask.sum(axis=1)]
    ratios = np.array([row.sum() / n for row, n in zip(d, lengths, strict=True)], dtype=object)
    moved = np.array([(height(mask.shape[1]) + 2) * abs(row).sum() / n for row, n in zip(d, lengths, strict=True)],
                     dtype=object)
    low, high = _widths(clip_eps, clip_eps_low, clip_eps_high)
    every = clipped(ratios, ratios * 0, advantages, low, high, INFINITE, None)
    size = abs(advantages) * np.exp(ratios)
    cut = every.slope_error == 0
    # `clipped` counts an error of |d| for d; here that of the mean is larger.
    errors = where(cut, every.error, size * (moved + LIBM + 1))
    near = np.array([not arb(x).is_finite() for x in every.slope_error])
    errors = where(near, size * (moved + LIBM + 1), errors)
    scale, _ = reduced(errors, every.size, every.valid, "mean")
    slopes = where(near, NO_CLAIM, where(cut, arb(0), moved + LIBM + 1))
    return {"loss": scale, "grad_log_prob": (slopes[:, None] + 2) * abs(true["grad_log_prob"])}


@bound(
    "cispo_loss", "ACC-22",
    loss="mean(|w A log_prob|(|d| + H + 4)), without |d| where the weight is clipped",
    grad_log_prob="(|d| + 5)|exact|",
)
def cispo_loss(
    true: Any, log_prob: Balls, old_log_prob: Balls, advantages: Balls, clip_eps: Width = None,
    clip_eps_low: Width = None, clip_eps_high: Width = None, mask: Any = None, reduction: str = "mean",
) -> dict[str, Balls]:
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    new, old, a = (where_used(x, valid) + arb(0) for x in (log_prob, old_log_prob, advantages))
    d = new - old
    low, high = _widths(clip_eps, clip_eps_low, clip_eps_high)
    ratio, top, bottom = np.exp(d), 1 + arb(high), 1 - arb(low)
    cut = (ratio > top * (1 + NEAR)) | (ratio < bottom * (1 - NEAR))
    moved = where(cut, arb(0), abs(d)) + LIBM + 1
    weight = where(ratio > top, top, larger(ratio, bottom))
    size = where_used(weight * abs(a) * abs(new), valid)
    scale, _ = reduced(size * (moved + 1), size, valid, reduction)
    return {"loss": scale, "grad_log_prob": where_used(moved + 2, valid) * abs(true["grad_log_prob"])}


@bound(
    "truncated_is_loss", "ACC-22",
    loss="as clip_loss, and (|old - rollout| + 3) of every term, 1 where truncated",
    grad_log_prob="(|d| + |old - rollout| + 8)|exact|, 0 where clipped; nothing within 2^-30 of an end",
)
def truncated_is_loss(
    true: Any, log_prob: Balls, old_log_prob: Balls, rollout_log_prob: Balls, advantages: Balls, max_weight: Any,
    clip_eps: Width = None, clip_eps_low: Width = None, clip_eps_high: Width = None, mask: Any = None,
    reduction: str = "mean",
) -> dict[str, Balls]:
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    drift = where_used(old_log_prob, valid) - where_used(rollout_log_prob, valid) + arb(0)
    weight, top = np.exp(drift), arb(max_weight)
    truncated = weight > top
    more = where(weight > top * (1 + NEAR), arb(1), abs(drift) + LIBM + 1)
    weighted = where_used(where(truncated, top, weight) * advantages, valid) + arb(0)
    every = clipped(log_prob, old_log_prob, weighted, *_widths(clip_eps, clip_eps_low, clip_eps_high), INFINITE, mask)
    scale, weights = reduced(every.error + more * every.size, every.size, valid, reduction)
    slopes = weights * where(valid, every.slope_error, 0) + (more + 2) * abs(true["grad_log_prob"])
    return {"loss": scale, "grad_log_prob": slopes}
