"""The policy-gradient and Huber losses: exactly on dyadic numbers, and how they relate to their neighbours."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import huber_value_loss, policy_gradient_loss, value_loss
from ppocore._kernels import plain
from ppocore.value_losses import huber_kernel
from tests.strategies import deterministic, halves

PAIRS = st.lists(st.tuples(halves, halves), min_size=4, max_size=4)


@deterministic
@given(halves, halves, halves.map(abs).filter(bool))
def test_huber_kernel_is_the_integral_of_the_clipped_error(v: float, r: float, delta: float) -> None:
    """Over the rationals: e clipped, and the area under it from 0 to e by its two trapezia."""
    error, width = Fraction(v) - Fraction(r), Fraction(delta)
    near = min(abs(error), width)

    loss, slope = plain(huber_kernel)(Fraction(v), Fraction(r), width)

    assert slope == max(-width, min(error, width))
    assert loss == near * near / 2 + width * (abs(error) - near)


@deterministic
@given(PAIRS, st.sampled_from([np.float32, np.float64]))
def test_policy_gradient_loss_is_the_literal_mean_exactly(pairs: list[tuple[float, float]], dtype: Any) -> None:
    log_prob, advantages = (np.array(column, dtype) for column in zip(*pairs, strict=True))

    out = policy_gradient_loss(log_prob, advantages)

    assert out.loss == -sum(p * a for p, a in pairs) / 4
    np.testing.assert_array_equal(out.grad_log_prob, -advantages / 4)
    assert out.grad_log_prob.dtype == dtype


@deterministic
@given(PAIRS)
def test_huber_lies_between_nothing_and_half_the_squared_error(pairs: list[tuple[float, float]]) -> None:
    values, returns = (np.array(column) for column in zip(*pairs, strict=True))

    narrow, wide = (huber_value_loss(values, returns, delta=delta).loss for delta in (0.5, 64))

    assert 0 <= narrow <= wide == value_loss(values, returns).loss / 2


@pytest.mark.parametrize("loss", [
    lambda x, y, mask: policy_gradient_loss(x, y, mask=mask),
    lambda x, y, mask: huber_value_loss(x, y, delta=1.5, mask=mask),
])
def test_masked_slots_do_not_count(loss: Any) -> None:
    nan = float("nan")
    mask = np.array([[True, False], [True, True]])

    holed = loss(np.array([[1.0, nan], [3.0, -4.0]]), np.array([[0.5, nan], [-2.0, 1.0]]), mask)
    flat = loss(np.array([1.0, 3.0, -4.0]), np.array([0.5, -2.0, 1.0]), None)

    assert holed.loss == flat.loss
    np.testing.assert_array_equal(holed[1][mask], flat[1])
    assert holed[1][0, 1] == 0
