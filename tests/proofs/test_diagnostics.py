"""Theorems about the clip fraction and the explained variance: exact."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from ppocore import clip_fraction, clip_loss, explained_variance

SIDES, SIGNS = (-1.0, 0.0, 1.0), (-1.0, 1.0)


@pytest.mark.theorem("DIAG-01")
def test_samples_without_gradient_are_among_those_that_are_counted() -> None:
    """e^-1 and e are outside [0.75, 1.25], 1 is inside."""
    for sample in product(product(SIDES, SIGNS), repeat=2):
        logs, signs = np.array(sample).T
        fraction = clip_fraction(logs, [0.0, 0.0], signs, clip_eps=0.25)
        stopped = clip_loss(logs, [0.0, 0.0], signs, clip_eps=0.25).grad_log_prob == 0
        assert fraction == np.mean(logs != 0)
        np.testing.assert_array_equal(stopped, logs * signs > 0)
        assert stopped.mean() <= fraction


@pytest.mark.theorem("DIAG-02")
def test_explained_variance_by_hand() -> None:
    """Var(R) = 4; residuals 0, 2, 0, 2 have variance 1: 3/4.  A constant residual explains everything."""
    returns = [1.0, 5.0, 1.0, 5.0]

    assert explained_variance([1.0, 3.0, 1.0, 3.0], returns) == 0.75
    assert explained_variance([2.0, 6.0, 2.0, 6.0], returns) == 1.0
    assert explained_variance([0.0] * 4, returns) == 0.0
    assert explained_variance([-1.0, -5.0, -1.0, -5.0], returns) == -3.0


@pytest.mark.theorem("DIAG-02")
@pytest.mark.parametrize(("a", "b", "c"), [(2, 0, 0), (-1, 3, 8), (0.25, -4, 1)])
def test_explained_variance_ignores_affine_maps(a: float, b: float, c: float) -> None:
    values, returns = np.array([1.0, 3.0, 2.0, 4.0]), np.array([1.0, 5.0, 2.0, 8.0])

    assert explained_variance(a * values + b, a * returns + c) == explained_variance(values, returns)
