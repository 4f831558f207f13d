"""gymnasium: the running moments of its normalising wrappers."""

import gymnasium
from gymnasium.wrappers.utils import RunningMeanStd

NAME = "gymnasium, float64"
VERSION = gymnasium.__version__
DTYPE = "float64"


def running_moments(batches):
    """With the constructor's default count of 1e-4, as the wrappers make it."""
    moments = RunningMeanStd(shape=batches[0].shape[1:], dtype=batches[0].dtype)
    for batch in batches:
        moments.update(batch)
    return moments.mean, moments.var
