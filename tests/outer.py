"""Kernels that only kernels may call, made callable for tests: compiled as they are in a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def outer(inner: Callable[P, R]) -> Callable[P, R]:
    """A kernel that does nothing but call `inner`."""
    return cast("Callable[P, R]", numba.njit(lambda *given: inner(*given)))
