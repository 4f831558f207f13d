"""What a program says of itself in its first line: the operations it offers and the inputs that each needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ppocore.conformance.adapters import DTYPES, BadAdapter, Description, plain_conventions
from ppocore.conformance.forms import Parameter
from ppocore.conformance.operations import OPERATIONS, Operation
from ppocore.conformance.signatures import nearest, unknown_input
from ppocore.conformance.texts import clean

FIELDS = ("name", "version", "language", "dtype", "conventions", "operations", "tracker", "format")


def describe(hello: Mapping[str, Any], label: str, name: str) -> Description:
    """The first line, checked; BadAdapter for what cannot be meant.  `name` is the name of a nameless program."""
    try:
        operations = dict(_operations(hello.get("operations")))
    except ValueError as error:
        raise BadAdapter(f"{label}: {error}") from None
    conventions = plain_conventions(hello.get("conventions", {}), label)
    dtype = hello.get("dtype", DTYPES[0])
    if dtype not in DTYPES:
        raise BadAdapter(f"{label}: dtype is {clean(str(dtype))!r}; it must be one of {', '.join(DTYPES)}.")
    texts = {field: _text(hello, field, label) for field in ("name", "version", "language")}
    return Description(texts["name"] or name, texts["version"], texts["language"] or "program", dtype, conventions,
                       operations, tuple(_notes(hello)))


def declaration(description: Description) -> dict[str, list[str]]:
    """The operations with their inputs, as a program would declare them."""
    return {name: [parameter.name + "?" * parameter.optional for parameter in declared]
            for name, declared in description.operations.items()}


def usual(dtype: str) -> dict[str, Any]:
    """The first line of a program that offers everything, in the first form of the table."""
    return {"dtype": dtype, "operations": {name: list(_first(operation)) for name, operation in OPERATIONS.items()}}


def _first(operation: Operation) -> Iterator[str]:
    yield from operation.needs
    for group in operation.groups:
        yield from group[0]
    for name in operation.options:
        yield f"{name}?"


def _operations(found: Any) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
    if not isinstance(found, dict) or not found:
        raise ValueError(f"operations is {_kind(found)}; an object is required that maps the name of each operation"
                         " to the list of its inputs (docs/protocol.md).")
    for name, inputs in found.items():
        if name not in OPERATIONS:
            close = nearest(name, OPERATIONS)
            raise ValueError(f"{clean(name)!r} is no operation{f'; did you mean {close!r}?' if close else '.'}")
        yield name, tuple(_parameters(OPERATIONS[name], inputs))


def _parameters(operation: Operation, inputs: Any) -> Iterator[Parameter]:
    if not isinstance(inputs, list) or not all(isinstance(name, str) for name in inputs):
        raise ValueError(f"{operation.name}: its inputs are {_kind(inputs)}; a list of names is required, from:"
                         f" {', '.join(operation.inputs)}.")
    bare = [name.removesuffix("?") for name in inputs]
    for name, declared in zip(bare, inputs, strict=True):
        if name not in operation.inputs:
            raise ValueError(clean(unknown_input(operation, name)))
        if bare.count(name) > 1:
            raise ValueError(f"{operation.name}: {name!r} is declared twice.")
        yield Parameter(name, declared != name)


def _text(hello: Mapping[str, Any], field: str, label: str) -> str:
    value = hello.get(field, "")
    if not isinstance(value, str):
        raise BadAdapter(f"{label}: {field} is {_kind(value)}; a string is required.")
    return clean(value)


def _notes(hello: Mapping[str, Any]) -> Iterator[str]:
    for field in hello:
        if field not in FIELDS:
            close = nearest(field, FIELDS)
            yield f"{clean(field)!r} in the first line is not read{f'; is it meant to be {close!r}?' if close else ''}"


def _kind(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "a boolean"
    kinds = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return ("an empty " + kinds[type(value)].split()[1]) if value in ({}, []) else kinds[type(value)]
