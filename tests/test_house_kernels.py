"""House rules of compiled code: who calls what, and that nothing gets lost where references are not counted.

`kernel` is what Python calls or what is proved, `bare` what Python calls of a training run, `inner` what kernels alone
call; of the last two nothing counts references.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import ppocore
from ppocore._kernels import _Inner, bare, inner, kernel
from ppocore._products import product
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


def uncounted(made: Any) -> bool:
    return made.targetoptions.get("_nrt") is False


def gives_arrays(made: Any) -> bool:
    return any(word in str(made.py_func.__annotations__.get("return")) for word in ("Array", "Floats", "Ints", "Bools",
                                                                                   "Desk"))  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_arrays_that_nobody_counts_stay_among_kernels_that_do_not_count(path: Path) -> None:
    """Whoever counts would count down what was never counted up, and free what others still use."""
    name = ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")
    module = vars(importlib.import_module(name))
    for made in filter(compiled_here, module.values()):
        if not uncounted(made) or (gives_arrays(made) and not isinstance(made, _Inner)):
            called = filter(compiled_here, map(module.get, made.py_func.__code__.co_names))
            assert [other.__name__ for other in called if uncounted(other) and gives_arrays(other)] == []
        assert not (uncounted(made) and gives_arrays(made) and not isinstance(made, _Inner)), made.__name__


@pytest.mark.parametrize("compiled", [bare, inner])
def test_what_does_not_count_cannot_make_arrays(compiled: Any) -> None:
    def made(size: int) -> float:
        return np.empty(size)[0]

    with pytest.raises(numba.core.errors.NumbaError):
        outer(compiled(made))(3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(("left_turned", "right_turned"), [(False, False), (True, False), (False, True), (True, True)])
def test_products_are_those_of_whole_numbers(dtype: Any, adds: bool, left_turned: bool, right_turned: bool) -> None:
    rng = np.random.default_rng(5)
    left, right, begun = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((3, 7), (7, 5), (3, 5)))
    found = begun.copy()
    given = [np.ascontiguousarray(m.T) if turned else m for m, turned in ((left, left_turned), (right, right_turned))]

    outer(product)(given[0], left_turned, given[1], right_turned, adds, found)

    np.testing.assert_array_equal(found, left @ right + begun * adds)


def test_an_inner_kernel_is_refused_from_python_and_works_within_kernels() -> None:
    assert quadrupled(1.5) == 6.0
    with pytest.raises(TypeError, match="doubled: is called from Python; only kernels call it"):
        doubled(1.5)
    assert np.isnan(outer(doubled)(np.nan))
