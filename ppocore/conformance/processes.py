"""The other end of a worker: start it, ask it, notice that it died or hangs, and end it."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import IO, Any

from ppocore.conformance.messages import GREETING, receive, send

START_LIMIT = 120.0
"""Seconds for the import of an adapter: frameworks are slow to load, on a cold disk very slow."""

GRACE = 1.0
"""Seconds after the time limit in which a worker may still report where it was."""

IN_WORKER = "PPOCORE_WORKER"
"""Set in the environment of a worker, so that an adapter that checks itself starts no worker on worker."""

TAIL = 1 << 15
"""Bytes kept of what the adapter prints, to say where it died."""


class Died(Exception):
    """The worker is gone; `timeout` says whether it was too slow or fell by itself."""

    def __init__(self, message: str, timeout: bool) -> None:
        super().__init__(message)
        self.timeout = timeout


class Worker:
    """One process with one adapter in it."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "ppocore.conformance.worker"]
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, env=_environment(), **apart)
        self._replies: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._printed = b""
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._drain)]
        for thread in self._threads:
            thread.start()

    def ask(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send a message and wait for its reply; raises Died instead of waiting longer than the limit."""
        started = time.monotonic()
        self._printed = b""
        try:
            assert self._process.stdin is not None
            send(self._process.stdin, message | {"timeout": timeout})
        except OSError:
            raise self._death(False, timeout) from None
        reply = self._wait(started + timeout + GRACE)
        if reply is None:
            raise self._death(time.monotonic() - started >= timeout, timeout)
        return reply

    def close(self) -> None:
        """End the process and whatever it started."""
        with contextlib.suppress(OSError):
            if sys.platform != "win32":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(0.2)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None and not any(thread.is_alive() for thread in self._threads):
                with contextlib.suppress(OSError):
                    stream.close()

    def _wait(self, deadline: float) -> dict[str, Any] | None:
        """The next reply; None if the process is late or ends first (a forked child may hold the pipe)."""
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                return self._replies.get(timeout=min(left, 0.1))
            if self._process.poll() is not None:
                with contextlib.suppress(queue.Empty):
                    return self._replies.get(timeout=0.1)
                return None
        return None

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            if _skip_to_greeting(self._process.stdout):
                while (message := receive(self._process.stdout)) is not None:
                    self._replies.put(message)
        self._replies.put(None)

    def _drain(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self._process.stderr.fileno(), 1 << 16):
                self._printed = (self._printed + chunk)[-TAIL:]

    def _death(self, timeout: bool, limit: float) -> Died:
        """End what is left of the process, and say how it ended and where it was."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0 if timeout else 0.5)
        status = self._process.poll()
        self.close()
        printed = self._printed.decode("utf-8", "replace")
        place = _place(printed)
        if timeout:
            return Died(f"no answer within {limit:g} s{place}", True)
        return Died(f"the interpreter died: {_cause(status)}{place or _last_line(printed)}", False)


def _environment() -> dict[str, str]:
    """The environment of the worker: it must find this very ppocore, and warnings are free."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    environment[IN_WORKER] = "1"
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


def _cause(status: int | None) -> str:
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


def _last_line(printed: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return f" (last printed: {lines[-1][:120]})" if lines else ""
