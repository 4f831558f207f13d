"""Exact rationals from the standard library, rounded once at the end."""

from fractions import Fraction

import numpy as np

DTYPE = "float64"

_exact = np.vectorize(Fraction, otypes=[object])


def _floats(array, like):
    return np.asarray(array, dtype=np.float64).astype(like.dtype)


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    r, v = _exact(rewards), _exact(values)
    ahead = _exact(np.where(terminated, 0.0, next_values))
    delta = r + Fraction(gamma) * ahead - v
    decay = Fraction(gamma) * Fraction(gae_lambda)
    goes_on = np.where(terminated | truncated, 0, 1).astype(object)
    advantages = np.empty_like(delta)
    carry = 0 * delta[0]
    for t in range(len(delta) - 1, -1, -1):
        # Denominators grow with every step; far ahead they are cut to what no double can see.
        carry = delta[t] + decay * goes_on[t] * carry
        carry = np.array([c.limit_denominator(10**60) for c in carry], dtype=object)
        advantages[t] = carry
    return _floats(advantages, rewards), _floats(advantages + v, rewards)


def masked_mean(x, mask):
    kept = [Fraction(value) for value in x[mask].tolist()]
    return float(sum(kept) / len(kept))


def sequence_mean(x, mask):
    rows = [[Fraction(v) for v in row[valid].tolist()] for row, valid in zip(x, mask)]
    return float(sum(sum(row) / len(row) for row in rows) / len(rows))


def kl_k2(log_prob, old_log_prob, mask=None):
    keep = slice(None) if mask is None else mask
    squares = [(Fraction(n) - Fraction(o)) ** 2 for n, o in zip(log_prob[keep].tolist(), old_log_prob[keep].tolist())]
    return float(sum(squares) / (2 * len(squares)))


def value_loss(values, returns):
    errors = [Fraction(v) - Fraction(r) for v, r in zip(values.tolist(), returns.tolist())]
    loss = sum(e * e for e in errors) / len(errors)
    return float(loss), np.array([float(2 * e / len(errors)) for e in errors])


def clipped_value_loss(values, returns, old_values, value_clip_eps):
    eps, total, slopes = Fraction(value_clip_eps), Fraction(0), []
    for v, r, old in zip(*(map(Fraction, a.tolist()) for a in (values, returns, old_values))):
        held = old + min(max(v - old, -eps), eps)
        free = (v - r) ** 2
        total += max(free, (held - r) ** 2)
        slopes.append(2 * (v - r) if free >= (held - r) ** 2 else Fraction(0))
    return float(total / len(slopes)), np.array([float(s / len(slopes)) for s in slopes])


def explained_variance(values, returns):
    def variance(numbers):
        centre = sum(numbers) / len(numbers)
        return sum((x - centre) ** 2 for x in numbers)

    exact = [Fraction(r) for r in returns.tolist()]
    errors = [r - Fraction(v) for r, v in zip(exact, values.tolist())]
    return float(1 - variance(errors) / variance(exact))


def running_moments(batches):
    rows = [list(map(Fraction, row)) for batch in batches for row in batch.tolist()]
    means = [sum(column) / len(rows) for column in zip(*rows)]
    var = [sum((x - m) ** 2 for x in column) / len(rows) for column, m in zip(zip(*rows), means)]
    return tuple(np.array([float(x) for x in numbers]) for numbers in (means, var))
