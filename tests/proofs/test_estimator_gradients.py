"""The theorems about KL terms, in float64: pushes by the compiled kernels, gradients of KL by the public functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ppocore import categorical_kl, kl_k1, kl_k3
from ppocore.divergences import kl_estimate_kernel
from tests.closeness import assert_within

CURRENT = np.array([[4.0, 9, 3], [1.0, 5, 10], [7.0, 6, 3]]) / 16
OLD = np.array([[5.0, 3, 8], [2.0, 8, 6], [3.0, 2, 11]]) / 16
REF = np.array([[8.0, 4, 4], [3.0, 11, 2], [2.0, 9, 5]]) / 16
POINTS = list(zip(CURRENT, OLD, REF, strict=True))


def gradient(pushes: Sequence[float] | np.ndarray, current: np.ndarray) -> np.ndarray:
    """sum_a push_a (e_a - current)."""
    pushes = np.asarray(pushes)
    return pushes - pushes.sum() * current


def estimates(which: int, current: np.ndarray, ref: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope in log current of k1, k2, k3 for KL(current, ref): the kernel takes d = log ref - log current."""
    found = np.array([kl_estimate_kernel(np.log(r / p), which) for p, r in zip(current, ref, strict=True)])
    return found[:, 0], -found[:, 1]


def reverse(current: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """The gradient of KL(current, ref)."""
    return categorical_kl(np.log([current]), np.log([ref])).grad_logits[0]


def forward(current: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """The gradient of KL(ref, current) in the logits of current."""
    return categorical_kl(np.log([ref]), np.log([current])).grad_other_logits[0]


def squares(weights: np.ndarray, current: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """The gradient of sum weights k2, the weights held."""
    return gradient(weights * np.log(current / ref), current)


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    # Ratios up to 8 and log-ratios up to 3 (size), three terms, each of a few roundings and three logarithms.
    for a, b in zip(found, wanted, strict=True):
        assert_within(float(a), float(b), units=64, scale=8)


@pytest.mark.theorem("EST-01")
def test_k1_in_the_loss_is_zero_and_off_policy_pushes_from_old() -> None:
    for current, old, ref in POINTS:
        _, slope = estimates(1, current, ref)

        same(gradient(current * slope, current), np.zeros(3))
        same(gradient(old * slope, current), -forward(current, old))
        assert np.max(np.abs(gradient(old * slope, current))) > 0.1


@pytest.mark.theorem("EST-02")
def test_k2_in_the_loss_follows_the_reverse_kl_on_policy_only() -> None:
    for current, old, ref in POINTS:
        _, slope = estimates(2, current, ref)

        same(gradient(current * slope, current), reverse(current, ref))
        same(gradient(old * slope, current), squares(old, current, ref))
        assert np.max(np.abs(gradient(old * slope, current) - reverse(current, ref))) > 0.01


@pytest.mark.theorem("EST-03", "EST-05")
def test_k3_in_the_loss_follows_the_forward_kl_and_so_it_does_with_a_detached_ratio() -> None:
    for current, old, ref in POINTS:
        _, slope = estimates(3, current, ref)

        same(gradient(current * slope, current), forward(current, ref))
        same(gradient(old * (current / old) * slope, current), forward(current, ref))


@pytest.mark.theorem("EST-04", "EST-06")
def test_with_the_gradient_of_the_ratio_all_follow_the_reverse_kl() -> None:
    for current, old, ref in POINTS:
        ratio = current / old
        for which in (1, 3):
            value, slope = estimates(which, current, ref)
            # The product rule: the slope of the ratio is the ratio; of ratio / stop(ratio) it is 1.
            same(gradient(old * ratio * (value + slope), current), reverse(current, ref))
            same(gradient(current * (value + slope), current), reverse(current, ref))
        same(gradient(old * (value + slope), current), squares(old, current, ref))


@pytest.mark.theorem("EST-07", "EST-09")
def test_terms_in_the_reward() -> None:
    for current, old, ref in POINTS:
        (k1, _), (k2, _), (k3, _) = (estimates(which, current, ref) for which in (1, 2, 3))
        recorded = np.log(old / ref)

        same(gradient(current * recorded, current), reverse(current, ref) - reverse(current, old))
        same(gradient(current * k3, current), reverse(current, ref) - forward(current, ref))
        mean_of_k2 = gradient(current * (k2 + k1), current)
        same(gradient(current * k2, current), mean_of_k2 - reverse(current, ref))


@pytest.mark.theorem("EST-08")
def test_the_absolute_log_ratio_follows_twice_the_total_variation() -> None:
    for current, _, ref in POINTS:
        slope = np.sign(np.log(current / ref))

        same(gradient(current * slope, current), 2 * gradient(current * np.sign(current - ref) / 2, current))


@pytest.mark.theorem("EST-10")
def test_means_weighted_by_the_ratio_are_the_reverse_kl() -> None:
    for current, old, ref in POINTS:
        kl = categorical_kl(np.log([current]), np.log([ref])).kl[0]
        drawn = np.repeat(np.arange(3), (16 * old).astype(int))
        taken = np.repeat(np.arange(3), (16 * current).astype(int))

        for estimate, which in ((kl_k1, 1), (kl_k3, 3)):
            value, _ = estimates(which, current, ref)
            assert_within(float(np.mean((current / old * value)[drawn])), kl, units=64, scale=8)
            # Actions drawn from current: it stands where old_log_prob does.
            assert_within(estimate(np.log(ref)[taken], np.log(current)[taken]).kl, kl, units=64, scale=8)
