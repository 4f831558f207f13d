"""Binary choices by logaddexp: the side that was taken turns the sign of the logit."""

import numpy as np

DTYPE = "float64"


def bernoulli_log_prob(logits, actions):
    return -np.logaddexp(0, (1 - 2 * actions).astype(logits.dtype) * logits).sum(1)


def bernoulli_entropy(logits):
    p = 0.5 * (1 + np.tanh(logits / 2))
    return np.einsum("bd->b", np.logaddexp(0, logits) - p * logits)


def bernoulli_kl(logits, other_logits):
    """The divergence of the log-partition function."""
    slope = np.exp(-np.logaddexp(0, -logits))
    return (np.logaddexp(0, other_logits) - np.logaddexp(0, logits) - slope * (other_logits - logits)).sum(1)
