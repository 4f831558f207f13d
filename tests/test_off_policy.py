"""V-trace against its literal sum, exactly where the numbers are dyadic, and what it must not look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import VTrace, gae, vtrace
from tests.closeness import assert_within
from tests.strategies import Rollout, deterministic, rollouts, zero_half_one


@deterministic
@given(rollouts(), zero_half_one, zero_half_one, st.sampled_from([np.float32, np.float64]))
def test_equal_policies_give_the_targets_of_gae_exactly(
    rollout: Rollout, gamma: float, gae_lambda: float, dtype: Any
) -> None:
    same = np.full(rollout.rewards.shape, -1.5, dtype)
    floats = [np.asarray(x, dtype) for x in rollout[:3]]

    out = vtrace(same, same, *floats, *rollout[3:], gamma=gamma, gae_lambda=gae_lambda, rho_clip=1, c_clip=1)

    expected = gae(*floats, *rollout[3:], gamma=gamma, gae_lambda=gae_lambda)
    np.testing.assert_array_equal(out.returns, expected.returns)
    assert out.returns.dtype == out.advantages.dtype == dtype


@deterministic
@given(rollouts(), zero_half_one)
def test_without_traces_targets_and_advantages_are_weighted_td_errors(rollout: Rollout, gamma: float) -> None:
    """c_clip = 0: x_t = rho_t delta_t, here with rho_t = 1/2 by the clip."""
    same = np.zeros(rollout.rewards.shape)

    out = vtrace(same, same, *rollout, gamma=gamma, gae_lambda=1, rho_clip=0.5, c_clip=0)

    delta = gae(*rollout, gamma=gamma, gae_lambda=0).advantages
    np.testing.assert_array_equal(out.returns, rollout.values + delta / 2)


def test_two_steps_by_hand() -> None:
    """Ratios 1/2 and 3 under rho_clip = 2, c_clip = 1: x_1 = 2 (4 - 1) = 6, x_0 = 1/2 (1 + 1/2) + 1/2 * 1/2 * 6."""
    out = vtrace(np.log([0.25, 0.75]), np.log([0.5, 0.25]), [1, 3], [0.5, 1], [1, 2], [False] * 2, [False] * 2,
                 gamma=0.5, gae_lambda=1, rho_clip=2, c_clip=1)

    assert_within(out.returns, np.array([0.5 + 0.5 * (1 + 0.5 - 0.5) + 1.5, 7.0]), units=16)
    assert_within(out.advantages, np.array([0.5 * (1 + 3.5 - 0.5), 6.0]), units=16)


def test_a_time_limit_bootstraps_from_its_own_observation_in_both_outputs() -> None:
    """Two trajectories worth 1 and 100, no rewards, gamma = 1: nothing is to be learned at the cut."""
    same = np.zeros((4, 1))
    values = np.array([[1.0], [1.0], [100.0], [100.0]])

    out = vtrace(same, same, np.zeros((4, 1)), values, values, np.zeros((4, 1), bool),
                 np.array([[False], [True], [False], [False]]), gamma=1, gae_lambda=1, rho_clip=1, c_clip=1)

    np.testing.assert_array_equal(out.advantages, 0)
    np.testing.assert_array_equal(out.returns, values)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)])
def test_any_trailing_shape_and_inputs_are_left_alone(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(1)
    arrays = [draw.normal(size=shape) for _ in range(5)]
    before = [array.copy() for array in arrays]

    out = vtrace(*arrays, np.zeros(shape, bool), np.zeros(shape, bool), gamma=0.9, gae_lambda=0.9, rho_clip=1, c_clip=1)

    assert isinstance(out, VTrace)
    assert out.returns.shape == out.advantages.shape == shape
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_overflowing_ratios_are_clipped() -> None:
    out = vtrace([800.0], [0.0], [1.0], [0.0], [0.0], [True], [False], gamma=1, gae_lambda=1, rho_clip=2, c_clip=1)

    assert (out.returns[0], out.advantages[0]) == (2, 2)
