"""The machines of the loop theorems must say no by themselves."""

from __future__ import annotations

from fractions import Fraction
from shutil import which

import pytest

from tests.optional import require

require("flint")
require("z3")

from proofs.methods.polynomials import Ring, same  # noqa: E402
from proofs.methods.recorded import bounded  # noqa: E402
from proofs.methods.solver import Vacuous  # noqa: E402


def test_equal_polynomials_are_equal_whatever_their_form() -> None:
    ring = Ring("x y")
    x, y = ring["x"], ring["y"]

    assert same([((x + y) * (x - y), x * x - y * y)]).verdict == "proved"


def test_a_false_identity_is_refuted_where_both_sides_differ() -> None:
    """x^2 y = x y holds at x = 1 and for y = 0: the witness is elsewhere."""
    ring = Ring("x y")
    x, y = ring["x"], ring["y"]
    outcome = same([(x, x), (x * x * y, x * y)])

    assert outcome.verdict == "refuted"
    assert outcome.witness == {"x": Fraction(1, 2), "y": Fraction(1)}


def test_nothing_checked_is_no_proof() -> None:
    with pytest.raises(Vacuous):
        same([])


@pytest.mark.skipif(which("gappa") is None, reason="gappa is not installed")
def test_recorded_bodies_are_bounded_as_they_compute() -> None:
    """x y + x below 2 in size errs by at most 2^-54 + 2^-53; every further operation adds its rounding."""
    ranges = {"x": "[0, 1]", "y": "[0, 1]"}

    assert bounded(lambda x, y: x * y + x, ranges, "3b-54").verdict == "proved"
    assert bounded(lambda x, y: x * y + x, ranges, "1b-54").verdict == "rejected"
    assert bounded(lambda x, y: x * y + x + x - x, ranges, "3b-54").verdict == "rejected"
