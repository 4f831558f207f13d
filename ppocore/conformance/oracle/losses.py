"""Policy and value losses, under every convention of the closed list."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import log_ratio, log_softmax, table_kl
from ppocore.conformance.oracle.reals import (
    ZERO,
    Array,
    Real,
    clip,
    each,
    exp,
    lift,
    maximum,
    mean,
    minimum,
    stop,
    total,
    where,
)


def reduce(terms: Array, valid: Array, c: Choices) -> Real:
    """One number from the terms of the valid slots, under `reduction`."""
    chosen = terms[valid]
    match c["reduction"]:
        case "sum":
            return total(chosen)
        case "mean_over_all_slots":
            return total(chosen) / int(valid.size)
        case "trajectory":
            return total(chosen) / int(valid.shape[0] if valid.ndim > 1 else valid.size)
    return mean(chosen)


def band(x: Inputs, c: Choices) -> tuple[Any, Any]:
    """Ends of the interval the ratio is clipped to."""
    low = x.clip_eps_low if x.get("clip_eps_low") is not None else x.clip_eps
    high = x.clip_eps_high if x.get("clip_eps_high") is not None else x.clip_eps
    return (1 / (1 + low) if c["clip_band"] == "log_symmetric" else 1 - low), 1 + high


def unclipped(x: Inputs, c: Choices) -> Array:
    """r A."""
    return exp(log_ratio(x, c)) * x.advantages


def clipped(x: Inputs, c: Choices) -> Array:
    """min(r A, clip(r) A), and max(that, dual_clip A) where A < 0."""
    r = exp(log_ratio(x, c))
    low, high = band(x, c)
    objective = minimum(r * x.advantages, clip(r, low, high) * x.advantages)
    bound = x.get("dual_clip") or c.number("dual_clip")
    if bound is None:
        return objective
    return where(x.advantages < lift(0), maximum(objective, bound * x.advantages), objective)


def surrogate_loss(x: Inputs, c: Choices) -> Outputs:
    return {"loss": -reduce(unclipped(x, c), x.valid, c)}


def policy_gradient_loss(x: Inputs, c: Choices) -> Outputs:
    return {"loss": -reduce(x.log_prob * x.advantages, x.valid, c)}


def clip_loss(x: Inputs, c: Choices) -> Outputs:
    return {"loss": -reduce(clipped(x, c), x.valid, c)}


def kl_penalty_loss(x: Inputs, c: Choices) -> Outputs:
    new, old = log_softmax(x.logits), log_softmax(x.old_logits)
    rows = np.arange(len(new))
    taken = x.but(log_prob=new[rows, x.actions], old_log_prob=old[rows, x.actions])
    kl = table_kl(new, old) if c["kl_direction"] == "new_old" else table_kl(old, new)
    every = np.ones(len(new), dtype=bool)
    return {"loss": -reduce(unclipped(taken, c), every, c) + x.kl_coef * reduce(kl, every, c)}


def scale(c: Choices) -> Real:
    """1, or 1/2 under `value_loss_scale = half`."""
    return lift("0.5") if c["value_loss_scale"] == "half" else lift(1)


def value_loss(x: Inputs, c: Choices) -> Outputs:
    gap = x.values - x.returns
    return {"loss": scale(c) * reduce(gap * gap, x.valid, c)}


def clipped_value_loss(x: Inputs, c: Choices) -> Outputs:
    gap = x.values - x.returns
    if c["value_clip"] == "error_clamp":
        return {"loss": scale(c) * reduce(clip(gap * gap, ZERO, x.value_clip_eps), x.valid, c)}
    held = x.old_values + clip(x.values - x.old_values, -x.value_clip_eps, x.value_clip_eps) - x.returns
    worse = held * held if c["value_clip"] == "clipped_only" else maximum(gap * gap, held * held)
    return {"loss": scale(c) * reduce(worse, x.valid, c)}


def huber_value_loss(x: Inputs, c: Choices) -> Outputs:
    return {"loss": reduce(huber_terms(x), x.valid, c)}


def huber_terms(x: Inputs) -> Array:
    """h(v - R) of each slot.  Both pieces have the same value and slope where they meet."""
    return each(_huber, x.values - x.returns, x.delta)


def _huber(error: Real, delta: Real) -> Real:
    size = abs(error)
    if size.value <= delta.value:
        return error * error / 2
    far = delta * (stop(size) - delta / 2)
    # Code may reach the slope delta as e - (e - delta), with the rounding of e.
    slope = Real(delta.value.copy_sign(error.value), delta.slack + float(size.value))
    return Real(far.value, far.slack, ((error, slope),)) if error.parents is not None else far


def ppo_loss(x: Inputs, c: Choices) -> Outputs:
    policy = clip_loss(x, c)["loss"]
    value = value_loss(x, c)["loss"]
    every = np.ones(x.entropy.shape, dtype=bool)
    return {"loss": policy + x.vf_coef * value - x.ent_coef * reduce(x.entropy, every, c)}
