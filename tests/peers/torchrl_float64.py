"""torchrl in float64."""

# An adapter offers what it imports.
# ruff: noqa: F403

from torchrl_float32 import *

NAME = "torchrl, float64"
DTYPE = "float64"
