"""House rules of the mathematics: who may import whom, what an import costs, what a kernel may use."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore._kernels import plain
from tests.closeness import assert_within

HOUSE = Path(ppocore.__file__).parent
ROOMS = {
    "reductions": set(),
    "expectations": set(),
    "groups": set(),
    "token_rewards": set(),
    "optimizers": set(),
    "softmax_rows": {"reductions"},
    "distributions": {"softmax_rows"},
    "importance": {"reductions"},
    "squashed": {"distributions"},
    "divergences": {"distributions", "softmax_rows"},
    "bernoulli": {"divergences"},
    "beta_function": set(),
    "beta": {"beta_function"},
    "multidiscrete": {"divergences", "softmax_rows"},
    "advantages": set(),
    "normalization": {"reductions"},
    "token_advantages": {"advantages"},
    "off_policy": {"advantages"},
    "diagnostics": {"importance"},
    "value_losses": {"reductions"},
    "losses": {"value_losses", "reductions"},
    "sequence_losses": {"losses", "reductions"},
    "kl_penalty": {"losses", "distributions", "divergences", "reductions"},
}
OUTSIDE = {"__future__", "collections", "fractions", "typing", "numpy", "scipy", "numba"}
every_room = pytest.mark.parametrize("room", ROOMS)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            found.add(str(node.module))
    return found


def _kernels(room: str) -> dict[str, Any]:
    module = importlib.import_module(f"ppocore.{room}")
    return {
        name: value for name, value in vars(module).items()
        if hasattr(value, "py_func") and value.__module__ == module.__name__
    }  # fmt: skip


KERNELS = {f"{room}.{name}": value for room in ROOMS for name, value in _kernels(room).items()}


@every_room
def test_room_imports_only_what_its_level_may(room: str) -> None:
    under = {"ppocore._arrays", "ppocore._kernels", "ppocore._threads", "ppocore._tiles"}
    inner = under | {f"ppocore.{name}" for name in ROOMS[room]}

    for name in _imports(HOUSE / f"{room}.py"):
        assert name in inner or name.split(".")[0] in OUTSIDE, f"{room} imports {name}"


def test_doorman_imports_no_room_and_no_numba() -> None:
    assert {name.split(".")[0] for name in _imports(HOUSE / "_arrays.py")} == {
        "__future__", "collections", "fractions", "functools", "numbers", "numpy", "typing",
    }  # fmt: skip


def test_import_loads_no_numerics_and_no_framework() -> None:
    heavy = ("numpy", "numba", "scipy", "torch", "jax", "hypothesis", "rich", "typer", "ppocore.losses")
    code = f"import sys, ppocore; print([name for name in {heavy} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_import_is_quick() -> None:
    """Best of three: on a busy machine the others say nothing."""
    code = "import time; t = time.perf_counter(); import ppocore; print(time.perf_counter() - t)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]

    assert min(seconds) < 0.1


def test_names_for_type_checkers_are_the_lazy_names() -> None:
    tree = ast.parse((HOUSE / "__init__.py").read_text())
    guarded = [
        (str(node.module), alias.name)
        for block in tree.body if isinstance(block, ast.If)
        for node in block.body if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]  # fmt: skip

    assert sorted(guarded) == sorted((f"ppocore.{room}", name) for name, room in ppocore._ROOM_OF.items())


@every_room
def test_public_functions_of_a_room_are_exported(room: str) -> None:
    module = importlib.import_module(f"ppocore.{room}")
    documented = {
        name for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
        and "Parameters\n" in (value.__doc__ or "")
    }  # fmt: skip
    exported = {name for name in ppocore._ROOMS.get(room, ()) if name[0].islower()}

    assert documented == exported


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'gea'"):
        ppocore.gea  # noqa: B018


@pytest.mark.parametrize("name", [name for name in ppocore.__all__ if name[0].islower() and name != "check"])
def test_docstring_has_every_section_in_order(name: str) -> None:
    text = getattr(ppocore, name).__doc__
    sections = [
        "Parameters",
        "Returns",
        "Raises",
        "Notes",
        "*Accuracy.*",
        "References",
        "Mission row",
        "Examples",
        ">>>",
    ]
    places = [text.find(section) for section in sections]

    assert -1 not in places, sections[places.index(-1)]
    assert places == sorted(places)


@every_room
def test_function_bodies_fit_a_screen(room: str) -> None:
    for node in ast.walk(ast.parse((HOUSE / f"{room}.py").read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or body[-1].end_lineno - body[0].lineno < 40, node.name


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_is_compiled_without_fastmath(name: str) -> None:
    options = KERNELS[name].targetoptions

    assert not options.get("fastmath")
    assert options["error_model"] == "numpy"


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_uses_only_what_proofs_can_follow(name: str) -> None:
    """numpy.exp, log, expm1, log1p, tanh, sqrt, float64 and inf, and flat views of what lies plainly; no allocation, no
    power, no call of anything else."""
    allowed = {"np.exp", "np.log", "np.expm1", "np.log1p", "np.tanh", "np.sqrt", "np.float64"}
    own = {other.split(".")[1] for other in KERNELS} | {"range", "len"}
    tree = ast.parse(inspect.getsource(KERNELS[name].py_func))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.Pow, ast.FloorDiv, ast.Mod, ast.List, ast.Dict, ast.ListComp))
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id == "kernel"):
            called = ast.unparse(node.func)
            flat = isinstance(node.func, ast.Attribute) and node.func.attr == "reshape" and len(node.args) == 1
            assert flat or called in allowed | own, called


def test_kernels_of_basic_arithmetic_are_the_same_compiled_and_plain() -> None:
    """Bit for bit, on random doubles of many sizes and on the special ones."""
    rng = np.random.default_rng(7)
    basic = {"td_error_kernel": 5, "gae_kernel": 5, "return_kernel": 4, "clip_kernel": 5,
    "squared_error_kernel": 2,
             "clipped_value_kernel": 4, "adapt_kl_coef_kernel": 3, "adam_kernel": 10,
             "rllib_kl_coef_kernel": 3, "tf_agents_kl_coef_kernel": 3, "proportional_kl_coef_kernel": 5,
             "kl_reward_kernel": 3, "cispo_kernel": 5, "clipped_only_kernel": 4, "error_clamp_kernel": 3,
             "sgd_kernel": 3}  # fmt: skip
    flags = {"td_error_kernel": 3, "gae_kernel": 2, "return_kernel": 2}
    shipped = {name.split(".")[1]: value for name, value in KERNELS.items()}
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308])
    for name, count in basic.items():
        for _ in range(500):
            arguments = list(rng.normal(size=count) * 10.0 ** rng.integers(-3, 4, size=count))
            for place in np.flatnonzero(rng.random(count) < 0.15):
                arguments[place] = rng.choice(special)
            if name in flags:
                arguments[flags[name]] = bool(rng.random() < 0.5)
            with np.errstate(all="ignore"):
                uncompiled = plain(shipped[name])(*map(np.float64, arguments))
            compiled = shipped[name](*[x if isinstance(x, bool) else float(x) for x in arguments])
            assert _bits(uncompiled) == _bits(compiled), (name, arguments)


def _bits(value: Any) -> bytes:
    """The bytes of floats, all NaN alike."""
    floats = np.atleast_1d(np.array(value, dtype=np.float64))
    return np.where(np.isnan(floats), np.nan, floats).tobytes()


@pytest.mark.parametrize("name", ["k3_kernel", "log_tanh_slope_kernel", "gaussian_kl_kernel", "artanh_kernel"])
def test_kernels_with_exponentials_differ_from_their_plain_body_by_roundings_only(name: str) -> None:
    """NumPy's vector exp is another function than libm's: a few units, at the scale of the arguments."""
    rng = np.random.default_rng(8)
    shipped = {key.split(".")[1]: value for key, value in KERNELS.items()}[name]
    count = len(inspect.signature(shipped.py_func).parameters)
    for _ in range(300):
        arguments = [float(x) for x in rng.uniform(-0.9, 0.9, size=count)]
        uncompiled, compiled = np.array(plain(shipped)(*arguments)), np.array(shipped(*arguments))
        assert_within(compiled, uncompiled, units=64, scale=np.maximum(1, np.abs(uncompiled)))
