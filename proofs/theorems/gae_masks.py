"""Ends of episodes, single steps and masked tokens: what advantage estimates may not see."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import z3

from ppocore import advantages, token_advantages
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.polynomials import rows, same
from proofs.methods.solver import on_every_path
from proofs.methods.symbolic import Flag, Sym, reals, term
from proofs.theorems.rollouts import (
    GOES_ON,
    TERMINATED,
    TRUNCATED,
    Flags,
    Numbers,
    Rollout,
    coefficients,
    column,
    dyadic_rollout,
    every_flags,
    flag_columns,
    plain_steps,
    ring,
    rollout,
    shipped,
    symbols,
)

STEP = ["ppocore.advantages:td_error_kernel", "ppocore.advantages:gae_kernel"]
GAE = [*STEP, "ppocore.advantages:_gae_loop", "ppocore.advantages:gae"]
TD = ["ppocore.advantages:td_error_kernel", "ppocore.advantages:td_errors"]
TOKENS = [*STEP, "ppocore.token_advantages:_token_gae_loop", "ppocore.token_advantages:token_gae"]


# -- GAE-08 ... 10: ends of episodes --------------------------------------------------------------


@proof("GAE-08", "flint", "shipped loop, T <= 5, all 4^T flags, every end inside, every number symbolic", code=GAE)
def _() -> Outcome:
    def pairs():
        for flags in (flags for steps in range(2, 6) for flags in every_flags(steps)):
            of = symbols(flags)
            for t in range(len(flags) - 1):
                if any(flags[t]):
                    apart = shipped(of.rows(0, t + 1)) + shipped(of.rows(t + 1, len(flags)))
                    yield from zip(shipped(of), apart, strict=True)

    return same(pairs())


@proof("GAE-08", "float64", "gae(): all 65,536 streams of T = 8 side by side, cut at every end")
def _() -> Outcome:
    numbers, (terminated, truncated) = dyadic_rollout(8), flag_columns(8)
    whole = advantages.gae(*numbers, terminated, truncated, gamma=0.75, gae_lambda=0.5).advantages
    for t in range(7):
        ended = terminated[t] | truncated[t]
        parts = [part[: t + 1, ended] for part in (*numbers, terminated, truncated)]
        if not np.array_equal(advantages.gae(*parts, gamma=0.75, gae_lambda=0.5).advantages, whole[: t + 1, ended]):
            return refuted(f"step {t}")
    return proved("49,152 streams cut at each of 7 steps")


def _cut_forgotten(**numbers) -> bool:
    of = rollout(numbers, [GOES_ON] * 2)
    return shipped(of)[0] == shipped(of.rows(0, 1))[0]


@refutation("GAE-08", "flint", "the flag of the cut is not set", claim=_cut_forgotten, kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON] * 2)
    return same([(shipped(of)[0], shipped(of.rows(0, 1))[0])])


def other_next_value(of: Rollout, t: int, value: Any) -> Rollout:
    return of._replace(next_values=[*of.next_values[:t], value, *of.next_values[t + 1 :]])


@proof("GAE-09", "flint", "shipped loop, T <= 4, all 4^T flags, every terminal step, a second symbol for V'", code=GAE)
def _() -> Outcome:
    def pairs():
        for steps in range(1, 5):
            numbers = ring(steps, rows("m", steps))
            for flags in every_flags(steps):
                of = rollout(numbers, flags)
                for t in (t for t in range(steps) if flags[t][0]):
                    yield from zip(shipped(of), shipped(other_next_value(of, t, numbers[f"m{t}"])), strict=True)

    return same(pairs())


@proof("GAE-09", "float64", "gae() and td_errors() with NaN as V' of every terminal step, all 4^6 patterns", code=TD)
def _() -> Outcome:
    rewards, values, following = dyadic_rollout(6)
    terminated, truncated = flag_columns(6)
    poisoned = np.where(terminated, np.nan, following)
    for function, more in ((advantages.gae, {"gae_lambda": 0.5}), (advantages.td_errors, {})):
        clean = function(rewards, values, following, terminated, truncated, gamma=0.75, **more)
        if not np.array_equal(clean, function(rewards, values, poisoned, terminated, truncated, gamma=0.75, **more)):
            return refuted(function.__name__)
    return proved("4,096 patterns")


def _next_value_unused(flags: Flags):
    def claim(**numbers) -> bool:
        of = rollout(numbers, flags)
        return shipped(of) == shipped(other_next_value(of, 0, numbers["m0"]))

    return claim


@refutation("GAE-09", "flint", "V' unused at a truncated step",
            claim=_next_value_unused([TRUNCATED, GOES_ON]), kept=coefficients)
def _() -> Outcome:
    numbers = ring(2, "m0")
    of = rollout(numbers, [TRUNCATED, GOES_ON])
    return same(zip(shipped(of), shipped(other_next_value(of, 0, numbers["m0"])), strict=True))


@proof("GAE-10", "flint", "shipped loop, T <= 6, every place of the end, every number symbolic", code=GAE)
def _() -> Outcome:
    def pairs():
        for steps, t in ((length, t) for length in range(1, 7) for t in range(length)):
            flags = [[GOES_ON] * t + [how] + [GOES_ON] * (steps - t - 1) for how in (TRUNCATED, TERMINATED)]
            cut, ended = symbols(flags[0]), symbols(flags[1])
            for s, (a, b) in enumerate(zip(shipped(cut), shipped(ended), strict=True)):
                gap = cut.gamma * cut.next_values[t] * (cut.gamma * cut.decay) ** (t - s) if s <= t else 0 * a
                yield a - b, gap

    return same(pairs())


def _truncated_is_terminated(**numbers) -> bool:
    return shipped(rollout(numbers, [TRUNCATED])) == shipped(rollout(numbers, [TERMINATED]))


@refutation("GAE-10", "flint", "a truncated step counts as terminated",
            claim=_truncated_is_terminated, kept=coefficients)
def _() -> Outcome:
    return same(zip(shipped(symbols([TRUNCATED])), shipped(symbols([TERMINATED])), strict=True))


# -- GAE-15: tokens ------------------------------------------------------------------------------


def by_tokens(rewards: list[Any], values: list[Any], valid: Sequence[bool], gamma: Any, lam: Any) -> list[Any]:
    """The advantages of one row by the shipped token loop; 0 at masked slots."""
    out = column([0] * len(valid)).T
    row = [column(part).T for part in (rewards, values, valid)]
    plain(token_advantages._token_gae_loop)(*row, gamma, lam, out)
    return list(out[0])


def compressed(numbers: Numbers, valid: Sequence[bool]) -> list[Any]:
    """The rollout of the valid tokens alone, the last of which ends the episode; 0 at masked slots."""
    kept = [t for t, use in enumerate(valid) if use]
    values = [numbers[f"v{t}"] for t in kept]
    flags = [GOES_ON] * (len(kept) - 1) + [TERMINATED]
    found = shipped(Rollout(
        [numbers[f"r{t}"] for t in kept], values, [*values[1:], 0], flags, numbers["gamma"], numbers["lam"]
    ))
    return [found.pop(0) if use else 0 for use in valid]


def token_row(numbers: Numbers, valid: Sequence[bool]) -> list[Any]:
    parts = ([numbers[f"{stem}{t}"] for t in range(len(valid))] for stem in "rv")
    return by_tokens(*parts, valid, numbers["gamma"], numbers["lam"])


@proof("GAE-15", "flint", "shipped token loop, L <= 8, all 2^L masks, every number symbolic", code=TOKENS)
def _() -> Outcome:
    def pairs():
        for length in range(1, 9):
            numbers = ring(length, stems="r v")
            for valid in product((False, True), repeat=length):
                if any(valid):
                    yield from zip(token_row(numbers, valid), compressed(numbers, valid), strict=True)

    return same(pairs())


@proof("GAE-15", "float64", "token_gae() with NaN in masked slots = gae() of each compressed row, L <= 8, all masks")
def _() -> Outcome:
    count = 0
    for length in range(1, 9):
        masks = np.array([m for m in product((False, True), repeat=length) if any(m)])
        rewards, values, _ = (np.tile(part[:, 0], (len(masks), 1)) for part in dyadic_rollout(length))
        poisoned = (np.where(masks, part, np.nan) for part in (rewards, values))
        found = token_advantages.token_gae(*poisoned, masks, gamma=0.75, gae_lambda=0.5)
        for b, mask in enumerate(masks):
            r, v = rewards[b, mask], values[b, mask]
            ends = np.arange(len(r)) == len(r) - 1
            alone = advantages.gae(r, v, np.append(v[1:], 0), ends, ends & False, gamma=0.75, gae_lambda=0.5)
            for whole, part in zip(found, alone, strict=True):
                if not np.array_equal(whole[b, mask], part) or whole[b, ~mask].any():
                    return refuted(f"mask {mask.tolist()}")
            count += 1
    assert count == sum(2**length - 1 for length in range(1, 9))
    return proved(f"{count} masks")


HOLE = (True, False, True)


def zero_filled(numbers: Numbers) -> list[Any]:
    """The middle token kept as a step of time, with reward and value 0."""
    r, v = ([numbers[f"{stem}0"], 0, numbers[f"{stem}2"]] for stem in "rv")
    found = shipped(Rollout(r, v, [*v[1:], 0], [GOES_ON, GOES_ON, TERMINATED], numbers["gamma"], numbers["lam"]))
    return [found[0], 0, found[2]]


@refutation("GAE-15", "flint", "a masked token is a step with reward and value 0",
            claim=lambda **numbers: token_row(numbers, HOLE) == zero_filled(numbers), kept=coefficients)
def _() -> Outcome:
    return same(zip(token_row(ring(3, stems="r v"), HOLE), zero_filled(ring(3, stems="r v")), strict=True))


# -- GAE-16: one-step errors ---------------------------------------------------------------------


@proof("GAE-16", "z3", "kernel, all numbers and the flag symbolic", code=TD)
def _() -> Outcome:
    r, v, following, gamma = reals("r v following gamma")
    terminated = z3.Bool("terminated")
    return on_every_path(
        [r, v, following, gamma], [],
        lambda: plain(advantages.td_error_kernel)(Sym(r), Sym(v), Sym(following), Flag(terminated), Sym(gamma)),
        lambda out: term(out) == r + gamma * z3.If(terminated, 0, following) - v,
    )


@proof("GAE-16", "float64", "td_errors() on all 4^6 patterns equals the formula in integers; truncated does not matter")
def _() -> Outcome:
    rewards, values, following = dyadic_rollout(6)
    terminated, truncated = flag_columns(6)
    found = [
        advantages.td_errors(rewards, values, following, terminated, flags, gamma=0.75)
        for flags in (truncated, ~truncated)
    ]
    exact = 8 * rewards - 8 * values + np.where(terminated, 0, 6 * following)
    return proved("4,096 patterns") if all(np.array_equal(8 * one, exact) for one in found) else refuted("a pattern")


def _cut_at_both(r, v, following, gamma) -> bool:
    errors = advantages.td_errors([r], [v], [following], [False], [True], gamma=float(gamma))
    return errors[0] == r - v


@refutation("GAE-16", "float64", "a truncated step has no next value either", claim=_cut_at_both)
def _() -> Outcome:
    point = {"r": 1.0, "v": 2.0, "following": 4.0, "gamma": 0.5}
    return proved() if _cut_at_both(**point) else refuted(**point)


# -- for every T -----------------------------------------------------------------------------------

FOR_EVERY_T = (
    ("GAE-08", "Gae.nothing_after_an_end_reaches_back"),
    ("GAE-08", "Gae.batch_is_episode_by_episode"),
    ("GAE-09", "Gae.a_terminal_step_ignores_its_next_value"),
    ("GAE-10", "Gae.truncation_exceeds_termination_by_the_bootstrap"),
    ("GAE-15", "GaeMasked.token_gae_is_gae_over_the_valid_tokens"),
    ("GAE-15", "GaeMasked.what_stands_in_masked_slots_does_not_matter"),
)
for _id, _name in FOR_EVERY_T:
    proof(_id, "coq", f"every T: {_name.split('.')[1]}")(partial(coq.theorem, _name))


def multiplied(numbers: Numbers, valid: Sequence[bool]) -> list[Any]:
    """Values, errors and advantages multiplied by the mask, slot after slot."""
    out, later_value, later = [], 0, 0
    for t in reversed(range(len(valid))):
        value = valid[t] * numbers[f"v{t}"]
        error = numbers[f"r{t}"] + numbers["gamma"] * later_value - value
        later = valid[t] * (error + numbers["gamma"] * numbers["lam"] * later)
        later_value = value
        out.append(later)
    return out[::-1]


@refutation("GAE-15", "coq", "masked slots multiply by 0 instead of being skipped",
            claim=lambda **numbers: token_row(numbers, HOLE) == multiplied(numbers, HOLE), kept=coefficients)
def _() -> Outcome:
    return coq.negation("GaeMasked.masked_slots_must_be_skipped", **plain_steps(0, 0, 1, gamma=1, lam=1, values="v"))


@refutation("GAE-10", "coq", "a truncated step counts as terminated", claim=_truncated_is_terminated,
            kept=coefficients)
def _() -> Outcome:
    witness = {"r0": Fraction(0), "v0": Fraction(0), "n0": Fraction(1), "gamma": Fraction(1), "lam": Fraction(1)}
    return coq.negation("Gae.truncation_is_not_termination", **witness)
