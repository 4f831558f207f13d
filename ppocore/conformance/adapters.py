"""Loading an adapter: somebody's functions under the names of the table, and what they declare."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ppocore._refusals import Refusal
from ppocore.conformance.forms import Parameter
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.signatures import nearest, parameters

FRAMEWORKS = ("numpy", "torch", "jax")
DTYPES = ("float64", "float32")
CONSTANTS = ("FRAMEWORK", "DTYPE", "CONVENTIONS", "NAME", "VERSION")


class BadAdapter(Refusal):
    """The adapter, or what was asked about it, cannot be run; the message is one clear line."""


@dataclass(frozen=True)
class Description:
    """What an adapter says of itself."""

    name: str
    version: str
    framework: str
    dtype: str
    conventions: Mapping[str, Any]
    operations: Mapping[str, tuple[Parameter, ...]]
    notes: tuple[str, ...] = ()


def is_file(target: str) -> bool:
    """True if the target names a file rather than a module."""
    return target.endswith(".py") or "/" in target or os.sep in target or Path(target).is_file()


def find(target: str) -> str:
    """The target with an absolute path if it is a file; BadAdapter if there is no such file."""
    if not is_file(target):
        if not all(part.isidentifier() for part in target.split(".")):
            raise BadAdapter(f"{target}: no such file, and no name of a module.")
        return target
    path = Path(target)
    if path.is_dir():
        raise BadAdapter(f"{target}: this is a folder; an adapter is a .py file or an importable module.")
    if not path.is_file():
        raise BadAdapter(f"{target}: no such file.{_similar_file(path)}")
    if path.suffix != ".py":
        raise BadAdapter(f"{target}: not a .py file; an adapter is a .py file or an importable module.")
    return str(path.absolute())


def _similar_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".py"]
    except OSError:
        return ""
    close = nearest(path.name, names)
    return f" Did you mean {path.with_name(close)}?" if close else ""


def load(target: str) -> ModuleType:
    """Import the adapter, its folder first on sys.path; BadAdapter with file, line and cause if it fails."""
    try:
        if is_file(target):
            sys.path.insert(0, str(Path(target).parent))
            return _load_file(Path(target))
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(target)
    except BadAdapter:
        raise
    except BaseException as error:
        raise BadAdapter(_import_failure(target, error)) from None


def _load_file(path: Path) -> ModuleType:
    taken = path.stem in sys.modules or path.stem in sys.stdlib_module_names
    name = f"ppocore_adapter_{path.stem}" if taken or not path.stem.isidentifier() else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadAdapter(f"{path}: cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _import_failure(target: str, error: BaseException) -> str:
    """One line: where, what, and a hint where one cause is the usual one."""
    name = Path(target).name if is_file(target) else target
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and not is_file(target) and f"{target}.".startswith(f"{missing}."):
        return f"{target}: no such file, and no module of this name can be imported from here."
    if isinstance(error, SyntaxError):
        place = f"{Path(error.filename or name).name}:{error.lineno or 1}"
        return f"{place}: {type(error).__name__}: {error.msg}"
    place = _place(target, error) or name
    if isinstance(error, SystemExit):
        return f"{place}: it calls exit while it is being imported ({text_of(error)!r})."
    text = describe_error(error)
    if "attempted relative import" in text:
        text += " (pass the adapter as package.module, so that relative imports work)"
    return f"{place}: {text}"


def _place(target: str, error: BaseException) -> str:
    """file:line of the last frame inside the adapter, else of the last that is not the import system."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == target]
    foreign = [frame for frame in frames
               if not frame.filename.startswith("<") and "importlib" not in frame.filename
               and frame.filename != __file__]
    chosen = own or foreign
    return f"{Path(chosen[-1].filename).name}:{chosen[-1].lineno}" if chosen else ""


def text_of(error: BaseException) -> str:
    """str(error) on one line and of bounded length, even where str itself raises."""
    try:
        text = " ".join(str(error).split())
    except BaseException:
        return "(its message cannot be read)"
    return text if len(text) <= 400 else text[:400] + " ..."


def describe_error(error: BaseException) -> str:
    """Type and text of an exception, on one line."""
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def peek(target: str) -> dict[str, Any]:
    """Constants that the adapter's source assigns literally, read without running it.

    FRAMEWORK and DTYPE must be known before the import, since JAX takes its precision from the environment.
    """
    path = Path(target) if is_file(target) else _module_path(target)
    try:
        tree = ast.parse(path.read_bytes()) if path is not None else None
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        # Python's parser says MemoryError of what is nested too deeply.
        return {}
    found: dict[str, Any] = {}
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {name.id: node.value.value for name in node.targets
                      if isinstance(name, ast.Name) and name.id in CONSTANTS}
    return found


def _module_path(target: str) -> Path | None:
    """Where the module's source should be, found without importing its parents."""
    relative = Path(*target.split("."))
    for folder in [os.getcwd(), *sys.path]:
        for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
            if (Path(folder) / candidate).is_file():
                return Path(folder) / candidate
    return None


def describe(
    namespace: Mapping[str, Any], label: str, exact: bool = False
) -> tuple[Description, dict[str, Callable[..., Any]]]:
    """Read a namespace: constants checked, functions found, their parameters named.

    `exact` says that every name was meant for us (a dict of functions), so that an unknown one is an error.
    """
    functions = {name: namespace[name] for name in OPERATIONS if callable(namespace.get(name))}
    try:
        declared = {name: parameters(OPERATIONS[name], function) for name, function in functions.items()}
    except ValueError as error:
        raise BadAdapter(f"{label}: {error}") from None
    if exact:
        _refuse_unknown(namespace, label)
    if not functions:
        raise BadAdapter(f"{label}: {_nothing_offered(namespace)}")
    conventions = namespace.get("CONVENTIONS", {})
    description = Description(
        name=_text(namespace, "NAME", Path(label).stem if is_file(label) else label, label),
        version=_text(namespace, "VERSION", "", label),
        framework=_choice(namespace, "FRAMEWORK", FRAMEWORKS, label),
        dtype=_choice(namespace, "DTYPE", DTYPES, label),
        conventions=plain_conventions(conventions, label),
        operations=declared,
        notes=_near_misses(namespace),
    )
    return description, functions


def missing_package(description: Description, error: ImportError) -> str:
    """What to say where the FRAMEWORK cannot be imported."""
    return f"FRAMEWORK is {description.framework!r}, which cannot be imported ({describe_error(error)})."


def _choice(namespace: Mapping[str, Any], constant: str, allowed: tuple[str, ...], label: str) -> str:
    value = namespace.get(constant, allowed[0])
    if isinstance(value, str) and value in allowed:
        return value
    close = nearest(str(value), allowed)
    hint = f"; did you mean {close!r}?" if close else "."
    raise BadAdapter(f"{label}: {constant} is {value!r}; it must be one of {', '.join(allowed)}{hint}")


def _text(namespace: Mapping[str, Any], constant: str, default: str, label: str) -> str:
    value = namespace.get(constant, default)
    if not isinstance(value, str):
        raise BadAdapter(f"{label}: {constant} is a {type(value).__name__}; it must be a string.")
    return value


def plain_conventions(conventions: Any, label: str) -> dict[str, Any]:
    """CONVENTIONS as plain data that can be sent on; its names and values are judged elsewhere."""
    if not isinstance(conventions, Mapping):
        kind = type(conventions).__name__
        raise BadAdapter(f"{label}: CONVENTIONS is a {kind}; it must be a dict of names and values.")
    return {str(name): plain_conventions(value, label) if isinstance(value, Mapping)
            else value if isinstance(value, (str, int, float, type(None))) else str(value)
            for name, value in conventions.items()}


def _callables(namespace: Mapping[str, Any]) -> list[str]:
    return [name for name, value in namespace.items() if not name.startswith("_") and callable(value)]


def _refuse_unknown(namespace: Mapping[str, Any], label: str) -> None:
    for name in namespace:
        if name not in OPERATIONS and name not in CONSTANTS:
            close = nearest(name, [*OPERATIONS, *CONSTANTS])
            hint = f"; did you mean {close!r}?" if close else "."
            raise BadAdapter(f"{label}: {name!r} is no operation{hint}")


def _nothing_offered(namespace: Mapping[str, Any]) -> str:
    close = [(name, nearest(name, OPERATIONS)) for name in _callables(namespace)]
    hints = [f"is {name!r} meant to be {right!r}?" for name, right in close if right]
    text = "it offers no operation: no function bears a name of the table (see `ppocore operations`)"
    return f"{text}; {' '.join(hints[:3])}" if hints else f"{text}."


def _near_misses(namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Functions that look like a misspelt operation, when the right one is missing."""
    import difflib

    missing = [name for name in OPERATIONS if not callable(namespace.get(name))]
    notes = []
    for name in _callables(namespace):
        close = difflib.get_close_matches(name, missing, n=1, cutoff=0.85)
        if close and name not in OPERATIONS:
            notes.append(f"`{name}` is not judged; if it is meant to be `{close[0]}`, rename it")
    return tuple(notes)
