"""Steps, clipping, coefficients and moments, by hand and against their definitions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppocore import adam_step, adapt_kl_coef, clip_grad_norm, running_moments, sgd_step, update_moments
from ppocore.optimizers import adam_kernel, sgd_kernel
from tests.closeness import assert_within
from tests.optional import require
from tests.strategies import deterministic, halves

ADAM = {"learning_rate": 0.125, "beta1": 0.75, "beta2": 0.5, "eps": 0.25}


@pytest.mark.parametrize(
    ("kl", "expected"),
    [(0.0, 1), (-0.5, 1), (0.66, 1), (0.67, 2), (1.0, 2), (1.5, 2), (1.51, 4), (1e300, 4)],
)
def test_adapt_kl_coef_doubles_above_three_halves_and_halves_below_two_thirds(kl: float, expected: int) -> None:
    assert adapt_kl_coef(2.0, kl, 1.0) == expected


def test_clip_grad_norm_is_global() -> None:
    """Norm of (2, 3; 6) is 7; scaled to 7/2 every entry is halved."""
    out = clip_grad_norm([np.array([2.0, 3.0]), np.array([[6.0]], np.float32)], max_norm=3.5)

    assert out.norm == 7
    np.testing.assert_array_equal(out.grads[0], [1, 1.5])
    np.testing.assert_array_equal(out.grads[1], [[3]])
    assert [grad.dtype for grad in out.grads] == [np.float64, np.float32]


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_clip_grad_norm_neither_overflows_nor_underflows(size: float) -> None:
    out = clip_grad_norm([[3 * size], [4 * size]], max_norm=size)

    assert_within(out.norm, 5 * size, units=4)
    assert_within(np.concatenate(out.grads), [0.6 * size, 0.8 * size], units=8)


def test_clip_grad_norm_leaves_short_and_zero_gradients_as_they_are() -> None:
    np.testing.assert_array_equal(clip_grad_norm([[3.0, 4.0]], max_norm=5).grads[0], [3, 4])
    np.testing.assert_array_equal(clip_grad_norm([[0.0]], max_norm=5).grads[0], [0])


def test_adam_step_by_hand() -> None:
    """g = 1/2: m = 1/8, v = 1/8; corrected by 1/4 and 1/8 to 1/2 and 1; the step is 1/8 * (1/2) / (1 + 1)."""
    moved, first, second = adam_kernel(2.0, 0.5, 0.0, 0.0, 0.25, 0.125, 0.125, 0.75, 0.5, 1.0)

    assert (first, second) == (1 / 8, 1 / 8)
    assert moved == 2 - 1 / 32


def test_sgd_step_by_hand() -> None:
    assert sgd_kernel(2.0, -0.5, 0.125) == 2 + 1 / 16


@deterministic
@given(st.lists(st.tuples(halves, halves), min_size=1, max_size=6), st.sampled_from([0.0, 0.25, 1.0, 3.0]))
def test_sgd_step_is_exact_where_doubles_are(pairs: list[Any], rate: float) -> None:
    params, grads = (np.array(column) for column in zip(*pairs, strict=True))
    kept = params.copy()

    after = sgd_step(params, grads, learning_rate=rate)

    assert [Fraction(x) for x in after] == [Fraction(p) - Fraction(rate) * Fraction(g) for p, g in pairs]
    np.testing.assert_array_equal(params, kept)


def test_sgd_step_keeps_the_dtype_and_is_that_of_torch() -> None:
    torch = require("torch")
    rng = np.random.default_rng(4)
    params, grads = rng.normal(size=6).astype(np.float32), rng.normal(size=6).astype(np.float32)
    theirs = torch.tensor(params.copy(), requires_grad=True)
    theirs.grad = torch.tensor(grads)
    torch.optim.SGD([theirs], lr=0.125).step()

    after = sgd_step(params, grads, learning_rate=0.125)

    assert after.dtype == np.float32
    assert_within(after, theirs.detach().numpy(), units=2)


def test_adam_is_that_of_torch() -> None:
    torch = require("torch")
    rng = np.random.default_rng(3)
    params, first, second = rng.normal(size=6), np.zeros(6), np.zeros(6)
    theirs = torch.tensor(params.copy(), requires_grad=True)
    adam = torch.optim.Adam([theirs], lr=0.125, betas=(0.75, 0.5), eps=0.25)
    for step in range(1, 6):
        grads = rng.normal(size=6)
        params, first, second = adam_step(params, grads, first, second, step=step, **ADAM)
        theirs.grad = torch.tensor(grads)
        adam.step()

    assert_within(params, theirs.detach().numpy(), units=64, scale=1 + np.abs(params))


@deterministic
@given(st.lists(st.lists(st.tuples(halves, halves), min_size=1, max_size=4), min_size=1, max_size=4))
def test_running_moments_are_those_of_all_rows(batches: list[Any]) -> None:
    rows = [[Fraction(x) for x in row] for batch in batches for row in batch]
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    var = [
        sum((x - m) ** 2 for x in column) / len(rows) for column, m in zip(zip(*rows, strict=True), mean, strict=True)
    ]

    at_once = running_moments(batches)
    one_by_one = running_moments(batches[:1])
    for batch in batches[1:]:
        one_by_one = update_moments(one_by_one, batch)

    for moments in (at_once, one_by_one):
        assert_within(moments.mean, [float(x) for x in mean], units=64, scale=8)
        assert_within(moments.var, [float(x) for x in var], units=64, scale=64)
        assert moments.num_rows == len(rows)
