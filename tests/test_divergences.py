"""KL divergences: definitions, signs, both directions, and what the three estimators expect."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import _threads, categorical_kl, divergences, gaussian_kl, kl_k1, kl_k2, kl_k3, squashed_gaussian_log_prob
from ppocore._kernels import kernel, plain
from ppocore.divergences import categorical_kl_term_kernel, k3_kernel
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


# Many rows


def pairs(width: int, dtype: type, rows: int) -> tuple[Any, Any, Any]:
    """Logits of policies close to one another and far apart, and a mask; masked logits may be anything."""
    draw = np.random.default_rng(width)
    logits = draw.normal(size=(rows, width)).astype(dtype)
    moved = draw.choice([0.0, 1e-6, 0.1, 1.0, 100.0], size=(rows, 1)) * draw.normal(size=(rows, width))
    other, legal = (logits + moved).astype(dtype), draw.random((rows, width)) < 0.7
    legal[:, 0] = True
    for z in (logits, other):
        z[~legal] = draw.choice([np.nan, np.inf, 1e30], size=int((~legal).sum()))
    return logits, other, legal


def bits(results: Any) -> list[tuple[Any, bytes]]:
    return [(x.dtype, x.tobytes()) for x in results]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 18, 65, 300])
def test_rows_of_kl_are_the_same_however_they_come(monkeypatch: pytest.MonkeyPatch, width: int, dtype: type) -> None:
    """In a large batch or alone, in whatever chunks, by any number of threads, however they lie in memory."""
    logits, other, legal = pairs(width, dtype, _threads.WORTH_IT // width + 5)
    for mask in (legal, None):
        z, y = (x if mask is not None else np.where(legal, x, dtype(0)) for x in (logits, other))
        whole = categorical_kl(z, y, action_mask=mask)
        row = len(z) // 2
        own = None if mask is None else mask[row : row + 1]
        alone = categorical_kl(z[row : row + 1], y[row : row + 1], action_mask=own)
        assert bits(alone) == bits(x[row : row + 1] for x in whole)
        lying = np.asfortranarray(z), np.repeat(y, 2, axis=0)[::2]
        assert bits(categorical_kl(*lying, action_mask=mask)) == bits(whole)
        for threads, chunk in ((1, 4099), (2, 1 << 14), (4, 1 << 12)):
            monkeypatch.setattr(divergences, "THREADS", threads)
            monkeypatch.setattr(divergences, "CHUNK", chunk)
            assert bits(categorical_kl(z, y, action_mask=mask)) == bits(whole)
        monkeypatch.undo()
        for x in whole:
            assert not np.signbit(x[x == 0]).any()


@pytest.mark.parametrize("width", [2, 18, 300])
def test_kl_of_rows_and_its_derivatives_are_the_definition(width: int) -> None:
    """u times generous scales: ACC-08 has the bound itself."""
    logits, other, legal = pairs(width, np.float64, 24)
    found = categorical_kl(logits, other, action_mask=legal)
    for b in range(24):
        with localcontext() as context:
            context.prec = 80
            tables = []
            for z in (logits[b], other[b]):
                powers = [Decimal(float(x)).exp() if ok else Decimal(0) for x, ok in zip(z, legal[b], strict=True)]
                tables.append([power / sum(powers) for power in powers])
            p, q = tables
            gaps = [(x / y).ln() if ok else Decimal(0) for x, y, ok in zip(p, q, legal[b], strict=True)]
            kl = sum((x * gap for x, gap in zip(p, gaps, strict=True)), Decimal(0))
            slopes = [x * (gap - kl) for x, gap in zip(p, gaps, strict=True)]
        reach = float(max(map(abs, gaps))) + 1
        assert_within(found.kl[b], float(kl), units=16, scale=reach * width)
        assert_within(found.grad_logits[b], [float(x) for x in slopes], units=16, scale=reach * reach * width)
        rises = [float(y - x) for x, y in zip(p, q, strict=True)]
        assert_within(found.grad_other_logits[b], rises, units=16, scale=reach * width)
        assert not found.grad_logits[b][~legal[b]].any()
        assert not found.grad_other_logits[b][~legal[b]].any()


def test_terms_in_a_loop_are_those_of_the_kernel() -> None:
    """The same bits, given the same exp and expm1: a loop without branches says nothing new."""
    draw = np.random.default_rng(3)
    log_p = -draw.exponential(size=4000)
    gaps = draw.normal(size=4000) * draw.choice([1e-9, 1e-3, 0.4, 3.0], size=4000)
    log_q = log_p + gaps
    gaps = log_q - log_p
    p, q, falls = (np.array([kernel(x) for x in xs]) for kernel, xs in
                   ((_exp, log_p), (_exp, log_q), (_expm1, -np.abs(gaps))))  # fmt: skip
    terms = np.empty(4000)

    divergences._kl_terms(gaps, p, q, falls, terms)

    assert terms.tolist() == [categorical_kl_term_kernel(x, y) for x, y in zip(log_p, log_q, strict=True)]


@kernel
def _exp(x: float) -> float:
    return np.exp(x)  # type: ignore[no-any-return]


@kernel
def _expm1(x: float) -> float:
    return np.expm1(x)  # type: ignore[no-any-return]
