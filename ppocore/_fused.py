"""a b + c with one rounding, which processors have an instruction for and Python (before 3.13) no function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import intrinsic, overload


def fma(a: Any, b: Any, c: Any) -> Any:
    """a b + c of three float32, rounded once; the same bits compiled, where three of float64 will do as well."""
    # The product is exact in float64.  The sum is rounded to an odd last bit there, lest it be rounded to even twice.
    product, more = float(a) * float(b), float(c)
    total = product + more
    moved = total - product
    lost = (product - (total - moved)) + (more - moved)
    if lost != 0 and np.float64(total).view(np.int64) % 2 == 0:
        total = float(np.nextafter(total, np.inf if lost > 0 else -np.inf))
    return np.float32(total)


@overload(fma)
def _compiled(a, b, c):  # type: ignore[no-untyped-def]  # Numba compares the names of arguments
    return lambda a, b, c: _instruction(a, b, c)


@intrinsic
def _instruction(context, a, b, c):  # type: ignore[no-untyped-def]  # Numba's form
    def code(context, builder, signature, given):  # type: ignore[no-untyped-def]
        return builder.fma(*given)

    return a(a, b, c), code
