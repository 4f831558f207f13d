"""Theorems about group advantages, token rewards and their coefficient, in float64 on the shipped functions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import ppocore
from ppocore import adapt_kl_coef, adapt_kl_coef_proportional, dr_grpo_advantages, grpo_advantages, rloo_advantages
from tests.optional import require

require("flint")

from proofs.bounds.inputs import made  # noqa: E402
from proofs.bounds.measure import held, in_dtype  # noqa: E402

NAN = float("nan")


@pytest.mark.theorem("GRP-01")
def test_other_prompts_do_not_matter_and_rare_successes_pay_most() -> None:
    rewards = np.array([[1.0, 0, 0, 0], [1, 1, 1, 0], [5, 5, 5, 5]])
    out = grpo_advantages(rewards)

    assert np.array_equal(out[1:2], grpo_advantages(rewards[1:2]))
    # sqrt((1 - p) / p) for p = 1/4 and 3/4, up to 1e-8 in the divisor.
    assert out[0, 0] == pytest.approx(3**0.5, rel=1e-7)
    assert out[1, 0] == pytest.approx(3**-0.5, rel=1e-7)
    assert not out[2].any()


@pytest.mark.theorem("GRP-02")
def test_leave_one_out_is_the_centred_reward_times_a_factor() -> None:
    rewards = np.array([[6.0, 0.0, -3.0], [9.0, 3.0, 0.0]])

    assert np.array_equal(rloo_advantages(rewards), 1.5 * dr_grpo_advantages(rewards))
    assert np.array_equal(rloo_advantages(rewards)[0], [7.5, -1.5, -6.0])
    assert not dr_grpo_advantages(rewards).sum(axis=1).any()


@pytest.mark.theorem("GRP-03")
def test_leave_one_out_is_unbiased_and_the_whole_mean_is_not() -> None:
    """Two answers of probability 1/2, rewards 1 and 0, groups of two: all four groups weigh 1/4."""
    def expected(rule) -> float:
        groups = itertools.product((1.0, 0.0), repeat=2)
        return sum(float((rule([group])[0] * (np.array(group) - 0.5)).mean()) for group in groups) / 4

    assert expected(rloo_advantages) == 0.25
    assert expected(dr_grpo_advantages) == 0.125


@pytest.mark.theorem("REW-01")
def test_token_rewards_add_up_to_the_score_minus_the_log_ratio() -> None:
    mask = np.array([[True, False, True, True], [False, True, False, False]])
    new = np.where(mask, [[-1.0, 0, -2, -0.5]], NAN)
    ref = np.where(mask, [[-1.5, 2.0, -1, -4]], NAN)
    out = ppocore.kl_reward([3.0, -1.0], new, ref, mask, kl_coef=0.5)

    assert np.array_equal(out, [[-0.25, 0, 0.5, 3 - 1.75], [0, -1 + 1.0, 0, 0]])
    assert out[0].sum() == 3 - 0.5 * (0.5 - 1 + 3.5)


@pytest.mark.theorem("KLC-01", "ACC-15")
def test_every_threshold_rule_on_both_sides_of_both_thresholds() -> None:
    def factors(rule: str, *multiples: float) -> list[float]:
        return [adapt_kl_coef(1.0, kl, 1.0, kl_rule=rule) for kl in multiples]

    assert factors("paper", 1.51, 1.49, 0.67, 0.66) == [2, 1, 1, 0.5]
    assert factors("rllib", 2.01, 1.99, 0.51, 0.49) == [1.5, 1, 1, 0.5]
    assert factors("tf_agents", 1.31, 1.29, 0.71, 0.69) == [1.5, 1, 1, 2 / 3]


@pytest.mark.theorem("KLC-02")
def test_the_proportional_rule_moves_by_at_most_a_fifth_of_the_share() -> None:
    def moved(kl: float) -> float:
        return adapt_kl_coef_proportional(1.0, kl, 1.0, batch_steps=64, horizon=128)

    assert [moved(kl) for kl in (1.0, 1.125, 0.875)] == [1.0, 1.0625, 0.9375]
    assert moved(40.0) == 1.1
    assert moved(-3.0) == 0.9
    assert adapt_kl_coef_proportional(1.0, 0.0, 1.0, batch_steps=6, horizon=1) < 0


@pytest.mark.theorem("ACC-21", "ACC-23")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("function", ["grpo_advantages", "rloo_advantages", "dr_grpo_advantages", "kl_reward",
                                      "adapt_kl_coef_proportional", "adapt_kl_coef"])
def test_bounds_hold_on_more_draws(function: str, dtype: type) -> None:
    for kind in range(9, 30):
        assert held(function, in_dtype(made(function, kind), dtype)), kind
