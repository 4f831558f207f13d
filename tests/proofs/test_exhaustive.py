"""Bounded-exhaustive: every pattern of flags, every mask, every side of a clip; kernels against definitions, exactly.

All inputs are small multiples of powers of two, so that no operation of the compiled float64 kernels rounds
and their results can be compared with exact rationals by ``==``.  Every test states how many cases that makes.
The loops are called by themselves as well as through the public functions, which clear what is not used.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore.advantages import _gae_loop, _returns_loop
from ppocore.losses import clip_kernel
from ppocore.token_advantages import _token_gae_loop
from ppocore.value_losses import clipped_value_kernel, squared_error_kernel
from tests.optional import require

flint = require("flint")

from proofs.definitions import DEFINITIONS, advantages, losses  # noqa: E402
from proofs.definitions.duals import Dual  # noqa: E402

FLAGS = ((False, False), (True, False), (False, True), (True, True))
"""(terminated, truncated): a step goes on, terminates, is cut, or both."""
LONGEST = 8
HALVES = [(Fraction(g), Fraction(x)) for g in (1, Fraction(1, 2)) for x in (1, Fraction(1, 2))]
"""Every gamma and gae_lambda of {1/2, 1}."""
GRID = Fraction(1, 2**20)
"""All results are multiples of this: halves times at most 14 factors 1/2."""

# Chosen without pattern; next values have nothing to do with values, so that a step that reads a wrong one shows.
REWARDS = [Fraction(x, 2) for x in (3, -7, 11, 1, -13, 5, 9, -2)]
VALUES = [Fraction(x, 2) for x in (-5, 8, 15, -11, 4, 7, -3, 14)]
NEXT_VALUES = [Fraction(x, 2) for x in (16, -9, 10, 13, -15, 6, 12, -14)]


def report(capsys: Any, what: str, cases: int, comparisons: int) -> None:
    with capsys.disabled():
        print(f"\n  {what}: {cases:,} cases, {comparisons:,} numbers compared", end="")


@cache
def patterns(steps: int) -> list[tuple[tuple[bool, ...], tuple[bool, ...]]]:
    """Every (terminated, truncated) of so many steps."""
    return [tuple(zip(*pattern, strict=True)) for pattern in itertools.product(FLAGS, repeat=steps)]  # type: ignore[misc]


@cache
def flags(steps: int) -> tuple[Any, Any]:
    """The same as two arrays (T, 4^T), a column for each pattern."""
    both = np.array(patterns(steps))
    return np.ascontiguousarray(both[:, 0].T), np.ascontiguousarray(both[:, 1].T)


def rationals(numbers: list[Fraction]) -> list[Any]:
    return [flint.fmpq(x.numerator, x.denominator) for x in numbers]


def columns(numbers: list[Fraction], steps: int) -> Any:
    return np.repeat(np.array(numbers[:steps], dtype=float)[:, None], 4**steps, axis=1)


def on_grid(exact: list[list[Any]]) -> Any:
    """Exact rationals as whole multiples of GRID, time first."""
    scale = flint.fmpq(GRID.denominator)
    scaled = [[x * scale for x in column] for column in exact]
    assert all(x.q == 1 for column in scaled for x in column)
    return np.array([[int(x.p) for x in column] for column in scaled]).T


def floats_on_grid(got: Any) -> Any:
    """The same of floats: exact, or a failure."""
    scaled = np.asarray(got) * GRID.denominator
    whole = scaled.astype(np.int64)
    assert (whole == scaled).all()
    return whole


def compiled(loop: Any, *inputs: Any) -> Any:
    """What a compiled loop writes into an array like its first argument."""
    out = np.zeros_like(inputs[0])
    loop(*inputs, out)
    return out


def poisoned(numbers: Any, unused: Any) -> Any:
    return np.where(unused, np.nan, numbers)


@pytest.mark.theorem("GAE-09")
def test_td_errors_on_every_pattern_of_flags(capsys: Any) -> None:
    compared = 0
    for steps in range(1, LONGEST + 1):
        terminated, truncated = flags(steps)
        r, v, after = (columns(x, steps) for x in (REWARDS, VALUES, NEXT_VALUES))
        data = [rationals(x[:steps]) for x in (REWARDS, VALUES, NEXT_VALUES)]
        for gamma in (Fraction(1, 2), Fraction(1)):
            arrays = (r, v, poisoned(after, terminated), terminated, truncated)
            got = compiled(_gae_loop, *arrays, float(gamma), 0.0)
            (exact,) = rationals([gamma])
            want = [advantages.td_errors_column(*data, ended, exact) for ended, _ in patterns(steps)]
            assert (floats_on_grid(got) == on_grid(want)).all()
            assert (ppocore.td_errors(*arrays, gamma=float(gamma)) == got).all()
            compared += got.size

    assert compared == 2 * sum(steps * 4**steps for steps in range(1, LONGEST + 1))
    report(capsys, f"td_errors, 2 gammas, T = 1..{LONGEST}", 2 * 87_380, compared)


@pytest.mark.theorem("GAE-01", "GAE-08")
@pytest.mark.parametrize(("gamma", "gae_lambda"), HALVES)
def test_gae_on_every_pattern_of_flags(gamma: Fraction, gae_lambda: Fraction, capsys: Any) -> None:
    cases = compared = 0
    for steps in range(1, LONGEST + 1):
        terminated, truncated = flags(steps)
        r, v, after = (columns(x, steps) for x in (REWARDS, VALUES, NEXT_VALUES))
        arrays = (r, v, poisoned(after, terminated), terminated, truncated)
        got = compiled(_gae_loop, *arrays, float(gamma), float(gae_lambda))
        data = [rationals(x[:steps]) for x in (REWARDS, VALUES, NEXT_VALUES)]
        scalars = rationals([gamma, gae_lambda])
        want = on_grid([advantages.gae_column(*data, *pattern, *scalars) for pattern in patterns(steps)])
        assert (floats_on_grid(got) == want).all()
        public = ppocore.gae(*arrays, gamma=float(gamma), gae_lambda=float(gae_lambda))
        assert (public.advantages == got).all()
        assert (floats_on_grid(public.returns) == want + floats_on_grid(v)).all()
        cases, compared = cases + 4**steps, compared + 2 * want.size

    assert cases == 87_380
    report(capsys, f"gae, gamma {gamma}, gae_lambda {gae_lambda}, T = 1..{LONGEST}", cases, compared)


@pytest.mark.parametrize("gamma", [Fraction(1), Fraction(1, 2)])
def test_returns_on_every_pattern_of_flags(gamma: Fraction, capsys: Any) -> None:
    cases = compared = 0
    for steps in range(1, LONGEST + 1):
        terminated, truncated = flags(steps)
        cut = truncated.copy()
        cut[-1] = True
        r, after = columns(REWARDS, steps), columns(NEXT_VALUES, steps)
        after = poisoned(after, terminated | ~cut)
        got = compiled(_returns_loop, r, after, terminated, cut, float(gamma))
        data = [rationals(x[:steps]) for x in (REWARDS, NEXT_VALUES)]
        want = [advantages.returns_column(*data, *pattern, *rationals([gamma])) for pattern in patterns(steps)]
        assert (floats_on_grid(got) == on_grid(want)).all()
        assert (ppocore.discounted_returns(r, after, terminated, truncated, gamma=float(gamma)) == got).all()
        cases, compared = cases + 4**steps, compared + got.size

    assert cases == 87_380
    report(capsys, f"discounted_returns, gamma {gamma}, T = 1..{LONGEST}", cases, compared)


def test_the_patterns_tell_a_time_limit_from_no_end() -> None:
    data = [rationals(x[:4]) for x in (REWARDS, VALUES, NEXT_VALUES)]
    half = flint.fmpq(1, 2)
    differ = sum(
        advantages.gae_column(*data, *pattern, half, half)
        != advantages.gae_column(*data, pattern[0], (False,) * 4, half, half)
        for pattern in patterns(4)
    )

    # Every pattern in which one of the first three steps is cut and not terminated.
    assert differ == 4**4 - 3**3 * 4


def consistent(steps: int) -> tuple[Any, Any, Any, Any, Any]:
    """Every pattern, with next values that are the next row's values wherever the episode goes on."""
    terminated, truncated = flags(steps)
    r, v, after = (columns(x, steps) for x in (REWARDS, VALUES, NEXT_VALUES))
    following = np.concatenate([v[1:], after[-1:]])
    ends = terminated | truncated
    ends[-1] = True
    return r, v, np.where(ends, after, following), terminated, truncated


@pytest.mark.theorem("GAE-03", "GAE-04")
@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_both_ends_of_lambda_on_every_pattern_of_flags(gamma: float) -> None:
    r, v, after, *ends = consistent(LONGEST)

    monte_carlo = ppocore.gae(r, v, after, *ends, gamma=gamma, gae_lambda=1.0).advantages
    one_step = ppocore.gae(r, v, after, *ends, gamma=gamma, gae_lambda=0.0).advantages

    assert (monte_carlo == ppocore.discounted_returns(r, after, *ends, gamma=gamma) - v).all()
    assert (one_step == ppocore.td_errors(r, v, after, *ends, gamma=gamma)).all()


@pytest.mark.theorem("GAE-06")
@pytest.mark.parametrize(("gamma", "gae_lambda"), HALVES)
def test_gae_is_the_mixture_of_n_step_advantages_on_every_pattern(
    gamma: Fraction, gae_lambda: Fraction, capsys: Any
) -> None:
    compared = 0
    for steps in range(1, 6):
        arrays = consistent(steps)
        got = ppocore.gae(*arrays, gamma=float(gamma), gae_lambda=float(gae_lambda)).advantages
        data = [[rationals([Fraction(x) for x in column]) for column in array.T] for array in arrays[:3]]
        scalars = rationals([gamma, gae_lambda])
        for route in (advantages.gae_column_by_mixture, advantages.gae_column_by_elimination,
                      advantages.gae_column_by_products):
            every = zip(*data, patterns(steps), strict=True)
            want = [route(*numbers, *pattern, *scalars) for *numbers, pattern in every]
            assert (floats_on_grid(got) == on_grid(want)).all()
            compared += got.size

    report(capsys, f"gae by 3 other routes, gamma {gamma}, gae_lambda {gae_lambda}, T = 1..5", 1_364, compared)


def masks(length: int) -> list[tuple[bool, ...]]:
    """Every mask of a row with at least one valid slot."""
    return [mask for mask in itertools.product((False, True), repeat=length) if any(mask)]


@pytest.mark.parametrize(("gamma", "gae_lambda"), HALVES)
def test_token_gae_on_every_mask(gamma: Fraction, gae_lambda: Fraction, capsys: Any) -> None:
    cases = compared = 0
    for length in range(1, LONGEST + 1):
        mask = np.array(masks(length))
        r, v = (np.tile(np.array(x[:length], dtype=float), (len(mask), 1)) for x in (REWARDS, VALUES))
        got = compiled(_token_gae_loop, r, v, mask, float(gamma), float(gae_lambda))
        rows = [rationals(x[:length]) for x in (REWARDS, VALUES)]
        zero, scalars = flint.fmpq(0), rationals([gamma, gae_lambda])
        exact = [advantages.token_gae_row(*rows, list(row), *scalars) for row in mask]
        want = on_grid([[x or zero for x in row] for row in exact]).T
        assert (floats_on_grid(got) == want).all()
        poison = poisoned(r, ~mask), poisoned(v, ~mask)
        public = ppocore.token_gae(*poison, mask, gamma=float(gamma), gae_lambda=float(gae_lambda))
        assert (floats_on_grid(public.advantages) == want).all()
        assert (public.returns == np.where(mask, want * float(GRID) + v, 0)).all()
        cases, compared = cases + len(mask), compared + 2 * mask.size

    assert cases == sum(2**length - 1 for length in range(1, LONGEST + 1)) == 502
    report(capsys, f"token_gae, gamma {gamma}, gae_lambda {gae_lambda}, L = 1..{LONGEST}", cases, compared)


def mask_batches() -> Iterator[list[tuple[bool, ...]]]:
    """Every mask of one row up to L = 8, and every pair of rows up to L = 4."""
    for length in range(1, LONGEST + 1):
        yield from ([row] for row in masks(length))
    for length in range(1, 5):
        yield from map(list, itertools.product(masks(length), repeat=2))


@pytest.mark.parametrize("name", ["masked_mean", "sequence_mean", "sequence_sum_mean"])
def test_means_on_every_mask(name: str, capsys: Any) -> None:
    # Multiples of 2 * lcm(1..8): every mean of up to 8 of them, and of two such means, is a whole number.
    entries = [[1680 * x for x in row] for row in ([3, -7, 11, 2, -13, 5, 9, -4], [-5, 8, 15, -11, 4, 7, -3, 14])]
    cases = compared = 0
    for mask in mask_batches():
        x = [[v if valid else None for v, valid in zip(row, valids, strict=False)]
             for row, valids in zip(entries, mask, strict=False)]
        got = getattr(ppocore, name)(np.array(x, dtype=float), np.array(mask))
        want = DEFINITIONS[name](x, mask)
        assert Fraction(got.mean) == want["mean"]
        # A weight such as 1/3 is one division of whole numbers: right if it is the nearest float.
        assert got.grad_x.tolist() == [[float(g) for g in row] for row in want["grad_x"]]
        cases, compared = cases + 1, compared + 1 + got.grad_x.size

    assert cases == 502 + sum((2**length - 1) ** 2 for length in range(1, 5)) == 786
    report(capsys, f"{name}, one row L = 1..8, two rows L = 1..4", cases, compared)


QUARTERS = [Fraction(k, 4) for k in range(13)]
BANDS = [(Fraction(1, 4), Fraction(1, 4)), (Fraction(1, 2), Fraction(1, 4)), (Fraction(1, 4), Fraction(1)),
         (Fraction(0), Fraction(0)), (Fraction(1), Fraction(1, 2))]
SIGNED = [Fraction(x, 2) for x in (-6, -2, -1, 0, 1, 2, 5)]


def sides(x: Fraction, low: Fraction, high: Fraction) -> str:
    """Where x lies: below, at the lower end, inside, at the upper end, above."""
    if x in (low, high):
        return "at the lower end" if x == low else "at the upper end"
    return "below" if x < low else "above" if x > high else "inside"


def sign(x: Fraction) -> int:
    return (x > 0) - (x < 0)


@pytest.mark.theorem("CLIP-01", "CLIP-04", "CLIP-09")
def test_clip_kernel_on_every_side_of_every_sign(capsys: Any) -> None:
    met, cases, kinks = set(), 0, 0
    for (low, high), c, r, a in itertools.product(BANDS, (None, Fraction(5, 4), Fraction(2)), QUARTERS, SIGNED):
        got = clip_kernel(float(r), float(a), float(low), float(high), float("inf") if c is None else float(c))
        want = Dual.total([losses.clip_objective(Dual(r, {0: r}), a, low, high, c)])
        slopes = losses.clip_loss_slopes(r, a, low, high, c)
        assert Fraction(got[0]) == want.value
        assert Fraction(got[1]) == want.partials.get(0, 0)
        assert min(slopes) <= Fraction(got[1]) <= max(slopes)
        kinks += slopes[0] != slopes[1]
        cases += 1
        met.add((sign(a), sides(r, 1 - low, 1 + high), None if c is None else sign(r - c)))

    # Every place there is: the dual clip, being above 1, is never reached below the band.
    upper = ("inside", "at the upper end", "above")
    places = {*itertools.product(("below", "at the lower end", *upper), (None, -1)), *itertools.product(upper, (0, 1))}
    assert met == {(s, *place) for s in (-1, 0, 1) for place in places}
    assert cases == len(BANDS) * 3 * 13 * 7 == 1_365
    assert kinks > 0
    report(capsys, f"clip_kernel, {kinks} of them kinks", cases, 2 * cases)


def test_surrogate_is_the_clip_kernel_without_a_band(capsys: Any) -> None:
    endless = float("inf")
    cases = 0
    for r, a in itertools.product(QUARTERS, SIGNED):
        value, slope = clip_kernel(float(r), float(a), endless, endless, endless)
        want = losses.surrogate_objective(Dual(r, {0: r}), a)
        assert (Fraction(value), Fraction(slope)) == (want.value, want.partials[0])
        cases += 1

    assert cases == 13 * 7
    report(capsys, "surrogate", cases, 2 * cases)


@pytest.mark.theorem("VAL-01", "VAL-02")
def test_clipped_value_kernel_on_every_side(capsys: Any) -> None:
    met, cases, kinks = set(), 0, 0
    grid = [Fraction(k, 4) for k in range(-12, 13)]
    for old, eps, v, target in itertools.product((Fraction(0), Fraction(1, 2)), (0, Fraction(1, 2), 1), grid, grid):
        got = clipped_value_kernel(float(v), float(target), float(old), float(eps))
        want = Dual.total([losses.clipped_value_error(Dual(v, {0: Fraction(1)}), target, old, eps)])
        slopes = losses.clipped_value_loss_slopes(v, target, old, eps)
        assert Fraction(got[0]) == want.value
        assert Fraction(got[1]) == want.partials.get(0, 0)
        assert min(slopes) <= Fraction(got[1]) <= max(slopes)
        kinks += slopes[0] != slopes[1]
        cases += 1
        held = losses.clip(v, old - eps, old + eps)
        met.add((sides(v, old - eps, old + eps), sign(target - v), sign(target - (v + held) / 2)))

    assert cases == 2 * 3 * 25 * 25 == 3_750
    # Outside the band: the return left of V, at V, between V and the midpoint, at it, beyond it; else two sides.
    assert len({place for place in met if place[0] == "above"}) == 5
    assert len({place for place in met if place[0] == "below"}) == 5
    assert len(met) == 2 * 5 + 3 * 3
    assert kinks > 0
    report(capsys, f"clipped_value_kernel, {kinks} of them kinks", cases, 2 * cases)


def test_value_kernel_is_the_clipped_one_without_a_band() -> None:
    for v, target in itertools.product(QUARTERS, QUARTERS):
        want = losses.squared_error(Dual(v, {0: Fraction(1)}), target)
        for got in (squared_error_kernel(float(v), float(target)), clipped_value_kernel(float(v), float(target), 0, 4)):
            assert (Fraction(got[0]), Fraction(got[1])) == (want.value, want.partials[0])
