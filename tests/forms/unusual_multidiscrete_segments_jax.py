"""Several choices without a loop, by segment sums over the columns."""

import jax
import jax.numpy as jnp

FRAMEWORK = "jax"
DTYPE = "float64"


def _segments(nvec):
    return jnp.repeat(jnp.arange(len(nvec)), jnp.array(nvec), total_repeat_length=sum(nvec))


def _log_probs(logits, nvec, action_mask=None):
    """(B, S), zero probability at illegal actions."""
    ids, count = _segments(nvec), len(nvec)
    z = logits if action_mask is None else jnp.where(action_mask, logits, -jnp.inf)
    tops = jax.ops.segment_max(z.T, ids, count)
    shifted = z.T - tops[ids]
    return (shifted - jnp.log(jax.ops.segment_sum(jnp.exp(shifted), ids, count))[ids]).T


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    offsets = jnp.cumsum(jnp.array([0, *nvec[:-1]]))
    return jnp.take_along_axis(_log_probs(logits, nvec, action_mask), actions + offsets, axis=1).sum(1)


def multidiscrete_entropy(logits, nvec, action_mask=None):
    table = _log_probs(logits, nvec, action_mask)
    return -jnp.where(jnp.isneginf(table), 0.0, jnp.exp(table) * table).sum(1)


def multidiscrete_kl(logits, other_logits, nvec):
    p, q = _log_probs(logits, nvec), _log_probs(other_logits, nvec)
    return (jnp.exp(p) * (p - q)).sum(1)
