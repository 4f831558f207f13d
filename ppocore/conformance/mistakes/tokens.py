"""Mistakes of token-level GAE: what a masked token does to the tokens around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.oracle.advantages import Outputs, token_gae, zeros
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, Real, constant, where

CATALOGUE = Catalogue()


def _enter(name: str, says: str, wrong: str, matters: str, *seen: str) -> Callable[[Any], Any]:
    return CATALOGUE.enter(f"token_gae/{name}", says=says, wrong=wrong, matters=matters, seen=seen)


@_enter("mask-ignored", "Masked tokens are treated as steps of the episode.",
        "gae over all L tokens", "Tool output and padding become rewards and states.",
        "verl-project/verl #2337", "radixark/miles #1827", "deepspeedai/DeepSpeedExamples #620")
def _mask_ignored(x: Inputs, c: Choices) -> Outputs:
    return token_gae(x.but(mask=np.ones_like(x.mask)), c)


@_enter("rewards-not-masked", "Rewards of masked tokens are counted.", "r_t instead of r_t m_t",
        "Garbage at padding is paid out.", "deepspeedai/DeepSpeedExamples #620")
def _rewards_kept(x: Inputs, c: Choices) -> Outputs:
    return _masked_steps(x, mask_rewards=False, mask_values=True)


@_enter("values-not-masked", "Values of masked tokens are counted.", "v_t instead of v_t m_t",
        "The critic's output on padding enters the advantages.", "deepspeedai/DeepSpeedExamples #620")
def _values_kept(x: Inputs, c: Choices) -> Outputs:
    return _masked_steps(x, mask_rewards=True, mask_values=False)


def _masked_steps(x: Inputs, mask_rewards: bool, mask_values: bool) -> Outputs:
    """Every slot is a step; some of what it holds is zeroed where masked."""
    rewards = _zeroed(x.rewards, x.mask) if mask_rewards else x.rewards
    values = _zeroed(x.values, x.mask) if mask_values else x.values
    return token_gae(x.but(rewards=rewards, values=values, mask=np.ones_like(x.mask)), Choices())


def _zeroed(array: Array, mask: Array) -> Array:
    return where(mask, array, ZERO)


def _rows(x: Inputs, row: Callable[..., Array]) -> Outputs:
    rows = [row(x, r, v, m) for r, v, m in zip(x.rewards, x.values, x.mask, strict=True)]
    return {"advantages": np.array(rows, dtype=object)}


def _walk(x: Inputs, r: Array, v: Array, m: Array, decay: Real, across: Callable[[int, Array], Real]) -> Array:
    """GAE over the valid tokens; `across(t, m)` says what of the decay survives on the way to the next one."""
    out, carry, after = zeros(r.shape), ZERO, ZERO
    for t in np.flatnonzero(m)[::-1]:
        carry = r[t] + x.gamma * after - v[t] + decay * across(t, m) * carry
        out[t], after = carry, v[t]
    return out


@_enter("carry-zeroed-at-masked", "Masked tokens reset the carry; the next valid value is still used.",
        "carry = carry m_t", "Reward never crosses a tool call.", "verl-project/verl #7278")
def _carry_reset(x: Inputs, c: Choices) -> Outputs:
    def across(t: int, m: Array) -> Real:
        return constant("1") if t + 1 < len(m) and m[t + 1] else ZERO

    return _rows(x, lambda x, r, v, m: _walk(x, r, v, m, x.gamma * x.gae_lambda, across))


@_enter("decayed-across-masked", "The carry is decayed once for every masked token it crosses.",
        "carry = gamma lambda carry at masked tokens too", "Long tool outputs erase credit.",
        "verl-project/verl #2337")
def _decayed_across(x: Inputs, c: Choices) -> Outputs:
    decay = x.gamma * x.gae_lambda

    def across(t: int, m: Array) -> Real:
        after = np.flatnonzero(m[t + 1:])
        gap = int(after[0]) if after.size else 0
        factor = constant("1")
        for _ in range(gap):
            factor = factor * decay
        return factor

    return _rows(x, lambda x, r, v, m: _walk(x, r, v, m, decay, across))


def _simple(name: str, says: str, wrong: str, matters: str, decay: Callable[[Inputs], Real]) -> None:
    def formula(x: Inputs, c: Choices) -> Outputs:
        return _rows(x, lambda x, r, v, m: _walk(x, r, v, m, decay(x), lambda t, m: constant("1")))

    _enter(name, says, wrong, matters)(formula)


_simple("no-lambda", "gae_lambda does not enter the recursion.", "A_t = delta_t + gamma A_{t+1}",
        "Always the Monte-Carlo advantage.", lambda x: x.gamma)
_simple("no-gamma-in-recursion", "gamma does not enter the recursion.", "A_t = delta_t + lambda A_{t+1}",
        "Later TD errors weigh too much.", lambda x: x.gae_lambda)
_simple("one-step-only", "Only the TD error is returned.", "A_t = delta_t", "gae_lambda has no effect.",
        lambda x: ZERO)


def _shift(array: Array, by: int) -> Array:
    out = np.full_like(array, False if array.dtype == bool else ZERO)
    if by > 0:
        out[:, by:] = array[:, :-by]
    else:
        out[:, :by] = array[:, -by:]
    return out


@_enter("values-one-position-early", "Values are taken one position before their token.",
        "v[start - 1 : end - 1]", "Each action is judged by the value of the state before its own.",
        "huggingface/trl #44")
def _values_early(x: Inputs, c: Choices) -> Outputs:
    return token_gae(x.but(values=_shift(x.values, 1)), c)


@CATALOGUE.variant("token_gae/values-one-position-early")
def _values_early_repeated(x: Inputs, c: Choices) -> Outputs:
    return token_gae(x.but(values=np.concatenate([x.values[:, :1], x.values[:, :-1]], axis=1)), c)


@_enter("values-one-position-late", "Values are taken one position after their token.",
        "v[start + 1 : end + 1]", "The value already knows the token it should judge.",
        "HarderThenHarder #9")
def _values_late(x: Inputs, c: Choices) -> Outputs:
    return token_gae(x.but(values=_shift(x.values, -1)), c)


@_enter("mask-shifted-left", "The mask is applied one token too early.", "m[:, 1:] padded",
        "The last token is lost, the token before the answer is trained on.", "verl-project/verl #1758")
def _mask_left(x: Inputs, c: Choices) -> Outputs:
    return token_gae(x.but(mask=_shift(x.mask, -1)), c)


@_enter("last-token-dropped", "The last valid token of each row is left out.", "end = start + sum(m) - 1",
        "The token that carries the reward gets no advantage.", "deepspeedai/DeepSpeedExamples #620")
def _last_dropped(x: Inputs, c: Choices) -> Outputs:
    short = x.mask.copy()
    for row in short:
        valid = np.flatnonzero(row)
        row[valid[-1:]] = False
    return token_gae(x.but(mask=short), c)


@_enter("bootstraps-past-the-end", "The value after the last token is its own value instead of 0.",
        "V_{L} = v_{L-1}", "Every answer is treated as unfinished.")
def _bootstraps(x: Inputs, c: Choices) -> Outputs:
    rewards = x.rewards.copy()
    for row, values, mask in zip(rewards, x.values, x.mask, strict=True):
        for t in np.flatnonzero(mask)[-1:]:
            row[t] = row[t] + x.gamma * values[t]
    return token_gae(x.but(rewards=rewards), c)


@_enter("returns-in-place-of-advantages", "The value targets are returned as advantages.", "A_t + v_t",
        "No baseline is left in the policy gradient.")
def _targets(x: Inputs, c: Choices) -> Outputs:
    return {"advantages": token_gae(x, c)["advantages"] + where(x.mask, x.values, ZERO)}


@_enter("immediate-reward-only", "The advantage is the immediate reward less the value.", "A_t = r_t - v_t",
        "A score at the last token teaches nothing to earlier ones.", "natolambert/rlhf-book #216")
def _immediate(x: Inputs, c: Choices) -> Outputs:
    return {"advantages": x.rewards - x.values}


@_enter("sign-flipped", "The TD error has the opposite sign.", "delta_t = v_t - r_t - gamma v_{t+1}",
        "The policy learns to do its worst.")
def _negated(x: Inputs, c: Choices) -> Outputs:
    return {"advantages": -token_gae(x, c)["advantages"]}
