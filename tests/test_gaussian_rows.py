"""Log-density and KL of Gaussians by rows, in chunks and in threads: the definition, and the same bits anyhow."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import product
from typing import Any

import numpy as np
import pytest

from ppocore import _tiles, distributions, divergences, gaussian_kl, gaussian_log_prob
from tests.closeness import assert_within
from tests.test_block_edges import always_in_threads, around, laid
from tests.test_softmax_rows import same

CALLS = {distributions: (gaussian_log_prob, 3), divergences: (gaussian_kl, 4)}
"""Where it is computed, by what, and of how many arrays."""
of_both = pytest.mark.parametrize("module", CALLS, ids=["log_prob", "kl"])
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
in_threads = pytest.mark.parametrize("threads", [1, 2, 4])


def batch(count: int, rows: int, width: int, dtype: type = np.float64) -> list[Any]:
    """Means and log_stds by turns, some of them near those after next."""
    draw = np.random.default_rng([rows, width])
    given = [draw.normal(size=(rows, width)) * (2.0, 0.7)[i % 2] for i in range(count)]
    for i in range(2, count):
        given[i][::3] = given[i - 2][::3] + 1e-5 * given[i][::3]
        given[i][::5] = given[i - 2][::5]
    return [x.astype(dtype) for x in given]


def log_density(m: Decimal, s: Decimal, a: Decimal) -> list[Decimal]:
    z, pi = (a - m) / s.exp(), Decimal("3.14159265358979323846264338327950288419716939937510582")
    return [-z * z / 2 - s - (2 * pi).ln() / 2, z / s.exp(), z * z - 1, -z / s.exp()]


def divergence(m: Decimal, s: Decimal, n: Decimal, t: Decimal) -> list[Decimal]:
    ratio, z = (2 * (s - t)).exp(), (m - n) / t.exp()
    slope = z / t.exp()
    return [t - s + (ratio + z * z - 1) / 2, slope, ratio - 1, -slope, 1 - ratio - z * z]


@of_both
@in_both_dtypes
def test_values_and_derivatives_are_the_definition(module: Any, dtype: type) -> None:
    """ACC-09 has the bounds themselves, which tests/proofs/test_accuracy.py holds to balls."""
    call, count = CALLS[module]
    given = batch(count, 40, 3, dtype)
    with localcontext() as context:
        context.prec = 60
        define: Any = log_density if count == 3 else divergence
        terms = [
            [define(*(Decimal(float(x[b, d])) for x in given)) for d in range(3)] for b in range(40)
        ]  # fmt: skip
        expected = [[float(sum(term[0] for term in row)) for row in terms]]
        expected += [[[float(term[i]) for term in row] for row in terms] for i in range(1, len(terms[0][0]))]
        sizes = [[float(sum(abs(term[0]) for term in row)) + 2 * (count == 3) for row in terms]]

    found = call(*given)

    assert {x.dtype for x in found} == {np.dtype(dtype)}
    assert_within(found[0], expected[0], units=60, scale=sizes[0])
    for i, slopes in enumerate(expected[1:], 1):
        assert_within(found[i], slopes, units=12, scale=np.abs(slopes) + (np.abs(slopes) > 0) * (i in (2, 4)))


@of_both
@in_both_dtypes
@in_threads
@pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])
@pytest.mark.parametrize("width", [1, 5])
def test_chunks_and_threads_and_layouts(
    monkeypatch: pytest.MonkeyPatch, module: Any, width: int, strided: bool, threads: int, dtype: type
) -> None:
    """In chunks of 16 rows: the bits of every row by itself."""
    call, count = CALLS[module]
    for length in around(16):
        given = batch(count, length, width, dtype)
        alone = [call(*(x[b : b + 1] for x in given)) for b in range(length)]
        with monkeypatch.context() as patched:
            always_in_threads(patched, _tiles, threads)
            patched.setattr(_tiles, "CHUNK", 16 * width)
            found = call(*laid(given, strided))

        assert same(list(found), [np.concatenate(parts) for parts in zip(*alone, strict=True)])


@of_both
def test_lists_and_frozen_and_swapped_arrays(module: Any) -> None:
    call, count = CALLS[module]
    given = batch(count, 33, 2)
    before = [x.copy() for x in given]
    found = list(call(*given))
    frozen = [x.copy() for x in given]
    for x in frozen:
        x.setflags(write=False)
    swapped = [x.astype(x.dtype.newbyteorder()) for x in given]

    for others in ([x.tolist() for x in given], frozen, swapped, [np.asfortranarray(x) for x in given],
                   [x[::-1].copy()[::-1] for x in given], [given[0].tolist(), *given[1:]]):
        assert same(list(call(*others)), found)
    assert same(given, before)
    singles = batch(count, 33, 2, np.float32)
    assert same(list(call(*(x.astype(x.dtype.newbyteorder()) for x in singles))), list(call(*singles)))
    mixed = [*singles[:-1], singles[-1].astype(np.float64)]
    assert same(list(call(*mixed)), list(call(*(x.astype(np.float64) for x in singles))))


@of_both
@in_threads
@pytest.mark.parametrize("place", [0, 15, 16, 31, 32, 79, 80])
def test_what_is_out_of_bounds_is_found_in_every_chunk(
    monkeypatch: pytest.MonkeyPatch, module: Any, place: int, threads: int
) -> None:
    call, count = CALLS[module]
    always_in_threads(monkeypatch, _tiles, threads)
    monkeypatch.setattr(_tiles, "CHUNK", 16)
    for i in range(count):
        for wrong in (np.nan, np.inf, -np.inf, *((300.5, -300.5) if i % 2 else ())):
            given = [np.zeros((81, 1)) for _ in range(count)]
            given[i][place] = wrong

            with pytest.raises(ValueError, match=rf"\[{place}, 0\] is {wrong}; every entry must be "):
                call(*given)


@of_both
def test_what_overflows_is_infinite_and_nothing_warns(module: Any) -> None:
    call, count = CALLS[module]
    given = [np.zeros((3, 2)) for _ in range(count)]
    given[0][1, 0], given[-1 if count == 4 else 1][1, 0] = 1e200, -300.0

    found = call(*given)

    assert found[0][1] == (-np.inf if count == 3 else np.inf)
    assert np.isfinite(found[0][[0, 2]]).all()
    far = [np.full((1, 1), x) for x in (0.0, 300.0, 0.0, -300.0)]
    assert gaussian_kl(*far).kl[0] == np.inf


@of_both
@in_both_dtypes
def test_no_zero_is_negative(module: Any, dtype: type) -> None:
    call, count = CALLS[module]
    for zeros in product((0.0, -0.0), repeat=count):
        for found in call(*(np.full((2, 3), zero, dtype) for zero in zeros)):
            assert not np.signbit(found[found == 0]).any()


def test_loops_are_the_proved_bodies() -> None:
    """Up to the exponentials, which NumPy takes by another road: a few units of what they are made of."""
    given = batch(4, 200, 1)
    for b in range(200):
        m, s, n, t = (float(x[b, 0]) for x in given)
        density = distributions.gaussian_log_prob_kernel(m, s, n)
        found = [x.ravel()[0] for x in gaussian_log_prob(*([[x]] for x in (m, s, n)))[:3]]
        assert_within(found, density, units=16, scale=np.abs(density) + [abs(s) + 2, 0, 1])
        apart = divergences.gaussian_kl_kernel(m, s, n, t)
        kl = gaussian_kl(*([[x]] for x in (m, s, n, t)))
        found = [x.ravel()[0] for x in (kl.kl, kl.grad_mean, kl.grad_log_std, kl.grad_other_log_std)]
        assert_within(found, apart, units=16, scale=np.abs(apart) + [0, 0, 0, abs(apart[2])])
