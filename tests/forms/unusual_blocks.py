"""Blocks: rollouts in chunks of rows with a carry between them, batches in shards whose sums are added up."""

import numpy as np

DTYPE = "float64"

CHUNK = 3


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    advantages = np.empty_like(rewards)
    carry = np.zeros_like(rewards[0])
    for start in range((len(rewards) - 1) // CHUNK * CHUNK, -1, -CHUNK):
        part = slice(start, start + CHUNK)
        delta = rewards[part] - values[part] + gamma * np.where(terminated[part], 0, next_values[part])
        alive = ~(terminated[part] | truncated[part])
        for t in range(len(delta))[::-1]:
            carry = delta[t] + np.where(alive[t], gamma * gae_lambda * carry, 0)
            advantages[start + t] = carry
    return advantages, values + advantages


def _shards(*arrays):
    for start in range(0, len(arrays[0]), CHUNK):
        yield tuple(a[start:start + CHUNK] for a in arrays)


def surrogate_loss(log_prob, old_log_prob, advantages):
    total, slopes = 0.0, []
    for new, old, a in _shards(log_prob, old_log_prob, advantages):
        weighted = np.exp(new - old) * a
        total += weighted.sum()
        slopes.append(-weighted / len(log_prob))
    return -total / len(log_prob), np.concatenate(slopes)


def value_loss(values, returns, mask=None):
    valid = np.ones(len(values), bool) if mask is None else mask
    count, total, slopes = valid.sum(), 0.0, []
    for v, r, m in _shards(values, returns, valid):
        error = np.zeros_like(v)
        np.subtract(v, r, out=error, where=m)
        total += (error**2).sum()
        slopes.append(2 * error / count)
    return total / count, np.concatenate(slopes)


def masked_mean(x, mask):
    sums, counts = zip(*[(np.sum(part, where=m), m.sum()) for part, m in _shards(x, mask)])
    return sum(sums) / sum(counts)


def kl_k1(log_prob, old_log_prob, mask=None):
    valid = np.ones(len(log_prob), bool) if mask is None else mask
    parts = [((old - new)[m].sum(), m.sum()) for new, old, m in _shards(log_prob, old_log_prob, valid)]
    return sum(s for s, _ in parts) / sum(n for _, n in parts)


def importance_estimate(fx, log_p, log_q):
    return sum(np.vdot(np.exp(p - q), f) for f, p, q in _shards(fx, log_p, log_q)) / len(fx)


def self_normalized_estimate(fx, log_p, log_q):
    """One pass with a running maximum, as attention is computed in tiles."""
    top, above, below = -np.inf, 0.0, 0.0
    for f, p, q in _shards(fx, log_p, log_q):
        d = p - q
        new = max(top, d.max())
        w, shrink = np.exp(d - new), np.exp(top - new)
        above, below, top = above * shrink + (w * f).sum(), below * shrink + w.sum(), new
    return above / below


def effective_sample_size(log_weights):
    top, one, two = -np.inf, 0.0, 0.0
    for (d,) in _shards(log_weights):
        new = max(top, d.max())
        w, shrink = np.exp(d - new), np.exp(top - new)
        one, two, top = one * shrink + w.sum(), two * shrink**2 + (w**2).sum(), new
    return one**2 / two
