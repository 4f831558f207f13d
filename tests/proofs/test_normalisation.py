"""Theorems about normalised advantages.  (-7, -1, 1, 7) has mean 0 and standard deviation 5."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore import normalize_advantages

BASE = np.array([-7.0, -1.0, 1.0, 7.0])


@pytest.mark.theorem("NORM-01")
@pytest.mark.parametrize(("k", "b"), [(1, 0), (4, 3), (0.125, -16), (-2, 1), (-512, 0)])
def test_affine_maps_act_as_a_sign_and_a_smaller_eps(k: float, b: float) -> None:
    """Two roundings on each side: of the denominator and of the quotient; 4 u together covers both sides."""
    found = normalize_advantages(k * BASE + b)

    np.testing.assert_allclose(found, np.sign(k) * BASE / (5 + 1e-8 / abs(k)), rtol=2**-51, atol=0)
    assert found.sum() == 0


@pytest.mark.theorem("NORM-01")
def test_the_variance_is_one_up_to_eps() -> None:
    """sigma = 1e-8 = eps: the shipped variance is 1/4, not 1.  Relative error: a handful of roundings."""
    found = normalize_advantages(BASE * 2e-9)

    assert np.mean(found**2) == pytest.approx(0.25, rel=16 * 2**-53)


@pytest.mark.theorem("NORM-02")
def test_constant_batches_and_single_numbers_give_zero() -> None:
    for batch in ([0.375] * 8, [-5.0] * 2, [1e300], [0.1]):
        assert not normalize_advantages(batch).any()
    assert not normalize_advantages([[0.5, float("nan")], [0.5, 0.5]], mask=[[True, False], [True, False]]).any()


@pytest.mark.theorem("NORM-02")
def test_the_standard_deviation_divides_by_n_and_eps_stands_outside_the_root() -> None:
    """(1, 3): sigma = 1.  With ddof 1 it would be sqrt 2; with eps inside the root, 1 / sqrt(1 + 1e-8)."""
    found = normalize_advantages([1.0, 3.0])

    np.testing.assert_array_equal(found, [-1 / (1 + 1e-8), 1 / (1 + 1e-8)])
    assert found[1] != 1 / np.sqrt(1 + 1e-8)
