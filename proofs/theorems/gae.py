"""Generalized advantage estimation: the sum that the shipped loop computes, and its forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import z3

from ppocore import advantages
from ppocore._kernels import plain
from proofs.ledger import mutant, proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.polynomials import Ring, rows, same
from proofs.methods.solver import on_every_path
from proofs.methods.symbolic import Flag, Sym, reals, term
from proofs.theorems.rollouts import (
    GOES_ON,
    STEP_FLAGS,
    TERMINATED,
    TRUNCATED,
    Flags,
    Numbers,
    Rollout,
    coefficients,
    consistent,
    deltas,
    dyadic_rollout,
    every_flags,
    flag_columns,
    no_flags,
    plain_steps,
    ring,
    rollout,
    shipped,
    symbols,
)

STEP = ["ppocore.advantages:td_error_kernel", "ppocore.advantages:gae_kernel"]
GAE = [*STEP, "ppocore.advantages:_gae_loop", "ppocore.advantages:gae"]


def masked_sum(of: Rollout, first: Any = 1) -> list[Any]:
    """Sum over k of (gamma lambda)^k delta_{t+k}, up to the first step that ended; `first` is the weight at k = 0."""
    errors, out = deltas(of), []
    for t in range(len(errors)):
        total, weight = errors[t] * 0, first
        for k in range(t, len(errors)):
            total = total + weight * errors[k]
            if any(of.flags[k]):
                break
            weight = weight * of.gamma * of.decay
        out.append(total)
    return out


# -- GAE-01 -----------------------------------------------------------------------------------------


@proof("GAE-01", "flint", "shipped loop = masked sum: T <= 6, all 4^T flags, every number symbolic", code=GAE)
def _() -> Outcome:
    patterns = [flags for steps in range(1, 7) for flags in every_flags(steps)]
    assert len(patterns) == sum(4**steps for steps in range(1, 7))
    rollouts = map(symbols, patterns)
    return same(pair for of in rollouts for pair in zip(shipped(of), masked_sum(of), strict=True))


@proof("GAE-01", "z3", "one step of the kernels, all numbers and both flags symbolic: the induction step for every T")
def _() -> Outcome:
    r, v, following, later, g, lam = reals("r v following later g lam")
    terminated, ended = z3.Bools("terminated ended")

    def step():
        error = plain(advantages.td_error_kernel)(Sym(r), Sym(v), Sym(following), Flag(terminated), Sym(g))
        return plain(advantages.gae_kernel)(error, Sym(later), Flag(ended), Sym(g), Sym(lam))

    expected = r + g * z3.If(terminated, 0, following) - v + g * lam * z3.If(ended, 0, later)
    return on_every_path([r, v, following, later, g, lam], [], step, lambda out: term(out) == expected)


def integer_sums(steps: int) -> Any:
    """8^(T+1) A_t for `dyadic_rollout` with gamma = 3/4 and lambda = 1/2, by the masked sum in integers."""
    terminated, truncated = flag_columns(steps)
    r, v, following = ((8 * part).astype(np.int64) for part in dyadic_rollout(steps))
    errors = r + np.where(terminated, 0, 3 * following // 4) - v
    sums = np.zeros_like(r)
    for t in range(steps):
        alive = np.ones(4**steps, dtype=bool)
        for k in range(t, steps):
            sums[t] += alive * 3 ** (k - t) * 8 ** (steps - (k - t)) * errors[k]
            alive &= ~(terminated[k] | truncated[k])
    return sums


@proof("GAE-01", "float64", "gae() equals the sum in integers on all 87,380 patterns of T <= 8, bit for bit")
def _() -> Outcome:
    count = 0
    for steps in range(1, 9):
        out = advantages.gae(*dyadic_rollout(steps), *flag_columns(steps), gamma=0.75, gae_lambda=0.5)
        if not np.array_equal(out.advantages * 8.0 ** (steps + 1), integer_sums(steps)):
            return refuted(f"T = {steps}")
        count += out.advantages.shape[1]
    assert count == 87_380
    return proved(f"{count:,} patterns")


def _one_factor_more(**numbers) -> bool:
    of = rollout(numbers, no_flags(numbers))
    return shipped(of) == masked_sum(of, of.gamma * of.decay)


@refutation("GAE-01", "flint", "one factor gamma lambda too many", claim=_one_factor_more, kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON] * 2)
    return same(zip(shipped(of), masked_sum(of, of.gamma * of.decay), strict=True))


# -- GAE-02 ... 04, 06: special cases -----------------------------------------------------------------


def discounted(of: Rollout, weight: Any) -> list[Any]:
    """Sum over k of weight^k delta_{t+k}, up to the last step."""
    errors = deltas(of)
    return [sum((weight**k * error for k, error in enumerate(errors[t:])), 0 * weight) for t in range(len(errors))]


@proof("GAE-02", "flint", "shipped loop, T <= 8, no flags, every number symbolic", code=GAE)
def _() -> Outcome:
    rollouts = [symbols([GOES_ON] * steps) for steps in range(1, 9)]
    return same(pair for of in rollouts for pair in zip(shipped(of), discounted(of, of.gamma * of.decay), strict=True))


def _gamma_alone(**numbers) -> bool:
    of = rollout(numbers, no_flags(numbers))
    return shipped(of) == discounted(of, of.gamma)


@refutation("GAE-02", "flint", "weights gamma^k, without lambda", claim=_gamma_alone, kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON] * 2)
    return same(zip(shipped(of), discounted(of, of.gamma), strict=True))


def monte_carlo(of: Rollout) -> list[Any]:
    """Discounted rewards to the end of the rows, the value after them unless terminated, minus V."""
    steps, tail = len(of.rewards), of.next_values[-1] * (1 - of.flags[-1][0])
    return [
        sum((of.gamma**k * r for k, r in enumerate(of.rewards[t:])), of.gamma ** (steps - t) * tail) - of.values[t]
        for t in range(steps)
    ]


@proof("GAE-03", "flint", "shipped loop, T <= 8, the four flags of the last step, every number symbolic", code=GAE)
def _() -> Outcome:
    ends = [[GOES_ON] * (steps - 1) + [last] for steps in range(1, 9) for last in STEP_FLAGS]
    rollouts = [symbols(flags, chained=True)._replace(decay=1) for flags in ends]
    return same(pair for of in rollouts for pair in zip(shipped(of), monte_carlo(of), strict=True))


def _monte_carlo_for_any_decay(**numbers) -> bool:
    of = rollout(numbers, no_flags(numbers), chained=True)
    return shipped(of) == monte_carlo(of)


@refutation("GAE-03", "flint", "the same for any lambda", claim=_monte_carlo_for_any_decay, kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON] * 2, chained=True)
    return same(zip(shipped(of), monte_carlo(of), strict=True))


@proof("GAE-04", "flint", "shipped loop, T <= 5, all 4^T flags, every number symbolic",
       code=[*GAE, "ppocore.advantages:td_errors"])
def _() -> Outcome:
    patterns = (flags for steps in range(1, 6) for flags in every_flags(steps))
    rollouts = (symbols(flags)._replace(decay=0) for flags in patterns)
    return same(pair for of in rollouts for pair in zip(shipped(of), deltas(of), strict=True))


def _errors_for_any_decay(**numbers) -> bool:
    of = rollout(numbers, no_flags(numbers))
    return shipped(of) == deltas(of)


@refutation("GAE-04", "flint", "the same for any lambda", claim=_errors_for_any_decay, kept=coefficients)
def _() -> Outcome:
    of = symbols([GOES_ON] * 2)
    return same(zip(shipped(of), deltas(of), strict=True))


def n_step(of: Rollout, n: int) -> Any:
    """The n-step advantage at t = 0."""
    return monte_carlo(of.rows(0, n))[0]


def mixture(of: Rollout, last: Any) -> Any:
    """The n-step advantages weighted by (1 - lambda) lambda^(n-1), and the longest by `last`."""
    steps, lam = len(of.rewards), of.decay
    short = sum(((1 - lam) * lam ** (n - 1) * n_step(of, n) for n in range(1, steps)), 0 * lam)
    return short + last * n_step(of, steps)


@proof("GAE-06", "flint", "shipped loop, T <= 10, the four flags of the last step, every number symbolic", code=GAE)
def _() -> Outcome:
    ends = [[GOES_ON] * (steps - 1) + [last] for steps in range(1, 11) for last in STEP_FLAGS]
    rollouts = [symbols(flags, chained=True) for flags in ends]
    return same((shipped(of)[0], mixture(of, of.decay ** (len(of.rewards) - 1))) for of in rollouts)


def _geometric_to_the_end(of: Rollout) -> Any:
    return mixture(of, (1 - of.decay) * of.decay ** (len(of.rewards) - 1))


def _whole_geometric(**numbers) -> bool:
    of = rollout(numbers, no_flags(numbers), chained=True)
    return shipped(of)[0] == _geometric_to_the_end(of)


@refutation(
    "GAE-06", "flint", "the last weight is (1 - lambda) lambda^(T-1)",
    claim=_whole_geometric, kept=coefficients,
)
def _() -> Outcome:
    of = symbols([GOES_ON] * 3, chained=True)
    return same([(shipped(of)[0], _geometric_to_the_end(of))])


# -- GAE-05: the lambda-return --------------------------------------------------------------------


def lambda_returns(of: Rollout, value_share: Any) -> list[Any]:
    """G_t = r + gamma (share V' + (1 - share) G_{t+1}); after an end or the last row V' alone, or 0 if terminated."""
    out: list[Any] = []
    steps = zip(*(reversed(part) for part in of[:4]), strict=True)
    for r, _, following, (terminated, truncated) in steps:
        if terminated:
            out.append(r)
        elif truncated or not out:
            out.append(r + of.gamma * following)
        else:
            out.append(r + of.gamma * (value_share * following + (1 - value_share) * out[-1]))
    return out[::-1]


def targets(of: Rollout) -> list[Any]:
    return [a + v for a, v in zip(shipped(of), of.values, strict=True)]


@proof("GAE-05", "flint", "shipped loop, T <= 5, all 4^T flags, every number symbolic", code=GAE)
def _() -> Outcome:
    patterns = (flags for steps in range(1, 6) for flags in every_flags(steps))
    rollouts = (consistent(ring(len(flags)), flags) for flags in patterns)
    return same(pair for of in rollouts for pair in zip(targets(of), lambda_returns(of, 1 - of.decay), strict=True))


def _shares_swapped(**numbers) -> bool:
    of = consistent(numbers, no_flags(numbers))
    return targets(of) == lambda_returns(of, of.decay)


@refutation("GAE-05", "flint", "lambda and 1 - lambda swapped", claim=_shares_swapped, kept=coefficients)
def _() -> Outcome:
    of = consistent(ring(2), [GOES_ON] * 2)
    return same(zip(targets(of), lambda_returns(of, of.decay), strict=True))


# -- GAE-07: linearity ----------------------------------------------------------------------------


def combined(x: Rollout, y: Rollout, a: Any) -> Rollout:
    """x + a y in rewards, values and next values."""
    parts = ([p + a * q for p, q in zip(u, w, strict=True)] for u, w in zip(x[:3], y[:3], strict=True))
    return Rollout(*parts, x.flags, x.gamma, x.decay)


def second(numbers: Numbers, flags: Flags) -> Rollout:
    """Another rollout of independent numbers: the names of `rollout` with an s in front."""
    steps = range(len(flags))
    parts = ([numbers[f"s{stem}{t}"] for t in steps] for stem in "rvn")
    return Rollout(*parts, flags, numbers["gamma"], numbers["lam"])


@proof("GAE-07", "flint", "shipped loop, T <= 4, all 4^T flags, two rollouts and a factor symbolic", code=GAE)
def _() -> Outcome:
    def pairs():
        for steps in range(1, 5):
            numbers = Ring(f"{rows('r v n sr sv sn', steps)} gamma lam a")
            for flags in every_flags(steps):
                x, y, a = rollout(numbers, flags), second(numbers, flags), numbers["a"]
                separate = [p + a * q for p, q in zip(shipped(x), shipped(y), strict=True)]
                yield from zip(shipped(combined(x, y, a)), separate, strict=True)

    return same(pairs())


def ends_on_reward(rewards: Sequence[Any]) -> Rollout:
    """Two steps whose flags depend on the rewards: a positive reward terminates."""
    flags = [(reward > 0, False) for reward in rewards]
    return Rollout(list(rewards), [0, 0], [0, 0], flags, Fraction(1), Fraction(1))


def _linear_through_flags(x, y) -> bool:
    both = [p + q for p, q in zip(x, y, strict=True)]
    separate = [p + q for p, q in zip(*(shipped(ends_on_reward(rewards)) for rewards in (x, y)), strict=True)]
    return shipped(ends_on_reward(both)) == separate


@refutation("GAE-07", "exact", "flags that depend on the rewards", claim=_linear_through_flags)
def _() -> Outcome:
    x, y = (Fraction(1), Fraction(1)), (Fraction(-1), Fraction(1))
    return proved() if _linear_through_flags(x, y) else refuted(x=x, y=y)


# -- GAE-12: a constant added to the values ---------------------------------------------------------


def raised_pair(numbers: Numbers, flags: Flags) -> tuple[Rollout, Rollout]:
    """A rollout, and the same with V + c and r + c (1 - gamma)."""
    of, c = rollout(numbers, flags), numbers["c"]
    return of, of._replace(
        rewards=[r + c * (1 - of.gamma) for r in of.rewards], values=[v + c for v in of.values],
        next_values=[v + c for v in of.next_values],
    )


@proof("GAE-12", "flint", "shipped loop, T <= 6, all 2^T truncations, every number symbolic", code=GAE)
def _() -> Outcome:
    patterns = (flags for steps in range(1, 7) for flags in product((GOES_ON, TRUNCATED), repeat=steps))
    rollouts = (raised_pair(ring(len(flags), "c"), flags) for flags in patterns)
    return same(pair for before, after in rollouts for pair in zip(shipped(before), shipped(after), strict=True))


def _raised_to_the_end(**numbers) -> bool:
    before, after = raised_pair(numbers, [TERMINATED])
    return shipped(before) == shipped(after)


@refutation("GAE-12", "flint", "with a terminal step", claim=_raised_to_the_end, kept=coefficients)
def _() -> Outcome:
    before, after = raised_pair(ring(1, "c"), [TERMINATED])
    return same(zip(shipped(before), shipped(after), strict=True))


# -- for every T -----------------------------------------------------------------------------------

FOR_EVERY_T = (
    ("GAE-01", "recursion_is_masked_sum"),
    ("GAE-02", "unmasked_recursion_is_discounted_sum"),
    ("GAE-03", "lambda_one_is_return_minus_value"),
    ("GAE-03", "lambda_one_unmasked_telescopes"),
    ("GAE-04", "lambda_zero_is_the_td_error"),
    ("GAE-05", "gae_plus_value_is_the_lambda_return"),
    ("GAE-06", "gae_is_the_mixture_of_n_step_advantages"),
    ("GAE-07", "gae_is_linear_in_rewards_and_values"),
    ("GAE-12", "shifting_the_values_changes_nothing"),
)
for _id, _name in FOR_EVERY_T:
    proof(_id, "coq", f"every T: {_name}")(partial(coq.theorem, f"Gae.{_name}"))


def _refuted_in_coq(id: str, says: str, name: str, claim: Callable[..., bool], **witness: Any) -> None:
    """A proved negation, whose witness the shipped loop repeats."""
    refutation(id, "coq", says, claim=claim, kept=coefficients)(partial(coq.negation, f"Gae.{name}", **witness))


_refuted_in_coq("GAE-01", "one factor gamma lambda too many", "decay_must_stop_before_the_error",
                _one_factor_more, **plain_steps(1, gamma=1, lam=0))
_refuted_in_coq("GAE-03", "the same for any lambda", "telescoping_needs_lambda_one",
                _monte_carlo_for_any_decay, **plain_steps(0, 1, gamma=1, lam=0))
_refuted_in_coq("GAE-04", "the same for any lambda", "only_lambda_zero_is_the_td_error",
                _errors_for_any_decay, **plain_steps(0, 1, gamma=1, lam=1))
_refuted_in_coq("GAE-05", "lambda and 1 - lambda swapped", "lambda_return_weights_must_not_be_swapped",
                _shares_swapped, **plain_steps(0, 1, gamma=1, lam=0))
_refuted_in_coq("GAE-06", "the last weight is (1 - lambda) lambda^(T-1)", "the_last_mixture_weight_is_whole",
                _whole_geometric, **plain_steps(1, gamma=1, lam="1/2"))
_refuted_in_coq("GAE-12", "with a terminal step", "shifting_fails_at_a_terminal_step",
                _raised_to_the_end, **plain_steps(0, gamma=1, lam=1), c=Fraction(1))


@mutant("GAE-01", "coq", "the recursion runs on after an end")
def _() -> Outcome:
    return coq.mutant("Gae", "g * l * (if ends x then 0 else gae g l s')", "g * l * gae g l s'")
