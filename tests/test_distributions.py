"""Policies against their definitions in exact or high-precision arithmetic.  Gradients: test_gradients.py."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import (
    categorical_entropy,
    categorical_log_prob,
    gaussian_entropy,
    gaussian_log_prob,
    squashed_gaussian_entropy,
    squashed_gaussian_log_prob,
)
from tests.closeness import assert_within
from tests.strategies import deterministic

logit_rows = st.lists(st.floats(-30, 30), min_size=1, max_size=6)


def _exact_log_softmax(row: list[float]) -> list[float]:
    with localcontext() as context:
        context.prec = 60
        total = sum((Decimal(z).exp() for z in row), Decimal(0)).ln()
        return [float(Decimal(z) - total) for z in row]


@deterministic
@given(logit_rows, st.floats(-1000, 1000), st.data())
def test_categorical_log_prob_is_the_definition(row: list[float], offset: float, data: Any) -> None:
    action = data.draw(st.integers(0, len(row) - 1))
    shifted = [z + offset for z in row]

    out = categorical_log_prob([shifted], [action])

    exact = _exact_log_softmax(shifted)
    spread = 1 + max(shifted) - min(shifted)
    assert_within(out.log_prob[0], exact[action], units=8, scale=spread)
    assert_within(out.grad_logits[0].sum(), 0.0, units=16, scale=spread)


def test_categorical_log_prob_keeps_the_digits_of_near_certainty() -> None:
    """log(1 / (1 + e^-30)) = -log1p(e^-30): exp and log of the sum would give 0 or one digit."""
    out = categorical_log_prob([[0.0, -30.0]], [0])

    assert_within(out.log_prob[0], _exact_log_softmax([0.0, -30.0])[0], units=4)
    assert_within(out.grad_logits[0, 0], np.exp(-30.0) / (1 + np.exp(-30.0)), units=4)


def test_s10_weight_is_two_but_logit_change_is_one_and_a_half() -> None:
    """The pupil plays with probability 1/5, you with 2/5; a softmax of two moves by A (1 - p) per weight."""
    you, pupil = Fraction(2, 5), Fraction(1, 5)
    mine = categorical_log_prob(np.log([[float(you), float(1 - you)]]), [0])
    its = categorical_log_prob(np.log([[float(pupil), float(1 - pupil)]]), [0])
    weight = np.exp(mine.log_prob[0] - its.log_prob[0])

    assert_within(weight, 2.0, units=8)
    assert_within(weight * mine.grad_logits[0, 0], float(2 * (1 - you)), units=8)
    assert_within(its.grad_logits[0, 0], float(1 - pupil), units=8)
    assert 2 * (1 - you) / (1 - pupil) == Fraction(3, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_categorical_entropy_of_equal_logits_is_log_of_their_number(count: int) -> None:
    out = categorical_entropy([[2.5] * count + [9.0]], action_mask=[[True] * count + [False]])

    assert_within(out.entropy[0], np.log(count), units=4, scale=1)
    assert_within(out.grad_logits[0], np.zeros(count + 1), units=4, scale=1)


@deterministic
@given(logit_rows)
def test_categorical_entropy_is_the_definition(row: list[float]) -> None:
    logs = _exact_log_softmax(row)

    entropy = categorical_entropy([row]).entropy[0]

    assert_within(entropy, -sum(np.exp(x) * x for x in logs), units=64, scale=1 + max(row) - min(row))
    assert 0 <= entropy <= np.log(len(row)) * (1 + 2.0**-50)


def test_masked_row_is_the_row_without_the_masked_actions() -> None:
    legal = np.array([[True, False, True]])
    masked = categorical_log_prob([[0.5, np.inf, -1.0]], [2], action_mask=legal)
    alone = categorical_log_prob([[0.5, -1.0]], [1])

    assert masked.log_prob == alone.log_prob
    np.testing.assert_array_equal(masked.grad_logits[legal], alone.grad_logits[0])
    assert masked.grad_logits[0, 1] == 0


def test_gaussian_log_prob_by_hand() -> None:
    """z = (3 - 1) / 2 = 1 and z = 0: -(1/2) - log 2 - log(2 pi) with D = 2."""
    out = gaussian_log_prob([[1.0, 5.0]], [[np.log(2.0), 0.0]], [[3.0, 5.0]])

    assert_within(out.log_prob[0], -0.5 - np.log(2) - np.log(2 * np.pi), units=4)
    assert_within(out.grad_mean[0], [0.5, 0.0], units=4, scale=1)
    assert_within(out.grad_log_std[0], [0.0, -1.0], units=4, scale=1)


def test_gaussian_entropy_is_minus_the_expected_log_density() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    mean, log_std = 0.75, -1.25
    actions = mean + np.exp(log_std) * nodes
    log_probs = gaussian_log_prob(np.full((5, 1), mean), np.full((5, 1), log_std), actions[:, None]).log_prob

    expected = -(weights * log_probs).sum() / weights.sum()

    assert_within(gaussian_entropy([[mean]], [[log_std]]).entropy[0], expected, units=32, scale=1)


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (1.5, -1.0), (-1.0, 0.2)])
def test_squashed_density_integrates_to_one(mean: float, log_std: float) -> None:
    """In u the density is that of tanh(u) times 1 - tanh(u)^2, and the trapezoidal rule all but exact."""
    u = np.linspace(mean - 8 * np.exp(log_std), mean + 8 * np.exp(log_std), 401)
    u = u[np.abs(u) < 9]
    actions = np.tanh(u)[:, None]
    shape = actions.shape
    density = np.exp(squashed_gaussian_log_prob(np.full(shape, mean), np.full(shape, log_std), actions).log_prob)

    total = (density * (1 - np.tanh(u) ** 2)).sum() * (u[1] - u[0])

    assert abs(total - 1) < 1e-7


def test_squashed_entropy_is_minus_the_expected_log_density() -> None:
    """By Gauss-Legendre over the action itself, a rule that the code does not use."""
    mean, log_std = 0.3, -0.7
    nodes, weights = np.polynomial.legendre.leggauss(400)
    shape = (400, 1)
    log_probs = squashed_gaussian_log_prob(np.full(shape, mean), np.full(shape, log_std), nodes[:, None]).log_prob

    expected = -(weights * np.exp(log_probs) * log_probs).sum()

    assert abs(squashed_gaussian_entropy([[mean]], [[log_std]]).entropy[0] - expected) < 1e-12


@pytest.mark.parametrize("log_std", [-5.0, -1.0, 0.0, 1.0, 2.0])
def test_squashed_entropy_has_converged_as_its_docstring_says(log_std: float) -> None:
    """Against 16 times as many nodes on a wider interval."""
    mean = 0.4
    z = np.linspace(-10, 10, 16 * 513)
    weights = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    u = np.abs(mean + np.exp(log_std) * z)
    expected = log_std + 0.5 * np.log(2 * np.pi * np.e)
    expected += (weights * 2 * (np.log(2) - u - np.log1p(np.exp(-2 * u)))).sum()

    out = squashed_gaussian_entropy([[mean]], [[log_std]])

    assert_within(out.entropy[0], expected, units=64, scale=1 + np.exp(log_std))
    assert out.entropy[0] <= np.log(2)


def test_squashed_entropy_gradient_is_its_slope() -> None:
    """Central differences; the entropy is smooth, so their error is near h^2."""
    mean, log_std, width = 0.8, 0.3, 1e-5

    def entropy(m: float, s: float) -> Any:
        return squashed_gaussian_entropy([[m]], [[s]]).entropy[0]

    out = squashed_gaussian_entropy([[mean]], [[log_std]])
    by_mean = (entropy(mean + width, log_std) - entropy(mean - width, log_std)) / (2 * width)
    by_log_std = (entropy(mean, log_std + width) - entropy(mean, log_std - width)) / (2 * width)

    assert abs(out.grad_mean[0, 0] - by_mean) < 1e-9
    assert abs(out.grad_log_std[0, 0] - by_log_std) < 1e-9


@pytest.mark.parametrize("u", [0.0, 1e-8, 0.5, -0.5, 19.5, -400.0, 1e300])
def test_log_of_the_slope_of_tanh_is_finite_and_right(u: float) -> None:
    from ppocore.squashed import log_tanh_slope_kernel

    with localcontext() as context:
        context.prec = 80
        size = abs(Decimal(u))
        expected = 2 * (Decimal(2).ln() - size - (1 + (-2 * size).exp()).ln()) if size < 1000 else -2 * size

    assert_within(log_tanh_slope_kernel(u), float(expected), units=4, scale=1 + abs(u))
