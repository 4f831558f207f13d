"""Discounted returns, proved on the shipped loop."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ppocore import advantages
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.polynomials import same
from proofs.theorems.rollouts import (
    GOES_ON,
    TRUNCATED,
    Rollout,
    coefficients,
    column,
    consistent,
    dyadic_rollout,
    every_flags,
    flag_columns,
    ring,
    rollout,
    shipped,
    symbols,
)

RETURNS = ["ppocore.advantages:return_kernel", "ppocore.advantages:_returns_loop",
           "ppocore.advantages:discounted_returns"]
STEP = ["ppocore.advantages:td_error_kernel", "ppocore.advantages:gae_kernel"]


def shipped_returns(of: Rollout) -> list[Any]:
    """The returns by the shipped loop, run on any numbers; the last row is a cut, as the public function sets it."""
    out = np.empty((len(of.rewards), 1), dtype=object)
    terminated = column([pair[0] for pair in of.flags])
    cut = column([*(pair[1] for pair in of.flags[:-1]), True])
    plain(advantages._returns_loop)(column(of.rewards), column(of.next_values), terminated, cut, of.gamma, out)
    return list(out[:, 0])


def literal_returns(of: Rollout, late: int = 0) -> list[Any]:
    """Discounted rewards up to the first end, then V' unless terminated; `late` counts powers too many before V'."""
    out = []
    for t in range(len(of.rewards)):
        end = next((k for k in range(t, len(of.rewards)) if any(of.flags[k])), len(of.rewards) - 1)
        total = sum((of.gamma ** (k - t) * of.rewards[k] for k in range(t, end + 1)), 0 * of.gamma)
        if not of.flags[end][0]:
            total = total + of.gamma ** (end - t + 1 + late) * of.next_values[end]
        out.append(total)
    return out


@proof("RET-01", "flint", "shipped loop = literal sum: T <= 6, all 4^T flags, every number symbolic", code=RETURNS)
def _() -> Outcome:
    rollouts = (symbols(flags) for steps in range(1, 7) for flags in every_flags(steps))
    return same(pair for of in rollouts for pair in zip(shipped_returns(of), literal_returns(of), strict=True))


def integer_returns(steps: int) -> Any:
    """2^(T+1) G_t for `dyadic_rollout` with gamma = 1/2, by the literal sum in integers."""
    terminated, truncated = flag_columns(steps)
    r, _, following = ((2 * part).astype(np.int64) for part in dyadic_rollout(steps))
    sums = np.zeros_like(r)
    for t in range(steps):
        alive = np.ones(4**steps, dtype=bool)
        for k in range(t, steps):
            ends = terminated[k] | truncated[k] | (k == steps - 1)
            sums[t] += alive * 2 ** (steps - (k - t)) * r[k]
            sums[t] += (alive & ends & ~terminated[k]) * 2 ** (steps - (k - t) - 1) * following[k]
            alive &= ~ends
    return sums


@proof("RET-01", "float64", "discounted_returns() equals the sum in integers on all 87,380 patterns of T <= 8, bit for "
       "bit, with NaN in every next value that is not used")
def _() -> Outcome:
    count = 0
    for steps in range(1, 9):
        (rewards, _, following), (terminated, truncated) = dyadic_rollout(steps), flag_columns(steps)
        used = ~terminated & (truncated | (np.arange(steps)[:, None] == steps - 1))
        poisoned = np.where(used, following, np.nan)
        found = advantages.discounted_returns(rewards, poisoned, terminated, truncated, gamma=0.5)
        if not np.array_equal(found * 2.0 ** (steps + 1), integer_returns(steps)):
            return refuted(f"T = {steps}")
        count += found.shape[1]
    assert count == 87_380
    return proved(f"{count:,} patterns")


def _bootstrap_one_step_late(**numbers) -> bool:
    of = rollout(numbers, [GOES_ON, TRUNCATED])
    return shipped_returns(of) == literal_returns(of, late=1)


@refutation("RET-01", "flint", "one factor gamma too many before the value after the end",
            claim=_bootstrap_one_step_late, kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON, TRUNCATED])
    return same(zip(shipped_returns(of), literal_returns(of, late=1), strict=True))


def without_values(of: Rollout) -> Rollout:
    return of._replace(flags=[(terminated or truncated, False) for terminated, truncated in of.flags])


def _truncated_is_worthless(**numbers) -> bool:
    of = rollout(numbers, [TRUNCATED, GOES_ON])
    return shipped_returns(of) == literal_returns(without_values(of))


@refutation("RET-01", "flint", "a truncated step has no value after it", claim=_truncated_is_worthless,
            kept=coefficients)
def _() -> Outcome:
    of = symbols([TRUNCATED, GOES_ON])
    return same(zip(shipped_returns(of), literal_returns(without_values(of)), strict=True))


@proof("RET-01", "coq", "every T: returns_are_the_literal_discounted_sum")
def _() -> Outcome:
    return coq.theorem("Gae.returns_are_the_literal_discounted_sum")


def _truncated_alone_is_worthless(**numbers) -> bool:
    of = rollout(numbers, [TRUNCATED])
    return shipped_returns(of) == literal_returns(without_values(of))


@refutation("RET-01", "coq", "a truncated step has no value after it", claim=_truncated_alone_is_worthless,
            kept=coefficients)
def _() -> Outcome:
    witness = {"r0": 0, "v0": 0, "n0": 1, "gamma": 1, "lam": 1}
    exact = {name: Fraction(number) for name, number in witness.items()}
    return coq.negation("Gae.returns_must_bootstrap_where_truncated", **exact)


@proof("RET-02", "coq", "every T: lambda_one_is_return_minus_value")
def _() -> Outcome:
    return coq.theorem("Gae.lambda_one_is_return_minus_value")


def with_values(of: Rollout) -> list[Any]:
    """Advantages with lambda = 1, plus values."""
    return [a + v for a, v in zip(shipped(of._replace(decay=1)), of.values, strict=True)]


@proof("RET-02", "flint", "both shipped loops, T <= 6, all 4^T flags, every number symbolic", code=[*RETURNS, *STEP])
def _() -> Outcome:
    rollouts = (consistent(ring(len(flags)), flags) for steps in range(1, 7) for flags in every_flags(steps))
    return same(pair for of in rollouts for pair in zip(shipped_returns(of), with_values(of), strict=True))


@proof("RET-02", "float64", "discounted_returns() equals gae().returns with gae_lambda = 1: all 4^8 patterns of T = 8",
       code=["ppocore.advantages:gae"])
def _() -> Outcome:
    (rewards, values, free), (terminated, truncated) = dyadic_rollout(8), flag_columns(8)
    following = np.where(terminated | truncated, free, np.vstack([values[1:], free[-1:]]))
    found = advantages.discounted_returns(rewards, following, terminated, truncated, gamma=0.5)
    targets = advantages.gae(rewards, values, following, terminated, truncated, gamma=0.5, gae_lambda=1.0).returns
    return proved(f"{found.shape[1]:,} patterns") if np.array_equal(found, targets) else refuted("a pattern")


def _without_consistency(**numbers) -> bool:
    of = rollout(numbers, [GOES_ON] * 2)
    return shipped_returns(of) == with_values(of)


@refutation("RET-02", "flint", "next_values[t] need not be values[t + 1]", claim=_without_consistency,
            kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON] * 2)
    return same(zip(shipped_returns(of), with_values(of), strict=True))
