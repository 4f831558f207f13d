"""JAX: arrays on the CPU, and jax.grad of the returned loss; never jitted by us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ppocore.conformance.adapters import describe_error
from ppocore.conformance.frameworks import VALUE_ONLY, Gradients, Natives, fresh


def prepare(dtype: str) -> None:
    """x64 exactly when DTYPE is float64, whatever the adapter has configured."""
    jax.config.update("jax_enable_x64", dtype == "float64")


SETTINGS = ("jax_enable_x64", "jax_disable_jit", "jax_debug_nans", "jax_debug_infs", "jax_default_device",
            "jax_default_matmul_precision", "jax_numpy_dtype_promotion", "jax_numpy_rank_promotion")


def remember() -> Callable[[], None]:
    """The settings of jax.config that decide what arithmetic gives, or whether it raises."""
    known = {name: getattr(jax.config, name) for name in SETTINGS if hasattr(jax.config, name)}

    def restore() -> None:
        for name, value in known.items():
            if getattr(jax.config, name) != value:
                jax.config.update(name, value)

    return restore


def call(
    function: Callable[..., Any], given: Mapping[str, Any], wanted: Sequence[str], dtype: str
) -> tuple[Any, Natives, list[str]]:
    """A plain call; derivatives need a second one."""
    natives = {name: fresh(value, dtype, jnp.asarray) for name, value in given.items()}
    return function(**natives), natives, []


def gradients(
    function: Callable[..., Any], loss: Any, pick_loss: Callable[[Any], Any], natives: Natives,
    wanted: Sequence[str],
) -> tuple[Gradients, list[str]]:
    """Derivatives with respect to exactly the wanted inputs; a function that cannot be traced has none."""
    if np.size(loss) != 1:
        return {}, [f"{VALUE_ONLY}the loss has shape {np.shape(loss)}, not one number to differentiate"]
    constant = {name: value for name, value in natives.items() if name not in wanted}

    def scalar_loss(inputs: Natives) -> Any:
        value = pick_loss(function(**inputs, **constant))
        return value if jnp.ndim(value) == 0 else jnp.sum(value)

    try:
        found = jax.grad(scalar_loss)({name: natives[name] for name in wanted})
    except Exception as error:
        reason = describe_error(error).split(" The ")[0].split(" See ")[0]
        return {}, [f"{VALUE_ONLY}JAX cannot differentiate it ({reason})"]
    return {f"grad_{name}": np.asarray(gradient, dtype=np.float64) for name, gradient in found.items()}, []
