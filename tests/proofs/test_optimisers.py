"""Theorems about gradient clipping, Adam and moments: exact, as the numbers are dyadic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ppocore import adam_step, clip_grad_norm, running_moments, sgd_step, update_moments
from ppocore.optimizers import adam_kernel, sgd_kernel


@pytest.mark.theorem("OPT-01")
@pytest.mark.parametrize("scale", [2.0**-600, 1.0, 2.0**600])
def test_clipping_scales_all_gradients_by_one_factor(scale: float) -> None:
    """(2, 3, 6) has norm 7; half of it is allowed."""
    grads = [np.array([2.0, 3.0]) * scale, np.array([[6.0]]) * scale]
    out = clip_grad_norm(grads, max_norm=3.5 * scale)
    again = clip_grad_norm(out.grads, max_norm=3.5 * scale)

    assert out.norm == 7 * scale
    assert again.norm == 3.5 * scale
    for once, twice, grad in zip(out.grads, again.grads, grads, strict=True):
        np.testing.assert_array_equal(once, grad / 2)
        np.testing.assert_array_equal(twice, once)


@pytest.mark.theorem("OPT-01")
def test_small_and_zero_gradients_are_left_alone() -> None:
    for grads in ([[0.1, 0.2]], [[0.0, 0.0]]):
        np.testing.assert_array_equal(clip_grad_norm(grads, max_norm=1.0).grads, grads)


@pytest.mark.theorem("OPT-02")
def test_moments_are_weighted_sums_and_corrections_restore_a_constant_gradient() -> None:
    beta1, beta2 = Fraction(1, 2), Fraction(3, 4)
    first = second = np.zeros(2)
    gradients: list[Fraction] = []
    for t, gradient in enumerate([3, -5, 7, 2], start=1):
        out = adam_step(
            [0.0, 0.0], [gradient, 5], first, second, step=t, learning_rate=0.5, beta1=0.5, beta2=0.75, eps=1.0
        )
        first, second = out.first_moment, out.second_moment
        gradients.append(Fraction(gradient))
        assert first[0] == (1 - beta1) * sum(beta1 ** (t - 1 - i) * g for i, g in enumerate(gradients))
        assert second[0] == (1 - beta2) * sum(beta2 ** (t - 1 - i) * g * g for i, g in enumerate(gradients))
        assert Fraction(float(first[1])) / (1 - beta1**t) == 5
        assert Fraction(float(second[1])) / (1 - beta2**t) == 25


@pytest.mark.theorem("OPT-02")
def test_the_first_step_is_the_rate_times_the_sign_up_to_eps() -> None:
    """g = 3, eps = 1: 3 / (3 + 1)."""
    out = adam_step(
        [1.0, 1.0], [3.0, -3.0], [0.0, 0.0], [0.0, 0.0], step=1, learning_rate=1.0, beta1=0.5, beta2=0.75, eps=1.0
    )

    np.testing.assert_array_equal(out.params, [0.25, 1.75])


@pytest.mark.theorem("OPT-02")
def test_the_compiled_kernel_is_its_body_bit_for_bit() -> None:
    for i in range(1, 50):
        numbers = (0.1 * i, -0.7 / i, 0.3, 0.01 * i, 0.1, 0.001, 3e-4, 0.9, 0.999, 1e-8)
        assert adam_kernel(*numbers) == adam_kernel.py_func(*numbers)


@pytest.mark.theorem("OPT-03")
def test_merged_moments_are_those_of_all_rows() -> None:
    """(1, 3) and (5, 7): mean 4, variance 5."""
    start = running_moments([[[1.0], [3.0]]])
    merged, whole = update_moments(start, [[5.0], [7.0]]), running_moments([[[1.0], [3.0]], [[5.0], [7.0]]])

    for found in (merged, whole):
        assert (found.mean[0], found.var[0], found.num_rows) == (4.0, 5.0, 4)


@pytest.mark.theorem("OPT-03")
def test_a_chain_of_unequal_batches_ends_at_the_moments_of_all_rows() -> None:
    """(1, 4, 7) has mean 4 and variance 6; with 12 the mean is 6 and the variance (25 + 4 + 1 + 36) / 4."""
    merged = update_moments(running_moments([[[1.0], [4.0], [7.0]]]), [[12.0]])

    assert (merged.mean[0], merged.var[0], merged.num_rows) == (6.0, 16.5, 4)


@pytest.mark.theorem("OPT-04")
def test_a_plain_step_goes_up_a_parabola_only_beyond_twice_its_inverse_curvature() -> None:
    """a = 4: the gradient at 3 is 12, and the step from 3 ends at 3 (1 - 4 rate)."""
    ends = {rate: sgd_kernel(3.0, 12.0, rate) for rate in (-0.25, 0.0, 0.25, 0.5, 0.75)}

    assert ends == {-0.25: 6.0, 0.0: 3.0, 0.25: 0.0, 0.5: -3.0, 0.75: -6.0}
    assert [rate for rate, end in ends.items() if abs(end) <= 3] == [0.0, 0.25, 0.5]


@pytest.mark.theorem("ACC-34")
def test_a_plain_step_is_rounded_twice_where_it_cancels_too() -> None:
    rng, unit = np.random.default_rng(2), Fraction(1, 2**53)
    grads = rng.normal(size=200) * 10.0 ** rng.integers(-6, 7, 200)
    params = np.where(rng.random(200) < 0.5, 0.1 * grads * (1 + 1e-12 * rng.normal(size=200)), rng.normal(size=200))
    after = sgd_step(params, grads, learning_rate=0.1)

    for p, g, got in zip(params, grads, after, strict=True):
        move = Fraction(0.1) * Fraction(g)
        exact = Fraction(p) - move
        assert abs(Fraction(got) - exact) <= unit * (abs(Fraction(p)) + 2 * abs(move))
