"""Statistics merged from halves (Chan), one sample at a time (Welford), and from sums kept by hand (Neumaier)."""

import math

import numpy as np

DTYPE = "float64"


def _merge(a, b):
    n, mean, m2 = a[0] + b[0], 0.0, 0.0
    step = b[1] - a[1]
    mean = a[1] + step * (b[0] / n)
    m2 = a[2] + b[2] + step * step * (a[0] * b[0] / n)
    return n, mean, m2


def _moments(rows):
    """Count, mean and sum of squared distances, by halves."""
    if len(rows) == 1:
        return 1, rows[0], 0 * rows[0]
    half = len(rows) // 2
    return _merge(_moments(rows[:half]), _moments(rows[half:]))


def running_moments(batches):
    state = None
    for batch in batches:
        state = _moments(batch) if state is None else _merge(state, _moments(batch))
    count, mean, m2 = state
    return mean, m2 / count


def normalize_advantages(advantages, mask=None):
    kept = advantages if mask is None else advantages[mask]
    n, mean, m2 = 0, 0.0, 0.0
    for a in kept.tolist():
        n += 1
        before = a - mean
        mean += before / n
        m2 += before * (a - mean)
    return (advantages - mean) / (math.sqrt(m2 / n) + 1e-8)


def explained_variance(values, returns):
    n, _, errors = _moments(returns - values)
    _, _, spread = _moments(returns)
    return 1 - errors / spread


def _neumaier(numbers):
    total = lost = 0.0
    for x in numbers:
        new = total + x
        lost += (total - new) + x if abs(total) >= abs(x) else (x - new) + total
        total = new
    return total + lost


def masked_mean(x, mask):
    return _neumaier(x[mask].tolist()) / np.count_nonzero(mask)


def sequence_sum_mean(x, mask):
    return _neumaier(_neumaier(row[valid].tolist()) for row, valid in zip(x, mask)) / len(x)


def kl_k3(log_prob, old_log_prob, mask=None):
    d = (log_prob - old_log_prob)[... if mask is None else mask]
    return _neumaier((np.expm1(d) - d).tolist()) / d.size
