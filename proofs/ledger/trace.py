"""Traceability, both ways: theorems name code, code names theorems, tests name theorems."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proofs.ledger.book import Ledger

ROOMS = (
    "advantages", "bernoulli", "beta", "diagnostics", "distributions", "divergences", "expectations", "groups",
    "importance", "kl_penalty", "losses", "multidiscrete", "off_policy", "optimizers", "reductions",
    "sequence_losses", "squashed", "token_rewards", "value_losses",
)
"""The mathematics: every public function in it names its theorems."""
WAIVED = {
    "ppocore.diagnostics:pareto_k_hat": "a statistical estimate: tests state its error on known tails",
    "ppocore.diagnostics:batch_health": "a rule made of thresholds; what it combines has theorems of its own",
}
"""Public functions that no theorem is about, and why."""
NAMED = re.compile(r"Theorems[.:]\*?\s*((?:[A-Z]+-\d\d[,\s]*)+)")
ID = re.compile(r"[A-Z]+-\d\d")


def complaints(ledger: Ledger, tests: Path) -> Iterator[str]:
    """Everything that is not traced, one sentence each."""
    yield from _incomplete(ledger)
    yield from _untraced_code(ledger)
    yield from _untraced_tests(ledger, marked_tests(tests))


def named_in(docstring: str | None) -> set[str]:
    """The theorems that a docstring names after the word Theorems."""
    return {id for found in NAMED.findall(docstring or "") for id in ID.findall(found)}


def find(symbol: str) -> Any:
    """The object that ``module:name`` names."""
    module, name = symbol.split(":")
    return getattr(importlib.import_module(module), name)


def public_symbols() -> Iterator[str]:
    """Every public function and kernel of the mathematics."""
    for room in ROOMS:
        module = importlib.import_module(f"ppocore.{room}")
        for name, value in vars(module).items():
            body = getattr(value, "py_func", value)
            defined_here = getattr(body, "__module__", "") == module.__name__
            is_function = hasattr(body, "__code__")
            promised = name in importlib.import_module("ppocore").__all__ or name.endswith("_kernel")
            if defined_here and is_function and promised and not name.startswith("_"):
                yield f"{module.__name__}:{name}"


def marked_tests(tests: Path) -> dict[str, list[str]]:
    """Theorem id -> tests that carry ``@pytest.mark.theorem("ID", ...)``, as ``file::name``."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                place = f"{path.relative_to(tests.parent).as_posix()}::{node.name}"
                for id in _marked(node):
                    found.setdefault(id, []).append(place)
    return found


def _marked(node: ast.FunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.theorem":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def _incomplete(ledger: Ledger) -> Iterator[str]:
    for theorem in ledger.theorems.values():
        if theorem.missing:
            continue
        kinds = {check.kind for check in theorem.checks}
        if "proof" not in kinds:
            yield f"{theorem.id} has no proof."
        if "refutation" not in kinds:
            yield f"{theorem.id} has no refutation: a check that has never failed is not a check."
        if not theorem.code:
            yield f"{theorem.id} names no code."


def _untraced_code(ledger: Ledger) -> Iterator[str]:
    public = set(public_symbols())
    for theorem in ledger.theorems.values():
        for symbol in theorem.code:
            try:
                docstring = find(symbol).__doc__
            except (AttributeError, ModuleNotFoundError, ValueError):
                yield f"{theorem.id} names {symbol}, which does not exist."
                continue
            if symbol in public and theorem.id not in named_in(docstring):
                yield f"{symbol} is named by {theorem.id}, but its docstring does not name it."
    for symbol in sorted(public):
        named = named_in(find(symbol).__doc__)
        if not named and symbol not in WAIVED:
            yield f"{symbol} names no theorem."
        for id in sorted(named):
            entry = ledger.theorems.get(id)
            if entry is None:
                yield f"{symbol} names {id}, which does not exist."
            elif not entry.missing and symbol not in entry.code:
                yield f"{symbol} names {id}, which does not name it."


def _untraced_tests(ledger: Ledger, tests: dict[str, list[str]]) -> Iterator[str]:
    for theorem in ledger.theorems.values():
        if theorem.id not in tests:
            yield f"{theorem.id} has no test that carries its mark."
    for id in sorted(set(tests) - set(ledger.theorems)):
        yield f"{tests[id][0]} is marked with {id}, which does not exist."
