"""The theorems about Bernoulli policies, in float64 on the compiled kernels and the public functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ppocore import bernoulli_entropy, bernoulli_kl, bernoulli_log_prob
from tests.closeness import assert_within

LOGITS = (-30.0, -2.0, -0.5, 0.0, 0.25, 3.0, 30.0)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


@pytest.mark.theorem("BER-01", "ACC-31")
@pytest.mark.parametrize("z", LOGITS)
def test_both_sides_make_a_policy_with_these_log_odds(z: float) -> None:
    on, off = (bernoulli_log_prob([[z]], [[a]]) for a in (1, 0))

    assert_within(np.exp(on.log_prob[0]) + np.exp(off.log_prob[0]), 1.0, units=8)
    assert_within(on.log_prob[0] - off.log_prob[0], z, units=8, scale=max(1.0, abs(z)))
    assert_within(on.grad_logits[0, 0], np.exp(off.log_prob[0]), units=200)
    assert_within(off.grad_logits[0, 0], -np.exp(on.log_prob[0]), units=200)


@pytest.mark.theorem("BER-01")
def test_a_sure_side_keeps_its_digits() -> None:
    """log(1 - e^-40 / (1 + e^-40)) is -4.2e-18, where 1 - p is 1."""
    assert_within(bernoulli_log_prob([[40.0]], [[1]]).log_prob[0], -math.log1p(math.exp(-40)), units=8)


@pytest.mark.theorem("BER-02", "ACC-31")
@pytest.mark.parametrize("z", LOGITS)
def test_entropy_and_its_slope(z: float) -> None:
    p, rest = sigmoid(z), sigmoid(-z)
    out = bernoulli_entropy([[z, z]])

    assert_within(out.entropy[0], -2 * (p * math.log(p) + rest * math.log(rest)), units=200, scale=1)
    assert_within(out.grad_logits[0, 0], -z * p * rest, units=64)


@pytest.mark.theorem("BER-03", "ACC-31")
@pytest.mark.parametrize("z", LOGITS)
def test_kl_is_never_negative_and_has_these_slopes(z: float) -> None:
    for w in LOGITS:
        p, q = sigmoid(z), sigmoid(w)
        out = bernoulli_kl([[z]], [[w]])

        assert (out.kl[0] == 0) == (z == w)
        assert out.kl[0] >= 0
        assert_within(out.grad_logits[0, 0], p * sigmoid(-z) * (z - w), units=64)
        assert_within(out.grad_other_logits[0, 0], q - p, units=64, scale=1)
