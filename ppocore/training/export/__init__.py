"""A trained policy for use elsewhere, without ppocore: as a torch module, or as an ONNX model."""

from ppocore.training.export.files import write_onnx, write_torch
from ppocore.training.export.plain import PlainPolicy, plain_policy

__all__ = ["PlainPolicy", "plain_policy", "write_onnx", "write_torch"]
