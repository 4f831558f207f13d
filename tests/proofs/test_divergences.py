"""The theorems about KL divergences, in float64 on the compiled kernels and the public functions."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from ppocore import adapt_kl_coef, categorical_kl, gaussian_kl, kl_k1, kl_k2, kl_k3
from ppocore.divergences import categorical_kl_term_kernel, gaussian_kl_kernel, k3_kernel, kl_estimate_kernel
from ppocore.optimizers import adapt_kl_coef_kernel
from tests.closeness import assert_within

POLICIES = np.array([[1.0, 1, 2, 4], [4.0, 2, 1, 1], [1.0, 5, 1, 1], [2.0, 2, 2, 2]]) / 8
PAIRS = [(p, q) for p in POLICIES for q in POLICIES]
"""Binary fractions: their sums and differences are exact."""


def literal_kl(p: np.ndarray, q: np.ndarray) -> float:
    """sum p (log p - log q), summed without rounding between the terms."""
    return math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def score_means(weights: np.ndarray, slopes: list[float], policy: np.ndarray) -> np.ndarray:
    """sum_a weight_a slope_a (e_a - policy)."""
    terms = weights * np.array(slopes)
    return terms - terms.sum() * policy


@pytest.mark.theorem("KL-01", "KL-12")
def test_kl_is_zero_for_equal_policies_and_positive_otherwise() -> None:
    for p, q in PAIRS:
        kl = categorical_kl(np.log([p]), np.log([q])).kl[0]

        assert (kl == 0) == np.array_equal(p, q)
        assert kl >= 0
        # Four terms of size at most 5/8 log 5, each from two log-softmaxes of spread log 5.
        assert_within(kl, literal_kl(p, q), units=32, scale=1)


@pytest.mark.theorem("KL-02")
def test_k3_is_never_negative_and_zero_only_at_zero() -> None:
    sizes = [math.ldexp(1.25, -k) for k in range(-9, 500)]

    assert all(k3_kernel(sign * size) > 0 for size in sizes for sign in (1.0, -1.0))
    assert k3_kernel(0.0) == 0


@pytest.mark.theorem("KL-03")
def test_k1_and_k3_average_to_kl_of_the_sampler() -> None:
    for p, q in PAIRS:
        # Drawing each action as often as q says makes the mean of the batch the expectation.
        actions = np.repeat(np.arange(4), (8 * q).astype(int))
        for estimate in (kl_k1, kl_k3):
            found = estimate(np.log(p)[actions], np.log(q)[actions]).kl
            # Log-probabilities up to log 8, ratios up to 5, eight terms.
            assert_within(found, literal_kl(q, p), units=64, scale=1)


@pytest.mark.theorem("KL-04", "KL-05")
def test_gradients_in_both_arguments() -> None:
    for p, q in PAIRS:
        out = categorical_kl(np.log([p]), np.log([q]))

        assert_within(out.grad_other_logits[0], q - p, units=16, scale=1)
        assert_within(out.grad_logits[0], p * (np.log(p / q) - literal_kl(p, q)), units=32, scale=1)


@pytest.mark.theorem("KL-06", "KL-12")
def test_gaussian_kl_on_worked_numbers() -> None:
    # s = 1, s' = 2, m - m' = 2: log 2 + (1 + 4) / 8 - 1/2.
    out = gaussian_kl([[3.0]], [[0.0]], [[1.0]], [[math.log(2)]])

    assert_within(out.kl, [math.log(2) + 0.125], units=16)
    assert_within(out.grad_mean, [[0.5]], units=8)
    assert_within(out.grad_log_std, [[-0.75]], units=8)
    assert_within(out.grad_other_log_std, [[-0.25]], units=16)
    assert gaussian_kl_kernel(0.5, -1.5, 0.5, -1.5) == (0, 0, 0, 0)
    assert gaussian_kl_kernel(0.5, -1.5, 0.5, -1.5 + 1e-9)[0] > 0
    assert gaussian_kl_kernel(0.5, -1.5, 0.5 + 1e-9, -1.5)[0] > 0


@pytest.mark.theorem("KL-07")
def test_expected_gradients_under_the_fixed_policy() -> None:
    for p, q in PAIRS:
        log_ratios = np.log(p / q)
        for which in (1, 3):
            slopes = [kl_estimate_kernel(d, which)[1] for d in log_ratios]
            assert_within(score_means(q, slopes, p), p - q, units=32, scale=1)
    second = [kl_estimate_kernel(d, 2)[1] for d in np.log([0.5, 1.5])]
    assert score_means(np.array([0.5, 0.5]), second, np.array([0.25, 0.75]))[0] == pytest.approx(-0.311, abs=5e-4)


@pytest.mark.theorem("KL-16")
def test_expected_gradients_under_the_trained_policy() -> None:
    for pi, ref in PAIRS:
        wanted = {1: 0 * pi, 2: pi * (np.log(pi / ref) - literal_kl(pi, ref)), 3: pi - ref}
        for which, estimate in ((1, kl_k1), (2, kl_k2), (3, kl_k3)):
            # grad_log_prob is the slope in d = log ref - log pi, over the number of samples.
            slopes = estimate(np.log(ref), np.log(pi)).grad_log_prob * 4
            assert_within(score_means(pi, list(-slopes), pi), wanted[which], units=64, scale=1)


@pytest.mark.theorem("KL-08")
def test_adaptive_coefficient_on_both_sides_of_both_thresholds() -> None:
    assert [adapt_kl_coef_kernel(1.0, kl, 2.0) for kl in (3.0, 3.5, 1.5, 1.25, -1.0)] == [1, 2, 1, 0.5, 0.5]
    beta = 1.0
    for _ in range(1074):
        beta = adapt_kl_coef(beta, 0.0, target_kl=1.0)
    assert beta == 5e-324
    assert adapt_kl_coef(beta, 0.0, target_kl=1.0) == 0


@pytest.mark.theorem("KL-09")
def test_pinsker_for_two_actions() -> None:
    probabilities = np.arange(1, 64) / 64
    p, q = (x.ravel() for x in np.meshgrid(probabilities, probabilities))
    kl = categorical_kl(np.log(np.stack([p, 1 - p], 1)), np.log(np.stack([q, 1 - q], 1))).kl

    # Away from p = q the gap is at least (4/9) (p - q)^4, here 2.6e-8, far above rounding.
    assert (kl >= 2 * (p - q) ** 2).all()


@pytest.mark.theorem("KL-10")
def test_pinsker_for_four_actions() -> None:
    for p, q in PAIRS:
        # Equal policies give 0 on both sides; else the two sides are far apart.
        assert categorical_kl(np.log([p]), np.log([q])).kl[0] >= np.abs(p - q).sum() ** 2 / 2


@pytest.mark.theorem("KL-11")
def test_k3_against_forty_digits() -> None:
    with localcontext() as context:
        context.prec = 60
        for k in range(1, 40):
            for d in (1.3 * 2.0**-k, -1.7 * 2.0**-k, k / 3, -k / 3):
                exact = Decimal(d).exp() - 1 - Decimal(d)
                got = float(k3_kernel(d))
                assert abs(Decimal(got) - exact) <= 4 * Decimal(math.ulp(got)), d


@pytest.mark.theorem("KL-13")
def test_kl_grows_along_the_segment() -> None:
    for p, q in PAIRS:
        mixed = np.array([(1 - t) * p + t * q for t in np.arange(17) / 16])
        kl = categorical_kl(np.log(np.repeat([p], 17, axis=0)), np.log(mixed)).kl

        assert kl[0] == 0
        assert (np.diff(kl) > 0).all() or np.array_equal(p, q)


@pytest.mark.theorem("KL-14")
def test_the_two_pairs_of_the_source() -> None:
    near = categorical_kl(np.log([[0.01, 0.99]]), np.log([[1e-10, 1 - 1e-10]])).kl[0]
    far = categorical_kl(np.log([[0.5, 0.5]]), np.log([[0.7, 0.3]])).kl[0]

    assert (round(near, 3), round(far, 3)) == (0.174, 0.087)


@pytest.mark.theorem("KL-15")
def test_terms_have_one_sign_and_sum_to_kl() -> None:
    for p, q in PAIRS:
        terms = [categorical_kl_term_kernel(math.log(a), math.log(b)) for a, b in zip(p, q, strict=True)]

        assert all((term > 0) == (a != b) and term >= 0 for term, a, b in zip(terms, p, q, strict=True))
        assert_within(math.fsum(terms), literal_kl(p, q), units=32, scale=1)
    # The exact value p log(p/q) + q - p, with p/q = 1/2 and p/q = 2.
    for p, q in ((Fraction(1, 4), Fraction(1, 2)), (Fraction(1, 2), Fraction(1, 4))):
        term = categorical_kl_term_kernel(math.log(p), math.log(q))
        assert_within(term, float(p) * math.log(p / q) + float(q - p), units=8, scale=1)
