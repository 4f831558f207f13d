"""Every example of every docstring runs, and every public function has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import ppocore

HOUSE = Path(ppocore.__file__).parent
# The frameworks' own modules need the frameworks; they hold no examples.
MODULES = sorted(
    ".".join(("ppocore", *path.relative_to(HOUSE).with_suffix("").parts)).removesuffix(".__init__")
    for path in HOUSE.rglob("*.py") if path.parent.name != "frameworks" and path.stem != "__main__")


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))

    assert result.failed == 0


@pytest.mark.parametrize("name", [n for n in ppocore.__all__ if callable(getattr(ppocore, n))])
def test_every_public_function_shows_an_example(name: str) -> None:
    function = getattr(ppocore, name)
    text = inspect.getdoc(function) or ""

    if inspect.isfunction(function) and name != "check":
        for part in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
            assert f"{part}\n---" in text, f"{name} has no {part}"
        assert ">>>" in text
