"""torchrl in float64."""

from torchrl_float32 import *

NAME = "torchrl, float64"
DTYPE = "float64"
