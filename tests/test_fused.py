"""a b + c with one rounding, against exact arithmetic: as Python computes it and compiled."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numba
import numpy as np

from ppocore._fused import fma

ULP = 2.0**-23


@numba.njit
def compiled(a: Any, b: Any, c: Any) -> Any:
    return fma(a, b, c)


def given() -> np.ndarray:
    """Triples of every size, sums that nearly cancel, and sums beside the middle between two float32."""
    rng = np.random.default_rng(5)
    a, b, c = (rng.normal(size=4000) * 2.0 ** rng.integers(-12, 13, size=4000) for _ in range(3))
    near = np.float32(a) * np.float32(b)
    middles = [(1 + ULP, 1 + ULP, sign * 2.0**-power) for power in range(1, 60) for sign in (1.0, -1.0)]
    middles += [(1.0, 1 + ULP, ULP / 2 + sign * 2.0**-power) for power in range(25, 48) for sign in (1.0, -1.0)]
    # a b is a middle exactly, and c is too small for the sum in float64.
    middles += [(1 + 2.0**-12, 1 + 2.0**-12, sign * 2.0**-power) for power in range(25, 90) for sign in (1.0, -1.0)]
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, b, -near], 1), middles]).astype(np.float32)


def nearest(exact: Fraction) -> Any:
    """The float32 nearest to a number, of two the even one."""
    guess = np.float32(float(exact))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(np.int32)) % 2))


def test_one_rounding() -> None:
    twice = 0
    for a, b, c in given():
        expected = nearest(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))
        assert fma(a, b, c) == compiled(a, b, c) == expected, (a, b, c)
        twice += a * b + c != expected
    assert twice > 1000, "the triples do not tell one rounding from two"
