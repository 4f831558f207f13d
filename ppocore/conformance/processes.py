"""The other end of a process: start it, ask it, notice that it died or hangs, and end it."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ppocore.conformance.case import Answer
from ppocore.conformance.memory import OFTEN, Watch, kill_marked
from ppocore.conformance.messages import GREETING, MARK, framed, receive, unpack_answer

START_LIMIT = 120.0
"""Seconds for the import of an adapter: frameworks are slow to load, on a cold disk very slow."""

PATIENCE = {"jax": 3}
"""JAX compiles anew for every shape it meets: its calls get that many times the limit."""

GRACE = 1.0
"""Seconds after the time limit in which a worker may still report where it was."""

IN_WORKER = "PPOCORE_WORKER"
"""Set in the environment of a worker, so that an adapter that checks itself starts no worker on worker; its value is
another one for each process, by which we know what it started."""

TAIL = 1 << 15
"""Bytes kept of what the adapter prints, to say where it died."""

WAITING = 2
"""Replies that may wait to be read: one to a question, and room to see that another came unasked."""

AHEAD = 512
"""The same for a worker, which is told many questions at once."""

TIMED_OUT = re.compile(r"^Timeout \(\d+:\d\d:\d\d", re.MULTILINE)
"""What faulthandler writes when a worker ends itself at the time limit."""


NO_ANSWER = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What reading a message may raise that is no answer: an adapter may have written it."""


class Died(Exception):
    """The process is gone; `timeout` says whether it was too slow or fell by itself."""

    def __init__(self, message: str, timeout: bool) -> None:
        super().__init__(message)
        self.timeout = timeout


class Process:
    """A process that is sent bytes and whose replies are read; what it writes to stderr is kept.

    Threads do the writing and the reading: nothing that the process does, or leaves undone, can hold us up.
    """

    def __init__(
        self, command: str | Sequence[str], environment: Mapping[str, str],
        replies: Callable[[IO[bytes]], Iterable[Any]], memory: float, waiting: int = WAITING,
    ) -> None:
        self._mark, self._started = secrets.token_hex(8), time.time() - 1
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, env={**environment, IN_WORKER: self._mark}, **apart)
        self.pid = self._process.pid
        self.memory = Watch(self.pid, memory)
        self.greedy = False
        """True once it was found to take too much memory, and ended."""
        self._read = replies
        self._outgoing: queue.Queue[bytes | None] = queue.Queue()
        self._replies: queue.Queue[Any] = queue.Queue(waiting)
        self._closed = threading.Event()
        self.printed = b""
        """The end of what was written to stderr since it was last emptied."""
        works = (self._speak, self._listen, self._drain, self._watch)
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def put(self, message: bytes | None) -> None:
        """Send, None to say that nothing follows; returns at once."""
        self._outgoing.put(message)

    def wait(self, deadline: float) -> Any | None:
        """The next reply; None if the process is late or ends first (a forked child may hold the pipe)."""
        while True:
            # A reply that lies here is taken, however late we are ourselves.
            left = deadline - time.monotonic()
            with contextlib.suppress(queue.Empty):
                return self._replies.get(timeout=max(0.0, min(left, 0.1)))
            if left <= 0:
                return None
            if self._process.poll() is not None:
                with contextlib.suppress(queue.Empty):
                    return self._replies.get(timeout=0.1)
                return None

    def ended(self, seconds: float) -> int | None:
        """The exit status, waited for so long; None if it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll()

    def close(self) -> None:
        """End the process and whatever it started."""
        if self._closed.is_set():
            return
        self._closed.set()
        self.put(None)
        with contextlib.suppress(OSError):
            if sys.platform != "win32":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        kill_marked(IN_WORKER, self._mark, self._started)
        for thread in self._threads:
            thread.join(0.2)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None and not any(thread.is_alive() for thread in self._threads):
                with contextlib.suppress(OSError):
                    stream.close()

    def _speak(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            while (message := self._outgoing.get()) is not None:
                self._process.stdin.write(message)
                self._process.stdin.flush()
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for reply in self._read(self._process.stdout):
                self._hand_over(reply)
        self._hand_over(None)

    def _hand_over(self, reply: Any) -> None:
        """Queue a reply; a process that says more than it is asked waits, or is closed."""
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._replies.put(reply, timeout=0.1)
                return

    def _drain(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self._process.stderr.fileno(), 1 << 16):
                self.printed = (self.printed + chunk)[-TAIL:]

    def _watch(self) -> None:
        while not self._closed.wait(OFTEN):
            if self.memory.exceeded():
                self.greedy = True
                with contextlib.suppress(OSError):
                    # SIGABRT has a worker say where it is; Windows knows no such thing.
                    os.kill(self.pid, signal.SIGABRT if sys.platform != "win32" else signal.SIGTERM)
                if self.ended(GRACE) is None:
                    self._process.kill()
                return


class Worker:
    """One process of ours with one adapter in it."""

    def __init__(self, memory: float) -> None:
        command = [sys.executable, "-P", "-m", "ppocore.conformance.worker"]
        self._process = Process(command, _environment(), _messages, memory, AHEAD)
        self._memory = memory

    def start(self, target: str, **term: str | None) -> dict[str, Any]:
        """Have it import an adapter, and say what it found; raises Died instead of waiting longer than the limit.

        With `function` and `framework`, what is imported is one function for the auditor of KL terms.
        """
        # What can be imported here can be imported there.
        self.put([{"target": target, "paths": sys.path, "term": term}], START_LIMIT)
        reply = self._receive(START_LIMIT)
        self._process.memory.begin()
        return reply

    def put(self, questions: Iterable[dict[str, Any]], timeout: float) -> None:
        """Send questions; returns at once.  Their answers are to be taken in the same order."""
        # In one piece: each write waits until whatever else Python does here lets it.
        self._process.put(b"".join(framed(question | {"timeout": timeout}) for question in questions))

    def take(self, timeout: float) -> tuple[Answer, bool]:
        """The next answer, and whether threads were left behind; Died if there is none within the limit."""
        reply = self._receive(timeout)
        try:
            return unpack_answer(reply), bool(reply["threads"])
        except NO_ANSWER:
            self.close()
            raise Died("something else than an answer came back", False) from None

    def close(self) -> None:
        """End the process and whatever it started."""
        self._process.close()

    def _receive(self, timeout: float) -> dict[str, Any]:
        started = time.monotonic()
        reply: dict[str, Any] | None = self._process.wait(started + timeout + GRACE)
        if reply is None:
            raise self._death(time.monotonic() - started >= timeout, timeout)
        return reply

    def _death(self, late: bool, limit: float) -> Died:
        """End what is left of the process, and say how it ended and where it was."""
        status = self._process.ended(0 if late else 0.5)
        self.close()
        printed = self._process.printed.rpartition(MARK)[2].decode("utf-8", "replace")
        place = _place(printed)
        if self._process.greedy:
            return Died(f"it took more than {self._memory:g} GB of memory{place}", False)
        if late or TIMED_OUT.search(printed):
            return Died(f"no answer within {limit:g} s{place}", True)
        return Died(f"the interpreter died: {cause(status)}{place or last_line(printed)}", False)


def _messages(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The messages of a worker, after whatever the interpreter prints while it starts."""
    if _skip_to_greeting(stream):
        while (message := receive(stream)) is not None:
            yield message


def _environment() -> dict[str, str]:
    """The environment of the worker: it must find this very ppocore, and warnings are free."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    root = Path(__file__).resolve().parents[2]
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    if root not in installed:
        paths = [str(root), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _skip_to_greeting(stream: IO[bytes]) -> bool:
    seen = b""
    while not seen.endswith(GREETING):
        byte = stream.read(1)
        if not byte:
            return False
        seen = (seen + byte)[-len(GREETING):]
    return True


def cause(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "it closed its pipes"
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


def _place(printed: str) -> str:
    """Where the adapter was, from the stack that faulthandler wrote: the innermost frame that is not ours."""
    frames = re.findall(r'File "([^"]+)", line (\d+) in (\S+)', printed)
    foreign = [frame for frame in frames
               if "conformance" + os.sep not in frame[0] and not frame[0].startswith("<")]
    libraries = ("site-packages", f"{os.sep}lib{os.sep}")
    own = [frame for frame in foreign if not any(library in frame[0] for library in libraries)]
    for file, line, name in own or foreign:
        return f" (in {Path(file).name}:{line}, {name})"
    return ""


def last_line(printed: str) -> str:
    """The last thing that it printed, to follow a sentence."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return f" (last printed: {lines[-1][:120]})" if lines else ""
