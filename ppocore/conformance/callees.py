"""Where an adapter's functions live while they are judged: in a worker process, in this one, or elsewhere."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
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
from ppocore.conformance.memory import USUAL
from ppocore.conformance.messages import pack
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.processes import IN_WORKER, Died, Worker
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

    def __init__(self, target: str, memory: float = USUAL) -> None:
        self.label = target
        self._target, self._memory = find(target), memory
        self._worker: Worker | None = None
        self._others: set[str] = set()
        """Operations that this worker has answered."""
        self._threads = False
        """Whether they left threads behind."""
        self._ahead: tuple[Sequence[Question], Iterator[Answer]] | None = None
        self.description = self._start()

    def ask(self, question: Question, timeout: float) -> Answer:
        """Put one question."""
        return next(self.answers([question], timeout))

    def announce(self, questions: Sequence[Question], timeout: float) -> None:
        """Send questions that will be asked next, so that they are answered while we do something else."""
        if self._worker is not None and questions:
            self._ahead = questions, self._stretch(questions, timeout, self._worker)

    def answers(self, questions: Sequence[Question], timeout: float) -> Iterator[Answer]:
        """Put questions of one operation, all at once, and hand out the answers as they come.

        If the worker dies of one, the next goes to a new worker.  Whoever stops early ends the worker too.
        """
        left = list(questions)
        while left:
            for found in self._begun(questions, left, timeout):
                if self._suspect(left[0].case.operation, found):
                    # Another operation may have done this: see whether it happens without it.
                    self.close()
                    break
                left.pop(0)
                yield found

    def _begun(self, questions: Sequence[Question], left: Sequence[Question], timeout: float) -> Iterator[Answer]:
        """The answers to what was announced, if that is it; else to what is sent now."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            announced, stretch = ahead
            if announced is questions:
                return stretch
            # Answers come in the order of the questions: take in those that came first.
            self._ahead = announced, iter(list(stretch))
        try:
            if self._worker is None:
                self._start()
        except BadAdapter as error:
            return iter([Answer("crash", f"the adapter could not be loaded again: {error}")])
        assert self._worker is not None
        return self._stretch(list(left), timeout, self._worker)

    def _stretch(self, questions: Sequence[Question], timeout: float, worker: Worker) -> Iterator[Answer]:
        """Send the questions; the answers until one kills the worker, that one included."""
        worker.put(map(_message, questions), timeout)
        return self._taken(questions, timeout, worker)

    def _taken(self, questions: Sequence[Question], timeout: float, worker: Worker) -> Iterator[Answer]:
        whole = False
        try:
            for question in questions:
                found, threads = worker.take(timeout)
                self._others.add(question.case.operation)
                self._threads |= threads
                whole = question is questions[-1]
                yield found
        except Died as death:
            whole = True
            self._forget(worker)
            yield Answer("timeout" if death.timeout else "crash", str(death))
        finally:
            if not whole:
                self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        worker.close()
        if self._worker is worker:
            self._worker = None

    def _suspect(self, operation: str, answer: Answer) -> bool:
        """True if the worker served other operations, one of which may be why this one is not answered."""
        others = self._others - {operation}
        return bool(others) and (answer.outcome == "crash" or (self._threads and answer.outcome != "ok"))

    def close(self) -> None:
        """End the worker."""
        self._ahead = None
        if self._worker is not None:
            self._forget(self._worker)

    def _start(self) -> Description:
        """Import the adapter in a new worker; BadAdapter if that fails in any way."""
        self._others, self._threads = set(), False
        worker = Worker(self._memory)
        try:
            reply = worker.start(self._target)
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


def _message(question: Question) -> dict[str, Any]:
    """A question as the worker gets it."""
    inputs = {name: pack(question.inputs[name]) for name in question.passed}
    return {"operation": question.case.operation, "inputs": inputs}


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


def open_callee(adapter: Adapter, memory: float = USUAL) -> Callee:
    """The adapter, loaded where it will run, with so many GB for it to grow; BadAdapter if it cannot be loaded."""
    if IN_WORKER in os.environ:
        raise BadAdapter("check: the adapter checks itself while it is being imported; put the call under"
                         ' `if __name__ == "__main__":`.')
    if isinstance(adapter, Exec):
        return Program(adapter.command, memory)
    if isinstance(adapter, Answers):
        return Written(adapter.path)
    if isinstance(adapter, (str, Path)):
        return Isolated(str(adapter), memory)
    if isinstance(adapter, Mapping):
        return InProcess(adapter)
    if isinstance(adapter, ModuleType):
        file = getattr(adapter, "__file__", None)
        if file is None:
            names = (*OPERATIONS, *CONSTANTS)
            return InProcess({name: value for name, value in vars(adapter).items() if name in names})
        return Isolated(_target_of(adapter, file), memory)
    raise BadAdapter(f"check: adapter is a {type(adapter).__name__}; a path, a module or a dict is required.")


def _target_of(module: ModuleType, file: str) -> str:
    """A module is imported again by its name where it is part of a package, else by its file."""
    in_package = "." in module.__name__
    return module.__name__ if in_package or not is_file(file) else file
