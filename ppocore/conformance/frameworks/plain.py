"""NumPy: fresh writable arrays; no derivatives but the ones that a function returns itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ppocore.conformance.frameworks import VALUE_ONLY, Gradients, Natives, fresh
from ppocore.conformance.layouts import laid


def prepare(dtype: str) -> None:
    """Nothing to set up."""


def remember() -> Callable[[], None]:
    """NumPy's settings are looked after for every framework."""
    return lambda: None


def call(
    function: Callable[..., Any], given: Mapping[str, Any], wanted: Sequence[str], dtype: str
) -> tuple[Any, Natives, list[str]]:
    """Call with fresh arrays."""
    natives = {name: fresh(value, dtype, lambda array: array, laid) for name, value in given.items()}
    return function(**natives), natives, []


def gradients(
    function: Callable[..., Any], loss: Any, pick_loss: Callable[[Any], Any], natives: Natives,
    wanted: Sequence[str],
) -> tuple[Gradients, list[str]]:
    """None, for NumPy does not differentiate; no matter where the function returns its own."""
    return {}, [f"{VALUE_ONLY}no gradient is returned"]
