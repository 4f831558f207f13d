"""Formulas that papers print wrongly, in their right form, against the compiled kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ppocore
from tests.optional import require

STEPS, GAMMA, LAMBDA = 6, 0.5, 0.25
REWARDS = np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0])
VALUES = np.array([2.0, -6.0, 5.0, 3.0, 5.0, -8.0])
LAST = 9.0


def advantages(gae_lambda: float) -> np.ndarray:
    flags = np.zeros((STEPS, 1), dtype=bool)
    after = np.append(VALUES[1:], LAST)
    columns = [column[:, None] for column in (REWARDS, VALUES, after)]
    return ppocore.gae(*columns, flags, flags, gamma=GAMMA, gae_lambda=gae_lambda).advantages[:, 0]


@pytest.mark.theorem("MIS-01")
def test_equation_10_with_its_exponents_mended() -> None:
    for t in range(STEPS):
        powers = GAMMA ** np.arange(STEPS - t)
        want = -VALUES[t] + powers @ REWARDS[t:] + GAMMA ** (STEPS - t) * LAST

        assert advantages(1.0)[t] == want  # every number is a small multiple of 2^-6: exact in float64


@pytest.mark.theorem("MIS-02")
def test_equation_11_with_its_exponents_mended() -> None:
    errors = REWARDS + GAMMA * np.append(VALUES[1:], LAST) - VALUES
    for t in range(STEPS):
        powers = (GAMMA * LAMBDA) ** np.arange(STEPS - t)

        assert advantages(LAMBDA)[t] == powers @ errors[t:]


def test_every_erratum_names_a_theorem_that_has_a_refutation() -> None:
    for tool in ("z3", "flint", "sympy", "pebble"):
        require(tool)
    from proofs.ledger.loading import load

    ledger = load()
    table = (Path(__file__).parents[2] / "proofs" / "errata.md").read_text(encoding="utf-8")
    rows = [line.rstrip(" |").split("|")[-1].split(", ") for line in table.splitlines() if line.startswith("|")][2:]

    assert len(rows) >= 9
    for id in (id.strip() for row in rows for id in row):
        assert any(check.kind == "refutation" for check in ledger.theorems[id].checks), id
