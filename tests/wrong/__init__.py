"""Wrong implementations, written from the contract and field/bugs.md alone, to examine the gate with."""

import dataclasses
import importlib
import types
from collections.abc import Callable

FAMILIES = ("advantages", "policy", "values", "estimates", "off_policy", "plain_losses", "distributions", "binary", "bounded",
            "choices", "reductions", "optimisation", "torch_gradients", "groups", "sequence_losses", "batches",
            "corners")


@dataclasses.dataclass(frozen=True)
class Wrong:
    name: str
    operation: str
    function: Callable
    row: str = ""  # id in field/bugs.md, "" when the mistake is not listed there
    expect: str = "red"  # "known-mistake" or "red"
    framework: str = "numpy"
    note: str = ""

    def module(self, dtype="float64"):
        adapter = types.ModuleType("wrong_adapter")
        setattr(adapter, self.operation, self.function)
        adapter.FRAMEWORK, adapter.DTYPE, adapter.NAME = self.framework, dtype, self.name
        return adapter


def everything():
    return [w for family in FAMILIES for w in importlib.import_module(f"{__name__}.{family}").WRONG]


def collector():
    """A fresh list and a decorator that appends to it."""
    found = []

    def wrong(operation, name, row="", expect=None, framework="numpy", note=""):
        def keep(function):
            expected = expect or ("known-mistake" if row else "red")
            found.append(Wrong(name, operation, function, row, expected, framework, note))
            return function

        return keep

    return found, wrong
