"""tianshou in float64."""

# An adapter offers what it imports.
# ruff: noqa: F403

from tianshou_float32 import *

NAME = "tianshou, float64"
DTYPE = "float64"
