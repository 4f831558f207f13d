"""rlax in float32."""

# An adapter offers what it imports.
# ruff: noqa: F403

from rlax_float64 import *

NAME = "rlax, float32"
DTYPE = "float32"
