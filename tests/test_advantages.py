"""Advantages against their literal sums, exactly: all numbers here are dyadic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ppocore import GAE, discounted_returns, gae, normalize_advantages, td_errors, token_gae
from tests.closeness import assert_within
from tests.strategies import Rollout, deterministic, halves, rollouts, zero_half_one

ONE = np.array([[True]])
BOTH_FLAGS = Rollout(np.ones((1, 1)), np.ones((1, 1)), np.full((1, 1), np.nan), ONE, ONE)


def _literal_gae(rollout: Rollout, gamma: float, gae_lambda: float) -> Any:
    """A_t = sum over k of (gamma lambda)^k delta_{t+k}, while no step before t+k ended the episode."""
    steps, streams = rollout.rewards.shape
    advantages = np.zeros((steps, streams))
    for n in range(streams):
        for t in range(steps):
            for k in range(steps - t):
                row = (t + k, n)
                following = 0.0 if rollout.terminated[row] else rollout.next_values[row]
                delta = rollout.rewards[row] + gamma * following - rollout.values[row]
                advantages[t, n] += (gamma * gae_lambda) ** k * delta
                if rollout.terminated[row] or rollout.truncated[row]:
                    break
    return advantages


@deterministic
@given(rollouts(), zero_half_one, zero_half_one, st.sampled_from([np.float32, np.float64]))
@example(BOTH_FLAGS, 1.0, 1.0, np.float64)
def test_gae_is_the_literal_sum_exactly(rollout: Rollout, gamma: float, gae_lambda: float, dtype: Any) -> None:
    floats = [np.asarray(x, dtype) for x in rollout[:3]]

    out = gae(*floats, *rollout[3:], gamma=gamma, gae_lambda=gae_lambda)

    expected = _literal_gae(rollout, gamma, gae_lambda)
    np.testing.assert_array_equal(out.advantages, expected)
    np.testing.assert_array_equal(out.returns, expected + rollout.values)
    assert out.advantages.dtype == out.returns.dtype == dtype


@deterministic
@given(rollouts(), zero_half_one)
@example(BOTH_FLAGS, 1.0)
def test_td_errors_are_gae_with_lambda_zero(rollout: Rollout, gamma: float) -> None:
    errors = td_errors(*rollout, gamma=gamma)

    np.testing.assert_array_equal(errors, _literal_gae(rollout, gamma, 0.0))


@deterministic
@given(rollouts(), zero_half_one)
def test_discounted_returns_are_the_value_targets_with_lambda_one(rollout: Rollout, gamma: float) -> None:
    """Whatever the values are, as long as V(s_{t+1}) is the V of the next row inside an episode."""
    returns = discounted_returns(rollout.rewards, *rollout[2:], gamma=gamma)

    np.testing.assert_array_equal(returns, _literal_gae(rollout, gamma, 1.0) + rollout.values)


def test_discounted_returns_use_next_values_only_at_cuts() -> None:
    nan = float("nan")
    flags = [False, True, False, False], [False, False, True, False]

    returns = discounted_returns([1, 1, 1, 1], [nan, nan, 2, 4], *flags, gamma=0.5)

    np.testing.assert_array_equal(returns, [1.5, 1, 2, 3])


def test_gae_tells_a_time_limit_from_the_four_other_readings() -> None:
    """field/conventions.md 4.2: five steps, cut after step 2, V of the true last observation 2."""
    flags = [False] * 5, [False, False, True, False, False]

    out = gae([1.0] * 5, [1, 2, 3, 4, 5], [2, 3, 2, 5, 6], *flags, gamma=0.9, gae_lambda=0.8)

    np.testing.assert_array_equal(out.advantages.round(4), [2.9203, 1.556, -0.2, 2.508, 1.4])


def test_streams_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(1)
    shape = (6, 2, 3)
    parts = [rng.normal(size=shape) for _ in range(3)] + [rng.random(shape) < 0.3 for _ in range(2)]

    together = gae(*parts, gamma=0.9, gae_lambda=0.8).advantages

    for i in range(2):
        for j in range(3):
            alone = gae(*[part[:, i, j] for part in parts], gamma=0.9, gae_lambda=0.8).advantages
            np.testing.assert_array_equal(together[:, i, j], alone)


@deterministic
@given(st.lists(st.tuples(halves, halves, st.booleans()), min_size=1, max_size=6), zero_half_one, zero_half_one)
def test_token_gae_skips_masked_tokens(row: list[Any], gamma: float, gae_lambda: float) -> None:
    mask = np.array([True] + [entry[2] for entry in row])
    rewards, values = np.array([[1.0] + [entry[i] for entry in row] for i in (0, 1)])
    kept_values = values[mask]
    flags = np.zeros(mask.sum(), bool)
    poison = np.where(mask, 0, np.nan)

    out = token_gae([rewards + poison], [values + poison], [mask], gamma=gamma, gae_lambda=gae_lambda)

    dense = gae(rewards[mask], kept_values, np.append(kept_values[1:], 0), flags, flags,
                gamma=gamma, gae_lambda=gae_lambda)  # fmt: skip
    np.testing.assert_array_equal(out.advantages[0][mask], dense.advantages)
    np.testing.assert_array_equal(out.returns[0][mask], dense.returns)
    assert isinstance(out, GAE)
    assert not out.advantages[0][~mask].any()


def test_normalize_advantages_divides_by_the_population_deviation_plus_1e_8() -> None:
    """Mean 2, deviations -1 and 1, standard deviation 1 with ddof 0 (and sqrt 2 with ddof 1)."""
    expected = np.array([-1.0, 1.0]) / (1.0 + 1e-8)

    np.testing.assert_array_equal(normalize_advantages([1, 3]), expected)
    with_mask = normalize_advantages([[1, 99], [3, np.nan]], mask=[[True, False], [True, False]])
    np.testing.assert_array_equal(with_mask, [[expected[0], 0], [expected[1], 0]])


def test_normalize_advantages_adds_its_eps_outside_the_root() -> None:
    """Deviation 2^-27 = 7.45e-9: outside gives 0.43, inside the root would give 7.4e-5."""
    small = 2.0**-27

    assert_within(normalize_advantages([-small, small])[1], small / (small + 1e-8), units=4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_normalize_advantages_of_equal_ones_is_zero(dtype: Any, count: int) -> None:
    assert not normalize_advantages(np.full(count, -2.75, dtype)).any()
