"""Handing inputs to a function in its own kind of arrays, and differentiating what it returns.

Each module here has the same four functions (see `Framework`); none is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.layouts import layout_of

Natives = dict[str, Any]
"""Inputs by name, as the function gets them."""
Gradients = dict[str, NDArray[np.float64]]

VALUE_ONLY = "judged on its value only: "
NO_GRAPH = f"{VALUE_ONLY}the loss has no graph (it is detached, or computed under no_grad)"


class Framework(Protocol):
    """What a module of this package offers."""

    def prepare(self, dtype: str) -> None:
        """Set the framework up, once, before the first call."""

    def remember(self) -> Callable[[], None]:
        """What puts the global settings back to what they are now."""

    def call(
        self, function: Callable[..., Any], given: Mapping[str, Any], wanted: Sequence[str], dtype: str
    ) -> tuple[Any, Natives, list[str]]:
        """Call with fresh inputs: the result, the inputs that were handed over, and notes."""

    def gradients(
        self, function: Callable[..., Any], loss: Any, pick_loss: Callable[[Any], Any], natives: Natives,
        wanted: Sequence[str],
    ) -> tuple[Gradients, list[str]]:
        """Derivatives of the loss by input name, or a note why there are none."""


def find(name: str) -> Framework:
    """The module for a FRAMEWORK, imported now."""
    module = {"numpy": "plain"}.get(name, name)
    return cast(Framework, importlib.import_module(f"ppocore.conformance.frameworks.{module}"))


def fresh(
    value: Any, dtype: str, array: Callable[[NDArray[Any]], Any], lay: Callable[[Any, str], Any] | None = None
) -> Any:
    """A copy of one input: float arrays in DTYPE, flags bool, indices int64, lists item by item.

    `lay` gives an array of the framework the layout that the input has; without it, all are contiguous.
    """
    if isinstance(value, (list, tuple)):
        return [fresh(item, dtype, array, lay) for item in value]
    if not isinstance(value, np.ndarray):
        return value
    kinds = {"f": np.dtype(dtype), "i": np.dtype(np.int64), "b": np.dtype(bool)}
    with np.errstate(all="ignore"):
        made = array(np.array(value, dtype=kinds[value.dtype.kind], order="C"))
    return made if lay is None else lay(made, layout_of(value))
