"""Every kind of callable: lambda, partial, bound method, callable object, static method, closure, wrapped function."""

import functools

import numpy as np

DTYPE = "float64"

ratio = lambda log_prob, old_log_prob: np.exp(log_prob - old_log_prob)  # noqa: E731


def _estimate(power, log_prob, old_log_prob):
    return np.mean((old_log_prob - log_prob) ** power / power)


kl_k1 = functools.partial(_estimate, 1)
kl_k2 = functools.partial(_estimate, 2)


class Agent:
    def __init__(self, floor):
        self.floor = floor

    def normalize_advantages(self, advantages):
        centred = advantages - np.mean(advantages)
        return centred / (np.sqrt(np.mean(centred**2)) + self.floor)

    @staticmethod
    def value_loss(values, returns):
        error = values - returns
        return {"loss": np.mean(error * error), "grad_values": 2 * error / error.size}

    @classmethod
    def explained_variance(cls, values, returns):
        return 1 - np.std(returns - values) ** 2 / np.std(returns) ** 2


agent = Agent(1e-8)
normalize_advantages = agent.normalize_advantages
value_loss = Agent.value_loss
explained_variance = Agent.explained_variance


class Controller:
    def __call__(self, kl_coef, kl, target_kl):
        return kl_coef * (2.0 if kl > 1.5 * target_kl else 0.5 if 1.5 * kl < target_kl else 1.0)


adapt_kl_coef = Controller()


def _make_clip_fraction():
    def inside(r, eps):
        return (r >= 1 - eps) & (r <= 1 + eps)

    def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
        return 1 - inside(np.exp(log_prob - old_log_prob), clip_eps).sum() / log_prob.size

    return clip_fraction


clip_fraction = _make_clip_fraction()


def _logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@_logged
def gaussian_entropy(mean, log_std):
    return np.sum(log_std, axis=1) + log_std.shape[1] * 0.5 * (1 + np.log(2 * np.pi))


@functools.cache
def _half_log_two_pi(dtype):
    return dtype(0.9189385332046727)


def gaussian_log_prob(*, actions, log_std, mean):
    """Keyword-only, in another order."""
    z = (actions - mean) / np.exp(log_std)
    return -(z * z / 2 + log_std + _half_log_two_pi(float)).sum(-1)


def surrogate_loss(log_prob, old_log_prob, advantages):
    weighted = np.exp(log_prob - old_log_prob) * advantages
    return np.array(-weighted.mean())  # a 0-d array


def kl_k3(log_prob, old_log_prob):
    d = log_prob - old_log_prob
    return np.float64(np.sum(np.expm1(d) - d) / len(d)).item()  # a Python float
