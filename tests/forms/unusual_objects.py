"""Classes with __call__, partial, keyword-only settings, single dispatch, generators, recursion, properties of a batch."""

import dataclasses
import functools
import itertools
import types
from collections import namedtuple

import numpy as np

DTYPE = "float64"

Estimates = namedtuple("Estimates", "advantages returns", defaults=(None,))


class Gae:
    """The recursion of A as a recursion of Python."""

    def __call__(self, *, rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
        @functools.cache
        def advantage(t, n):
            ahead = 0.0 if terminated[t, n] else next_values[t, n]
            delta = rewards[t, n] + gamma * ahead - values[t, n]
            if terminated[t, n] or truncated[t, n] or t == len(rewards) - 1:
                return delta
            return delta + gamma * gae_lambda * advantage(t + 1, n)

        for t in reversed(range(len(rewards))):
            for n in range(rewards.shape[1]):
                advantage(t, n)
        table = np.array([[advantage(t, n) for n in range(rewards.shape[1])] for t in range(len(rewards))], rewards.dtype)
        return Estimates(table, table + values)


@dataclasses.dataclass
class Returns:
    """A generator that walks backwards."""

    def backwards(self, rewards, next_values, terminated, truncated, gamma):
        g = next_values[-1]
        for r, v, dead, cut in zip(rewards[::-1], next_values[::-1], terminated[::-1], truncated[::-1]):
            g = r + gamma * np.select([dead, cut], [np.zeros_like(r), v], g)
            yield g

    def forward(self, rewards, next_values, terminated, truncated, gamma):
        return np.flip(list(self.backwards(rewards, next_values, terminated, truncated, gamma)), axis=0)


@dataclasses.dataclass(frozen=True)
class Batch:
    log_prob: np.ndarray
    old_log_prob: np.ndarray
    advantages: np.ndarray

    @functools.cached_property
    def ratio(self):
        return np.exp(self.log_prob - self.old_log_prob)

    def clipped(self, low, high):
        return np.clip(self.ratio, low, high)


def _policy_loss(log_prob, old_log_prob, advantages, clip_eps, *, average, sign):
    batch = Batch(log_prob, old_log_prob, advantages)
    free, bounded = batch.ratio * advantages, batch.clipped(1 - clip_eps, 1 + clip_eps) * advantages
    slope = np.where(free <= bounded, free, 0.0)
    return types.MappingProxyType({"loss": sign * average(np.minimum(free, bounded)),
                                   "grad_log_prob": sign * slope / slope.size})


def _moments(total, batch):
    return total[0] + len(batch), total[1] + batch.sum(axis=0), [*total[2], batch]


def running_moments(batches):
    count, total, seen = functools.reduce(_moments, batches, (0, 0.0, []))
    mean = total / count
    return mean, sum(((batch - mean) ** 2).sum(axis=0) for batch in seen) / count


class Kl:
    def __init__(self, kind):
        self.kind = kind

    def estimate(self, log_prob, old_log_prob):
        d = log_prob - old_log_prob
        match self.kind:
            case "k1":
                return -d.mean()
            case "k2":
                return (d * d / 2).mean()
            case _:
                return (np.exp(d) - (1 + d)).mean()


def adapt_kl_coef(kl_coef, kl, target_kl):
    factors = {(True, False): 2.0, (False, True): 0.5}
    return kl_coef * factors.get((kl > 1.5 * target_kl, kl * 1.5 < target_kl), 1.0)


def token_gae(rewards, values, mask, gamma, gae_lambda):
    out = np.zeros_like(rewards)
    for row, (r, v, m) in enumerate(zip(rewards, values, mask)):
        slots = np.flatnonzero(m)[::-1]
        pairs = zip(slots, itertools.chain([None], slots))
        for slot, after in pairs:
            tail = 0.0 if after is None else gamma * v[after] + gamma * gae_lambda * out[row, after]
            out[row, slot] = r[slot] + tail - v[slot]
    return out


def _normalize(advantages, *, eps):
    return np.vectorize(lambda a, mean, std: (a - mean) / (std + eps), otypes=[advantages.dtype])(
        advantages, advantages.mean(), advantages.std())


gae = Gae()
discounted_returns = Returns().forward
clip_loss = functools.partial(_policy_loss, average=lambda x: x.sum() / x.size, sign=-1)
kl_k1, kl_k2, kl_k3 = (Kl(kind).estimate for kind in ("k1", "k2", "k3"))
normalize_advantages = functools.partial(_normalize, eps=1e-8)
