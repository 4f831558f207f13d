"""What a call may change in its process, and the next one must find as it was."""

from __future__ import annotations

import base64
import builtins
import contextlib
import decimal
import gc
import io
import json
import locale
import os
import signal
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Restore = Callable[[], None]

SIGNALS = ("SIGABRT", "SIGALRM", "SIGCHLD", "SIGFPE", "SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""Those whose handlers code sets; the ones that faulthandler owns are not Python's."""

set_recursion_limit, set_trace = sys.setrecursionlimit, sys.settrace

STREAMS = ("stdin", "stdout", "stderr")
"""What of `sys` the worker looks after itself."""


class Guard:
    """The state of this process as it is now.

    What was there is put back; what was added stays, since code may load on its first call what it needs on the next.
    Nothing here asks whether a thing was changed by comparing it: what an adapter puts in its place may lie about that.
    """

    def __init__(self, modules: Sequence[types.ModuleType], framework: Restore) -> None:
        self._first = [_held(module) for module in (builtins, np, contextlib)]
        self._spaces = [_held(module) for module in (sys, os, io, json, base64, *modules)]
        self._modules = sys.modules, dict(sys.modules)
        self._recursion, self._trace = sys.getrecursionlimit(), sys.gettrace()
        self._numbers = _numpy(), framework
        self._rest = (_environment(), _signals(), _locale(), _interpreter(), _decimal())

    def settle(self) -> None:
        """Put back what taking an answer needs; uses itself nothing that can have been changed."""
        for space, held in self._first:
            space.update(held)
        set_trace(self._trace)
        set_recursion_limit(self._recursion)
        for restore in self._numbers:
            restore()

    def restore(self) -> None:
        """Put back everything."""
        for space, held in self._spaces:
            space.update(held)
        self.settle()
        live, modules = self._modules
        live.update(modules)
        for restore in self._rest:
            with contextlib.suppress(Exception):
                restore()


def _held(module: types.ModuleType) -> tuple[dict[str, Any], dict[str, Any]]:
    return vars(module), {name: value for name, value in vars(module).items() if name not in STREAMS}


def _numpy() -> Restore:
    errors, call, options = np.geterr(), np.geterrcall(), np.get_printoptions()

    def restore() -> None:
        np.seterr(**errors)
        np.seterrcall(call)
        np.set_printoptions(**options)

    return restore


def _environment() -> Restore:
    environment, path, arguments, umask = dict(os.environ), list(sys.path), list(sys.argv), os.umask(0)
    os.umask(umask)

    def restore() -> None:
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        sys.path, sys.argv = list(path), list(arguments)
        os.umask(umask)

    return restore


def _signals() -> Restore:
    handlers = {number: signal.getsignal(number)
                for name in SIGNALS if (number := getattr(signal, name, None)) is not None}
    clocks = ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")
    timers = [getattr(signal, name) for name in clocks if hasattr(signal, name)]

    def restore() -> None:
        for timer in timers:
            signal.setitimer(timer, 0)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    return restore


def _locale() -> Restore:
    known = locale.setlocale(locale.LC_ALL)

    def restore() -> None:
        if locale.setlocale(locale.LC_ALL) != known:
            locale.setlocale(locale.LC_ALL, known)

    return restore


def _interpreter() -> Restore:
    profile, interval = sys.getprofile(), sys.getswitchinterval()
    collects, thresholds = gc.isenabled(), gc.get_threshold()

    def restore() -> None:
        sys.setprofile(profile)
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        (gc.enable if collects else gc.disable)()

    return restore


def _decimal() -> Restore:
    context = decimal.getcontext().copy()

    def restore() -> None:
        decimal.setcontext(context.copy())

    return restore

