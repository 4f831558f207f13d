"""stable-baselines3 with float64 arrays in the buffer, its value clip declared, and moments that start from
nothing.

The package stores float32; its code runs as well on float64 arrays, and in float64 a convention is told
from rounding.
"""

# An adapter offers what it imports.
# ruff: noqa: F403

from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3_float32 import *

NAME = "stable-baselines3, float64"
DTYPE = "float64"
CONVENTIONS = {"value_clip": "clipped_only"}


def running_moments(batches):
    moments = RunningMeanStd(epsilon=0.0, shape=batches[0].shape[1:])
    for batch in batches:
        moments.update(batch.numpy())
    return moments.mean, moments.var
