"""House rules of compiled code: `kernel` is what Python calls or what is proved, `inner` what kernels alone call."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import ppocore
from ppocore._kernels import _Inner, inner, kernel
from tests.outer import outer

HOUSE = Path(ppocore.__file__).parent
FILES = [HOUSE / "networks.py", *sorted((HOUSE / "environments").glob("*.py")),
         *sorted((HOUSE / "training").rglob("*.py"))]  # fmt: skip


@inner
def doubled(x: float) -> float:
    return 2.0 * x


@kernel
def quadrupled(x: float) -> float:
    return doubled(doubled(x))


def compiled_here(value: Any) -> bool:
    return isinstance(value, numba.core.registry.CPUDispatcher)


def is_compiled(function: ast.FunctionDef | ast.Lambda) -> bool:
    names = {item.id for item in getattr(function, "decorator_list", []) if isinstance(item, ast.Name)}
    return bool(names & {"kernel", "bare", "inner"})


def called_from_python(path: Path) -> list[Any]:
    """The kernels that functions of this file name which are not compiled themselves."""
    name = ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")
    module = vars(importlib.import_module(name))
    found: list[Any] = []

    def walk(node: ast.AST, within: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.Lambda):
                if not is_compiled(child):
                    walk(child, True)
                continue
            if within and isinstance(child, ast.Name) and compiled_here(module.get(child.id)):
                found.append(module[child.id])
            walk(child, within)

    walk(ast.parse(path.read_text()), False)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_python_calls_no_inner_kernel(path: Path) -> None:
    assert [made.__name__ for made in called_from_python(path) if isinstance(made, _Inner)] == []


def test_what_python_does_not_call_is_inner() -> None:
    """Elsewhere than in the mathematics, whose kernels proofs and tests call one by one."""
    called = {id(made) for path in FILES for made in called_from_python(path)}
    modules = [".".join(path.relative_to(HOUSE.parent).with_suffix("").parts) for path in FILES]
    idle = {
        f"{name}.{own}"
        for name in modules
        for own, made in vars(importlib.import_module(name)).items()
        if compiled_here(made) and made.__module__ == name and not isinstance(made, _Inner) and id(made) not in called
    }

    assert idle == set()


def test_an_inner_kernel_is_refused_from_python_and_works_within_kernels() -> None:
    assert quadrupled(1.5) == 6.0
    with pytest.raises(TypeError, match="doubled: is called from Python; only kernels call it"):
        doubled(1.5)
    assert np.isnan(outer(doubled)(np.nan))
