"""The theorems about the value losses, in float64 on the compiled kernels and on the public functions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import pytest

from ppocore import clipped_value_loss, value_loss
from ppocore.value_losses import clipped_only_kernel, clipped_value_kernel, error_clamp_kernel, squared_error_kernel


def grid() -> Iterator[tuple[float, float, float, float]]:
    """Binary fractions, every operation on them exact."""
    points = [k / 2 for k in range(-6, 7)]
    yield from product(points, points, (0.0, 0.5), (0.0, 0.5, 1.0))


def both(v: float, r: float, old: float, eps: float) -> tuple[Fraction, Fraction]:
    """The plain and the clipped error."""
    held = min(max(Fraction(v), Fraction(old - eps)), Fraction(old + eps))
    return (Fraction(v) - Fraction(r)) ** 2, (held - Fraction(r)) ** 2


@pytest.mark.theorem("VAL-01")
def test_clipped_kernel_is_the_larger_error() -> None:
    for case in grid():
        assert clipped_value_kernel(*case)[0] == max(both(*case))


@pytest.mark.theorem("VAL-02")
def test_slope_is_zero_exactly_beyond_the_midpoint() -> None:
    for v, r, old, eps in grid():
        flat = v > old + eps and 2 * r > v + old + eps or v < old - eps and 2 * r < v + old - eps

        assert clipped_value_kernel(v, r, old, eps)[1] == (0 if flat else 2 * (v - r))


@pytest.mark.theorem("VAL-02")
def test_a_value_that_left_the_band_away_from_the_return_keeps_its_gradient() -> None:
    away, towards = (clipped_value_loss([2.0], [r], [0.0], value_clip_eps=1.0) for r in (-1.0, 3.0))

    assert (away.loss, away.grad_values[0]) == (9, 6)
    assert (towards.loss, towards.grad_values[0]) == (4, 0)


@pytest.mark.theorem("VAL-03")
def test_squared_error_and_its_slope_expand_the_square() -> None:
    for v, r, t in product((-2.5, 0.0, 1.5), (-1.0, 0.5), (-2.0, 0.25, 4.0)):
        value, slope = squared_error_kernel(v, r)

        assert squared_error_kernel(v + t, r)[0] == value + slope * t + t * t


@pytest.mark.theorem("VAL-04")
def test_value_loss_is_convex_and_its_gradient_is_twice_the_weighted_error() -> None:
    """Four valid slots in a batch: weight 1/4, everything exact."""
    mask = [[True, False, True], [True, True, False]]
    returns = [[1.0, 0.0, -2.0], [3.0, 0.5, 0.0]]
    here, there = [[0.5, 9.0, 1.0], [2.0, -4.5, 9.0]], [[2.5, 9.0, -3.0], [0.0, 1.5, 9.0]]
    middle = [[(x + y) / 2 for x, y in zip(*rows, strict=True)] for rows in zip(here, there, strict=True)]

    out = value_loss(here, returns, mask=mask)

    assert out.grad_values.tolist() == [[-0.25, 0.0, 1.5], [-0.5, -2.5, 0.0]]
    ends = out.loss + value_loss(there, returns, mask=mask).loss
    gap = (2**2 + 4**2 + 2**2 + 6**2) / 4 / 4
    assert ends / 2 - value_loss(middle, returns, mask=mask).loss == gap


@pytest.mark.theorem("VAL-05")
def test_clipped_error_is_the_larger_of_the_square_and_the_distance_from_the_band() -> None:
    for v, r, old, eps in grid():
        distance = max(r - (old + eps), (old - eps) - r, 0.0)

        assert clipped_value_kernel(v, r, old, eps)[0] == max((v - r) ** 2, distance**2)


@pytest.mark.theorem("VAL-05")
@pytest.mark.parametrize(("tie", "slope"), [(1.0, -4.0), (5.0, 4.0)])
def test_kernels_slope_at_a_tie_is_a_subgradient(tie: float, slope: float) -> None:
    """Band [-1, 1], return 3: the error is max((v - 3)^2, 4), with ties at 1 and 5."""
    assert clipped_value_kernel(tie, 3.0, 0.0, 1.0) == (4.0, slope)
    for k in range(-16, 33):
        assert clipped_value_kernel(k / 4, 3.0, 0.0, 1.0)[0] >= 4 + slope * (k / 4 - tie)


@pytest.mark.theorem("VAL-06")
def test_clipped_error_alone_is_flat_beyond_the_band_and_the_max_of_it_is_the_clipped_error() -> None:
    for v, r, old, eps in grid():
        value, slope = clipped_only_kernel(v, r, old, eps)

        assert value == both(v, r, old, eps)[1]
        assert slope == (2 * (v - r) if abs(v - old) <= eps else 0)
        assert max(value, squared_error_kernel(v, r)[0]) == clipped_value_kernel(v, r, old, eps)[0]


@pytest.mark.theorem("VAL-06")
def test_clamped_error_is_the_smaller_of_the_square_and_its_limit() -> None:
    for v, r in product((-2.5, 0.0, 1.0, 1.5), (-1.0, 0.5)):
        square = Fraction(v - r) ** 2
        for largest in (0.0, 0.25, 4.0):
            assert error_clamp_kernel(v, r, largest) == (min(square, largest), 2 * (v - r) if square <= largest else 0)
