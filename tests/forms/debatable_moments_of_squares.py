"""E[x^2] - E[x]^2: right in exact arithmetic, cancels when the mean is large against the spread."""

import numpy as np

FRAMEWORK = "numpy"
DTYPE = "float64"


def running_moments(batches):
    n = sum(len(b) for b in batches)
    mean = sum(b.sum(axis=0) for b in batches) / n
    return mean, sum((b**2).sum(axis=0) for b in batches) / n - mean**2


def explained_variance(values, returns):
    error = returns - values
    return 1 - (np.mean(error**2) - np.mean(error) ** 2) / (np.mean(returns**2) - np.mean(returns) ** 2)
