"""Frameworks and programs that may be missing: a counted skip here, a failure where everything is required."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any, NoReturn

import pytest


def require(name: str) -> Any:
    """The module `name`; without it skip, or fail if PPOCORE_REQUIRE_ALL=1."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError:
        missing(name)


def missing(name: str) -> NoReturn:
    """A counted skip because `name` is not installed; a failure if PPOCORE_REQUIRE_ALL=1."""
    if os.environ.get("PPOCORE_REQUIRE_ALL") == "1":
        pytest.fail(f"{name} is missing and PPOCORE_REQUIRE_ALL=1")
    pytest.skip(f"{name} is not installed", allow_module_level=True)
