"""The one way kernels are compiled.

A kernel is a scalar body (or a plain loop around one) that uses only ``+ - * /``, comparisons and
``exp log expm1 log1p tanh``, so that its ``.py_func`` also runs over rationals, polynomials, intervals or
solver terms.  ``fastmath`` stays off: the compiled kernel and its body agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` with Numba: cached on disk, division as IEEE 754 has it, no reassociation."""
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy")(body))
