"""tianshou in float64."""

from tianshou_float32 import *

NAME = "tianshou, float64"
DTYPE = "float64"
