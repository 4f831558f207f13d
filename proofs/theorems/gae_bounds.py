"""How large advantage estimates can be, how biased, and how wrong by rounding."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import z3

from ppocore import advantages
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.polynomials import Ring, same
from proofs.methods.recorded import bounded
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Flag, Sym, reals, term
from proofs.theorems.rollouts import (
    GOES_ON,
    Numbers,
    Rollout,
    coefficients,
    deltas,
    shipped,
)

STEP = ["ppocore.advantages:td_error_kernel", "ppocore.advantages:gae_kernel"]
GAE = [*STEP, "ppocore.advantages:_gae_loop", "ppocore.advantages:gae"]


# -- GAE-11: a bound ------------------------------------------------------------------------------


def _within(x, bound):
    return z3.And(-bound <= x, x <= bound)


@proof("GAE-11", "z3", "kernel: the bound passes from A' to A; base case; gamma lambda < 1", code=GAE)
def _() -> Outcome:
    error, later, g, lam, bound = reals("error later g lam bound")
    ended = z3.Bool("ended")
    given = [g >= 0, lam >= 0, g * lam < 1, bound >= 0, _within(error, bound)]
    total = bound / (1 - g * lam)
    base = forall([error, g, lam, bound], given, _within(error, total))
    step = on_every_path(
        [error, later, g, lam, bound], [*given, _within(later, total)],
        lambda: plain(advantages.gae_kernel)(Sym(error), Sym(later), Flag(ended), Sym(g), Sym(lam)),
        lambda out: _within(term(out), total),
    )
    return every([base, step])


def _small_steps(error, later, g, lam, bound) -> bool:
    return g >= 0 and lam >= 0 and g * lam < 1 and abs(error) <= bound and abs(later) <= bound


def _bounded_by_errors(error, later, g, lam, bound) -> bool:
    return abs(plain(advantages.gae_kernel)(error, later, False, g, lam)) <= bound


@refutation("GAE-11", "z3", "the bound B, without 1 / (1 - gamma lambda)", claim=_bounded_by_errors, kept=_small_steps)
def _() -> Outcome:
    error, later, g, lam, bound = reals("error later g lam bound")
    given = [g >= 0, lam >= 0, g * lam < 1, _within(error, bound), _within(later, bound)]
    return on_every_path(
        [error, later, g, lam, bound], given,
        lambda: plain(advantages.gae_kernel)(Sym(error), Sym(later), False, Sym(g), Sym(lam)),
        lambda out: _within(term(out), bound),
    )


def ones(steps: int) -> Rollout:
    """T rewards 1, no values, gamma lambda = 1: all errors are 1."""
    return Rollout([Fraction(1)] * steps, [0] * steps, [0] * steps, [GOES_ON] * steps, 1, 1)


def _unit_errors(steps, bound) -> bool:
    return set(deltas(ones(steps))) == {1}


def _bounded_for_every_horizon(steps, bound) -> bool:
    return shipped(ones(steps))[0] <= bound


@refutation("GAE-11", "exact", "gamma lambda = 1, errors at most 1: one bound (100) for every T",
            claim=_bounded_for_every_horizon, kept=_unit_errors)
def _() -> Outcome:
    return proved() if _bounded_for_every_horizon(101, 100) else refuted(steps=101, bound=100)


@proof("GAE-11", "coq", "every T: bounded_td_errors_bound_the_advantages")
def _() -> Outcome:
    return coq.theorem("Gae.bounded_td_errors_bound_the_advantages")


@refutation("GAE-11", "coq", "gamma lambda = 1: one bound for every T", claim=_bounded_for_every_horizon,
            kept=_unit_errors)
def _() -> Outcome:
    return coq.negation("Gae.no_bound_without_discounting", steps=4, bound=3)


# -- GAE-13: bias --------------------------------------------------------------------------------

POLICY = (("1/3", "2/3"), ("3/4", "1/4"))
MOVES = ((("1/2", "1/4"), ("0", "2/3")), (("1/5", "4/5"), ("1/2", "0")))
"""Probability of the next state by state and action; what is missing ends the episode."""
HORIZON = 3
UNKNOWNS = "r00 r01 r10 r11 w0 w1 u0 u1 gamma lam"


def number(numbers: Numbers, text: str) -> Any:
    """A constant of the type of the others."""
    return numbers.number(Fraction(text)) if isinstance(numbers, Ring) else Fraction(text)


def action_values(numbers: Numbers, values: list[Any]) -> list[list[Any]]:
    """Q of one step before the state values."""
    return [
        [
            numbers[f"r{s}{a}"]
            + numbers["gamma"] * sum((number(numbers, p) * v for p, v in zip(MOVES[s][a], values, strict=True)), 0)
            for a in (0, 1)
        ]
        for s in (0, 1)
    ]


def true_values(numbers: Numbers) -> list[list[Any]]:
    """V of every time 0 ... HORIZON and state; w0, w1 are those of the states in which the rows end."""
    table = [[numbers["w0"], numbers["w1"]]]
    for _ in range(HORIZON):
        q = action_values(numbers, table[0])
        table.insert(0, [sum((number(numbers, POLICY[s][a]) * q[s][a] for a in (0, 1)), 0) for s in (0, 1)])
    return table


def paths(numbers: Numbers, start: int, action: int, steps: int = HORIZON):
    """Every path from a state and an action, as (state, action, next state or None) rows, with its probability."""
    stay = [(number(numbers, p), s) for s, p in enumerate(MOVES[start][action]) if p != "0"]
    end = 1 - sum(Fraction(p) for p in MOVES[start][action])
    for chance, following in [*stay, *([(number(numbers, str(end)), None)] if end else [])]:
        first = (start, action, following)
        if following is None or steps == 1:
            yield chance, [first]
            continue
        for chosen in (0, 1):
            picked = chance * number(numbers, POLICY[following][chosen])
            for rest, path in paths(numbers, following, chosen, steps - 1):
                yield picked * rest, [first, *path]


def expected_advantage(numbers: Numbers, values: list[list[Any]], start: int, action: int, decay: Any) -> Any:
    """E[A_0 | start, action] of the shipped loop, over every path."""
    total = 0 * decay
    for chance, path in paths(numbers, start, action):
        following = [values[t + 1][path[t][2] or 0] for t in range(len(path))]
        of = Rollout(
            [numbers[f"r{s}{a}"] for s, a, _ in path], [values[t][path[t][0]] for t in range(len(path))], following,
            [(end is None, False) for _, _, end in path], numbers["gamma"], decay,
        )
        total = total + chance * shipped(of)[0]
    return total


def wrong_values(numbers: Numbers) -> list[list[Any]]:
    """The true values, but off by u0 and u1 in the two states of the rows; those after the rows are true."""
    *table, after = true_values(numbers)
    return [*([v + numbers[f"u{s}"] for s, v in enumerate(values)] for values in table), after]


def bias(numbers: Numbers, values: list[list[Any]], decay: Any, against: list[list[Any]]) -> list[tuple[Any, Any]]:
    """(E[A_0 | s, a], Q(s, a) - V(s)) for the four pairs, V taken from `against`."""
    truth = action_values(numbers, true_values(numbers)[1])
    return [
        (expected_advantage(numbers, values, s, a, decay), truth[s][a] - against[0][s])
        for s, a in product((0, 1), repeat=2)
    ]


@proof("GAE-13", "flint", "shipped loop on all paths of a 2-state, 2-action world with endings, 3 steps; rewards, "
       "values after the rows, gamma, lambda (and in the second part wrong values) symbolic", code=GAE)
def _() -> Outcome:
    numbers = Ring(UNKNOWNS)
    true, wrong = true_values(numbers), wrong_values(numbers)
    assert all(sum(chance for chance, _ in paths(numbers, s, a)) == 1 for s, a in product((0, 1), repeat=2))
    return same([*bias(numbers, true, numbers["lam"], true), *bias(numbers, wrong, numbers["lam"] ** 0, wrong)])


@proof("GAE-13", "coq", "first part, every finite world and horizon: gae_averages_to_the_advantage")
def _() -> Outcome:
    return coq.theorem("GaeUnbiased.gae_averages_to_the_advantage")


def _unbiased_for_any_values(**numbers) -> bool:
    pairs = bias(numbers, wrong_values(numbers), numbers["lam"], true_values(numbers))
    return all(mean == truth for mean, truth in pairs)


@refutation("GAE-13", "flint", "E[A | s, a] is the advantage for any V",
            claim=_unbiased_for_any_values, kept=coefficients)
def _() -> Outcome:
    numbers = Ring(UNKNOWNS)
    return same(bias(numbers, wrong_values(numbers), numbers["lam"], true_values(numbers)))


def _only_the_state_matters(**numbers) -> bool:
    values = wrong_values(numbers)
    return all(mean == shifted for mean, shifted in bias(numbers, values, numbers["lam"], values))


@refutation("GAE-13", "flint", "for any V and any lambda, the bias is a function of the state",
            claim=_only_the_state_matters, kept=coefficients)
def _() -> Outcome:
    numbers = Ring(UNKNOWNS)
    values = wrong_values(numbers)
    return same(bias(numbers, values, numbers["lam"], values))


# -- GAE-14: rounding ------------------------------------------------------------------------------

STEP_ERROR = Fraction(1, 2**43)


def step_error(reward, value, next_value, later, gamma, gae_lambda) -> Fraction:
    """|kernels in float64 - kernels in exact arithmetic| of one step, on the same floats."""

    def step(error, add, *numbers):
        r, v, following, after, g, lam = numbers
        return add(error(r, v, following, False, g), after, False, g, lam)

    floats = (reward, value, next_value, later, gamma, gae_lambda)
    rounded = step(advantages.td_error_kernel, advantages.gae_kernel, *map(float, floats))
    exact = step(plain(advantages.td_error_kernel), plain(advantages.gae_kernel), *map(Fraction, floats))
    return abs(Fraction(rounded) - exact)


def in_range(reward, value, next_value, later, gamma, gae_lambda) -> bool:
    """The hypotheses of the bound on one step."""
    sizes = abs(reward) <= 1 and abs(value) <= 100 and abs(next_value) <= 100 and abs(later) <= 200
    return sizes and coefficients(gamma, gae_lambda)


@proof("GAE-14", "z3", "kernel: errors of at most eps in every step add up to at most eps / (1 - gamma lambda)",
       code=GAE)
def _() -> Outcome:
    error, later, later_float, found, g, lam, eps = reals("error later later_float found g lam eps")
    ended = z3.Bool("ended")
    total = eps / (1 - g * lam)
    exact_step = error + z3.If(ended, 0, g * lam * later_float)
    given = [g >= 0, lam >= 0, g * lam < 1, eps >= 0, _within(later_float - later, total),
             _within(found - exact_step, eps)]
    return on_every_path(
        [error, later, later_float, found, g, lam, eps], given,
        lambda: plain(advantages.gae_kernel)(Sym(error), Sym(later), Flag(ended), Sym(g), Sym(lam)),
        lambda out: _within(found - term(out), total),
    )


RANGES = {
    "reward": "[-1, 1]", "value": "[-100, 100]", "next_value": "[-100, 100]", "later": "[-200, 200]",
    "gamma": "[0, 1]", "gae_lambda": "[0, 1]",
}
"""The hypotheses of the bound on one step, as `in_range` checks them."""


def recorded_step(reward, value, next_value, later, gamma, gae_lambda):
    """Both kernels, one after the other, at a step that goes on."""
    error = plain(advantages.td_error_kernel)(reward, value, next_value, False, gamma)
    return plain(advantages.gae_kernel)(error, later, False, gamma, gae_lambda)


@proof("GAE-14", "gappa", "one step within 2^-43 for all floats in the ranges, statements recorded from the kernels")
def _() -> Outcome:
    return bounded(recorded_step, RANGES, "1b-43")


WORST_STEP = {
    "reward": 0.9977457271289114, "value": 98.2095279206667, "next_value": -97.83489521100958,
    "later": -186.75073328009674, "gamma": 0.9879374611953369, "gae_lambda": 0.9519166012083236,
}
"""Found by search; the error of this step is above half the bound."""


def _half_the_step_error(**numbers) -> bool:
    return step_error(**numbers) <= STEP_ERROR / 2


@refutation("GAE-14", "gappa", "one step within 2^-44", claim=_half_the_step_error, kept=in_range)
def _() -> Outcome:
    refused = bounded(recorded_step, RANGES, "1b-44")
    return refuted("Gappa refuses the bound 1 2^-44", **WORST_STEP) if refused.verdict == "rejected" else refused


@proof("GAE-14", "coq", "every T: accumulated_error_is_bounded_for_every_length")
def _() -> Outcome:
    return coq.theorem("FloatGae.accumulated_error_is_bounded_for_every_length")


def _bounded_by_one_step(errors, computed, g, lam, eps) -> bool:
    """Whether the first computed advantage is within eps of the exact one."""
    steps = len(errors)
    of = Rollout(list(errors), [0] * steps, [0] * steps, [GOES_ON] * steps, g, lam)
    return abs(computed[0] - shipped(of)[0]) <= eps


def _steps_within_eps(errors, computed, g, lam, eps) -> bool:
    """Whether each computed advantage is within eps of the exact step from the next computed one."""
    kernel = plain(advantages.gae_kernel)
    exact = [kernel(x, later, False, g, lam) for x, later in zip(errors, [*computed[1:], 0], strict=True)]
    return g * lam < 1 and all(abs(a - b) <= eps for a, b in zip(computed, exact, strict=True))


@refutation("GAE-14", "coq", "the error of one step bounds the whole", claim=_bounded_by_one_step,
            kept=_steps_within_eps)
def _() -> Outcome:
    return coq.negation(
        "FloatGae.the_error_of_one_step_is_no_bound",
        errors=(0, 0), computed=(Fraction(3, 2), Fraction(1)), g=Fraction(1, 2), lam=1, eps=1,
    )


@proof("GAE-14", "float64", "gae() on 400 steps: every step within 2^-43, the whole within 2^-43 / (1 - gamma lambda)")
def _() -> Outcome:
    steps, gamma, lam = np.arange(400), 0.99, 0.95
    rewards, values = (steps * 7 % 11 - 5) / 5.1, (steps * 3 % 17 - 8) / 2.7
    following, no = np.append(values[1:], 0.3), np.zeros(400, dtype=bool)
    found = advantages.gae(rewards, values, following, no, no, gamma=gamma, gae_lambda=lam).advantages
    inputs = ([Fraction(float(x)) for x in part] for part in (rewards, values, following))
    exact = shipped(Rollout(*inputs, [GOES_ON] * 400, Fraction(gamma), Fraction(lam)))
    worst = max(abs(Fraction(float(a)) - b) for a, b in zip(found, exact, strict=True))
    points = list(zip(rewards, values, following, np.append(found[1:], 0.0), strict=True))
    single = max(step_error(*point, gamma, lam) for point in points)
    assert all(in_range(*point, gamma, lam) for point in points)
    bounded = single <= STEP_ERROR and worst <= STEP_ERROR / (1 - Fraction(gamma) * Fraction(lam))
    return proved(f"worst {float(worst):.1e}") if bounded else refuted(f"step {single}, whole {worst}")
