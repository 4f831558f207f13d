"""What the command prints without running anything: operations, case ids, explanations, templates."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from ppocore.conformance.adapters import FRAMEWORKS, BadAdapter
from ppocore.conformance.answers import asked
from ppocore.conformance.answers import questions as written
from ppocore.conformance.callees import Adapter, open_callee
from ppocore.conformance.case import Case, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.conventions import of
from ppocore.conformance.explain import explain
from ppocore.conformance.files import refuse_unwritable, write_whole
from ppocore.conformance.operations import OPERATIONS, Operation
from ppocore.conformance.runner import Options, declared_conventions, matches, refuse_bad_options, select
from ppocore.conformance.signatures import nearest


def ids(adapter: Adapter | None, options: Options) -> Iterator[str]:
    """Ids of the cases that would run; of all there are, if no adapter is named."""
    if adapter is not None:
        for put in _questions(adapter, options):
            yield put.case.id
        return
    found = [case.id for case in _all_cases(options) if matches(options.only, case)]
    if not found:
        raise BadAdapter(f"--only {options.only}: no operation and no case is called so.")
    yield from found


def explanation(adapter: Adapter | None, id: str, options: Options) -> Iterator[str]:
    """Lines about one case."""
    by_id = {case.id: case for case in _all_cases(options)}
    if id not in by_id:
        close = nearest(id, by_id)
        hint = f"; did you mean {close}?" if close else "; `ppocore check --list` prints all ids."
        raise BadAdapter(f"--explain {id}: there is no such case{hint}")
    put = None
    if adapter is not None:
        put = next((put for put in _questions(adapter, options) if put.case.id == id), None)
    yield from explain(by_id[id], put)


def questions(hello: Path | None, dtype: str | None, out: Path, options: Options) -> int:
    """Write what a program would be asked, for one that is not here; the number of questions."""
    refuse_bad_options(options)
    refuse_unwritable(out)
    absent = asked(hello, dtype)
    declared_conventions(absent)
    found = [put for chosen, _ in select(absent, options).values() for put in chosen]
    write_whole(out, "".join(written(absent.description, found)))
    return len(found)


def _questions(adapter: Adapter, options: Options) -> list[Question]:
    callee = open_callee(adapter)
    try:
        return [put for chosen, _ in select(callee, options).values() for put in chosen]
    finally:
        callee.close()


def _all_cases(options: Options) -> list[Case]:
    return [case for name in OPERATIONS for case in cases(name, "float64", options.seed, options.examples)]


def operations(name: str | None, columns: int = 10_000) -> Iterator[str]:
    """The table, its rows wrapped to so many columns, or one row of it in full."""
    if name is None:
        width = max(map(len, OPERATIONS))
        for operation in OPERATIONS.values():
            row = f"{operation.name:<{width}}  {', '.join(_words(operation))} -> {_outputs(operation)}"
            yield from textwrap.wrap(row, max(columns, width + 30), subsequent_indent=" " * (width + 4))
        yield ""
        yield from textwrap.wrap("| separates forms of the same information, [ ] may be left out; arguments are passed"
                                 " by name. `ppocore operations NAME` prints shapes, formula and conventions.", columns)
        return
    if name not in OPERATIONS:
        close = nearest(name, OPERATIONS)
        hint = f"; did you mean {close}?" if close else "."
        raise BadAdapter(f"operations: {name} is no operation{hint}")
    operation = OPERATIONS[name]
    yield operation.name
    yield f"  inputs   {', '.join(_words(operation))}"
    yield f"  outputs  {_outputs(operation)}"
    yield f"  shapes   {operation.shapes}"
    yield f"  formula  {operation.formula}"
    for convention in of(operation.name):
        values = [f"{value} (default)" if value == convention.default else value for value in convention.values]
        yield f"  {convention.name}: {', '.join(values)}"
        yield f"      {convention.says}"


def _words(operation: Operation) -> list[str]:
    groups = [" | ".join(" + ".join(form) for form in group) for group in operation.groups]
    return [*operation.needs, *groups, *(f"[{name}]" for name in operation.options)]


def _outputs(operation: Operation) -> str:
    spare = [name for name in operation.outputs if name in operation.spare or name.startswith("grad_")]
    return ", ".join(f"[{name}]" if name in spare else name for name in operation.outputs)


def template(framework: str) -> str:
    """An adapter to fill in."""
    if framework not in FRAMEWORKS:
        close = nearest(framework, FRAMEWORKS)
        hint = f"; did you mean {close}?" if close else "."
        raise BadAdapter(f"template: {framework} is none of {', '.join(FRAMEWORKS)}{hint}")
    file = resources.files("ppocore.conformance") / "templates" / f"{framework}.txt"
    return file.read_text(encoding="utf-8")
