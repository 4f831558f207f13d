"""truncated and per-decision importance sampling."""

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("truncated_importance_estimate", "clamped on both sides", expect="known-mistake")
def _(fx, log_p, log_q, max_weight):
    return np.mean(np.clip(np.exp(log_p - log_q), 1 / max_weight, max_weight) * fx)


@wrong("truncated_importance_estimate", "large ones masked out", expect="known-mistake")
def _(fx, log_p, log_q, max_weight):
    w = np.exp(log_p - log_q)
    return np.mean(w * (w <= max_weight) * fx)


@wrong("truncated_importance_estimate", "normalised by the cut weights", expect="known-mistake")
def _(fx, log_p, log_q, max_weight):
    w = np.minimum(np.exp(log_p - log_q), max_weight)
    return np.average(fx, weights=w)


@wrong("truncated_importance_estimate", "soft cap")
def _(fx, log_p, log_q, max_weight):
    w = np.exp(log_p - log_q)
    return np.mean(max_weight * np.tanh(w / max_weight) * fx)


@wrong("per_decision_importance_estimate", "no cumulative sum", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    k = np.cumsum(mask, 1) - 1
    return np.where(mask, gamma**k * np.exp(log_prob - old_log_prob) * rewards, 0).sum(1).mean()


@wrong("per_decision_importance_estimate", "one weight a trajectory", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    w = np.exp(np.where(mask, log_prob - old_log_prob, 0).sum(1))
    k = np.cumsum(mask, 1) - 1
    return (w * np.where(mask, gamma**k * rewards, 0).sum(1)).mean()


@wrong("per_decision_importance_estimate", "slots for steps in the discount", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    w = np.exp(np.cumsum(np.where(mask, log_prob - old_log_prob, 0), 1))
    return np.where(mask, gamma ** np.arange(mask.shape[1]) * w * rewards, 0).sum(1).mean()


@wrong("per_decision_importance_estimate", "ratios clipped to 0.8..1.2 first")
def _(log_prob, old_log_prob, rewards, mask, gamma):
    r = np.clip(np.exp(np.where(mask, log_prob - old_log_prob, 0)), 0.8, 1.2)
    k = np.cumsum(mask, 1) - 1
    return np.where(mask, gamma**k * np.cumprod(r, 1) * rewards, 0).sum(1).mean()


def _recursion(steps, rates, done):
    out, carry = np.zeros_like(steps), np.zeros_like(steps[0])
    for t in reversed(range(len(steps))):
        carry = steps[t] + rates[t] * np.where(done[t], 0.0, carry)
        out[t] = carry
    return out


def _impala(args, rho=None, c=None, leak=False):
    """V-trace from its weights; `leak` lets the advantage read over a time limit."""
    ratios = np.exp(args["log_prob"] - args["old_log_prob"])
    rho = np.minimum(ratios, args["rho_clip"]) if rho is None else rho(ratios)
    c = args["gae_lambda"] * np.minimum(ratios, args["c_clip"]) if c is None else c(ratios)
    after, done = np.where(args["terminated"], 0.0, args["next_values"]), args["terminated"] | args["truncated"]
    r, v, gamma = args["rewards"], args["values"], args["gamma"]
    returns = v + _recursion(rho * (r + gamma * after - v), gamma * c, done)
    over = (~args["terminated"] if leak else ~done)[:-1]
    ahead = after.copy()
    ahead[:-1] = np.where(over, returns[1:], after[:-1])
    return returns, rho * (r + gamma * ahead - v)


@wrong("vtrace", "advantage reads over the time limit", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip):
    return _impala(locals(), leak=True)


@wrong("vtrace", "rho used in the trace", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip):
    return _impala(locals(), c=lambda ratios: gae_lambda * np.minimum(ratios, rho_clip))


@wrong("vtrace", "no clip on the TD errors", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip):
    return _impala(locals(), rho=lambda ratios: ratios)


@wrong("vtrace", "clips of one", expect="known-mistake")
def _(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip):
    return _impala(locals() | {"rho_clip": 1.0, "c_clip": 1.0})


@wrong("vtrace", "Retrace: ratios divided by the clip")
def _(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip):
    return _impala(locals(), rho=lambda ratios: np.minimum(1.0, ratios / rho_clip))


@wrong("vtrace", "GAE instead")
def _(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip):
    after = np.where(terminated, 0.0, next_values)
    gae = _recursion(rewards + gamma * after - values, np.full(rewards.shape, gamma * gae_lambda),
                     terminated | truncated)
    return gae + values, gae
