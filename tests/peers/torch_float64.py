"""PyTorch itself in float64."""

from torch_float32 import *

NAME = "torch, float64"
DTYPE = "float64"
