"""rlax in float32."""

from rlax_float64 import *

NAME = "rlax, float32"
DTYPE = "float32"
