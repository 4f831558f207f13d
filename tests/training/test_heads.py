"""Policies sample by sample against the public functions, whose values and gradients are proved."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore import (
    categorical_entropy,
    categorical_kl,
    categorical_log_prob,
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_prob,
)
from ppocore.training import heads
from tests.closeness import assert_within

UNITS = 64
"""Units of rounding, at the size of an entry or 1: a handful of exponentials and sums of up to five terms."""
WEIGHTS = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (-0.7, 0.3, 2.0)]


def near(found, expected) -> None:
    assert_within(np.asarray(found), expected, units=UNITS, scale=np.maximum(1.0, np.abs(np.asarray(expected))))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_categorical(weights: tuple) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        logits, old_logits, action = rng.normal(size=5) * 3, rng.normal(size=5), int(rng.integers(5))
        legal, nothing = np.ones(5, dtype=bool), np.zeros(0)
        described, old = np.zeros(5), np.zeros(5)
        heads.describe(False, logits, legal, described)
        heads.describe(False, old_logits, legal, old)
        found = np.zeros(5)

        whole = heads.entropy(False, described, nothing)
        heads.pull(False, described, nothing, np.array([float(action)]), old, nothing, whole, *weights, found, nothing)

        by = (
            categorical_log_prob([logits], [action]), categorical_entropy([logits]),
            categorical_kl([old_logits], [logits]),
        )
        near(heads.log_prob(False, described, nothing, np.array([float(action)])), by[0].log_prob[0])
        near(heads.entropy(False, described, nothing), by[1].entropy[0])
        near(heads.divergence(False, old, nothing, described, nothing), by[2].kl[0])
        gradients = (by[0].grad_logits[0], by[1].grad_logits[0], by[2].grad_other_logits[0])
        near(found, sum(weight * gradient for weight, gradient in zip(weights, gradients, strict=True)))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_gaussian(weights: tuple) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        mean, log_std, old_mean, old_log_std, action = rng.normal(size=(5, 3)) * 0.7
        found, by_spread = np.zeros(3), np.full(3, 10.0)

        whole = heads.entropy(True, mean, log_std)
        heads.pull(True, mean, log_std, action, old_mean, old_log_std, whole, *weights, found, by_spread)

        by = (
            gaussian_log_prob([mean], [log_std], [action]), gaussian_entropy([mean], [log_std]),
            gaussian_kl([old_mean], [old_log_std], [mean], [log_std]),
        )
        near(heads.log_prob(True, mean, log_std, action), by[0].log_prob[0])
        near(heads.entropy(True, mean, log_std), by[1].entropy[0])
        near(heads.divergence(True, old_mean, old_log_std, mean, log_std), by[2].kl[0])
        near(found, weights[0] * by[0].grad_mean[0] + weights[2] * by[2].grad_other_mean[0])
        spread = (by[0].grad_log_std[0], by[1].grad_log_std[0], by[2].grad_other_log_std[0])
        near(by_spread, 10.0 + sum(weight * gradient for weight, gradient in zip(weights, spread, strict=True)))


def test_actions_are_drawn_with_their_chances() -> None:
    """By the inverse of the distribution: the share of a fine grid of uniform numbers is the chance to 1/grid."""
    logits, described, action = np.array([0.3, -1.0, 2.0]), np.zeros(3), np.zeros(1)
    heads.describe(False, logits, np.ones(3, dtype=bool), described)
    counts = np.zeros(3)
    for uniform in (np.arange(10_000) + 0.5) / 10_000:
        found = heads.draw(False, described, np.zeros(0), uniform, np.zeros(0), action)
        counts[int(action[0])] += 1
        assert found == described[int(action[0])]

    np.testing.assert_allclose(counts / 10_000, np.exp(described), rtol=0, atol=1e-4)


def test_real_actions_are_means_plus_spread_times_normals() -> None:
    mean, log_std, normals, action = np.array([1.0, -2.0]), np.log([0.5, 4.0]), np.array([2.0, -0.5]), np.zeros(2)

    found = heads.draw(True, mean, log_std, 0.0, normals, action)

    near(action, [2.0, -4.0])
    near(found, gaussian_log_prob([mean], [log_std], [action]).log_prob[0])


def test_the_best_action() -> None:
    action = np.zeros(1)
    heads.best(False, np.log([0.2, 0.5, 0.3]), action)
    assert action[0] == 1.0
    heads.best(True, np.array([0.7]), action)
    assert action[0] == 0.7
