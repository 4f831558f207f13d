"""Several choices at once, binary or not: properties on random policies, and what torch and SciPy make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import ppocore
from tests.closeness import assert_within
from tests.optional import require
from tests.strategies import deterministic

LOGIT = st.floats(-20, 20).map(lambda z: round(z, 3))
ROWS = st.lists(st.tuples(LOGIT, LOGIT, st.integers(0, 1)), min_size=1, max_size=6)


@deterministic
@given(ROWS)
def test_a_binary_choice_is_a_choice_of_two_with_logits_zero_and_z(choices: list[Any]) -> None:
    z, w, a = (np.array([column]) for column in zip(*choices, strict=True))
    pairs, others = (np.stack([0 * x, x], axis=2).reshape(1, -1) for x in (z, w))
    nvec = [2] * len(choices)
    # Differences of large log-probabilities cancel: their size is the scale.
    size = 1 + np.abs(z).sum() + np.abs(w).sum()

    taken, two = ppocore.bernoulli_log_prob(z, a), ppocore.multidiscrete_log_prob(pairs, a, nvec)
    assert_within(taken.log_prob, two.log_prob, units=64, scale=size)
    assert_within(taken.grad_logits, two.grad_logits[:, 1::2], units=64, scale=size)
    entropy = ppocore.bernoulli_entropy(z).entropy
    assert_within(entropy, ppocore.multidiscrete_entropy(pairs, nvec).entropy, units=64, scale=size)
    kl = ppocore.bernoulli_kl(z, w)
    assert_within(kl.kl, ppocore.multidiscrete_kl(pairs, others, nvec).kl, units=64, scale=size)
    assert (kl.kl >= 0).all()
    assert (entropy >= 0).all()
    assert (entropy <= len(choices) * np.log(2) * (1 + 2.0**-48)).all()


@deterministic
@given(ROWS)
def test_turning_the_sign_of_a_logit_exchanges_the_sides(choices: list[Any]) -> None:
    z, w, a = (np.array([column]) for column in zip(*choices, strict=True))
    here, there = ppocore.bernoulli_log_prob(z, a), ppocore.bernoulli_log_prob(-z, 1 - a)

    assert np.array_equal(here.log_prob, there.log_prob)
    assert np.array_equal(here.grad_logits, -there.grad_logits)
    assert np.array_equal(ppocore.bernoulli_entropy(z).entropy, ppocore.bernoulli_entropy(-z).entropy)


def test_bernoulli_is_that_of_scipy_and_torch() -> None:
    rng = np.random.default_rng(11)
    z, w, a = rng.normal(size=(9, 4)) * 2, rng.normal(size=(9, 4)) * 2, rng.integers(0, 2, size=(9, 4))
    policy = stats.bernoulli(1 / (1 + np.exp(-z)))
    log_prob, entropy = ppocore.bernoulli_log_prob(z, a).log_prob, ppocore.bernoulli_entropy(z).entropy

    # SciPy takes log(1 - p) of a rounded p, at least e^-8 here: 2^12 roundings.
    assert_within(log_prob, policy.logpmf(a).sum(axis=1), units=2**14, scale=1)
    assert_within(entropy, policy.entropy().sum(axis=1), units=2**14, scale=1)
    torch = require("torch")
    p, q = (torch.distributions.Bernoulli(logits=torch.tensor(x)) for x in (z, w))
    assert_within(log_prob, p.log_prob(torch.tensor(a, dtype=torch.float64)).sum(1).numpy(), units=64, scale=32)
    kl = torch.distributions.kl_divergence(p, q).sum(1).numpy()
    assert_within(ppocore.bernoulli_kl(z, w).kl, kl, units=64, scale=32)


@pytest.mark.parametrize("nvec", [[3], [2, 3], [4, 1, 2]])
def test_multidiscrete_is_a_list_of_torch_categoricals(nvec: list[int]) -> None:
    torch = require("torch")
    rng = np.random.default_rng(12)
    z, w = rng.normal(size=(2, 8, sum(nvec)))
    a = np.stack([rng.integers(0, n, size=8) for n in nvec], axis=1)
    p, q = ([torch.distributions.Categorical(logits=head) for head in torch.tensor(x).split(nvec, dim=1)]
            for x in (z, w))

    log_prob = sum(head.log_prob(torch.tensor(a[:, k])) for k, head in enumerate(p)).numpy()
    entropy = sum(head.entropy() for head in p).numpy()
    kl = sum(torch.distributions.kl_divergence(*pair) for pair in zip(p, q, strict=True)).numpy()
    assert_within(ppocore.multidiscrete_log_prob(z, a, nvec).log_prob, log_prob, units=64, scale=8)
    assert_within(ppocore.multidiscrete_entropy(z, nvec).entropy, entropy, units=64, scale=8)
    assert_within(ppocore.multidiscrete_kl(z, w, nvec).kl, kl, units=64, scale=8)


def test_a_choice_without_a_legal_action_is_named() -> None:
    mask = np.array([[True, True, True], [True, False, False]])

    with pytest.raises(ValueError, match=r"action_mask\[1\] is all False in the 2 columns of choice 1; every choice"):
        ppocore.multidiscrete_entropy(np.zeros((2, 3)), [1, 2], action_mask=mask)


def _that_pops(logits: Any, nvec: list[int]) -> Any:
    heads = np.split(logits, np.cumsum(nvec)[:-1], axis=1)
    nvec.pop()
    return sum(stats.entropy(np.exp(head - head.max(1, keepdims=True)), axis=1) for head in heads)


def test_a_shortened_list_of_sizes_is_a_changed_input() -> None:
    report = ppocore.check({"multidiscrete_entropy": _that_pops}, only="multidiscrete_entropy/plain/*")

    verdict = next(v for v in report.verdicts if v.operation == "multidiscrete_entropy")
    assert verdict.mistakes == ("multidiscrete_entropy/mutates-input",)
