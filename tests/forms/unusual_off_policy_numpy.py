"""Off-policy estimates in NumPy as running products, contractions and plain loops."""

import numpy as np

FRAMEWORK = "numpy"
DTYPE = "float64"


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    """The cap in log space: exp of the smaller exponent."""
    return float(np.exp(np.minimum(log_p - log_q, np.log(max_weight))) @ fx) / len(fx)


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    """Row by row and step by step, the discounted weight carried along."""
    total = 0.0
    for new, old, reward, valid in zip(log_prob, old_log_prob, rewards, mask, strict=True):
        weight = 1.0
        for t in np.flatnonzero(valid):
            weight *= float(np.exp(new[t] - old[t]))
            total += weight * float(reward[t])
            weight *= gamma
    return total / len(log_prob)
