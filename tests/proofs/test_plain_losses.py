"""Theorems about the policy-gradient loss and the Huber loss, on the compiled kernels and the public functions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from ppocore import huber_value_loss, policy_gradient_loss, surrogate_loss, value_loss
from ppocore.losses import policy_gradient_kernel
from ppocore.value_losses import huber_kernel
from tests.optional import require


@pytest.mark.theorem("ONP-01")
def test_its_gradient_is_that_of_the_surrogate_at_the_old_policy_only() -> None:
    draw = np.random.default_rng(3)
    log_prob, advantages = -draw.random(8), draw.normal(size=8)

    found = policy_gradient_loss(log_prob, advantages)

    np.testing.assert_array_equal(found.grad_log_prob, surrogate_loss(log_prob, log_prob, advantages).grad_log_prob)
    moved = surrogate_loss(log_prob, log_prob - 0.5, advantages)
    assert (np.abs(moved.grad_log_prob) > np.abs(found.grad_log_prob)).all()
    assert policy_gradient_kernel(-2.0, 3.0) == (-6.0, 3.0)


@pytest.mark.theorem("HUB-01")
def test_huber_error_is_convex_smooth_and_below_half_the_square() -> None:
    """Binary fractions, on which nothing is rounded."""
    for e, t, delta in product([k / 4 for k in range(-12, 13)], (-2.0, -0.25, 0.5, 3.0), (0.5, 1.5)):
        value, slope = huber_kernel(e, 0.0, delta)

        assert slope == max(-delta, min(e, delta))
        assert 0 <= value <= e * e / 2
        assert (value == e * e / 2) == (abs(e) <= delta)
        gap = Fraction(huber_kernel(e + t, 0.0, delta)[0]) - Fraction(value) - Fraction(slope) * Fraction(t)
        assert 0 <= gap <= Fraction(t) ** 2 / 2


@pytest.mark.theorem("HUB-01")
def test_a_large_delta_gives_half_the_value_loss_and_a_small_one_the_absolute_error() -> None:
    v, r = [1.0, -2.0, 4.0], [0.5, 0.0, 1.0]

    assert huber_value_loss(v, r, delta=8.0).loss == value_loss(v, r).loss / 2
    assert huber_value_loss(v, r, delta=0.25).grad_values.tolist() == [0.25 / 3, -0.25 / 3, 0.25 / 3]


@pytest.mark.theorem("ONP-02", "HUB-02")
def test_errors_at_and_next_to_delta_keep_their_bound() -> None:
    require("flint")
    from proofs.bounds.measure import held

    steps = np.array([np.nextafter(0.3, d) for d in (0, 1)] + [0.3, -0.3, 1e-9, 1e9])
    values = steps + 0.1

    assert held("huber_value_loss", {"values": values, "returns": np.full(6, 0.1), "delta": 0.3})
    assert held("policy_gradient_loss", {"log_prob": -np.abs(values), "advantages": steps})
