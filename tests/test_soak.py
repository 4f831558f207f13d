"""Fifty seeds of random cases: no false alarm.  `python -m tests.soak --seeds 2000` does them all."""

from __future__ import annotations

import pytest

from ppocore.conformance.operations import OPERATIONS
from tests.optional import require
from tests.soak import RIGHT, alarms

SEEDS = range(50)


@pytest.mark.parametrize("module", [name for name, framework in RIGHT.items() if framework != "jax"])
def test_right_code_is_right_on_random_cases(module: str) -> None:
    if RIGHT[module] != "numpy":
        require(RIGHT[module])
    said = list(alarms(SEEDS, [module]))

    assert [text for text in said if text] == []
    # One case an operation and seed, in two dtypes; some forms do not take every one.
    assert len(said) >= len(SEEDS) * len(OPERATIONS)
