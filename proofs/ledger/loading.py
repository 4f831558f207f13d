"""Reads all theorems: the texts, then the modules with their checks."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import proofs.theorems
from proofs.ledger.book import LEDGER, Ledger
from proofs.ledger.texts import read_texts

THEOREMS = Path(proofs.theorems.__file__).parent
TOOLS = {"z3": "z3-solver", "flint": "python-flint", "sympy": "sympy"}
"""Modules that theorem files import, and the packages of the extra `proofs` that bring them."""


def load() -> Ledger:
    """The ledger with every theorem.  A family whose tool is not installed is marked, not dropped."""
    texts = read_texts(THEOREMS)
    absent: dict[str, str] = {}
    for found in pkgutil.iter_modules([str(THEOREMS)]):
        try:
            importlib.import_module(f"proofs.theorems.{found.name}")
        except ModuleNotFoundError as error:
            if error.name not in TOOLS:
                raise
            absent[found.name] = f"{TOOLS[error.name]} is not installed: pip install 'ppocore[proofs]'"
    LEDGER.settle(texts)
    for theorem in LEDGER.theorems.values():
        theorem.missing = absent.get(theorem.text.family, "")
    return LEDGER
