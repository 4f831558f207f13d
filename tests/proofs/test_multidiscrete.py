"""The theorems about several choices at once, in float64 on the public functions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from ppocore import (
    categorical_entropy,
    categorical_kl,
    categorical_log_prob,
    multidiscrete_entropy,
    multidiscrete_kl,
    multidiscrete_log_prob,
)
from tests.closeness import assert_within

NVEC = [2, 3, 2]
RNG = np.random.default_rng(4)
ROW, OTHER = RNG.normal(size=(1, 7)) * 2, RNG.normal(size=(1, 7))
COMBINATIONS = list(product(*map(range, NVEC)))


def joint(row: np.ndarray) -> np.ndarray:
    """Logits of all combinations."""
    heads = np.split(row[0], np.cumsum(NVEC)[:-1])
    return np.array([[sum(head[a] for head, a in zip(heads, taken, strict=True)) for taken in COMBINATIONS]])


@pytest.mark.theorem("MUL-01", "ACC-32")
def test_choices_together_are_one_softmax_over_their_combinations() -> None:
    for i, taken in enumerate(COMBINATIONS):
        out = multidiscrete_log_prob(ROW, [list(taken)], NVEC)

        assert_within(out.log_prob, categorical_log_prob(joint(ROW), [i]).log_prob, units=64, scale=8)
        heads = np.split(out.grad_logits[0], np.cumsum(NVEC)[:-1])
        for head, a in zip(heads, taken, strict=True):
            assert head[a] > 0
            assert_within(head.sum(), 0.0, units=16, scale=1)


@pytest.mark.theorem("MUL-02", "ACC-32")
def test_entropies_add_up() -> None:
    assert_within(multidiscrete_entropy(ROW, NVEC).entropy, categorical_entropy(joint(ROW)).entropy, units=64, scale=8)


@pytest.mark.theorem("MUL-03", "ACC-32")
def test_kl_adds_up() -> None:
    got, want = multidiscrete_kl(ROW, OTHER, NVEC).kl, categorical_kl(joint(ROW), joint(OTHER)).kl

    assert_within(got, want, units=64, scale=8)


def test_one_choice_is_a_categorical_bit_for_bit() -> None:
    mask = np.array([[True, False, True, True, True, False, True]])
    single = multidiscrete_log_prob(ROW, [[2]], [7], action_mask=mask)
    plain = categorical_log_prob(ROW, [2], action_mask=mask)

    assert single.log_prob == plain.log_prob
    assert np.array_equal(single.grad_logits, plain.grad_logits)
    assert np.array_equal(multidiscrete_kl(ROW, OTHER, [7]).kl, categorical_kl(ROW, OTHER).kl)
    for one, other in zip(
        multidiscrete_entropy(ROW, [7], action_mask=mask), categorical_entropy(ROW, action_mask=mask), strict=True
    ):
        assert np.array_equal(one, other)
