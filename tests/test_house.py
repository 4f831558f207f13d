"""House rules of the gate: truth flows one way, and only the reference adapter looks into the mathematics."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ppocore
from ppocore.conformance.operations import OPERATIONS

HOUSE = Path(ppocore.__file__).parent
GATE = HOUSE / "conformance"
# What each part of the gate may import of the gate, lowest first: a part may import any above it in the list.
LEVELS: list[tuple[str, ...]] = [
    ("operations", "case", "conventions", "layouts"),
    ("oracle", "forms", "vectors", "cases", "signatures", "precision", "messages", "texts", "dialects",
     "guard", "memory"),
    ("mistakes", "compare", "returned", "adapters", "processes"),
    ("infer", "shrink", "curves", "frameworks", "files", "hello", "lines", "mutants", "related"),
    ("results", "calls", "expected", "programs", "answers", "exhibits", "estimators",
     "graphs"),
    ("diagnose", "worker", "callees"),
    ("runner", "probes"),
    ("identify",),
    ("likeness", "accounts", "fields"),
    ("terminal", "matrix", "progress", "junit"),
    ("pages", "summary"),
    ("reports",),
    ("explain", "parametrized"),
    ("listing", "handout", "museum", "pytest_plugin"),
]
# What the gate shares with training, and no mathematics.
NEUTRAL = ("ppocore._refusals", "ppocore._refusals.Refusal", "ppocore._files", "ppocore._files.replace")
LEVEL = {part: number for number, parts in enumerate(LEVELS) for part in parts}


def imports(path: Path) -> set[str]:
    """Modules of ppocore that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "ppocore"}


def gate_part(name: str) -> str | None:
    parts = name.split(".")
    return parts[2] if parts[:2] == ["ppocore", "conformance"] and len(parts) > 2 else None


FILES = sorted(GATE.rglob("*.py"))


def test_every_part_of_the_gate_has_a_level() -> None:
    parts = {path.relative_to(GATE).parts[0].removesuffix(".py") for path in FILES}

    assert parts - {"__init__", "reference", "templates"} == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GATE)))
def test_gate_imports_downwards_only(path: Path) -> None:
    own = path.relative_to(GATE).parts[0].removesuffix(".py")
    if own in ("__init__", "templates"):
        return
    for name in imports(path):
        part = gate_part(name)
        if own == "reference":
            assert part is None
            continue
        assert name in ("ppocore", "ppocore.conformance", "ppocore.conformance.conformance", *NEUTRAL) or part, (
            f"{own} imports {name}: only reference may look into the mathematics")
        assert part is None or part == own or LEVEL.get(part, -1) <= LEVEL[own], f"{own} imports {name}"


@pytest.mark.parametrize("folder", ["oracle", "mistakes"])
def test_truth_imports_nothing_that_it_judges(folder: str) -> None:
    allowed = {"oracle": {"oracle"}, "mistakes": {"oracle", "mistakes", "operations"}}[folder]
    for path in (GATE / folder).glob("*.py"):
        assert {part for name in imports(path) if (part := gate_part(name))} <= allowed, path.name


def test_mathematics_knows_nothing_of_the_gate() -> None:
    for path in HOUSE.glob("*.py"):
        if path.stem not in ("__init__", "cli", "__main__"):
            assert not any(gate_part(name) or name == "ppocore.conformance" for name in imports(path)), path.name


def test_every_operation_is_a_function_of_ppocore() -> None:
    for name in OPERATIONS:
        assert callable(getattr(ppocore, name)), name


def test_judging_a_numpy_adapter_imports_no_numba_and_no_framework(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.py"
    adapter.write_text("import numpy as np\n\ndef ratio(log_prob, old_log_prob):\n"
                       "    return np.exp(log_prob - old_log_prob)\n")
    code = (f"import sys, ppocore; run = ppocore.check({str(adapter)!r});"
            "print(run.exit_status, [m for m in ('numba', 'torch', 'jax', 'scipy') if m in sys.modules])")

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "0 []"


@pytest.mark.parametrize("path", [*HOUSE.rglob("*.py")], ids=lambda path: str(path.relative_to(HOUSE)))
def test_files_have_one_topic_and_functions_fit_a_screen(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)

    assert ast.get_docstring(tree), f"{path.name} does not say what it is for"
    assert len(text.splitlines()) <= 600, path.name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            assert lines <= 50, f"{path.name}: {node.name} has {lines} lines"
