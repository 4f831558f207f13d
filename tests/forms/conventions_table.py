"""Right adapters under a convention: TABLE lists (name, functions, operation -> conventions, kind).

``functions`` is a dict operation -> callable. kind "free": undeclared it must be green and named; "consequential":
undeclared it must be red and named, declared (``as_module(entry, declared=True)``) it must be green. ``note`` says
where the contract leaves room. NumPy losses return (loss, gradient) unless the note says value only.
"""

import math
import types
from typing import NamedTuple

import numpy as np


class Entry(NamedTuple):
    name: str
    functions: dict
    expected: dict  # operation -> {convention: value}
    kind: str  # "free" | "consequential"
    note: str = ""


def as_module(entry, declared, dtype="float64"):
    module = types.ModuleType("adapter_" + "".join(c if c.isalnum() else "_" for c in entry.name))
    for name, function in entry.functions.items():
        setattr(module, name, function)
    module.DTYPE = dtype
    module.NAME = entry.name
    if declared:
        module.CONVENTIONS = {k: v for values in entry.expected.values() for k, v in values.items()}
    return module


TABLE = []


def _add(name, functions, conventions, kind, note=""):
    TABLE.append(Entry(name, functions, {operation: dict(conventions) for operation in functions}, kind, note))


# ------------------------------------------------------------------ advantage normalisation


def _kept(advantages, mask):
    return advantages if mask is None else advantages[mask]


def _normalizer(scale):
    def normalize_advantages(advantages, mask=None):
        kept = _kept(advantages, mask)
        return (advantages - kept.mean()) / scale(kept)

    return {"normalize_advantages": normalize_advantages}


_add("advantage_std ddof1", _normalizer(lambda x: x.std(ddof=1) + 1e-8), {"advantage_std": "ddof1"}, "free")
_add("std_eps outside 1e-5", _normalizer(lambda x: x.std() + 1e-5), {"std_eps": "outside:1e-5"}, "free")
_add("std_eps outside 1e-3", _normalizer(lambda x: x.std() + 1e-3), {"std_eps": "outside:1e-3"}, "free")
_add("std_eps inside 1e-8", _normalizer(lambda x: np.sqrt(x.var() + 1e-8)), {"std_eps": "inside:1e-8"}, "free")
_add("std_eps inside 1e-5", _normalizer(lambda x: np.sqrt(x.var() + 1e-5)), {"std_eps": "inside:1e-5"}, "free")
_add("std_eps floor 1e-4", _normalizer(lambda x: max(x.std(), 1e-4)), {"std_eps": "floor:1e-4"}, "free")
_add("std_eps floor 1e-7", _normalizer(lambda x: np.maximum(x.std(), 1e-7)), {"std_eps": "floor:1e-7"}, "free")
_add(
    "ddof1 and inside 1e-8 (TRL)",
    _normalizer(lambda x: np.sqrt(x.var(ddof=1) + 1e-8)),
    {"advantage_std": "ddof1", "std_eps": "inside:1e-8"},
    "free",
)
_add(
    "ddof1 and floor 1e-4 (torchrl)",
    _normalizer(lambda x: max(x.std(ddof=1), 1e-4)),
    {"advantage_std": "ddof1", "std_eps": "floor:1e-4"},
    "free",
)
_add("std_eps none", _normalizer(lambda x: x.std()), {"std_eps": "none"}, "consequential", "0/0 on constants")
_add(
    "std_eps none, ddof1",
    _normalizer(lambda x: x.std(ddof=1)),
    {"std_eps": "none", "advantage_std": "ddof1"},
    "consequential",
)


# ------------------------------------------------------------------ value losses


def _half_value_loss(values, returns, mask=None):
    e = values - returns
    if mask is None:
        return 0.5 * (e**2).mean(), e / e.size
    return 0.5 * (e[mask] ** 2).mean(), np.where(mask, e / mask.sum(), 0.0)


def _clip_value(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps) - returns
    return values - returns, held, np.abs(values - old_values) <= value_clip_eps


def _half_clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
    plain, held, inside = _clip_value(values, returns, old_values, value_clip_eps)
    worst = np.maximum(plain**2, held**2) / 2
    gradient = np.where(inside | (plain**2 >= held**2), plain, 0.0)
    if mask is None:
        return worst.mean(), gradient / gradient.size
    return worst[mask].mean(), np.where(mask, gradient / mask.sum(), 0.0)


def _clip_terms(log_prob, old_log_prob, advantages, low, high):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, low, high) * advantages
    return np.minimum(free, held), np.where(free <= held, -free, 0.0)


def _half_ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    objective, gradient = _clip_terms(log_prob, old_log_prob, advantages, 1 - clip_eps, 1 + clip_eps)
    n = len(values)
    loss = -objective.mean() + vf_coef * 0.5 * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()
    return loss, gradient / n, vf_coef * (values - returns) / n, np.full_like(entropy, -ent_coef / n)


_add(
    "value_loss_scale half",
    {"value_loss": _half_value_loss, "clipped_value_loss": _half_clipped_value_loss, "ppo_loss": _half_ppo_loss},
    {"value_loss_scale": "half"},
    "free",
)


def _clipped_only(values, returns, old_values, value_clip_eps, mask=None):
    _, held, inside = _clip_value(values, returns, old_values, value_clip_eps)
    gradient = np.where(inside, 2 * held, 0.0)
    if mask is None:
        return (held**2).mean(), gradient / gradient.size
    return (held[mask] ** 2).mean(), np.where(mask, gradient / mask.sum(), 0.0)


def _half_clipped_only(values, returns, old_values, value_clip_eps):
    loss, gradient = _clipped_only(values, returns, old_values, value_clip_eps)
    return loss / 2, gradient / 2


def _error_clamp(values, returns, old_values, value_clip_eps):
    e = values - returns
    return np.minimum(e**2, value_clip_eps).mean(), np.where(e**2 < value_clip_eps, 2 * e, 0.0) / e.size


_add("value_clip clipped_only", {"clipped_value_loss": _clipped_only}, {"value_clip": "clipped_only"}, "consequential")
_add(
    "value_clip clipped_only, half",
    {"clipped_value_loss": _half_clipped_only},
    {"value_clip": "clipped_only", "value_loss_scale": "half"},
    "consequential",
)
_add(
    "value_clip error_clamp",
    {"clipped_value_loss": _error_clamp},
    {"value_clip": "error_clamp"},
    "consequential",
    "clamp of the squared error at value_clip_eps (RLlib's vf_clip_param is a bound on the square)",
)


# ------------------------------------------------------------------ gradient norm, metrics


def _norm_with_eps(grads, max_norm):
    total = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads))
    scale = min(1.0, max_norm / (total + 1e-6))
    return [g * scale for g in grads]


_add("grad_norm_eps 1e-6", {"clip_grad_norm": _norm_with_eps}, {"grad_norm_eps": "1e-6"}, "free")


def _binding(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.mean(((r > 1 + clip_eps) & (advantages > 0)) | ((r < 1 - clip_eps) & (advantages < 0)))


def _binding_verl(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.mean(-advantages * np.clip(r, 1 - clip_eps, 1 + clip_eps) > -advantages * r)


def _log_space(log_prob, old_log_prob, advantages, clip_eps):
    return np.mean(np.abs(log_prob - old_log_prob) > clip_eps)


_add("clip_fraction binding", {"clip_fraction": _binding}, {"clip_fraction": "binding"}, "free")
_add("clip_fraction binding (verl)", {"clip_fraction": _binding_verl}, {"clip_fraction": "binding"}, "free")
_add(
    "clip_fraction |d| > eps",
    {"clip_fraction": _log_space},
    {"clip_fraction": "log_space"},
    "free",
    "log_space is not defined by DESIGN: |d| > eps, or (the same as `all`) d outside log1p(+-eps)?",
)


def _explained(denominator):
    def explained_variance(values, returns):
        return 1 - np.var(returns - values) / denominator(np.var(returns))

    return {"explained_variance": explained_variance}


_add("explained_variance var+1e-5", _explained(lambda v: v + 1e-5), {"explained_variance": "var+1e-5"}, "free")
_add("explained_variance var+1e-8", _explained(lambda v: v + 1e-8), {"explained_variance": "var+1e-8"}, "free")
_add("explained_variance floor 1e-8", _explained(lambda v: max(v, 1e-8)), {"explained_variance": "floor:1e-8"}, "free")


# ------------------------------------------------------------------ truncation


def _backwards(delta, decay):
    out = np.zeros_like(delta)
    carry = np.zeros_like(delta[0])
    for t in range(len(delta) - 1, -1, -1):
        carry = delta[t] + np.where(decay[t] == 0, 0.0, decay[t] * carry)
        out[t] = carry
    return out


def _next_row(values, next_values):
    return np.concatenate([values[1:], next_values[-1:]])


def _terminal_td(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * np.where(terminated | truncated, 0.0, next_values) - values


def _terminal_gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = _terminal_td(rewards, values, next_values, terminated, truncated, gamma)
    return _backwards(delta, np.where(terminated | truncated, 0.0, gamma * gae_lambda))


def _terminal_returns(rewards, next_values, terminated, truncated, gamma):
    seed = rewards.copy()
    seed[-1] += gamma * np.where(terminated | truncated, 0.0, next_values)[-1]
    return _backwards(seed, np.where(terminated | truncated, 0.0, gamma))


_add(
    "truncation terminal",
    {"td_errors": _terminal_td, "gae": _terminal_gae, "discounted_returns": _terminal_returns},
    {"truncation": "terminal"},
    "consequential",
)


def _leak_td(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * np.where(terminated, 0.0, _next_row(values, next_values)) - values


def _leak_gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = _leak_td(rewards, values, next_values, terminated, truncated, gamma)
    return _backwards(delta, np.where(terminated, 0.0, gamma * gae_lambda))


def _leak_returns(rewards, next_values, terminated, truncated, gamma):
    seed = rewards.copy()
    seed[-1] += gamma * np.where(terminated, 0.0, next_values)[-1]
    return _backwards(seed, np.where(terminated, 0.0, gamma))


_add(
    "truncation leak (skrl default)",
    {"td_errors": _leak_td, "gae": _leak_gae, "discounted_returns": _leak_returns},
    {"truncation": "leak"},
    "consequential",
)


def _own_value_leak(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    return _backwards(delta, np.where(terminated, 0.0, gamma * gae_lambda))


def _folded_leak(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    bonus = np.where(truncated & ~terminated, gamma * np.where(terminated, 0.0, next_values), 0.0)
    delta = rewards + bonus + gamma * np.where(terminated, 0.0, _next_row(values, next_values)) - values
    return _backwards(delta, np.where(terminated, 0.0, gamma * gae_lambda))


def _folded_current_leak(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    bonus = np.where(truncated & ~terminated, gamma * values, 0.0)
    delta = rewards + bonus + gamma * np.where(terminated, 0.0, _next_row(values, next_values)) - values
    return _backwards(delta, np.where(terminated, 0.0, gamma * gae_lambda))


_add(
    "truncation leak_bootstrap: V(final obs), recursion not cut",
    {"gae": _own_value_leak},
    {"truncation": "leak_bootstrap"},
    "consequential",
    "one of three readings of leak_bootstrap; must at least be named",
)
_add(
    "truncation leak_bootstrap: g V(final obs) added to the reward, then leaked",
    {"gae": _folded_leak},
    {"truncation": "leak_bootstrap"},
    "consequential",
    "second reading",
)
_add(
    "truncation leak_bootstrap: g V(s_t) added to the reward, then leaked (skrl 1.4 flag)",
    {"gae": _folded_current_leak},
    {"truncation": "leak_bootstrap", "timeout_value": "current_observation"},
    "consequential",
    "third reading, the row of conventions.md 4.2",
)


def _mask_td(rewards, values, next_values, terminated, truncated, gamma):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    return np.where(truncated, 0.0, delta)


def _mask_gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = _mask_td(rewards, values, next_values, terminated, truncated, gamma)
    return _backwards(delta, np.where(terminated | truncated, 0.0, gamma * gae_lambda))


_add(
    "truncation mask (ikostrikov)",
    {"td_errors": _mask_td, "gae": _mask_gae},
    {"truncation": "mask"},
    "consequential",
    "both flags on one step: masked here, as ikostrikov's bad_masks; the contract does not say",
)


def _current_td(rewards, values, next_values, terminated, truncated, gamma):
    ahead = np.where(truncated, values, next_values)
    return rewards + gamma * np.where(terminated, 0.0, ahead) - values


def _current_gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = _current_td(rewards, values, next_values, terminated, truncated, gamma)
    return _backwards(delta, np.where(terminated | truncated, 0.0, gamma * gae_lambda))


def _rsl_rl_gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    folded = rewards + gamma * values * truncated
    done = terminated | truncated
    delta = folded + gamma * np.where(done, 0.0, next_values) - values
    return _backwards(delta, np.where(done, 0.0, gamma * gae_lambda))


_add(
    "timeout_value current_observation",
    {"td_errors": _current_td, "gae": _current_gae},
    {"timeout_value": "current_observation"},
    "consequential",
)
_add(
    "timeout_value current_observation (rsl_rl's code)",
    {"gae": _rsl_rl_gae},
    {"timeout_value": "current_observation"},
    "consequential",
    "differs from the entry above only where both flags are on: bootstraps there too",
)


def _brax_gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    alive = ~(terminated | truncated)
    proper = _backwards(delta, np.where(alive, gamma * gae_lambda, 0.0))
    following = np.vstack([proper[1:], np.zeros_like(proper[:1])])
    return delta + gamma * np.where(alive, following, 0.0)


def _brax_own(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    masked = np.where(truncated, 0.0, rewards + gamma * np.where(terminated, 0.0, next_values) - values)
    alive = ~(terminated | truncated)
    vs = _backwards(masked, np.where(alive, gamma * gae_lambda, 0.0)) + values
    vs_next = np.vstack([vs[1:], next_values[-1:]])
    advantage = rewards + gamma * np.where(terminated, 0.0, vs_next) - values
    return np.where(truncated, 0.0, advantage)


_add("gae_recursion brax", {"gae": _brax_gae}, {"gae_recursion": "brax"}, "consequential")
_add(
    "brax itself: recursion and mask",
    {"gae": _brax_own},
    {"gae_recursion": "brax", "truncation": "mask"},
    "consequential",
    "both flags on one step: masked",
)


# ------------------------------------------------------------------ reductions


def _reduced(divide):
    """divide(sum over valid, mask) with mask = all true where none was given."""

    def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
        mask = np.ones(log_prob.shape, bool) if mask is None else mask
        each = np.where(mask, -np.exp(np.where(mask, log_prob - old_log_prob, 0.0)) * advantages, 0.0)
        return each.sum() / divide(mask), each / divide(mask)

    def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
        mask = np.ones(log_prob.shape, bool) if mask is None else mask
        objective, gradient = _clip_terms(log_prob, old_log_prob, advantages, 1 - clip_eps, 1 + clip_eps)
        return -objective[mask].sum() / divide(mask), np.where(mask, gradient, 0.0) / divide(mask)

    def value_loss(values, returns, mask=None):
        mask = np.ones(values.shape, bool) if mask is None else mask
        e = np.where(mask, values - returns, 0.0)
        return (e**2).sum() / divide(mask), 2 * e / divide(mask)

    def clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
        mask = np.ones(values.shape, bool) if mask is None else mask
        plain, held, inside = _clip_value(values, returns, old_values, value_clip_eps)
        gradient = np.where(mask & (inside | (plain**2 >= held**2)), 2 * plain, 0.0)
        return np.maximum(plain**2, held**2)[mask].sum() / divide(mask), gradient / divide(mask)

    return {
        "surrogate_loss": surrogate_loss,
        "clip_loss": clip_loss,
        "value_loss": value_loss,
        "clipped_value_loss": clipped_value_loss,
    }


def _only(functions, *names):
    return {name: functions[name] for name in names}


_add("reduction sum", _reduced(lambda mask: 1), {"reduction": "sum"}, "consequential")
_add(
    "reduction mean_over_all_slots",
    _reduced(lambda mask: mask.size),
    {"reduction": "mean_over_all_slots"},
    "consequential",
)
_add(
    "reduction trajectory",
    _only(_reduced(lambda mask: len(mask) if mask.ndim == 2 else mask.sum()), "surrogate_loss", "clip_loss"),
    {"reduction": "trajectory"},
    "consequential",
    "for (B,) inputs an ordinary mean",
)


def _rows_only():
    """A mean of samples, or sums over the tokens of masked rows: a flat batch with a mask has no axis 1."""
    def reduced(terms, mask):
        return terms.mean() if mask is None else np.where(mask, terms, 0.0).sum(1).mean()

    def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
        r = np.exp(log_prob - old_log_prob)
        return reduced(-np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages), mask)

    def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
        return reduced(-np.exp(log_prob - old_log_prob) * advantages, mask)

    return {"clip_loss": clip_loss, "surrogate_loss": surrogate_loss}


_add("reduction trajectory, of rows only", _rows_only(), {"reduction": "trajectory"}, "consequential")


# ------------------------------------------------------------------ KL penalty


def _log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def _kl_new_old(logits, old_logits, actions, advantages, kl_coef):
    new, old, rows = _log_softmax(logits), _log_softmax(old_logits), np.arange(len(actions))
    p = np.exp(new)
    weighted = np.exp(new[rows, actions] - old[rows, actions]) * advantages
    kl = (p * (new - old)).sum(axis=-1)
    chosen = np.eye(p.shape[1])[actions]
    gradient = -weighted[:, None] * (chosen - p) + kl_coef * p * (new - old - kl[:, None])
    return -weighted.mean() + kl_coef * kl.mean(), gradient / len(actions)


_add("kl_direction new_old", {"kl_penalty_loss": _kl_new_old}, {"kl_direction": "new_old"}, "consequential")


def _rllib_rule(kl_coef, kl, target_kl):
    if kl > 2.0 * target_kl:
        return kl_coef * 1.5
    if kl < 0.5 * target_kl:
        return kl_coef * 0.5
    return kl_coef


def _tf_agents_rule(tolerance):
    def adapt_kl_coef(kl_coef, kl, target_kl):
        if kl > target_kl * (1 + tolerance):
            return kl_coef * 1.5
        if kl < target_kl * (1 - tolerance):
            return kl_coef / 1.5
        return kl_coef

    return {"adapt_kl_coef": adapt_kl_coef}


_add("kl_rule rllib", {"adapt_kl_coef": _rllib_rule}, {"kl_rule": "rllib"}, "consequential")
_add(
    "kl_rule tf_agents",
    _tf_agents_rule(0.3),
    {"kl_rule": "tf_agents"},
    "consequential",
    "tolerance 0.3 is TF-Agents' default; the contract names none",
)


# ------------------------------------------------------------------ tokens


def _multiply_gae(rewards, values, mask, gamma, gae_lambda):
    r, v = np.where(mask, rewards, 0.0), np.where(mask, values, 0.0)
    ahead = np.hstack([v[:, 1:], np.zeros_like(v[:, :1])])
    return _backwards((r + gamma * ahead - v).T, np.full(r.T.shape, gamma * gae_lambda)).T


def _boundary_gae(rewards, values, mask, gamma, gae_lambda):
    r, v = np.where(mask, rewards, 0.0), np.where(mask, values, 0.0)
    out = np.zeros_like(r)
    for t in range(r.shape[1] - 1, -1, -1):
        delta = r[:, t] - v[:, t]
        if t + 1 < r.shape[1]:
            delta = delta + np.where(mask[:, t + 1], gamma * v[:, t + 1] + gamma * gae_lambda * out[:, t + 1], 0.0)
        out[:, t] = delta
    return np.where(mask, out, 0.0)


_add("token_mask multiply (OpenRLHF)", {"token_gae": _multiply_gae}, {"token_mask": "multiply"}, "consequential")
_add(
    "token_mask boundary",
    {"token_gae": _boundary_gae},
    {"token_mask": "boundary"},
    "consequential",
    "read as: a masked slot ends the segment, value and carry after it are 0",
)


# ------------------------------------------------------------------ clip band, clamp, dual clip


def _log_symmetric(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    objective, gradient = _clip_terms(log_prob, old_log_prob, advantages, 1 / (1 + clip_eps), 1 + clip_eps)
    if mask is None:
        return -objective.mean(), gradient / gradient.size
    return -objective[mask].mean(), np.where(mask, gradient / mask.sum(), 0.0)


_add("clip_band log_symmetric", {"clip_loss": _log_symmetric}, {"clip_band": "log_symmetric"}, "consequential")


def _clamped(bound):
    def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
        d = log_prob - old_log_prob
        held = np.clip(d, -bound, bound)
        objective, gradient = _clip_terms(held, np.zeros_like(held), advantages, 1 - clip_eps, 1 + clip_eps)
        return -objective.mean(), np.where(np.abs(d) <= bound, gradient, 0.0) / d.size

    def surrogate_loss(log_prob, old_log_prob, advantages):
        d = log_prob - old_log_prob
        each = -np.exp(np.clip(d, -bound, bound)) * advantages
        return each.mean(), np.where(np.abs(d) <= bound, each, 0.0) / d.size

    return {"clip_loss": clip_loss, "surrogate_loss": surrogate_loss}


def _clamped_estimates(bound):
    def ratio(log_prob, old_log_prob):
        return np.exp(np.clip(log_prob - old_log_prob, -bound, bound))

    def kl_k3(log_prob, old_log_prob):
        d = np.clip(log_prob - old_log_prob, -bound, bound)
        return np.mean(np.exp(d) - 1 - d)

    return {"ratio": ratio, "kl_k3": kl_k3}


for _c in (20, 10):
    _add(f"log_ratio_clamp {_c}", _clamped(_c), {"log_ratio_clamp": str(_c)}, "consequential")
    _add(
        f"log_ratio_clamp {_c}, ratio and k3",
        _clamped_estimates(_c),
        {"log_ratio_clamp": str(_c)},
        "consequential",
        "whether the clamp is a convention of ratio and k3 too is not said",
    )


def _hidden_dual(c):
    def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
        objective, gradient = _clip_terms(log_prob, old_log_prob, advantages, 1 - clip_eps, 1 + clip_eps)
        below = (advantages < 0) & (objective < c * advantages)
        objective = np.where(below, c * advantages, objective)
        gradient = np.where(below, 0.0, gradient)
        if mask is None:
            return -objective.mean(), gradient / gradient.size
        return -objective[mask].mean(), np.where(mask, gradient / mask.sum(), 0.0)

    return {"clip_loss": clip_loss}


_add("dual_clip hidden 3 (verl)", _hidden_dual(3.0), {"dual_clip": "3"}, "consequential")
_add("dual_clip hidden 5", _hidden_dual(5.0), {"dual_clip": "5"}, "consequential")


# ------------------------------------------------------------------ V-trace at time limits


def _vtrace(terminal):
    """One discount per step, 0 at an end: time limits are ends, or are not seen at all."""

    def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip,
               c_clip):
        discounts = gamma * ~(terminated | truncated if terminal else terminated)
        ratios = np.exp(log_prob - old_log_prob)
        rho, c = np.minimum(ratios, rho_clip), gae_lambda * np.minimum(ratios, c_clip)
        v_next = np.concatenate([values[1:], next_values[-1:]])
        v_next = np.where(discounts == 0, 0.0, v_next)
        x, carry = np.zeros_like(rewards), np.zeros_like(rewards[0])
        for t in reversed(range(len(rewards))):
            x[t] = carry = rho[t] * (rewards[t] + discounts[t] * v_next[t] - values[t]) + discounts[t] * c[t] * carry
        ahead = np.where(discounts == 0, 0.0, np.concatenate([(values + x)[1:], v_next[-1:]]))
        return values + x, rho * (rewards + discounts * ahead - values)

    return {"vtrace": vtrace}


_add("V-trace, time limits terminal (scalable_agent)", _vtrace(True), {"truncation": "terminal"}, "consequential")
_add("V-trace, time limits not seen", _vtrace(False), {"truncation": "leak"}, "consequential")


# ------------------------------------------------------------------ reductions of the losses without a ratio


def _summed(divisor):
    def policy_gradient_loss(log_prob, advantages, mask=None):
        kept = np.ones(advantages.shape, dtype=bool) if mask is None else mask
        a = np.where(kept, advantages, 0.0) / divisor(kept)
        return -(np.where(kept, log_prob, 0.0) * a).sum(), -a

    return {"policy_gradient_loss": policy_gradient_loss}


def _huber_sum(values, returns, delta):
    error = values - returns
    slope = np.clip(error, -delta, delta)
    return (slope * (error - slope / 2)).sum(), slope


_add("policy gradient summed over steps, averaged over trajectories (S6)", _summed(len), {"reduction": "trajectory"},
     "consequential")
_add("policy gradient summed", _summed(lambda kept: 1), {"reduction": "sum"}, "consequential")
_add("Huber loss summed", {"huber_value_loss": _huber_sum}, {"reduction": "sum"}, "consequential")
