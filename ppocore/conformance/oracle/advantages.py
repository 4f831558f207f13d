"""TD errors, GAE, returns, token GAE and normalisation, under every convention of the closed list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import (
    ZERO,
    Array,
    Real,
    constant,
    each,
    maximum,
    mean,
    total,
    where,
)

Outputs = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a reading of the ends makes of a rollout, row by row."""

    rewards: Array
    after: Array
    """V' of each step, 0 where nothing follows."""
    keep: Array
    """True where the recursion goes on into the next row."""
    drop: Array
    """True where the step is left out altogether (convention mask)."""


def zeros(shape: tuple[int, ...]) -> Array:
    return np.full(shape, ZERO, dtype=object)


def rows_after(x: Inputs) -> Array:
    """values[t + 1] as the arrays hold it, whatever episode that row belongs to."""
    return np.concatenate([x.values[1:], x.next_values[-1:]])


def following(x: Inputs) -> Array:
    """The successor values that the function can see: next_values if handed over, else the next row."""
    return x.next_values if "next_values" in x.passed else rows_after(x)


def inside(shape: tuple[int, ...]) -> Array:
    """False in the last row."""
    keep = np.ones(shape, dtype=bool)
    keep[-1] = False
    return keep


def plan(x: Inputs, c: Choices) -> Plan:
    """How the convention `truncation` (and `timeout_value`) reads the ends."""
    terminated, cut = x.terminated, x.terminated | x.truncated
    # _variant: published code of some conventions looks at the time limit before the termination.
    timeout = x.truncated if c["_variant"] in ("1", "3") else x.truncated & ~terminated
    nothing = zeros(terminated.shape)
    keep, drop = inside(cut.shape) & ~cut, np.zeros(cut.shape, dtype=bool)
    final = where(terminated, nothing, x.next_values)
    if c["timeout_value"]:
        final = where(timeout, x.values, final)
    default = Plan(x.rewards, final, keep, drop)
    match c["truncation"]:
        case "terminal":
            return replace(default, after=where(cut, nothing, x.next_values))
        case "mask":
            return replace(default, drop=timeout)
        case "leak" | "leak_bootstrap" as value:
            folded = x.truncated if c["_variant"] == "3" else x.truncated & ~terminated
            return _leaking(x, final, folded, c["_variant"] in ("1", "2"), value == "leak_bootstrap")
    return default


def _leaking(x: Inputs, final: Array, timeout: Array, sees_final: bool, bootstraps: bool) -> Plan:
    """The recursion runs on at a time limit; the bootstrap is the next row's, or on top of it, or instead."""
    keep = inside(timeout.shape) & ~x.terminated
    drop = np.zeros(timeout.shape, dtype=bool)
    if sees_final:
        return Plan(x.rewards, final, keep, drop)
    paid = where(timeout, x.rewards + x.gamma * final, x.rewards) if bootstraps else x.rewards
    return Plan(paid, where(x.terminated, zeros(timeout.shape), rows_after(x)), keep, drop)


def errors(x: Inputs, p: Plan) -> Array:
    """delta_t = r_t + gamma V'_t - v_t."""
    return where(p.drop, ZERO, p.rewards + x.gamma * p.after - x.values)


def backward(steps: Array, rate: Any, keep: Array, seed: Any = ZERO) -> Array:
    """y_t = steps_t + rate y_{t+1} where keep_t, else steps_t, from the last row to the first."""
    out = np.empty(steps.shape, dtype=object)
    carry = np.broadcast_to(np.asarray(seed, dtype=object), steps.shape[1:])
    for t in range(len(steps) - 1, -1, -1):
        carry = where(keep[t], steps[t] + rate * carry, steps[t])
        out[t] = carry
    return out


def td_errors(x: Inputs, c: Choices) -> Outputs:
    return {"td_errors": errors(x, plan(x, c))}


def gae(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    delta = errors(x, p)
    advantages = where(p.drop, ZERO, backward(delta, x.gamma * x.gae_lambda, p.keep))
    if c["gae_recursion"] != "brax":
        return {"advantages": advantages, "returns": advantages + x.values}
    # brax returns delta_t + gamma A_{t+1}: one lambda short; its value targets are those of GAE.
    ahead = np.concatenate([advantages[1:], zeros((1, *advantages.shape[1:]))])
    short = where(p.drop, ZERO, where(p.keep, delta + x.gamma * ahead, delta))
    return {"advantages": short, "returns": (short if c["_returns"] else advantages) + x.values}


def discounted_returns(x: Inputs, c: Choices) -> Outputs:
    terminated = x.terminated
    last = ~inside(terminated.shape)
    timeout = x.truncated & ~terminated
    rewards, bootstraps, stops = x.rewards, timeout | (last & ~terminated), terminated | x.truncated
    if c["truncation"] == "terminal":
        bootstraps = last & ~stops
    if c["truncation"] in ("leak", "leak_bootstrap"):
        bootstraps, stops = last & ~terminated, terminated
    if c["truncation"] == "leak_bootstrap":
        rewards = where(timeout, rewards + x.gamma * x.next_values, rewards)
    steps = where(bootstraps, rewards + x.gamma * x.next_values, rewards)
    return {"returns": backward(steps, x.gamma, ~stops & ~last)}


def token_gae(x: Inputs, c: Choices) -> Outputs:
    rows = {"multiply": _row_multiplied, "boundary": _row_bounded}.get(c["token_mask"], _row_skipping)
    decay = x.gamma * x.gae_lambda
    out = [rows(r, v, m, x.gamma, decay) for r, v, m in zip(x.rewards, x.values, x.mask, strict=True)]
    return {"advantages": np.array(out, dtype=object)}


def _row_skipping(rewards: Array, values: Array, mask: Array, gamma: Real, decay: Real) -> Array:
    """Masked tokens do not exist: the carry passes through them."""
    out = zeros(rewards.shape)
    carry, after = ZERO, ZERO
    for t in np.flatnonzero(mask)[::-1]:
        carry = rewards[t] + gamma * after - values[t] + decay * carry
        out[t], after = carry, values[t]
    return out


def _row_multiplied(rewards: Array, values: Array, mask: Array, gamma: Real, decay: Real) -> Array:
    """Masked tokens are steps of reward 0 and value 0."""
    r, v = where(mask, rewards, ZERO), where(mask, values, ZERO)
    after = np.append(v[1:], [ZERO])
    return backward((r + gamma * after - v)[:, None], decay, inside(mask[:, None].shape))[:, 0]


def _row_bounded(rewards: Array, values: Array, mask: Array, gamma: Real, decay: Real) -> Array:
    """A masked token ends the stretch before it."""
    r, v = where(mask, rewards, ZERO), where(mask, values, ZERO)
    after = np.append(v[1:], [ZERO])
    keep = np.append(mask[1:], False)[:, None]
    return backward((r + gamma * after - v)[:, None], decay, keep)[:, 0]


def moments(values: Any, ddof: int = 0) -> tuple[Real, Real]:
    """Mean and variance; the slack allows for the one-pass form mean(x^2) - mean(x)^2."""
    flat = np.asarray(values, dtype=object).reshape(-1)
    centre = mean(flat)
    spread = total((flat - centre) * (flat - centre)) / (flat.size - ddof)
    if not spread.value:
        return centre, spread
    one_pass = float(total(flat * flat).value) / flat.size + float((centre * centre).value)
    return centre, Real(spread.value, spread.slack + one_pass, spread.parents)


def normalize_advantages(x: Inputs, c: Choices) -> Outputs:
    valid = x.valid
    centre, variance = moments(x.advantages[valid], ddof=1 if c["advantage_std"] == "ddof1" else 0)
    scale = denominator(variance, c)
    return {"advantages": each(lambda a, m: (a - centre) / scale if m else ZERO, x.advantages, valid)}


def denominator(variance: Real, c: Choices) -> Real:
    """What the centred advantages are divided by, under `std_eps`."""
    eps = c.number("std_eps") or constant("1e-8")
    match c.kind("std_eps"):
        case "inside":
            return (variance + eps).sqrt()
        case "floor":
            return maximum(variance.sqrt(), eps).item()
        case "none":
            return variance.sqrt()
    return variance.sqrt() + eps
