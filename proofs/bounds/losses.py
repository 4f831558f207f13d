"""Bounds of `ppocore.losses`, `ppocore.value_losses` and of the clip fraction."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from flint import arb

from proofs.bounds import terms
from proofs.bounds.book import NEAR, NO_CLAIM, Balls, bound, larger, where
from proofs.bounds.reductions import reduced
from proofs.bounds.rollouts import where_used
from proofs.methods.rounding import LIBM_UNITS as LIBM

INFINITE = float("inf")


class Objective(NamedTuple):
    """Every sample: the error of its term, its size, the error of its slope, and the mask."""

    error: Balls
    size: Balls
    slope_error: Balls
    valid: Any


def clipped(
    log_prob: Balls, old_log_prob: Balls, advantages: Balls, low: Any, high: Any, dual: Any, mask: Any
) -> Objective:
    """A term is the unclipped one or that of an end; the slope jumps where the ratio passes an end."""
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    d = where_used(log_prob, valid) - where_used(old_log_prob, valid) + arb(0)
    a = where_used(advantages, valid) + arb(0)
    ratio, size = np.exp(d), abs(a)
    up, down = a > 0, a < 0
    top, bottom = 1 + arb(high), 1 - arb(low)
    over, under, far = up & (ratio > top), down & (ratio < bottom), down & (ratio > dual)
    end = where(over, top, where(under, bottom, dual))
    cut = over | under | far
    near = (up & _near(ratio, top)) | (down & (_near(ratio, bottom) | _near(ratio, dual)))
    error = size * where(cut & ~near, 2 * abs(where(cut, end, 0)), ratio * (abs(d) + LIBM + 1))
    slope = where(near, NO_CLAIM, where_used(size * ratio * (abs(d) + LIBM + 1), ~cut))
    return Objective(error, size * where(cut, where(cut, end, 0), ratio), slope, valid)


def _near(ratio: Balls, end: Any) -> Any:
    if end == INFINITE:
        return np.zeros(ratio.shape, dtype=bool)
    return (abs(ratio - end) <= NEAR * end) & (ratio != 1)


def _loss(true: Any, objective: Objective, reduction: str) -> dict[str, Balls]:
    scale, weights = reduced(objective.error, objective.size, objective.valid, reduction)
    slopes = weights * where(objective.valid, objective.slope_error, 0) + 2 * abs(true["grad_log_prob"])
    return {"loss": scale, "grad_log_prob": slopes}


@bound(
    "surrogate_loss", "ACC-04",
    loss="mean(|rA|(|d| + H + 3)), H the height of the reduction + 1", grad_log_prob="(|d| + 5)|exact|",
)
def surrogate_loss(
    true: Any, log_prob: Balls, old_log_prob: Balls, advantages: Balls, mask: Any = None, reduction: str = "mean"
) -> dict[str, Balls]:
    infinite = (INFINITE,) * 3
    return _loss(true, clipped(log_prob, old_log_prob, advantages, *infinite, mask), reduction)


@bound("policy_gradient_loss", "ONP-02", loss="mean(|A log P|(H + 1))", grad_log_prob="2|exact|")
def policy_gradient_loss(
    true: Any, log_prob: Balls, advantages: Balls, mask: Any = None, reduction: str = "mean"
) -> dict[str, Balls]:
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    sizes = where_used(abs(log_prob * advantages), valid) + arb(0)
    scale, _ = reduced(sizes, sizes, valid, reduction)
    return {"loss": scale, "grad_log_prob": 2 * abs(true["grad_log_prob"])}


@bound(
    "clip_loss", "ACC-04",
    loss="mean(|rA|(|d| + H + 3), at a clipped sample |g A|(H + 2))",
    grad_log_prob="(|d| + 5)|exact|, 0 where clipped; nothing within 2^-30 of an end",
)
def clip_loss(
    true: Any, log_prob: Balls, old_log_prob: Balls, advantages: Balls, clip_eps: Any = None,
    clip_eps_low: Any = None, clip_eps_high: Any = None, dual_clip: Any = INFINITE, mask: Any = None,
    reduction: str = "mean",
) -> dict[str, Balls]:
    low = clip_eps if clip_eps is not None else clip_eps_low
    high = clip_eps if clip_eps is not None else clip_eps_high
    return _loss(true, clipped(log_prob, old_log_prob, advantages, low, high, dual_clip, mask), reduction)


@bound(
    "ppo_loss", "ACC-04",
    loss="the errors of the parts by their coefficients + c_v L_v + |c_e H| + |c_v L_v + L_clip| + |exact|",
    grad_log_prob="as clip_loss", grad_values="4|exact|", grad_entropy="2|exact|", clip_loss="as clip_loss",
    value_loss="as value_loss", entropy="as masked_mean",
)
def ppo_loss(
    true: Any, log_prob: Balls, old_log_prob: Balls, advantages: Balls, values: Balls, returns: Balls,
    entropy: Balls, clip_eps: Any, vf_coef: Any, ent_coef: Any, dual_clip: Any = INFINITE, mask: Any = None,
    reduction: str = "mean",
) -> dict[str, Balls]:
    objective = clipped(log_prob, old_log_prob, advantages, clip_eps, clip_eps, dual_clip, mask)
    policy = _loss(true, objective, reduction)
    valid = objective.valid
    squares = where_used((values - returns) * (values - returns), valid) + arb(0)
    value, _ = reduced(3 * squares, squares, valid, reduction)
    bonuses = where_used(abs(entropy), valid) + arb(0)
    bonus, _ = reduced(0 * bonuses, bonuses, valid, reduction)
    parts = vf_coef * (value + abs(true["value_loss"])) + policy["loss"]
    parts = parts + abs(ent_coef) * (bonus + abs(true["entropy"]))
    return {
        "loss": parts + abs(vf_coef * true["value_loss"] + true["clip_loss"]) + abs(true["loss"]),
        "grad_log_prob": policy["grad_log_prob"],
        "grad_values": 4 * abs(true["grad_values"]),
        "grad_entropy": 2 * abs(true["grad_entropy"]),
        "clip_loss": policy["loss"],
        "value_loss": value,
        "entropy": bonus,
    }


@bound("value_loss", "ACC-05", loss="(H + 3) mean((V - R)²)", grad_values="3|exact|")
def value_loss(
    true: Any, values: Balls, returns: Balls, mask: Any = None, reduction: str = "mean"
) -> dict[str, Balls]:
    valid = np.ones(values.shape, dtype=bool) if mask is None else mask
    squares = where_used((values - returns) * (values - returns), valid) + arb(0)
    scale, _ = reduced(terms.squared_error(1)[0] * squares, squares, valid, reduction)
    return {"loss": scale, "grad_values": 3 * abs(true["grad_values"])}


@bound(
    "clipped_value_loss", "ACC-05",
    loss="mean((H + 7) x² + 6|x|(|V_old| + ε) where V left the band, (H + 3) x² inside), x the error that counts",
    grad_values="3|exact|; nothing next to its jumps",
)
def clipped_value_loss(
    true: Any, values: Balls, returns: Balls, old_values: Balls, value_clip_eps: Any, mask: Any = None,
    reduction: str = "mean",
) -> dict[str, Balls]:
    valid = np.ones(values.shape, dtype=bool) if mask is None else mask
    v, target, old = (where_used(x, valid) + arb(0) for x in (values, returns, old_values))
    moved = v - old
    outside = abs(moved) >= value_clip_eps * (1 - NEAR)
    edge = where(moved > 0, old + value_clip_eps, old - value_clip_eps)
    own, other = abs(v - target), abs(edge - target)
    x = where(outside, larger(own, other), own)
    reach = abs(old) + value_clip_eps
    errors = where(outside, 7 * x * x + 6 * x * reach, 3 * x * x)
    scale, _ = reduced(errors, x * x, valid, reduction)
    jumps = outside & ((abs(own - other) <= NEAR * (own + other + reach)) | (abs(moved) <= value_clip_eps * (1 + NEAR)))
    return {"loss": scale, "grad_values": where(jumps & valid, NO_CLAIM, 3 * abs(true["grad_values"]))}


@bound(
    "huber_value_loss", "HUB-02", loss="mean((H + 3) h where |e| < δ, δ(3|e| + δ) + H h beyond)", grad_values="3|exact|"
)
def huber_value_loss(
    true: Any, values: Balls, returns: Balls, delta: Any, mask: Any = None, reduction: str = "mean"
) -> dict[str, Balls]:
    valid = np.ones(values.shape, dtype=bool) if mask is None else mask
    size = where_used(abs(values - returns), valid) + arb(0)
    sizes = where(size > delta, delta * (size - arb(delta) / 2), size * size / 2)
    # Next to delta either piece may be taken; the larger bound holds for both.
    errors = where(size >= delta * (1 - NEAR), terms.huber_far(size, delta), terms.huber_near(size))
    scale, _ = reduced(errors, sizes, valid, reduction)
    return {"loss": scale, "grad_values": 3 * abs(true["grad_values"])}


@bound("clip_fraction", "ACC-04", value="|exact|; nothing if a ratio is within 2^-30 of an end")
def clip_fraction(
    true: Any, log_prob: Balls, old_log_prob: Balls, advantages: Balls, clip_eps: Any, mask: Any = None
) -> dict[str, Balls]:
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    ratio = np.exp(where_used(log_prob, valid) - where_used(old_log_prob, valid) + arb(0))
    near = (_near(ratio, 1 + clip_eps) | _near(ratio, 1 - clip_eps)) & valid
    return {"value": where(near.any(), NO_CLAIM, true["value"])}
