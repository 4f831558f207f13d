"""The policy losses: exact kernels, both readings at the kinks, dual clip, poison and overflow."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ppocore import clip_loss, gae, kl_penalty_loss, ppo_loss, surrogate_loss, value_loss
from ppocore._kernels import plain
from ppocore.losses import clip_kernel
from tests.closeness import assert_within
from tests.strategies import deterministic, distributions, policy_batches

EPS = Fraction(1, 4)
ratios = st.fractions(0, 5, max_denominator=8)
advantages = st.fractions(-4, 4, max_denominator=8)


def _literal(r: Fraction, a: Fraction, low: Fraction, high: Fraction, dual: Fraction | None) -> Fraction:
    term = min(r * a, min(max(r, 1 - low), 1 + high) * a)
    return max(term, dual * a) if dual is not None and a < 0 else term


@deterministic
@given(
    ratios,
    advantages,
    st.sampled_from([Fraction(0), EPS, Fraction(1)]),
    st.sampled_from([EPS, Fraction(2)]),
    st.sampled_from([None, Fraction(3, 2), Fraction(3)]),
)
@example(1 + EPS, Fraction(1), EPS, EPS, None)
@example(1 - EPS, Fraction(-1), EPS, EPS, None)
@example(Fraction(3), Fraction(-1), EPS, EPS, Fraction(3))
def test_clip_kernel_is_the_literal_minimum_and_a_slope_of_it(
    r: Fraction, a: Fraction, low: Fraction, high: Fraction, dual: Fraction | None
) -> None:
    """Over the rationals.  The slope times r is one of the two one-sided ones, which differ at kinks."""
    bound = float("inf") if dual is None else dual
    step = Fraction(1, 1000)

    value, slope = plain(clip_kernel)(r, a, low, high, bound)

    middle = _literal(r, a, low, high, dual)
    right = (_literal(r + step, a, low, high, dual) - middle) / step
    left = (middle - _literal(r - step, a, low, high, dual)) / step
    assert value == middle
    assert slope in (left * r, right * r)


@pytest.mark.parametrize(
    ("ratio", "advantage", "gradient"),
    [(1.5, 1, 0), (1.5, -1, 1.5), (0.5, 1, -0.5), (0.5, -1, 0), (1, 1, -1), (1, -1, 1), (1.5, 0, 0)],
)
def test_clip_loss_gradient_on_the_four_sides(ratio: float, advantage: float, gradient: float) -> None:
    out = clip_loss(np.log([ratio]), [0.0], [float(advantage)], clip_eps=0.25)

    assert_within(out.grad_log_prob[0], gradient, units=4)


@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_clip_loss_with_eps_zero_has_the_policy_gradient_at_the_old_policy(advantage: float) -> None:
    out = clip_loss([-1.25], [-1.25], [advantage], clip_eps=0)

    assert (out.loss, out.grad_log_prob[0]) == (-advantage, -advantage)


@deterministic
@given(policy_batches())
def test_clip_loss_is_never_below_the_surrogate_and_equal_at_the_old_policy(batch: Any) -> None:
    log_prob, old, a = batch
    same = clip_loss(old, old, a, clip_eps=0.25)

    assert clip_loss(log_prob, old, a, clip_eps=0.25).loss >= surrogate_loss(log_prob, old, a).loss
    assert same.loss == surrogate_loss(old, old, a).loss
    np.testing.assert_array_equal(same.grad_log_prob, surrogate_loss(old, old, a).grad_log_prob)


@deterministic
@given(policy_batches())
def test_symmetric_band_is_the_pair(batch: Any) -> None:
    one, two = clip_loss(*batch, clip_eps=0.25), clip_loss(*batch, clip_eps_low=0.25, clip_eps_high=0.25)

    assert one.loss == two.loss
    np.testing.assert_array_equal(one.grad_log_prob, two.grad_log_prob)


def test_dual_clip_bounds_only_negative_advantages() -> None:
    """r = e^2 = 7.39 for both: -3 A = 3 for A = -1 without gradient, the plain clip for A = 1."""
    out = clip_loss([2.0, 2.0], [0.0, 0.0], [-1.0, 1.0], clip_eps=0.25, dual_clip=3)

    assert out.loss == (3 - 1.25) / 2
    np.testing.assert_array_equal(out.grad_log_prob, [0, 0])


def test_overflowing_ratios_cost_only_the_samples_that_use_them() -> None:
    """r = e^800: clipped for A > 0, unused for A = 0; for A < 0 the loss really is infinite."""
    out = clip_loss([800.0, 800.0], [0.0, 0.0], [1.0, 0.0], clip_eps=0.25)

    assert out.loss == -0.625
    np.testing.assert_array_equal(out.grad_log_prob, [0, 0])
    assert clip_loss([800.0], [0.0], [-1.0], clip_eps=0.25).loss == np.inf


def test_float32_overflow_is_infinite_without_a_warning() -> None:
    out = surrogate_loss(np.array([100.0], np.float32), np.zeros(1, np.float32), np.ones(1, np.float32))

    assert out.loss == -np.inf


def test_s16_sign_of_the_advantage_matters_not_of_the_reward() -> None:
    """Reward 1 where V = 2: A = -1, so at r = 2 the gradient is not clipped."""
    a = gae([1.0], [2.0], [0.0], [True], [False], gamma=1, gae_lambda=1).advantages

    assert a[0] == -1
    assert_within(clip_loss(np.log([2.0]), [0.0], a, clip_eps=0.25).grad_log_prob[0], 2.0, units=4)


@deterministic
@given(policy_batches(), st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([-0.5, 0.0, 0.25]))
def test_ppo_loss_is_the_sum_of_its_parts(batch: Any, vf_coef: float, ent_coef: float) -> None:
    log_prob, old, a = batch
    values, returns, entropy = a / 2, old, np.abs(log_prob)

    out = ppo_loss(*batch, values, returns, entropy, clip_eps=0.25, vf_coef=vf_coef, ent_coef=ent_coef)

    clip, value = clip_loss(*batch, clip_eps=0.25), value_loss(values, returns)
    expected = clip.loss + vf_coef * value.loss - ent_coef * entropy.mean()
    assert_within(out.loss, expected, units=16, scale=abs(clip.loss) + value.loss + entropy.mean())
    np.testing.assert_array_equal(out.grad_log_prob, clip.grad_log_prob)
    assert_within(out.grad_values, vf_coef * value.grad_values, units=4)
    np.testing.assert_array_equal(out.grad_entropy, np.full(len(a), -ent_coef / len(a)) + 0.0)
    assert (out.clip_loss, out.value_loss) == (clip.loss, value.loss)


@deterministic
@given(distributions(3), distributions(3), st.integers(0, 2), st.sampled_from([-2.0, 0.0, 0.5]))
def test_kl_penalty_gradient_is_the_sum_of_both_textbook_gradients(
    new: list[Fraction], old: list[Fraction], action: int, advantage: float
) -> None:
    """-r A (1[j = a] - p_j) + beta (p_j - old_j), by exact probabilities."""
    beta = Fraction(3, 4)
    r = new[action] / old[action]
    expected = [-r * Fraction(advantage) * ((j == action) - new[j]) + beta * (new[j] - old[j]) for j in range(3)]
    logits, before = np.log([[float(x) for x in new]]), np.log([[float(x) for x in old]])

    out = kl_penalty_loss(logits, before, [action], [advantage], kl_coef=0.75)

    assert_within(out.grad_logits[0], [float(x) for x in expected], units=128, scale=1 + 2 * float(r))
    assert_within(out.loss, out.surrogate_loss + 0.75 * out.kl, units=4, scale=abs(out.surrogate_loss) + out.kl)


def test_beta_times_n_over_steps_keeps_the_direction_of_the_source() -> None:
    """S6, S13: gradient of -(1/N) sum sum A r + beta KL is sum T_n / N times that of the mean with beta'."""
    rng = np.random.default_rng(5)
    mask = np.array([[True, True, True], [True, False, False]])
    logits, old = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    actions, a = rng.integers(0, 4, size=(2, 3)), rng.normal(size=(2, 3))
    beta, rows, steps = 0.5, 2, 4

    source = kl_penalty_loss(logits, old, actions, a, kl_coef=beta, mask=mask, reduction="trajectory")
    mean = kl_penalty_loss(logits, old, actions, a, kl_coef=beta * rows / steps, mask=mask)

    assert_within(source.grad_logits, mean.grad_logits * steps / rows, units=64, scale=4)
