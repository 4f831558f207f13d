"""The one way kernels are compiled.

A kernel is a scalar body (or a plain loop around one) that uses only ``+ - * /``, comparisons and
``exp log expm1 log1p tanh``, so that its body also runs over rationals, polynomials, intervals or solver
terms: ``kernel.py_func`` is the body, `plain` the body with the kernels that it calls unwrapped as well.
``fastmath`` stays off: the compiled kernel and its body agree bit for bit.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

P = ParamSpec("P")
R = TypeVar("R")


def kernel(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` with Numba: cached on disk, division as IEEE 754 has it, no reassociation, no lock held."""
    return cast("Callable[P, R]", _made(body))


def bare(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` as `kernel` does, but let it touch no counts of references to arrays.

    Threads that count up and down what they share take longer to do so than to learn from it, and to compile the
    counting takes as long as all the rest.  The body may neither make arrays nor return them, and may call only
    kernels that do not return any; whoever calls it holds what it works on.
    """
    return cast("Callable[P, R]", _made(body, _nrt=False))


def inner(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` as `bare` does, but for other kernels alone: it has no door from Python.

    That door takes a quarter of the time of compiling; only its ``py_func`` and the kernels around it can be called.
    `kernel` is for what Python calls and for the scalar bodies that are proved.
    """
    made = _made(body, _nrt=False, no_cpython_wrapper=True)
    made.__class__ = _Inner
    return cast("Callable[P, R]", made)


def strict(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` as `bare` does, for no types but those that `admit` was shown: a call with others is a TypeError.

    Numba's door looks at dtype, axes and layout of every array anyway; so it is the fastest check of them there is.
    """
    made = _made(body, _nrt=False)
    made._can_compile = False
    return cast("Callable[P, R]", made)


def admit(strict_kernel: Callable[..., Any], *arguments: Any) -> None:
    """Have a strict kernel take arguments of these types from now on."""
    made: Any = strict_kernel
    types = tuple(numba.typeof(argument) for argument in arguments)
    # A twin compiles: were the kernel itself allowed to for a moment, other threads would come in by its door.
    with global_compiler_lock:
        if types not in made.overloads:
            twin = _made(made.py_func, _nrt=False)
            twin.compile(types)
            made.add_overload(twin.overloads[types])


class _Inner(CPUDispatcher):  # type: ignore[misc]  # Numba has no types
    """A call of what has no door would end the interpreter."""

    def __call__(self, *_: Any) -> Any:
        raise TypeError(f"{self.__name__}: is called from Python; only kernels call it.")


def _made(body: Callable[P, R], **more: bool) -> Any:
    # The door from C, which Numba makes for every function unless told, is never used.
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True, **more}
    try:
        return numba.njit(cache=True, **options)(body)
    except RuntimeError as error:
        if "no locator" not in str(error):
            raise
        _say_that_nothing_is_kept()
        return numba.njit(**options)(body)


@functools.cache
def _say_that_nothing_is_kept() -> None:
    warnings.warn("ppocore: there is no folder for compiled code that can be written to, so every process compiles all"
                  " of it anew; the variable NUMBA_CACHE_DIR can name one.", RuntimeWarning, stacklevel=2)  # fmt: skip


def is_compiled(kernel: Callable[..., Any]) -> bool:
    """Whether this process, or one before it, has compiled a form of a kernel; True also where none can be kept."""
    made: Any = kernel
    kept = getattr(made._cache, "_cache_file", None)
    return bool(made.signatures) or kept is None or bool(kept._load_index())


def plain(compiled: Callable[P, R]) -> Callable[P, R]:
    """The body of a kernel, with every kernel it calls replaced by its own body: for numbers of any type."""
    body: Any = cast("Any", compiled).py_func
    called = {
        name: plain(body.__globals__[name])
        for name in body.__code__.co_names
        if hasattr(body.__globals__.get(name), "py_func")
    }
    return cast("Callable[P, R]", FunctionType(body.__code__, {**body.__globals__, **called}, body.__name__))
