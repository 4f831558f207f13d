"""PyTorch itself in float64."""

# An adapter offers what it imports.
# ruff: noqa: F403

from torch_float32 import *

NAME = "torch, float64"
DTYPE = "float64"
