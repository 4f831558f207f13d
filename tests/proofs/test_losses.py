"""The theorems about the sum of the losses, in float64 on the public functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ppocore import (
    categorical_entropy,
    categorical_log_prob,
    clip_loss,
    kl_penalty_loss,
    ppo_loss,
    value_loss,
)
from tests.closeness import assert_within

LOGITS = np.log([[0.25, 0.25, 0.5], [0.125, 0.5, 0.375]])


@pytest.mark.theorem("LOSS-01")
def test_gradient_of_the_whole_loss_on_worked_numbers() -> None:
    # Uniform policy on 2 actions, r = 1: dL/dz = -A (e_a - pi), and the entropy is stationary.
    log_prob, entropy = categorical_log_prob([[0.0, 0.0]], [0]), categorical_entropy([[0.0, 0.0]])
    out = ppo_loss(
        log_prob.log_prob, log_prob.log_prob, [3.0], [2.0], [0.5], entropy.entropy, clip_eps=0.25, vf_coef=0.5,
        ent_coef=0.125,
    )
    by_logits = out.grad_log_prob[:, None] * log_prob.grad_logits + out.grad_entropy[:, None] * entropy.grad_logits

    assert_within(by_logits, [[-1.5, 1.5]], units=8)
    assert_within(out.grad_values, [1.5], units=2)


@pytest.mark.theorem("LOSS-02")
def test_gradient_of_the_penalised_loss() -> None:
    old = np.log([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    actions, advantages = np.array([2, 1]), np.array([1.5, -2.0])
    out = kl_penalty_loss(LOGITS, old, actions, advantages, kl_coef=0.75)

    pi, pi_old, rows = np.exp(LOGITS), np.exp(old), np.arange(2)
    weight = pi[rows, actions] / pi_old[rows, actions] * advantages
    expected = -weight[:, None] * (np.eye(3)[actions] - pi) + 0.75 * (pi - pi_old)
    # Ratios are 2, terms up to 4, log-probabilities up to log 8.
    assert_within(out.grad_logits, expected / 2, units=64, scale=1)


@pytest.mark.theorem("LOSS-03")
def test_minibatch_gradients_average_if_sizes_are_equal() -> None:
    advantages = np.array([1.0, -2.0, 0.5, 4.0])

    def gradient(part: slice) -> np.ndarray:
        zeros = np.zeros(len(advantages[part]))
        return clip_loss(zeros, zeros, advantages[part], clip_eps=0.25).grad_log_prob

    whole = gradient(slice(0, 4))
    assert np.array_equal(np.concatenate([gradient(slice(0, 2)), gradient(slice(2, 4))]) / 2, whole)
    assert not np.array_equal(np.concatenate([gradient(slice(0, 1)), gradient(slice(1, 4))]) / 2, whole)


@pytest.mark.theorem("LOSS-04")
def test_ppo_loss_is_the_sum_of_its_parts() -> None:
    log_prob = np.array([0.0, -1.0, 2.0])
    advantages, values, returns, entropy = (np.array(x) for x in ([1.0, -2, 4], [1.0, 0, 2], [0.0, 3, 2], [0.5, 1, 2]))
    out = ppo_loss(
        log_prob, log_prob, advantages, values, returns, entropy, clip_eps=0.5, vf_coef=0.25, ent_coef=0.5
    )
    policy, value = clip_loss(log_prob, log_prob, advantages, clip_eps=0.5), value_loss(values, returns)

    assert_within(out.loss, policy.loss + 0.25 * value.loss - 0.5 * 3.5 / 3, units=8, scale=5)
    assert np.array_equal(out.grad_log_prob, policy.grad_log_prob)
    assert_within(out.grad_values, 0.25 * value.grad_values, units=4)
    assert_within(out.grad_entropy, np.full(3, -0.5 / 3), units=2)


@pytest.mark.theorem("LOSS-05")
def test_beta_times_n_over_total_length_turns_the_one_mean_into_the_other() -> None:
    logits = np.arange(18.0).reshape(2, 3, 3) % 5 / 4
    mask = np.array([[True, False, False], [True, True, True]])

    def loss(reduction: str, kl_coef: float) -> tuple[float, np.ndarray]:
        out = kl_penalty_loss(
            logits, -logits, [[0, 1, 2], [2, 1, 0]], [[1.0, 2, 3], [-1.0, 0.5, 2]], kl_coef=kl_coef, mask=mask,
            reduction=reduction,
        )
        return out.loss, out.grad_logits

    (by_trajectory, slopes), (by_step, step_slopes) = loss("trajectory", 1.5), loss("mean", 0.75)
    assert math.isclose(by_step, by_trajectory / 2, rel_tol=0, abs_tol=0)
    assert np.array_equal(step_slopes, slopes / 2)
