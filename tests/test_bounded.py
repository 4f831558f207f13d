"""Beta policies: properties on random policies, and what torch and SciPy make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import ppocore
from tests.closeness import assert_within
from tests.optional import require
from tests.strategies import deterministic

CONCENTRATION = st.floats(0.05, 30).map(lambda x: round(x, 3))
ROWS = st.lists(st.tuples(*[CONCENTRATION] * 4), min_size=1, max_size=4)
ENTROPY, KL = 2827, 7332
"""The largest scales of ACC-33 for one dimension with concentrations from 0.05 to 30, KL to the uniform policy."""


@deterministic
@given(ROWS)
def test_the_entropy_is_minus_the_kl_to_the_uniform_policy(rows: list[Any]) -> None:
    alpha, beta, _, _ = (np.array([column]) for column in zip(*rows, strict=True))
    own, one = ppocore.beta_entropy(alpha, beta), np.ones_like(alpha)
    kl = ppocore.beta_kl(alpha, beta, one, one)
    # psi' is below 401, concentrations less 1 below 29, and 96 u of each product: 144 u with KL's.
    slopes = 144 * 401 * (abs(alpha - 1) + abs(beta - 1))

    assert_within(own.entropy, -kl.kl, units=ENTROPY + KL, scale=len(rows))
    assert_within(own.grad_alpha, -kl.grad_alpha, units=1, scale=slopes)
    assert_within(own.grad_beta, -kl.grad_beta, units=1, scale=slopes)
    assert (own.entropy <= ENTROPY * len(rows) * 2.0**-53).all()


@deterministic
@given(ROWS)
def test_kl_is_not_negative_and_its_slopes_vanish_where_the_policies_meet(rows: list[Any]) -> None:
    alpha, beta, other_alpha, other_beta = (np.array([column]) for column in zip(*rows, strict=True))
    apart = ppocore.beta_kl(alpha, beta, other_alpha, other_beta)
    same = ppocore.beta_kl(alpha, beta, alpha, beta)

    assert (apart.kl > 0).all() or (np.array_equal(alpha, other_alpha) and np.array_equal(beta, other_beta))
    assert all((part == 0).all() for part in same)


@deterministic
@given(ROWS)
def test_a_mirrored_policy_has_the_same_entropy_and_kl(rows: list[Any]) -> None:
    alpha, beta, other_alpha, other_beta = (np.array([column]) for column in zip(*rows, strict=True))
    here, there = ppocore.beta_entropy(alpha, beta), ppocore.beta_entropy(beta, alpha)
    kl = ppocore.beta_kl(alpha, beta, other_alpha, other_beta)
    turned = ppocore.beta_kl(beta, alpha, other_beta, other_alpha)

    assert_within(here.entropy, there.entropy, units=2 * ENTROPY, scale=len(rows))
    assert np.array_equal(here.grad_alpha, there.grad_beta)
    assert np.array_equal(kl.kl, turned.kl)
    assert np.array_equal(kl.grad_other_alpha, turned.grad_other_beta)


def test_beta_is_that_of_scipy_and_torch() -> None:
    """torch's digamma is right to 6 u of |psi| + |x psi'(x)|, below 41 here, and has a factor below 30 at most."""
    rng = np.random.default_rng(13)
    alpha, beta, other_alpha, other_beta = rng.uniform(0.05, 6, size=(4, 9, 3))
    entropy, kl = ppocore.beta_entropy(alpha, beta).entropy, ppocore.beta_kl(alpha, beta, other_alpha, other_beta).kl
    torch = require("torch")
    p, q = (torch.distributions.Beta(*map(torch.tensor, pair)) for pair in ((alpha, beta), (other_alpha, other_beta)))

    assert_within(entropy, stats.beta.entropy(alpha, beta).sum(axis=1), units=ENTROPY, scale=3)
    assert_within(entropy, p.entropy().sum(1).numpy(), units=6 * 41, scale=30 * 3)
    assert_within(kl, torch.distributions.kl_divergence(p, q).sum(1).numpy(), units=6 * 41, scale=30 * 3)
