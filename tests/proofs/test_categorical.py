"""The theorems about categorical policies, in float64 on the compiled kernel and the public functions."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from ppocore import categorical_entropy, categorical_log_prob
from ppocore.distributions import log_softmax_kernel
from tests.closeness import assert_within

ROWS = np.array(list(product([-2.0, 0.0, 0.5, 3.0], repeat=3)))
MASKS = [mask for mask in product([True, False], repeat=3) if any(mask)]


def log_softmax(logits: np.ndarray, legal: np.ndarray) -> np.ndarray:
    out = np.full(len(logits), -np.inf)
    log_softmax_kernel(logits, legal, out)
    return out


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum()


@pytest.mark.theorem("CAT-01")
def test_probabilities_sum_to_one_and_masked_actions_have_none() -> None:
    for row, mask in product(ROWS, MASKS):
        legal = np.array(mask)
        probabilities = np.exp(log_softmax(np.where(legal, row, np.nan), legal))

        assert (probabilities[legal] > 0).all()
        assert (probabilities[~legal] == 0).all()
        assert_within(probabilities.sum(), 1.0, units=32)


@pytest.mark.theorem("CAT-01")
def test_an_exact_offset_changes_no_bit() -> None:
    legal = np.ones(3, dtype=bool)
    for row, offset in product(ROWS, (-64.0, 1.5, 1024.0)):
        assert np.array_equal(log_softmax(row + offset, legal), log_softmax(row, legal))


@pytest.mark.theorem("CAT-02")
def test_score_of_every_action() -> None:
    for row, action in product(ROWS, range(3)):
        score = categorical_log_prob([row], [action]).grad_logits[0]

        assert_within(score, np.eye(3)[action] - softmax(row), units=32, scale=1)


@pytest.mark.theorem("CAT-03", "CAT-05")
def test_entropy_its_range_and_its_gradient() -> None:
    for row in ROWS:
        pi = softmax(row)
        entropy = -math.fsum(p * math.log(p) for p in pi)
        out = categorical_entropy([row])

        assert 0 <= out.entropy[0] <= math.log(3) * (1 + 4 * 2.0**-53)
        assert_within(out.entropy[0], entropy, units=32, scale=1)
        assert_within(out.grad_logits[0], -pi * (np.log(pi) + entropy), units=64, scale=1)


@pytest.mark.theorem("CAT-04")
def test_largest_log_probability_lies_between_minus_log_n_and_zero() -> None:
    for row in ROWS:
        top = log_softmax(row, np.ones(3, dtype=bool)).max()

        assert -math.log(3) * (1 + 4 * 2.0**-53) <= top < 0
    assert_within(log_softmax(np.zeros(5), np.ones(5, dtype=bool)), np.full(5, -math.log(5)), units=4)


@pytest.mark.theorem("CAT-06")
def test_bound_where_the_answer_is_known() -> None:
    # Two actions with gap g: -log(1 + e^-g) is between -e^-g and -e^-g (1 - e^-g / 2).
    for gap in (40.0, 100.25, 600.4):
        top, other = log_softmax(np.array([1 / 3, 1 / 3 - gap]), np.ones(2, dtype=bool))

        assert_within(top, -math.exp(-gap), units=2 * gap + 6)
        assert_within(other, -gap, units=2 * gap + 6, scale=1)
