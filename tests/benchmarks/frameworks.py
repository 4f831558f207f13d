"""A definition in torch, eager, and in JAX, jitted, with its gradients: what a user would write with autograd.

A definition is a function of a namespace, `numpy`, `torch` or `jax.numpy`, and of arrays.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import OURS

Definition = Callable[..., Any]


def contenders(
    ours: Callable[[], object], definition: Definition, arrays: list[Any], wrt: int, numpy: bool = False
) -> dict[str, Callable[[], object]]:
    """Ours beside the definition, with gradients in the first `wrt` arrays; NumPy gives the value alone."""
    found: dict[str, Callable[[], object]] = {OURS: ours}
    if numpy:
        found["NumPy, value alone" if wrt else "NumPy"] = lambda: definition(np, *arrays)
    if importlib.util.find_spec("torch"):
        found["torch, eager"] = in_torch(definition, arrays, wrt)
    if importlib.util.find_spec("jax"):
        found["JAX, jitted"] = in_jax(definition, arrays, wrt)
    return found


def in_torch(definition: Definition, arrays: list[Any], wrt: int) -> Callable[[], object]:
    """The definition over tensors of their own, and the gradients of the sum of what it returns."""
    import torch

    given = [torch.from_numpy(x.copy()) for x in arrays]
    leaves = [x.requires_grad_() for x in given[:wrt]]

    def work() -> object:
        value = definition(torch, *given)
        return (value, torch.autograd.grad(value.sum(), leaves)) if leaves else value

    return work


def in_jax(definition: Definition, arrays: list[Any], wrt: int) -> Callable[[], object]:
    """The same, compiled."""
    import jax
    import jax.numpy as jnp

    def both(*given: Any) -> Any:
        if not wrt:
            return definition(jnp, *given)
        value, back = jax.vjp(lambda *leaves: definition(jnp, *leaves, *given[wrt:]), *given[:wrt])
        return value, back(jnp.ones_like(value))

    compiled, given = jax.jit(both), [jnp.asarray(x) for x in arrays]
    return lambda: jax.block_until_ready(compiled(*given))
