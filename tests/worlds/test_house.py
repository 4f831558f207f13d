"""What the worlds may touch: the mathematics, the doorman, and one another in one direction."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ppocore.worlds

HOME = Path(ppocore.worlds.__file__).parent
MATHEMATICS = {"ppocore._arrays", "ppocore._kernels", "ppocore.advantages", "ppocore.losses"}
ABOVE = {
    "world": set(), "tables": {"world"}, "exact": {"world"}, "estimators": {"world", "exact"},
    "shift": {"world", "exact"}, "ppo": {"world", "exact", "shift"},
}


@pytest.mark.parametrize("part", ABOVE)
def test_a_part_imports_only_what_is_above_it(part: str) -> None:
    tree = ast.parse((HOME / f"{part}.py").read_text())
    found = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {name for name in found if name.startswith("ppocore")}

    assert own <= MATHEMATICS | {f"ppocore.worlds.{name}" for name in ABOVE[part]}


def test_every_part_is_listed() -> None:
    assert {path.stem for path in HOME.glob("*.py")} == {*ABOVE, "__init__"}
