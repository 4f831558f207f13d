"""The process in which an adapter runs: reads questions, calls, answers.

Whatever the adapter prints, closes, raises or breaks, the messages travel over descriptors of their own.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, BinaryIO

from ppocore._refusals import Refusal
from ppocore.conformance import adapters, calls, messages, returned
from ppocore.conformance.adapters import BadAdapter, describe, describe_error, load, missing_package, peek
from ppocore.conformance.case import Answer
from ppocore.conformance.frameworks import Framework, find
from ppocore.conformance.guard import Guard
from ppocore.conformance.messages import GREETING, MARK, pack_answer, receive, send, unpack
from ppocore.conformance.operations import OPERATIONS

Serve = Callable[[Mapping[str, Any], Framework, Callable[[], None]], Answer]
"""The answer to a question; the last argument puts back what code of the adapter may have changed."""

OURS = (adapters, calls, messages, returned)
"""Modules of ours that a question passes through, guarded like those of Python."""


def main() -> None:
    """Serve one adapter until the other side hangs up."""
    incoming, outgoing, log = _own_descriptors()
    home = os.getpid(), os.getcwd()
    _tidy(log, home)
    warnings.simplefilter("ignore")
    outgoing.write(GREETING)
    start = receive(incoming)
    if start is None:
        return
    faulthandler.enable(file=log, all_threads=False)
    with _alarm(start["timeout"], log):
        sys.path += [path for path in start["paths"] if path not in sys.path]
        begin = _start_term if start["term"] else _start
        reply, serve = begin(start["target"], **start["term"])
    _tidy(log, home)
    send(outgoing, reply)
    if "bad" in reply:
        return
    framework = find(reply["framework"])
    framework.prepare(reply["dtype"])
    guard = Guard((sys.modules[__name__], *OURS), framework.remember())
    threads = threading.active_count()
    while (question := receive(incoming)) is not None:
        os.write(log, MARK)
        with _alarm(question["timeout"], log):
            found = serve(question, framework, guard.settle)
        guard.restore()
        _tidy(log, home)
        # A thread that is left behind may do anything later: the other side must know whom to suspect.
        send(outgoing, pack_answer(found) | {"threads": threading.active_count() > threads})


def _answer(
    functions: Mapping[str, Any], dtype: str, question: Mapping[str, Any], framework: Framework,
    settle: Callable[[], None],
) -> Answer:
    """The answer to one question; what cannot even be described is said so."""
    operation = OPERATIONS[question["operation"]]
    given = {name: unpack(value) for name, value in question["inputs"].items()}
    try:
        return calls.answer(functions[operation.name], operation, framework, dtype, given, settle)
    except BaseException:
        settle()
        return Answer("raised", "it raises what cannot be described")


def _own_descriptors() -> tuple[BinaryIO, BinaryIO, int]:
    """Move the two pipes and the log out of the adapter's way; its output goes to the log."""
    incoming, outgoing, log = os.dup(0), os.dup(1), os.dup(2)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (incoming, outgoing):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb"), log


def _start(target: str) -> tuple[dict[str, Any], Serve]:
    """Import the adapter and describe it: the first message back."""
    _set_environment(target)
    sys.argv = [target]
    try:
        description, functions = describe(vars(load(target)), target)
    except BadAdapter as error:
        return _bad(str(error))
    except BaseException as error:
        return _bad(f"{target}: its functions cannot be read ({describe_error(error)}).")
    try:
        find(description.framework).prepare(description.dtype)
    except ImportError as error:
        return _bad(f"{target}: {missing_package(description, error)}")
    return asdict(description), partial(_answer, functions, description.dtype)


def _start_term(target: str, function: str, framework: str | None) -> tuple[dict[str, Any], Serve]:
    """Import one function for the auditor of KL terms: the first message back."""
    # Only here: the auditor needs the oracle, which no adapter waits for.
    from ppocore.conformance.estimators import called

    _set_environment(target)
    sys.argv = [target]
    try:
        found = called.load(target, function, framework)
    except Refusal as error:
        return _bad(str(error))
    except BaseException as error:
        return _bad(f"{target}: its functions cannot be read ({describe_error(error)}).")

    def serve(question: Mapping[str, Any], _: Framework, settle: Callable[[], None]) -> Answer:
        return called.served(found, question, settle)

    return {"framework": found.framework, "dtype": "float64"}, serve


def _bad(text: str) -> tuple[dict[str, Any], Serve]:
    """Nothing can be asked."""

    def nothing(*_: Any) -> Answer:
        return Answer("raised", text)

    return {"bad": text}, nothing


def _set_environment(target: str) -> None:
    """JAX reads its platform and precision when it is first imported, which may be by the adapter."""
    constants = peek(target)
    os.environ["JAX_PLATFORMS"] = "cpu"
    if constants.get("FRAMEWORK") == "jax":
        os.environ["JAX_ENABLE_X64"] = str(int(constants.get("DTYPE", "float64") != "float32"))


@contextlib.contextmanager
def _alarm(seconds: float, log: int) -> Any:
    """After the time limit: log where the code is, and exit, even if it never lets go of the GIL."""
    with contextlib.suppress(Exception):
        faulthandler.dump_traceback_later(seconds, exit=True, file=log)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _tidy(log: int, home: tuple[int, str]) -> None:
    """Undo what a call may have done to the process, so that the next one finds it as the first did."""
    if os.getpid() != home[0]:
        # A child that the adapter forked, and that came back from the call, must not answer too.
        os._exit(0)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if nothing > 2:
        os.close(nothing)
    sys.stdout, sys.stderr = (_text(stream, target) for stream, target in ((sys.stdout, 1), (sys.stderr, 2)))
    with contextlib.suppress(OSError):
        os.chdir(home[1])
    if getattr(sys.stdin, "closed", True):
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)


def _text(stream: Any, descriptor: int) -> Any:
    """A stream that prints anything: what is there, unless it was closed or refuses some characters."""
    if getattr(stream, "errors", "") == "backslashreplace" and not stream.closed:
        return stream
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


if __name__ == "__main__":
    main()
    # Not through exit handlers of the adapter, which may hang: nobody is left to stop them.
    os._exit(0)
