"""PyTorch: fresh tensors, and torch.autograd.grad of the returned loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ppocore.conformance.adapters import describe_error
from ppocore.conformance.frameworks import NO_GRAPH, VALUE_ONLY, Gradients, Natives, fresh
from ppocore.conformance.layouts import STRIDED, TRANSPOSED


def prepare(dtype: str) -> None:
    """Nothing global: DTYPE is honoured by the tensors themselves."""


def remember() -> Callable[[], None]:
    """Default dtype and device, threads, and the switches of automatic differentiation."""
    dtype, device, threads = torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads()
    gradients, anomalies = torch.is_grad_enabled(), torch.is_anomaly_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()
    entered: list[Any] = []

    def restore() -> None:
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            # None takes the mode off that a default device is; the CPU needs none.
            torch.set_default_device(None if device.type == "cpu" else device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.is_inference_mode_enabled():
            # The mode ends when its object does, so keep that.
            entered.append(torch.inference_mode(False))
            entered[-1].__enter__()
        torch.set_grad_enabled(gradients)
        torch.use_deterministic_algorithms(deterministic)
        if torch.is_anomaly_enabled() != anomalies:
            torch.autograd.set_detect_anomaly(anomalies)

    return restore


def call(
    function: Callable[..., Any], given: Mapping[str, Any], wanted: Sequence[str], dtype: str
) -> tuple[Any, Natives, list[str]]:
    """Call with inputs that require a gradient where one is wanted; without, if only that makes it raise."""
    natives = _tensors(given, wanted, dtype)
    if not wanted:
        return function(**natives), natives, []
    try:
        # Gradients are on, whatever an earlier call has done to the global switch.
        with torch.enable_grad():
            return function(**natives), natives, []
    except Exception as error:
        natives = _tensors(given, (), dtype)
        result = function(**natives)
        reason = f"it raises when its inputs require a gradient ({describe_error(error)})"
        return result, natives, [VALUE_ONLY + reason]


def gradients(
    function: Callable[..., Any], loss: Any, pick_loss: Callable[[Any], Any], natives: Natives,
    wanted: Sequence[str],
) -> tuple[Gradients, list[str]]:
    """Derivatives with respect to exactly the wanted inputs; an input that the loss does not use has zero."""
    inputs = [natives[name] for name in wanted]
    if not all(tensor.requires_grad for tensor in inputs):
        return {}, []
    if not isinstance(loss, torch.Tensor):
        return {}, [f"{VALUE_ONLY}the loss is a {type(loss).__name__}, not a tensor, and so has no graph"]
    if loss.numel() != 1:
        return {}, [f"{VALUE_ONLY}the loss has shape {tuple(loss.shape)}, not one number to differentiate"]
    if not loss.requires_grad:
        return {}, [NO_GRAPH]
    try:
        with torch.enable_grad():
            found = torch.autograd.grad(loss.sum(), inputs, allow_unused=True)
    except RuntimeError as error:
        return {}, [f"{VALUE_ONLY}its loss cannot be differentiated ({describe_error(error)})"]
    filled = zip(wanted, inputs, found, strict=True)
    return {f"grad_{name}": _numbers(tensor if gradient is None else gradient, gradient is None)
            for name, tensor, gradient in filled}, []


def _numbers(tensor: Any, unused: bool) -> Any:
    array = tensor.detach().double().numpy()
    return np.zeros(array.shape) if unused else np.array(array)


def _tensors(given: Mapping[str, Any], wanted: Sequence[str], dtype: str) -> Natives:
    natives = {name: fresh(value, dtype, _tensor, _laid) for name, value in given.items()}
    for name in wanted:
        natives[name].requires_grad_(True)
    return natives


def _tensor(array: Any) -> Any:
    """On the CPU, whatever default device the adapter has set."""
    return torch.tensor(array, device="cpu")


def _laid(tensor: Any, layout: str) -> Any:
    """The same numbers in new memory; torch has no strides below 0."""
    if layout == TRANSPOSED:
        return tensor.permute(*range(tensor.ndim)[::-1]).contiguous().permute(*range(tensor.ndim)[::-1])
    if layout == STRIDED:
        every_other = (slice(None, None, 2),) * tensor.ndim
        room = torch.zeros([2 * length for length in tensor.shape], dtype=tensor.dtype, device="cpu")
        room[every_other] = tensor
        return room[every_other]
    return tensor
