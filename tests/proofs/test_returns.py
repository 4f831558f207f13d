"""Theorems about discounted returns, on the compiled kernels: exact, as the numbers are dyadic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from ppocore import discounted_returns, gae

REWARDS, VALUES, AFTER = [1.0, -3.0, 2.5, 4.0], [0.5, 2.0, -1.0, 3.0], [6.0, -2.0, 1.5, 8.0]
EVERY_FLAGS = [tuple(zip(*flags, strict=True)) for flags in product(product((False, True), repeat=2), repeat=4)]


def literal(terminated: tuple[bool, ...], truncated: tuple[bool, ...]) -> list[Fraction]:
    """Rewards up to the first end, then the value after it unless terminated; gamma = 1/2."""
    out = []
    for t in range(4):
        end = next((k for k in range(t, 4) if terminated[k] or truncated[k]), 3)
        total = sum(Fraction(1, 2) ** (k - t) * Fraction(REWARDS[k]) for k in range(t, end + 1))
        out.append(total + (0 if terminated[end] else Fraction(1, 2) ** (end - t + 1) * Fraction(AFTER[end])))
    return out


@pytest.mark.theorem("RET-01")
def test_returns_are_the_literal_sum_for_every_pattern_of_flags() -> None:
    for flags in EVERY_FLAGS:
        assert discounted_returns(REWARDS, AFTER, *flags, gamma=0.5).tolist() == literal(*flags)


@pytest.mark.theorem("RET-02")
def test_returns_are_advantages_with_lambda_one_plus_values() -> None:
    for terminated, truncated in EVERY_FLAGS:
        goes_on = [not (terminated[t] or truncated[t]) and t < 3 for t in range(4)]
        following = [VALUES[t + 1] if goes_on[t] else AFTER[t] for t in range(4)]
        found = discounted_returns(REWARDS, following, terminated, truncated, gamma=0.5)
        targets = gae(REWARDS, VALUES, following, terminated, truncated, gamma=0.5, gae_lambda=1.0).returns
        np.testing.assert_array_equal(found, targets)


@pytest.mark.theorem("RET-02")
def test_they_differ_where_next_values_are_not_those_of_the_next_row() -> None:
    """V' = 6 but the next value is 2: gae keeps gamma (6 - 2) = 2."""
    free = [False] * 2
    found = discounted_returns([0.0, 0.0], [6.0, 0.0], free, free, gamma=0.5)
    targets = gae([0.0, 0.0], [0.0, 2.0], [6.0, 0.0], free, free, gamma=0.5, gae_lambda=1.0).returns

    assert targets[0] - found[0] == 2.0
