"""The importance identity, exactly: S3, S4 and S5 over the rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ppocore import (
    exact_expectation,
    exact_importance_expectation,
    exact_importance_variance,
    exact_truncation_bias,
    exact_variance,
)
from tests.strategies import deterministic, distributions

VALUES = st.lists(st.fractions(-5, 5, max_denominator=12), min_size=4, max_size=4)
SOURCE_P, SOURCE_Q, SOURCE_F = [Fraction(7, 10), Fraction(3, 10)], [Fraction(1, 5), Fraction(4, 5)], [1, 5]


@deterministic
@given(VALUES, distributions(4, positive=False), distributions(4))
def test_expectations_under_p_and_weighted_under_q_are_equal(
    f: list[Fraction], p: list[Fraction], q: list[Fraction]
) -> None:
    expected = sum(value * probability for value, probability in zip(f, p, strict=True))

    assert exact_expectation(f, p) == expected
    assert exact_importance_expectation(f, p, q) == expected


@deterministic
@given(VALUES, distributions(4, positive=False), distributions(4, positive=False))
@example([Fraction(0), Fraction(1)], [Fraction(1, 2)] * 2, [Fraction(0), Fraction(1)])
def test_missing_support_is_refused_exactly_where_f_p_is_not_zero(
    f: list[Fraction], p: list[Fraction], q: list[Fraction]
) -> None:
    missing = any(v * a != 0 and b == 0 for v, a, b in zip(f, p, q, strict=True))

    if missing:
        with pytest.raises(ValueError, match="must be positive where f p is not 0"):
            exact_importance_expectation(f, p, q)
    else:
        assert exact_importance_expectation(f, p, q) == exact_expectation(f, p)


@deterministic
@given(VALUES, distributions(4, positive=False), distributions(4))
def test_importance_variance_is_the_closed_form(f: list[Fraction], p: list[Fraction], q: list[Fraction]) -> None:
    """Var_q[w f] = sum p^2 f^2 / q - (E_p f)^2."""
    second = sum(a * a * v * v / b for v, a, b in zip(f, p, q, strict=True))

    assert exact_importance_variance(f, p, q) == second - exact_expectation(f, p) ** 2


def test_s5_equal_means_and_different_variances() -> None:
    """The source's "=" between the two sample means: 84/25 = 3.36 against 169/400 = .4225."""
    assert exact_expectation(SOURCE_F, SOURCE_P) == Fraction(11, 5)
    assert exact_importance_expectation(SOURCE_F, SOURCE_P, SOURCE_Q) == Fraction(11, 5)
    assert exact_variance(SOURCE_F, SOURCE_P) == Fraction(84, 25)
    assert exact_importance_variance(SOURCE_F, SOURCE_P, SOURCE_Q) == Fraction(169, 400)


@deterministic
@given(VALUES, distributions(4), distributions(4), st.fractions(Fraction(1, 4), 3, max_denominator=8))
def test_truncation_bias_is_the_expectation_minus_the_truth(
    f: list[Fraction], p: list[Fraction], q: list[Fraction], most: Fraction
) -> None:
    cut = sum(b * min(a / b, most) * v for v, a, b in zip(f, p, q, strict=True))

    assert exact_truncation_bias(f, p, q, max_weight=most) == cut - exact_expectation(f, p)


def test_floats_stand_for_the_binary_fractions_that_they_are() -> None:
    assert exact_expectation([0.1], [1.0]) == Fraction(0.1) != Fraction(1, 10)
    assert exact_expectation(np.array([1, 5], np.int64), np.array([0.7, 0.3])) == (Fraction(0.7) + 5 * Fraction(0.3))
