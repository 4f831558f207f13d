"""The theorems about the clipped objective, in float64 on the compiled kernel and on clip_loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from ppocore import clip_loss, surrogate_loss
from ppocore.losses import clip_kernel
from tests.closeness import assert_within

INF, NAN = math.inf, math.nan
BANDS = [(0.25, 0.25), (0.25, 0.5), (0.0, 0.0), (1.0, 2.0)]


def grid() -> Iterator[tuple[float, float, float, float]]:
    """Binary fractions on, between and beyond all ends: the kernel's products are exact on them."""
    for k, gain, band in product(range(27), range(-3, 4), BANDS):
        yield k / 8, gain / 2, *band


def exact(r: float, a: float, low: float, high: float) -> Fraction:
    """min(r A, clip(r) A), term by term."""
    ratio, gain = Fraction(r), Fraction(a)
    held = min(max(ratio, 1 - Fraction(low)), 1 + Fraction(high))
    return min(ratio * gain, held * gain)


@pytest.mark.theorem("CLIP-01", "CLIP-02", "CLIP-03")
def test_kernel_is_the_literal_minimum_below_ra_and_equal_on_two_half_lines() -> None:
    for r, a, low, high in grid():
        value = clip_kernel(r, a, low, high, INF)[0]

        assert value == exact(r, a, low, high)
        assert value <= r * a
        assert (value == r * a) == (a >= 0 and r <= 1 + high or a <= 0 and r >= 1 - low)


@pytest.mark.theorem("CLIP-04", "CLIP-14")
@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [(1.5, 2.0, 0.0), (1.5, -2.0, -3.0), (0.5, 2.0, 1.0), (0.5, -2.0, 0.0), (1.25, 2.0, 2.5), (0.75, -2.0, -1.5)],
)
def test_slope_on_the_four_sides_and_at_both_kinks(ratio: float, advantage: float, slope: float) -> None:
    """At a kink the slope in r may be anything between 0 and A; the kernel gives A."""
    assert clip_kernel(ratio, advantage, 0.25, 0.25, INF)[1] == slope


@pytest.mark.theorem("CLIP-14")
@pytest.mark.parametrize(("kink", "advantage"), [(1.25, 2.0), (0.75, -2.0)])
def test_kernels_slope_at_a_kink_is_a_supergradient(kink: float, advantage: float) -> None:
    value, slope = clip_kernel(kink, advantage, 0.25, 0.25, INF)

    for k in range(33):
        assert clip_kernel(k / 8, advantage, 0.25, 0.25, INF)[0] <= value + slope / kink * (k / 8 - kink)


@pytest.mark.theorem("CLIP-05")
def test_clip_from_the_kernel_and_the_shape_of_the_objective() -> None:
    for r, a, low, high in grid():
        clip = clip_kernel(r, 1.0, low, high, INF)[0] - clip_kernel(r, -1.0, low, high, INF)[0] - r
        left, middle, right = (clip_kernel(x, a, low, high, INF)[0] for x in (r - 0.5, r, r + 0.5))

        assert clip == min(max(r, 1 - low), 1 + high)
        assert left + right <= 2 * middle
        assert clip_kernel(r, 4 * a, low, high, INF)[0] == 4 * middle
        assert clip_kernel(r, a + 0.5, low, high, INF)[0] >= middle


@pytest.mark.theorem("CLIP-06")
@pytest.mark.parametrize("eps", [0.0, 1e-300, 0.1, 1.0])
def test_first_step_is_that_of_the_surrogate_bit_for_bit(eps: float) -> None:
    log_prob, advantages = [-0.1, -2.5, -40.0, -1e-9], [0.3, -1.7, 0.0, 1e300]

    clipped = clip_loss(log_prob, log_prob, advantages, clip_eps=eps)
    free = surrogate_loss(log_prob, log_prob, advantages)

    assert clipped.loss == free.loss
    assert clipped.grad_log_prob.tolist() == free.grad_log_prob.tolist() == [-a / 4 for a in advantages]


@pytest.mark.theorem("CLIP-07")
def test_gradient_in_the_log_probability_has_the_factor_r() -> None:
    out = clip_loss(np.log([1.5, 1.5, 0.5, 0.5]), np.zeros(4), [2, -2, 2, -2], clip_eps=0.25)

    # The logarithm and the exponential are within an ulp each, and |log r| < 1.
    assert_within(out.grad_log_prob, [0, 0.75, -0.25, 0], units=4)


@pytest.mark.theorem("CLIP-08")
@pytest.mark.parametrize("eps", [0.1, 0.2, 0.3])
def test_kernel_equals_the_rounded_formula_next_to_the_ends(eps: float) -> None:
    low, high = 1 - eps, 1 + eps
    for end, step, k in product((low, high), (0.0, 9.0), range(4)):
        r = end
        for _ in range(k):
            r = math.nextafter(r, step)
        for a in (0.3, -0.3, 1.7, -1.7, 5e-324, -1.7e308):
            value = clip_kernel(r, a, eps, eps, INF)[0]

            assert value == min(r * a, min(max(r, low), high) * a)
            assert value <= r * a


@pytest.mark.theorem("CLIP-09")
def test_dual_clip_bounds_negative_advantages_only() -> None:
    for r, a, low, high in grid():
        value, slope = clip_kernel(r, a, low, high, 2.5)
        plain_value, plain_slope = clip_kernel(r, a, low, high, INF)

        if a < 0:
            assert value == max(plain_value, 2.5 * a)
            assert 2.5 * a <= value <= (1 - low) * a
        assert slope == (0 if a < 0 and r > 2.5 else plain_slope)
        assert a < 0 or value == plain_value


@pytest.mark.theorem("CLIP-10")
def test_beyond_the_end_loss_and_gradient_do_not_depend_on_the_ratio() -> None:
    near, far = (clip_loss(np.log([r]), [0.0], [1.0], clip_eps=0.25) for r in (1.5, 1e6))

    assert near.loss == far.loss == -1.25
    assert near.grad_log_prob[0] == far.grad_log_prob[0] == 0


def ascend(policy: list[float], actions: list[int], advantages: list[float], steps: int, step: float) -> np.ndarray:
    """Every action's ratio after gradient steps in the logits of a softmax, by clip_loss with eps = 0.2."""
    old = np.log(policy)
    logits = old.copy()
    for _ in range(steps):
        log_probs = logits - np.log(np.exp(logits).sum())
        pull = clip_loss(log_probs[actions], old[actions], advantages, clip_eps=0.2).grad_log_prob
        logits -= step * (pull @ (np.eye(len(policy))[actions] - np.exp(log_probs)))
    return np.exp(logits - np.log(np.exp(logits).sum()) - old)


@pytest.mark.theorem("CLIP-11")
def test_clipped_loss_lets_a_ratio_pass_its_end() -> None:
    """Roundings of 93 steps are below 1e-12; the interval is the one proved with balls."""
    ratios = ascend([0.3, 0.6, 0.1], [0, 1], [1.0, -1.0], steps=93, step=0.01)

    assert 1.37 < ratios[0] < 1.371
    assert ratios[1] < 0.8
    assert ascend([0.3, 0.6, 0.1], [0, 1], [1.0, -1.0], steps=500, step=0.01).tolist() == ratios.tolist()


@pytest.mark.theorem("CLIP-12")
@pytest.mark.parametrize(("r", "a", "meant", "printed"), [(1.5, 2.0, 2.4, 1.6), (0.5, -1.0, -0.8, 0.5)])
def test_misprinted_formula_is_another_number(r: float, a: float, meant: float, printed: float) -> None:
    assert_within(clip_kernel(r, a, 0.2, 0.2, INF)[0], meant, units=2)
    assert min(a * r, min(max(r, 0.8), 1.2), 0.8, 1.2) * a == printed


@pytest.mark.theorem("CLIP-13")
@pytest.mark.parametrize(
    ("ratio", "advantage", "eps", "expected"),
    [
        (1.25, 2.0, 0.25, (2.5, 2.5)), (1.25, -2.0, 0.25, (-2.5, -2.5)), (0.75, 2.0, 0.25, (1.5, 1.5)),
        (0.75, -2.0, 0.25, (-1.5, -1.5)), (1.0, 2.0, 0.0, (2.0, 2.0)), (1.0, -2.0, 0.0, (-2.0, -2.0)),
        (0.0, 2.0, 0.25, (0.0, 0.0)), (0.0, -2.0, 0.25, (-1.5, 0.0)), (1e300, 2.0, 0.25, (2.5, 0.0)),
        (INF, 2.0, 0.25, (2.5, 0.0)), (INF, -2.0, 0.25, (-INF, -INF)), (INF, 0.0, 0.25, (NAN, NAN)),
        (NAN, 2.0, 0.25, (NAN, NAN)), (NAN, -2.0, 0.25, (NAN, NAN)),
    ],
)  # fmt: skip
def test_kernel_at_its_ends_and_on_special_numbers(
    ratio: float, advantage: float, eps: float, expected: tuple[float, float]
) -> None:
    np.testing.assert_array_equal(clip_kernel(ratio, advantage, eps, eps, INF), expected)


@pytest.mark.theorem("CLIP-13")
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("bad", [INF, -INF, NAN])
def test_public_function_refuses_what_is_not_finite(place: int, bad: float) -> None:
    arrays = [[0.5], [0.5], [1.0]]
    arrays[place] = [bad]

    with pytest.raises(ValueError, match="clip_loss"):
        clip_loss(*arrays, clip_eps=0.2)


@pytest.mark.theorem("CLIP-15")
def test_a_policy_moves_far_while_the_sampled_ratio_is_in_the_band() -> None:
    old = np.array([0.8, 0.15, 0.05])

    ratios = ascend(old.tolist(), [0], [1.0], steps=60, step=0.1)

    assert 0.8 <= ratios[0] <= 1.2
    assert ratios[1] < 1 / 3
    assert old @ abs(ratios - 1) > 0.26


@pytest.mark.theorem("CLIP-15")
def test_policies_whose_every_ratio_is_unclipped_are_within_eps() -> None:
    """All distributions over 16ths: unclipped are those that give 3, 4 or 5 of them to each of the last two actions."""
    old = np.array([8, 4, 4]) / 16
    unclipped = 0
    for i, j in product(range(17), repeat=2):
        ratios = np.array([i, j, 16 - i - j]) / 16 / old
        if all(clip_kernel(r, a, 0.25, 0.25, INF)[0] == r * a for r in ratios for a in (1.0, -1.0)):
            unclipped += 1
            assert old @ abs(ratios - 1) <= 0.25
    assert unclipped == 9
