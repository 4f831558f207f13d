"""KL divergences: definitions, signs, both directions, and what the three estimators expect."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import categorical_kl, gaussian_kl, kl_k1, kl_k2, kl_k3, squashed_gaussian_log_prob
from ppocore._kernels import plain
from ppocore.divergences import k3_kernel
from tests.closeness import assert_within
from tests.strategies import deterministic, distributions


def _logs(p: list[Fraction]) -> Any:
    return np.log([[float(x) for x in p]])


def _exact_kl(p: list[Fraction], q: list[Fraction]) -> float:
    with localcontext() as context:
        context.prec = 60
        terms = [
            Decimal(a.numerator) / a.denominator * ((a / b).numerator / Decimal((a / b).denominator)).ln()
            for a, b in zip(p, q, strict=True)
        ]
        return float(sum(terms, Decimal(0)))


@deterministic
@given(distributions(4), distributions(4))
def test_categorical_kl_is_the_definition_in_both_directions(p: list[Fraction], q: list[Fraction]) -> None:
    for left, right in ((p, q), (q, p)):
        assert_within(categorical_kl(_logs(left), _logs(right)).kl[0], _exact_kl(left, right), units=64, scale=1)


@deterministic
@given(distributions(5), st.floats(-500, 500))
def test_categorical_kl_is_zero_for_the_same_policy_and_positive_otherwise(p: list[Fraction], c: float) -> None:
    logits = _logs(p)
    moved = logits.copy()
    moved[0, 0] += 1e-7

    assert categorical_kl(logits, logits).kl[0] == 0
    assert categorical_kl(logits, logits + c).kl[0] <= 1e-24
    assert categorical_kl(logits, moved).kl[0] > 0


def test_categorical_kl_of_close_policies_keeps_its_digits() -> None:
    """Logits (h, 0) and (0, 0), h = 2^-20: KL(uniform, new) = log cosh(h/2) = h^2/8 - h^4/192."""
    h = 2.0**-20
    exact = h * h / 8 - h**4 / 192

    assert_within(categorical_kl([[0.0, 0.0]], [[h, 0.0]]).kl[0], exact, units=2.0**24)


def test_s12_larger_the_more_they_differ_fails_as_an_ordering_by_total_variation() -> None:
    """KL .174 at total variation .01, KL .087 at total variation .2."""
    far = categorical_kl(np.log([[0.01, 0.99]]), np.log([[1e-10, 1 - 1e-10]])).kl[0]
    near = categorical_kl(np.log([[0.5, 0.5]]), np.log([[0.7, 0.3]])).kl[0]

    assert (round(far, 3), round(near, 3)) == (0.174, 0.087)


@deterministic
@given(st.lists(st.tuples(*[st.floats(-3, 3)] * 4), min_size=1, max_size=4))
def test_gaussian_kl_is_the_definition_and_never_negative(rows: list[Any]) -> None:
    m, s, n, t = np.array(rows).T[:, None, :]

    kl = gaussian_kl(m, s, n, t).kl[0]

    terms = t - s + (np.exp(2 * s) + (m - n) ** 2) / (2 * np.exp(2 * t)) - 0.5
    scale = (1 + np.abs(s) + np.abs(t) + (np.exp(2 * s) + (m - n) ** 2) / np.exp(2 * t)).sum()
    assert_within(kl, terms.sum(), units=32, scale=scale)
    assert kl >= 0
    assert gaussian_kl(m, s, m, s).kl[0] == 0


def test_kl_of_tanh_gaussians_is_that_of_the_gaussians() -> None:
    """Gauss-Legendre over the action: E[log p(a) - log q(a)], against the closed form in u."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    shape, pairs = (400, 1), ((0.2, -0.8), (-0.1, -0.6))
    log_p, log_q = [
        squashed_gaussian_log_prob(np.full(shape, m), np.full(shape, s), nodes[:, None]).log_prob for m, s in pairs
    ]

    expected = (weights * np.exp(log_p) * (log_p - log_q)).sum()

    (m, s), (n, t) = pairs
    assert abs(gaussian_kl([[m]], [[s]], [[n]], [[t]]).kl[0] - expected) < 1e-12


@deterministic
@given(distributions(4), distributions(4))
def test_k1_and_k3_expect_kl_and_its_gradient_under_the_old_policy(old: list[Fraction], new: list[Fraction]) -> None:
    """By enumeration.  Their gradients in the new logits expect new - old; that of k2 does not."""
    p, q = np.array([float(x) for x in old]), np.array([float(x) for x in new])
    score = np.eye(4) - q
    per_action = {k: [k(np.log(q[[a]]), np.log(p[[a]])) for a in range(4)] for k in (kl_k1, kl_k2, kl_k3)}
    expected = {
        k: (
            sum(p[a] * out[a].kl for a in range(4)),
            sum(p[a] * out[a].grad_log_prob[0] * score[a] for a in range(4)),
        )
        for k, out in per_action.items()
    }

    for k in (kl_k1, kl_k3):
        assert_within(expected[k][0], _exact_kl(old, new), units=256, scale=1)
        assert_within(expected[k][1], q - p, units=256, scale=1)
    quadratic = sum(p[a] * np.log(q[a] / p[a]) * score[a] for a in range(4))
    assert_within(expected[kl_k2][1], quadratic, units=256, scale=1)


def test_k1_on_data_of_the_trained_policy_trains_nothing() -> None:
    """E_new[grad k1] = -E_new[score] = 0, although KL(new, old) = .193 is not at its minimum."""
    q = np.array([0.75, 0.25])
    score = np.eye(2) - q

    expected = sum(q[a] * kl_k1(np.log(q[[a]]), [-1.0]).grad_log_prob[0] * score[a] for a in range(2))

    np.testing.assert_array_equal(expected, [0, 0])


@pytest.mark.parametrize("k", [kl_k1, kl_k2, kl_k3])
def test_estimators_average_over_valid_slots_only(k: Any) -> None:
    nan = float("nan")
    masked = k([[0.5, nan], [1.0, -2.0]], [[0.0, nan], [0.0, 0.0]], mask=[[True, False], [True, True]])
    flat = k([0.5, 1.0, -2.0], [0.0, 0.0, 0.0])

    assert masked.kl == flat.kl
    np.testing.assert_array_equal(masked.grad_log_prob.ravel(), np.insert(flat.grad_log_prob, 1, 0.0))


@deterministic
@given(st.one_of(st.floats(-10, 10), st.floats(-0.51, 0.51), st.floats(-1e-6, 1e-6)))
def test_k3_is_right_to_a_few_units_everywhere(d: float) -> None:
    """Both the naive form and expm1(d) - d fail this by many orders at small d."""
    with localcontext() as context:
        context.prec = 400
        exact = float(Decimal(d).exp() - 1 - Decimal(d))

    assert_within(k3_kernel(d), exact, units=8, scale=max(abs(exact), 2.0**-1020))


def test_k3_kernel_runs_in_exact_arithmetic() -> None:
    """The series up to d^16 / 16!, over the rationals."""
    d = Fraction(1, 3)
    expected, term = Fraction(0), Fraction(1)
    for n in range(1, 17):
        term = term * d / n
        expected += term if n > 1 else 0

    assert plain(k3_kernel)(d) == expected


def test_categorical_kl_of_nearly_disjoint_policies_is_finite_and_right() -> None:
    """All of p lies where log q = -800, so KL = 800, though e^800 is no float."""
    out = categorical_kl([[0.0, -800.0]], [[-800.0, 0.0]])

    assert_within(out.kl[0], 800.0, units=8)
    np.testing.assert_array_equal(out.grad_other_logits, [[-1, 1]])
