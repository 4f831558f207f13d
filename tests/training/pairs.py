"""A small tabular world whose actions are pairs, which no compiled environment has."""

from __future__ import annotations

from typing import Any

import pytest

from ppocore.environments import SPECS, Spec, dynamics
from ppocore.environments.catalogue import TABULAR
from ppocore.worlds import garnet

SPEC = Spec("Pairs-v0", TABULAR, 7, 0, 20, tabular=True, nvec=(2, 3))
WORLD = garnet(7, 6, 2, seed=3)


def add_pairs(patch: pytest.MonkeyPatch) -> None:
    """Make the world known under its id."""
    known = dynamics._world

    def found(id: str) -> Any:
        return WORLD if id == SPEC.id else known(id)

    patch.setitem(SPECS, SPEC.id, SPEC)
    patch.setattr(dynamics, "_world", found)
