"""The two value losses: by hand, exactly, and at the kinks of the clip."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given

from ppocore import clipped_value_loss, value_loss
from ppocore._kernels import plain
from ppocore.value_losses import clipped_only_kernel, clipped_value_kernel, error_clamp_kernel
from tests.strategies import deterministic, halves


def test_value_losses_on_the_example_that_no_two_forms_agree_on() -> None:
    """field/conventions.md 4.4: 0.8125 is the plain form, 0.985 the max form (times one)."""
    v, returns, old = [0, 1, 2, -1], [1, 0.5, 3, 0], [0, 0, 1.5, 1]

    assert value_loss(v, returns).loss == 0.8125
    assert round(clipped_value_loss(v, returns, old, value_clip_eps=0.2).loss, 12) == 0.985


@deterministic
@given(halves, halves, halves, halves.map(abs))
@example(2.0, 3.0, 0.0, 1.0)
def test_clipped_value_kernel_is_the_larger_error_and_its_slope(v: float, r: float, old: float, eps: float) -> None:
    """Over the rationals.  Where both errors are equal outside the band, either one-sided slope would do."""
    value, target, before, width = map(Fraction, (v, r, old, eps))
    clipped = before + min(max(value - before, -width), width)

    loss, slope = plain(clipped_value_kernel)(value, target, before, width)

    unclipped, other = (value - target) ** 2, (clipped - target) ** 2
    assert loss == max(unclipped, other)
    if unclipped == other and clipped != value:
        assert slope in (0, 2 * (value - target))
    else:
        assert slope == (0 if other > unclipped else 2 * (value - target))


def test_clip_at_its_very_edge_is_the_plain_error() -> None:
    out = clipped_value_loss([1.0, -1.0], [8.0, 8.0], [0.0, 0.0], value_clip_eps=1)

    np.testing.assert_array_equal(out.grad_values, [-7, -9])


@pytest.mark.parametrize("loss", [value_loss, lambda v, r, **k: clipped_value_loss(v, r, v, value_clip_eps=1, **k)])
def test_masked_slots_do_not_count(loss: Any) -> None:
    nan = float("nan")

    out = loss(
        np.array([[1.0, nan], [3.0, 4.0]]),
        np.array([[0.0, nan], [0.0, 4.0]]),
        mask=[[True, False], [True, True]],
    )

    assert out.loss == 10 / 3
    np.testing.assert_array_equal(out.grad_values, [[2 / 3, 0], [2, 0]])


def test_the_clipped_value_alone() -> None:
    """v_old 0, eps 1/2, R 3: beyond the band the error is that of the edge, whichever is larger, and its slope 0."""
    assert clipped_only_kernel(0.25, 3.0, 0.0, 0.5) == (2.75**2, -5.5)
    assert clipped_only_kernel(0.5, 3.0, 0.0, 0.5) == (2.5**2, -5.0)
    assert clipped_only_kernel(2.0, 3.0, 0.0, 0.5) == (2.5**2, 0.0)
    assert clipped_only_kernel(-2.0, 3.0, 0.0, 0.5) == (3.5**2, 0.0)
    assert clipped_value_kernel(-2.0, 3.0, 0.0, 0.5) == (25.0, -10.0)


def test_the_clamped_error() -> None:
    """No gradient above the largest error; at it, the slope of the square."""
    assert error_clamp_kernel(1.0, 3.0, 9.0) == (4.0, -4.0)
    assert error_clamp_kernel(0.0, 3.0, 9.0) == (9.0, -6.0)
    assert error_clamp_kernel(-1.0, 3.0, 9.0) == (9.0, 0.0)
    assert error_clamp_kernel(7.0, 3.0, 9.0) == (9.0, 0.0)
