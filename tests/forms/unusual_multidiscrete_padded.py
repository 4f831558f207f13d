"""Several choices as one padded block, (B, K, largest choice), with the padding at minus infinity."""

import numpy as np
from scipy.special import entr, log_softmax, rel_entr, softmax

DTYPE = "float64"


def _padded(logits, nvec, action_mask=None):
    z = logits if action_mask is None else np.where(action_mask, logits, -np.inf)
    block = np.full((len(z), len(nvec), max(nvec)), -np.inf)
    start = 0
    for k, n in enumerate(nvec):
        block[:, k, :n] = z[:, start:start + n]
        start += n
    return block


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    table = log_softmax(_padded(logits, nvec, action_mask), axis=-1)
    return np.take_along_axis(table, actions[..., None], axis=-1).sum(axis=(1, 2))


def multidiscrete_entropy(logits, nvec, action_mask=None):
    return entr(softmax(_padded(logits, nvec, action_mask), axis=-1)).sum((1, 2))


def multidiscrete_kl(logits, other_logits, nvec):
    p, q = (softmax(_padded(z, nvec), axis=-1) for z in (logits, other_logits))
    return rel_entr(p, q).sum((1, 2))
