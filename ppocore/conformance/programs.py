"""A program in any language as an adapter: one line of JSON to a question, one to its answer."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ppocore.conformance import lines, processes
from ppocore.conformance.adapters import BadAdapter, Description
from ppocore.conformance.case import Answer, Question
from ppocore.conformance.hello import describe
from ppocore.conformance.memory import USUAL
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.processes import Died, Process

LONGEST = 1 << 24
"""Bytes in a line beyond which it is refused: no case asks for so many."""

FAREWELL = 0.5
"""Seconds that a program has to end by itself when it is told to stop."""


@dataclass(frozen=True)
class Exec:
    """What `--exec` was given."""

    command: str


class Dialogue:
    """One run of the program: what is put to it, and its lines."""

    def __init__(self, words: str | list[str], memory: float) -> None:
        self._process = Process(words, os.environ, _lines, memory)
        self._memory = memory

    def ask(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Put one question; Died unless its answer, and nothing else, comes back in time."""
        started = time.monotonic()
        self._process.printed = b""
        self._process.put(lines.line(message).encode())
        text: bytes | None = self._process.wait(started + timeout)
        if text is None:
            raise self._death(time.monotonic() - started >= timeout, timeout)
        try:
            if len(text) > LONGEST:
                raise lines.Foreign(f"a line of more than {LONGEST >> 20} MB: {lines.excerpt(text)}")
            reply = lines.parse(text)
            if reply.get("seq") != message.get("seq"):
                raise lines.Foreign(f"{_seq(reply)} where {_seq(message)} was asked")
        except lines.Foreign as foreign:
            self._process.close()
            raise Died(f"answered with {foreign} (only answers belong on stdout, one line each)", False) from None
        return reply

    def settled(self) -> None:
        """What memory it has now is its own; only growth counts."""
        self._process.memory.begin()

    def stop(self) -> None:
        """Tell it to stop, and end it."""
        try:
            self._process.put(lines.line(lines.STOP).encode())
            self._process.put(None)
            self._process.ended(FAREWELL)
        finally:
            self._process.close()

    def kill(self) -> None:
        """End it at once."""
        self._process.close()

    def _death(self, timeout: bool, limit: float) -> Died:
        status = self._process.ended(0 if timeout else 0.5)
        self._process.close()
        last = processes.last_line(self._process.printed.decode("utf-8", "replace"))
        if self._process.greedy:
            return Died(f"the program took more than {self._memory:g} GB of memory{last}", False)
        if timeout:
            return Died(f"no answer within {limit:g} s{last or ' (each line must be flushed)'}", True)
        return Died(f"the program ended: {processes.cause(status)}{last}", False)


class Program:
    """An adapter in a program of its own; started anew after each crash, time-out or foreign line."""

    door = "exec"

    def __init__(self, command: str, memory: float = USUAL) -> None:
        self.label = command
        self._memory = memory
        self._words = _words(command)
        self._dialogue: Dialogue | None = None
        self.description = self._start()

    def ask(self, question: Question, timeout: float) -> Answer:
        """Put the question; if the program dies of it, the next question goes to a new one."""
        try:
            if self._dialogue is None:
                self._start()
            assert self._dialogue is not None
            reply = self._dialogue.ask(lines.request(question), timeout)
        except BadAdapter as error:
            return Answer("crash", f"the program could not be started again: {error}")
        except Died as death:
            self._dialogue = None
            return Answer("timeout" if death.timeout else "crash", str(death))
        return lines.answer(OPERATIONS[question.case.operation], reply)

    def close(self) -> None:
        """Tell the program to stop, and end it."""
        if self._dialogue is not None:
            self._dialogue.stop()
            self._dialogue = None

    def _start(self) -> Description:
        """Start the program and read its first line; BadAdapter if that fails in any way."""
        try:
            dialogue = Dialogue(self._words, self._memory)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BadAdapter(f"--exec {self.label}: cannot be started ({reason}).") from None
        try:
            hello = dialogue.ask(lines.START, processes.START_LIMIT)
            dialogue.settled()
            description = describe(hello, f"--exec {self.label}", _name(self._words))
        except Died as death:
            raise BadAdapter(f"--exec {self.label}: asked what it offers: {death}.") from None
        except BaseException:
            dialogue.kill()
            raise
        self._dialogue = dialogue
        return description


def _words(command: str) -> str | list[str]:
    """The command without a shell; Windows splits its command lines itself."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadAdapter(f"--exec {command}: cannot be split into words ({error}).") from None
    if not words:
        raise BadAdapter("--exec: the command is empty.")
    return command if sys.platform == "win32" else words


def _name(words: str | list[str]) -> str:
    """A name for a program that gives none: the file that it is, or that its interpreter runs."""
    parts = words.split() if isinstance(words, str) else words
    files = [word for word in parts if Path(word).suffix and not word.startswith("-")]
    return Path((files or parts)[0]).stem


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a program, cut where they exceed all reason."""
    with contextlib.suppress(OSError, ValueError):
        while text := stream.readline(LONGEST + 1):
            yield text


def _seq(message: dict[str, Any]) -> str:
    return f"seq {lines.excerpt(str(message['seq']))[1:-1]}" if "seq" in message else "no seq"
