"""How much memory a process takes, and which processes it left behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil

GIGABYTE = 2**30
USUAL = 4.0
"""Gigabytes that an adapter may take beyond what it had when it was loaded: no case is larger than a few
hundred numbers, and frameworks that are first used in a call (CUDA among them) stay well below."""

OFTEN = 0.05
"""Seconds between two looks at a process: so long takes 0.2 GB to fill."""
SELDOM = 0.5
"""Seconds between two looks at its children: finding them means to go through all processes."""

GONE = (psutil.Error, OSError, ProcessLookupError)


class Watch:
    """Says when a process and its children have grown by more than a limit."""

    def __init__(self, pid: int, gigabytes: float) -> None:
        self._limit = gigabytes * GIGABYTE
        self._root: psutil.Process | None = None
        with contextlib.suppress(*GONE):
            self._root = psutil.Process(pid)
        self._children: list[psutil.Process] = []
        self._looked = self._searched = time.monotonic()
        self._base = 0
        self.begin()

    def begin(self) -> None:
        """Count from what it has now."""
        self._base = self._resident(self._root)

    def exceeded(self) -> bool:
        """True if it has grown too far; looks now and then, however often it is asked."""
        now = time.monotonic()
        if now - self._looked < OFTEN:
            return False
        self._looked = now
        if now - self._searched >= SELDOM:
            self._searched = now
            self._children = self._descendants()
        # A forked child shares what its parent had.
        return sum(max(0, self._resident(one) - self._base) for one in (self._root, *self._children)) > self._limit

    def _descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(*GONE):
            return [] if self._root is None else list(self._root.children(recursive=True))
        return []

    @staticmethod
    def _resident(process: psutil.Process | None) -> int:
        with contextlib.suppress(*GONE):
            return 0 if process is None else int(process.memory_info().rss)
        return 0


def kill_marked(variable: str, value: str, since: float) -> None:
    """Kill every process that was started since then and inherited this environment variable, whoever is its parent."""
    for _ in range(3):
        found = list(_marked(variable, value, since))
        for process in found:
            with contextlib.suppress(*GONE):
                process.kill()
        if not found:
            return
        psutil.wait_procs(found, 0.2)


def _marked(variable: str, value: str, since: float) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(*GONE):
            started = process.create_time() >= since and process.status() != psutil.STATUS_ZOMBIE
            if started and process.environ().get(variable) == value:
                yield process
