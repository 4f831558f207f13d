"""The one way kernels are compiled.

A kernel is a scalar body (or a plain loop around one) that uses only ``+ - * /``, comparisons and
``exp log expm1 log1p tanh``, so that its body also runs over rationals, polynomials, intervals or solver
terms: ``kernel.py_func`` is the body, `plain` the body with the kernels that it calls unwrapped as well.
``fastmath`` stays off: the compiled kernel and its body agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core.registry import CPUDispatcher

P = ParamSpec("P")
R = TypeVar("R")


def kernel(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` with Numba: cached on disk, division as IEEE 754 has it, no reassociation, no lock held."""
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy", nogil=True)(body))


def bare(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` as `kernel` does, but let it touch no counts of references to arrays.

    Threads that count up and down what they share take longer to do so than to learn from it, and to compile the
    counting takes as long as all the rest.  The body may neither make arrays nor return them, and may call only
    kernels that do not return any; whoever calls it holds what it works on.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy", nogil=True, _nrt=False)(body))


def inner(body: Callable[P, R]) -> Callable[P, R]:
    """Compile `body` as `bare` does, but for other kernels alone: it has no door from Python.

    That door takes a quarter of the time of compiling; only its ``py_func`` and the kernels around it can be called.
    `kernel` is for what Python calls and for the scalar bodies that are proved.
    """
    made: Any = numba.njit(
        cache=True, error_model="numpy", nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )(body)
    made.__class__ = _Inner
    return cast("Callable[P, R]", made)


class _Inner(CPUDispatcher):  # type: ignore[misc]  # Numba has no types
    """A call of what has no door would end the interpreter."""

    def __call__(self, *_: Any) -> Any:
        raise TypeError(f"{self.__name__}: is called from Python; only kernels call it.")


def plain(compiled: Callable[P, R]) -> Callable[P, R]:
    """The body of a kernel, with every kernel it calls replaced by its own body: for numbers of any type."""
    body: Any = cast("Any", compiled).py_func
    called = {
        name: plain(body.__globals__[name])
        for name in body.__code__.co_names
        if hasattr(body.__globals__.get(name), "py_func")
    }
    return cast("Callable[P, R]", FunctionType(body.__code__, {**body.__globals__, **called}, body.__name__))
