"""The theorems about Beta policies, in float64 on the public functions."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import integrate, special

from ppocore import beta_entropy, beta_kl, beta_log_prob
from tests.closeness import assert_within


@pytest.mark.theorem("BET-01")
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (2.5, 1.5), (6.0, 40.0), (1.25, 3.0)])
def test_the_density_integrates_to_one(alpha: float, beta: float) -> None:
    """quad says how far it is off itself."""
    total, error = integrate.quad(lambda x: np.exp(beta_log_prob([[alpha]], [[beta]], [[x]]).log_prob[0]), 0, 1)

    assert abs(total - 1) <= error + 1e-13


@pytest.mark.theorem("BET-01", "ACC-33")
@pytest.mark.parametrize("beta", [0.05, 1.0, 3.7, 100.0])
@pytest.mark.parametrize("alpha", [0.05, 1.0, 2.25, 100.0])
def test_log_density_and_its_slopes(alpha: float, beta: float) -> None:
    x = np.array([0.01, 0.5, 0.99])
    out = beta_log_prob(np.full((3, 1), alpha), np.full((3, 1), beta), x[:, None])
    both = special.digamma(alpha + beta)
    powers = (alpha - 1) * np.log(x), (beta - 1) * np.log1p(-x)
    scale = sum(map(np.abs, powers)) + 1 + sum(abs(special.gammaln(y)) for y in (alpha, beta, alpha + beta))

    assert_within(out.log_prob, sum(powers) - special.betaln(alpha, beta), units=64, scale=scale)
    assert_within(out.grad_alpha[:, 0], np.log(x) + both - special.digamma(alpha), units=64, scale=30)
    assert_within(out.grad_beta[:, 0], np.log1p(-x) + both - special.digamma(beta), units=64, scale=30)
    assert_within(out.grad_actions[:, 0], (alpha - 1) / x - (beta - 1) / (1 - x), units=8, scale=1 + 200 * 100)


@pytest.mark.theorem("ACC-33")
def test_large_concentrations_keep_their_digits() -> None:
    """B(1, b) = 1 / b: the density at 0.5 is b 2^(1 - b); three log-gammas of 1e7 would lose seven digits."""
    out = beta_log_prob([[1.0]], [[1e6]], [[1e-9]])

    assert_within(out.log_prob[0], np.log(1e6) + (1e6 - 1) * np.log1p(-1e-9), units=400)


@pytest.mark.theorem("BET-02")
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (2.5, 1.5), (6.0, 40.0), (1.25, 3.0)])
def test_the_entropy_is_the_mean_of_minus_the_log_density(alpha: float, beta: float) -> None:
    """quad says how far it is off itself."""
    def term(x: float) -> float:
        log_prob = beta_log_prob([[alpha]], [[beta]], [[x]]).log_prob[0]
        return float(-np.exp(log_prob) * log_prob)

    mean, error = integrate.quad(term, 0, 1)

    assert abs(beta_entropy([[alpha]], [[beta]]).entropy[0] - mean) <= error + 1e-13


@pytest.mark.theorem("BET-02", "ACC-33")
@pytest.mark.parametrize("beta", [0.05, 1.0, 3.7, 100.0])
@pytest.mark.parametrize("alpha", [0.05, 1.0, 2.25, 100.0])
def test_entropy_and_its_slopes(alpha: float, beta: float) -> None:
    out = beta_entropy([[alpha, 2.0]], [[beta, 1.0]])
    both, bend = special.digamma(alpha + beta), (alpha + beta - 2) * special.polygamma(1, alpha + beta)
    terms = ((alpha - 1) * (both - special.digamma(alpha)), (beta - 1) * (both - special.digamma(beta)),
             special.betaln(alpha, beta))
    bends = (alpha - 1) * special.polygamma(1, alpha), (beta - 1) * special.polygamma(1, beta)

    # Beta(2, 1) has density 2 x.
    assert_within(out.entropy[0], sum(terms) + 0.5 - np.log(2), units=64, scale=1 + sum(map(abs, terms)))
    assert_within(out.grad_alpha[0, 0], bend - bends[0], units=64, scale=abs(bend) + abs(bends[0]))
    assert_within(out.grad_beta[0, 0], bend - bends[1], units=64, scale=abs(bend) + abs(bends[1]))


@pytest.mark.theorem("BET-02")
def test_the_uniform_policy_has_the_largest_entropy() -> None:
    """E_B of ACC-33 is 393 there."""
    out = beta_entropy([[1.0]], [[1.0]])
    beside = beta_entropy(1 + np.array([[0.0], [2.0**-10], [-(2.0**-10)]]), 1 + np.array([[2.0**-10], [0.0], [0.0]]))

    assert_within(out.entropy[0], 0.0, units=393, scale=1)
    assert out.grad_alpha[0, 0] == out.grad_beta[0, 0] == 0
    assert np.all(beside.entropy < -(2.0**-23))


FOURS = pytest.mark.parametrize(("alpha", "beta", "other_alpha", "other_beta"), [
    (1.0, 1.0, 2.5, 1.5), (2.5, 1.5, 1.0, 1.0), (6.0, 40.0, 3.0, 44.0), (1.25, 3.0, 4.0, 0.75),
    (100.0, 0.05, 80.0, 9.0)])


@pytest.mark.theorem("BET-03", "ACC-33")
@FOURS
def test_kl_and_its_slopes(alpha: float, beta: float, other_alpha: float, other_beta: float) -> None:
    four = alpha, beta, other_alpha, other_beta
    out = beta_kl(*([[x]] for x in four))
    left, right, h = other_alpha - alpha, other_beta - beta, other_alpha - alpha + other_beta - beta
    psi, bend = special.digamma, partial(special.polygamma, 1)
    both, turn = alpha + beta, psi(other_alpha + other_beta) - psi(alpha + beta)
    terms = (special.betaln(other_alpha, other_beta), -special.betaln(alpha, beta),
             -left * (psi(alpha) - psi(both)), -right * (psi(beta) - psi(both)))
    steps = (abs(left) + abs(right)) * bend(both)
    sizes = sum(abs(psi(x)) for x in (*four, both, other_alpha + other_beta))

    assert_within(out.kl[0], sum(terms), units=64, scale=1 + sum(map(abs, terms)))
    assert_within(out.grad_alpha[0, 0], h * bend(both) - left * bend(alpha), units=64,
                  scale=steps + abs(left) * bend(alpha))
    assert_within(out.grad_beta[0, 0], h * bend(both) - right * bend(beta), units=64,
                  scale=steps + abs(right) * bend(beta))
    assert_within(out.grad_other_alpha[0, 0], psi(other_alpha) - psi(alpha) - turn, units=64, scale=sizes)
    assert_within(out.grad_other_beta[0, 0], psi(other_beta) - psi(beta) - turn, units=64, scale=sizes)


@pytest.mark.theorem("BET-03")
@pytest.mark.parametrize(("alpha", "beta", "other_alpha", "other_beta"), [
    (1.0, 1.0, 2.5, 1.5), (2.5, 1.5, 1.0, 1.0), (6.0, 40.0, 3.0, 44.0), (1.25, 3.0, 4.0, 1.75)])
def test_kl_is_the_mean_of_the_log_ratio(alpha: float, beta: float, other_alpha: float, other_beta: float) -> None:
    """quad says how far it is off itself."""
    def term(x: float) -> float:
        new, old = (beta_log_prob([[a]], [[b]], [[x]]).log_prob[0]
                    for a, b in ((alpha, beta), (other_alpha, other_beta)))
        return float(np.exp(new) * (new - old))

    mean, error = integrate.quad(term, 0, 1)

    assert abs(beta_kl([[alpha]], [[beta]], [[other_alpha]], [[other_beta]]).kl[0] - mean) <= error + 1e-12


@pytest.mark.theorem("BET-03", "ACC-33")
def test_near_policies_keep_their_digits() -> None:
    """KL is h^2 (psi'(2) - psi'(4)) / 2 to first order in h; the terms of the formula are 1e16 times larger."""
    h = 2.0**-27
    bend = special.polygamma(1, 2.0) - special.polygamma(1, 4.0)
    out = beta_kl([[2.0]], [[2.0]], [[2.0 + h]], [[2.0]])

    assert_within(out.kl[0], h * h * bend / 2, units=2 * h / 2.0**-53)
    assert_within(out.grad_other_alpha[0, 0], h * bend, units=2 * h / 2.0**-53)
    assert beta_kl([[2.0]], [[2.0]], [[2.0]], [[2.0]]).kl[0] == 0
