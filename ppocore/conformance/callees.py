"""Where an adapter's functions live while they are judged: in a worker process, in this one, or elsewhere."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from ppocore.conformance.adapters import (
    CONSTANTS,
    BadAdapter,
    Description,
    describe,
    find,
    is_file,
    missing_package,
)
from ppocore.conformance.answers import Answers, Written
from ppocore.conformance.calls import answer
from ppocore.conformance.case import Answer, Question
from ppocore.conformance.forms import Parameter
from ppocore.conformance.frameworks import find as find_framework
from ppocore.conformance.messages import pack, unpack_answer
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.processes import IN_WORKER, START_LIMIT, Died, Worker
from ppocore.conformance.programs import Exec, Program


class Callee(Protocol):
    """Something that answers questions."""

    label: str
    door: str
    """Through which option it came: "" for Python, exec, answers."""
    description: Description

    def ask(self, question: Question, timeout: float) -> Answer:
        """One call; it always comes back, as an outcome if not as an answer."""

    def close(self) -> None:
        """End it."""


class Isolated:
    """An adapter in a process of its own; a new one after each crash or time-out."""

    door = ""

    def __init__(self, target: str) -> None:
        self.label = target
        self._target = find(target)
        self._worker: Worker | None = None
        self.description = self._start()

    def ask(self, question: Question, timeout: float) -> Answer:
        """Put the question to the worker; if it dies of it, the next question goes to a new one."""
        inputs = {name: pack(question.inputs[name]) for name in question.passed}
        message = {"operation": question.case.operation, "inputs": inputs}
        try:
            if self._worker is None:
                self._start()
            assert self._worker is not None
            return unpack_answer(self._worker.ask(message, timeout))
        except BadAdapter as error:
            return Answer("crash", f"the adapter could not be loaded again: {error}")
        except Died as death:
            self._worker = None
            return Answer("timeout" if death.timeout else "crash", str(death))

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _start(self) -> Description:
        """Import the adapter in a new worker; BadAdapter if that fails in any way."""
        worker = Worker()
        try:
            # What can be imported here can be imported there.
            reply = worker.ask({"target": self._target, "paths": sys.path}, START_LIMIT)
        except Died as death:
            raise BadAdapter(f"{self.label}: while it was being imported: {death}.") from None
        except BaseException:
            worker.close()
            raise
        if "bad" in reply:
            worker.close()
            raise BadAdapter(reply["bad"].replace(self._target, self.label))
        self._worker = worker
        operations = {name: tuple(Parameter(**parameter) for parameter in declared)
                      for name, declared in reply.pop("operations").items()}
        return Description(**reply | {"operations": operations, "notes": tuple(reply["notes"])})


class InProcess:
    """A dict of functions, called in this process, each call in a thread with the time limit.

    A function that hangs leaves its thread behind, and one that crashes the interpreter takes us along: pass
    a file or module where that matters.
    """

    door = ""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.label = str(namespace.get("NAME", "dict"))
        self.description, self._functions = describe(namespace, self.label, exact=True)
        try:
            self._framework = find_framework(self.description.framework)
        except ImportError as error:
            raise BadAdapter(f"{self.label}: {missing_package(self.description, error)}") from None
        self._framework.prepare(self.description.dtype)

    def ask(self, question: Question, timeout: float) -> Answer:
        """Call in a daemon thread; printing is swallowed."""
        operation = OPERATIONS[question.case.operation]
        given = {name: question.inputs[name] for name in question.passed}
        found: list[Answer] = []

        def work() -> None:
            found.append(answer(self._functions[operation.name], operation, self._framework,
                                self.description.dtype, given))

        thread = threading.Thread(target=work, daemon=True)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            thread.start()
            thread.join(timeout)
        return found[0] if found else Answer("timeout", f"no answer within {timeout:g} s")

    def close(self) -> None:
        """Nothing to end."""


Adapter = str | Path | ModuleType | Mapping[str, Any] | Exec | Answers
"""What can be judged."""


def one_of(adapter: Adapter | None, exec: str | None, answers: str | Path | None) -> Adapter:
    """The one that was given; BadAdapter for none and for several."""
    given: list[Adapter] = [adapter] if adapter is not None else []
    given += [Exec(exec)] if exec is not None else []
    given += [Answers(Path(answers))] if answers is not None else []
    if not given:
        raise BadAdapter("check: no adapter is named; give a .py file or a module (see `ppocore template`),"
                         " --exec 'COMMAND' or --answers FILE.")
    if len(given) > 1:
        raise BadAdapter("check: give one of an adapter, --exec and --answers, not several.")
    return given[0]


def open_callee(adapter: Adapter) -> Callee:
    """The adapter, loaded where it will run; BadAdapter if it cannot be."""
    if IN_WORKER in os.environ:
        raise BadAdapter("check: the adapter checks itself while it is being imported; put the call under"
                         ' `if __name__ == "__main__":`.')
    if isinstance(adapter, Exec):
        return Program(adapter.command)
    if isinstance(adapter, Answers):
        return Written(adapter.path)
    if isinstance(adapter, (str, Path)):
        return Isolated(str(adapter))
    if isinstance(adapter, Mapping):
        return InProcess(adapter)
    if isinstance(adapter, ModuleType):
        file = getattr(adapter, "__file__", None)
        if file is None:
            names = (*OPERATIONS, *CONSTANTS)
            return InProcess({name: value for name, value in vars(adapter).items() if name in names})
        return Isolated(_target_of(adapter, file))
    raise BadAdapter(f"check: adapter is a {type(adapter).__name__}; a path, a module or a dict is required.")


def _target_of(module: ModuleType, file: str) -> str:
    """A module is imported again by its name where it is part of a package, else by its file."""
    in_package = "." in module.__name__
    return module.__name__ if in_package or not is_file(file) else file
