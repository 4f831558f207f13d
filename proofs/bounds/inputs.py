"""Inputs that are hard on floating-point code, from a fixed seed: every function, every draw in one shape.

The same draws are used for ppocore and for the peers.  `kinds` go round: ordinary, near equal policies, large
offsets, tiny probabilities, huge and tiny numbers side by side, flags everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ppocore import Moments

Draw = np.random.Generator
Made = dict[str, Any]
B, L, A, D, T = 8, 6, 5, 3, 12


def _spread(draw: Draw, kind: int, shape: Any) -> Any:
    """Numbers of one or of many sizes, some with a large common offset."""
    x = draw.normal(size=shape)
    if kind % 4 == 1:
        return x * 10.0 ** draw.integers(-6, 7, size=shape)
    if kind % 4 == 2:
        return x + 10.0 ** draw.integers(1, 7)
    if kind % 4 == 3:
        return np.abs(x)
    return x


def _log_probs(draw: Draw, kind: int, shape: Any) -> tuple[Any, Any]:
    """Log-probabilities of the new and of the old policy: far, near, or both in one batch; usual or tiny."""
    old = -np.abs(draw.normal(size=shape)) * (1.0, 30.0)[kind % 2] - 1e-3
    lowest, highest = ((-1, 0.5), (-9, 1), (-9, -6))[kind % 3]
    gap = 10.0 ** draw.uniform(lowest, highest, size=shape)
    return old + gap * draw.choice((-1, 1), size=shape), old


def _logits(draw: Draw, kind: int, shape: Any) -> Any:
    """Rows of logits: flat, spread, nearly sure of one action, with a common offset."""
    z = draw.normal(size=shape) * (1.0, 8.0, 30.0, 1e-3)[kind % 4]
    if kind % 3 == 1:
        z[..., 0] += 25.0
    if kind % 5 == 2:
        z += 1000.0
    return z


def _mask(draw: Draw, shape: Any) -> Any:
    mask = draw.random(shape) < 0.7
    mask[..., 0] = True
    return mask


def _flags(draw: Draw, kind: int) -> Made:
    often = (0.0, 0.1, 0.5)[kind % 3]
    return {"terminated": draw.random((T, 2)) < often, "truncated": draw.random((T, 2)) < often}


def _td_errors(draw: Draw, kind: int) -> Made:
    r, v = _spread(draw, kind, (T, 2)), _spread(draw, kind // 2, (T, 2))
    v_next = v + 10.0 ** -draw.integers(0, 12) * draw.normal(size=(T, 2)) if kind % 2 else _spread(draw, kind, (T, 2))
    return {"rewards": r, "values": v, "next_values": v_next, **_flags(draw, kind), "gamma": (0.99, 1.0, 0.3)[kind % 3]}


def _gae(draw: Draw, kind: int) -> Made:
    return {**_td_errors(draw, kind), "gae_lambda": (0.95, 0.2, 1.0)[kind // 3 % 3]}


def _vtrace(draw: Draw, kind: int) -> Made:
    new, old = _log_probs(draw, kind, (T, 2))
    return {"log_prob": new, "old_log_prob": old, **_gae(draw, kind), "rho_clip": (1.0, 2.5)[kind % 2],
            "c_clip": (1.0, 0.7)[kind // 2 % 2]}


def _token_gae(draw: Draw, kind: int) -> Made:
    return {"rewards": _spread(draw, kind, (B, L)), "values": _spread(draw, kind // 2, (B, L)),
            "mask": _mask(draw, (B, L)), "gamma": (1.0, 0.99)[kind % 2], "gae_lambda": (0.95, 0.7)[kind // 2 % 2]}


def _discounted_returns(draw: Draw, kind: int) -> Made:
    made = _td_errors(draw, kind)
    del made["values"]
    return made


def _normalize(draw: Draw, kind: int) -> Made:
    return {"advantages": _spread(draw, kind, 300) + (0.0, 0.1, 1e3)[kind % 3]}


def _groups(draw: Draw, kind: int) -> Made:
    rewards = _spread(draw, kind, (B, 20)) + (0.0, 0.1, 1e3)[kind % 3]
    return {"rewards": (rewards > 0).astype(np.float64) if kind == 4 else rewards}


def _kl_reward(draw: Draw, kind: int) -> Made:
    batch = _batch(draw, kind)
    return {"scores": _spread(draw, kind, B), "log_prob": batch["log_prob"], "ref_log_prob": batch["old_log_prob"],
            "mask": batch["mask"], "kl_coef": (0.05, 1.3)[kind % 2]}


def _two_logs(draw: Draw, kind: int) -> Made:
    new, old = _log_probs(draw, kind, 3)
    return {"log_prob": new, "old_log_prob": old}


def _batch(draw: Draw, kind: int) -> Made:
    new, old = _log_probs(draw, kind, (B, L))
    return {"log_prob": new, "old_log_prob": old, "mask": _mask(draw, (B, L))}


def _policy_loss(draw: Draw, kind: int) -> Made:
    reduction = ("mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean")[kind % 5]
    return {**_batch(draw, kind), "advantages": _spread(draw, kind // 2, (B, L)), "reduction": reduction}


def _policy_gradient(draw: Draw, kind: int) -> Made:
    made = _policy_loss(draw, kind)
    del made["old_log_prob"]
    return made


def _clip_loss(draw: Draw, kind: int) -> Made:
    made = {**_policy_loss(draw, kind), "clip_eps": (0.2, 0.1, 0.5)[kind % 3]}
    return {**made, "dual_clip": 3.0} if kind % 2 else made


def _gspo_loss(draw: Draw, kind: int) -> Made:
    return {**_batch(draw, kind), "advantages": _spread(draw, kind // 2, B), "clip_eps_low": (0.2, 3e-4)[kind % 2],
            "clip_eps_high": (0.28, 4e-4)[kind % 2]}


def _cispo_loss(draw: Draw, kind: int) -> Made:
    return {**_policy_loss(draw, kind), "clip_eps": (0.2, 0.1, 0.5)[kind % 3]}


def _truncated_is_loss(draw: Draw, kind: int) -> Made:
    made = _cispo_loss(draw, kind)
    drift = draw.normal(size=(B, L)) * (1.0, 1e-4, 8.0)[kind % 3]
    return {**made, "rollout_log_prob": made["old_log_prob"] - drift, "max_weight": (2.0, 5.0)[kind % 2]}


def _ppo_loss(draw: Draw, kind: int) -> Made:
    values = {name: _spread(draw, kind, (B, L)) for name in ("values", "returns", "entropy")}
    return {**_policy_loss(draw, kind), **values, "clip_eps": 0.2, "vf_coef": 0.5, "ent_coef": (0.01, -0.3)[kind % 2]}


def _kl_penalty(draw: Draw, kind: int) -> Made:
    old = _logits(draw, kind, (B, A))
    new = old + draw.normal(size=(B, A)) * (1e-7, 1e-3, 1.0)[kind % 3]
    return {"logits": new, "old_logits": old, "actions": draw.integers(0, A, B), "advantages": _spread(draw, kind, B),
            "kl_coef": (0.1, 10.0)[kind % 2]}


def _value_loss(draw: Draw, kind: int) -> Made:
    v = _spread(draw, kind, (B, L))
    near = v + 10.0 ** draw.uniform(-9, 1, size=v.shape) * draw.choice((-1, 1), size=v.shape)
    return {"values": v, "returns": near, "mask": _mask(draw, (B, L)),
            "reduction": ("mean", "sum", "sequence_mean")[kind % 3]}


def _clipped_value_loss(draw: Draw, kind: int) -> Made:
    made = _value_loss(draw, kind)
    moved = draw.normal(size=(B, L)) * (0.1, 1.0, 0.01)[kind % 3]
    return {**made, "old_values": made["values"] - moved, "value_clip_eps": (0.2, 0.05)[kind % 2]}


def _huber(draw: Draw, kind: int) -> Made:
    return {**_value_loss(draw, kind), "delta": (1.0, 1e-3, 0.1)[kind % 3]}


def _clip_fraction(draw: Draw, kind: int) -> Made:
    return {**_batch(draw, kind), "advantages": np.ones((B, L)), "clip_eps": 0.2}


def _explained_variance(draw: Draw, kind: int) -> Made:
    v = _spread(draw, kind, 300)
    return {"values": v, "returns": v + draw.normal(size=300) * (1.0, 1e-3, 1e-6)[kind % 3]}


def _categorical(draw: Draw, kind: int) -> Made:
    logits, mask = _logits(draw, kind, (B, A)), _mask(draw, (B, A))
    return {"logits": logits, "action_mask": mask if kind % 2 else np.ones((B, A), dtype=bool)}


def _categorical_log_prob(draw: Draw, kind: int) -> Made:
    made = _categorical(draw, kind)
    best = np.where(made["action_mask"], made["logits"], -np.inf).argmax(axis=1)
    return {**made, "actions": np.zeros(B, dtype=np.int64) if kind % 4 > 1 else best}


def _categorical_kl(draw: Draw, kind: int) -> Made:
    made = _categorical(draw, kind)
    step = (1e-9, 1e-4, 0.3, 5.0)[kind // 2 % 4]
    return {**made, "other_logits": made["logits"] + step * draw.normal(size=(B, A)) + (0.0, 3.0)[kind % 2]}


def _bernoulli(draw: Draw, kind: int) -> Made:
    return {"logits": draw.normal(size=(B, D)) * (1.0, 6.0, 30.0, 1e-6)[kind % 4]}


def _bernoulli_log_prob(draw: Draw, kind: int) -> Made:
    return {**_bernoulli(draw, kind), "actions": draw.integers(0, 2, size=(B, D))}


def _two_bernoullis(draw: Draw, kind: int) -> Made:
    made = _bernoulli(draw, kind)
    step = (1e-9, 1e-4, 0.3, 5.0)[kind // 2 % 4]
    return {**made, "other_logits": made["logits"] + step * draw.normal(size=(B, D))}


def _concentrations(draw: Draw, kind: int) -> Made:
    low, high = ((0.05, 6.0), (0.05, 100.0), (12.0, 1e3), (1e-3, 1e6))[kind % 4]
    alpha, beta = np.exp(draw.uniform(np.log(low), np.log(high), size=(2, B, D)))
    return {"alpha": alpha, "beta": beta}


def _two_betas(draw: Draw, kind: int) -> Made:
    """The other policy as far off as any, or near, or all but the same."""
    own = _concentrations(draw, kind)
    step = (3.0, 0.3, 1e-3, 1e-8)[kind // 4 % 4]
    others = {f"other_{name}": (x * np.exp(step * draw.normal(size=(B, D)))).clip(1e-3, 1e6) for name, x in own.items()}
    return {**own, **others}


def _beta(draw: Draw, kind: int) -> Made:
    alpha, beta = _concentrations(draw, kind).values()
    actions = draw.uniform(0.01, 0.99, size=(B, D)) if kind % 2 else draw.beta(alpha, beta).clip(1e-9, 1 - 2.0**-24)
    return {"alpha": alpha, "beta": beta, "actions": actions}


def _multidiscrete(draw: Draw, kind: int) -> Made:
    nvec = ([2, 3], [3, 1, 2], [4], [2] * 5)[kind % 4]
    heads = [_logits(draw, kind + k, (B, size)) for k, size in enumerate(nvec)]
    masks = [_mask(draw, (B, size)) for size in nvec]
    return {"logits": np.concatenate(heads, axis=1), "nvec": nvec, "action_mask": np.concatenate(masks, axis=1)}


def _multidiscrete_log_prob(draw: Draw, kind: int) -> Made:
    # The first action of every choice is legal.
    made = _multidiscrete(draw, kind)
    return {**made, "actions": np.zeros((B, len(made["nvec"])), dtype=np.int64)}


def _two_multidiscretes(draw: Draw, kind: int) -> Made:
    made = _multidiscrete(draw, kind)
    step = (1e-9, 1e-4, 0.3, 5.0)[kind // 2 % 4]
    return {"logits": made["logits"], "nvec": made["nvec"],
            "other_logits": made["logits"] + step * draw.normal(size=made["logits"].shape)}


def _gaussian(draw: Draw, kind: int) -> Made:
    mean = draw.normal(size=(B, D)) * (1.0, 100.0)[kind % 2]
    log_std = draw.normal(size=(B, D)) * (1.0, 0.1, 4.0)[kind % 3]
    return {"mean": mean, "log_std": log_std}


def _gaussian_log_prob(draw: Draw, kind: int) -> Made:
    made = _gaussian(draw, kind)
    return {**made, "actions": made["mean"] + np.exp(made["log_std"]) * draw.normal(size=(B, D)) * (1.0, 4.0)[kind % 2]}


def _squashed(draw: Draw, kind: int) -> Made:
    actions = np.tanh(draw.normal(size=(B, D)) * (1.0, 4.0, 1e-6)[kind % 3])
    return {**_gaussian(draw, 3 * kind), "actions": np.clip(actions, -1 + 2.0**-23, 1 - 2.0**-23)}


def _squashed_entropy(draw: Draw, kind: int) -> Made:
    return {"mean": draw.normal(size=(1, 1)) * (0.1, 3.0)[kind % 2], "log_std": draw.uniform(-4, 1, size=(1, 1))}


def _two_gaussians(draw: Draw, kind: int) -> Made:
    made = _gaussian(draw, kind)
    step = (1e-8, 1e-3, 0.2)[kind % 3]
    return {**made, "other_mean": made["mean"] + step * np.exp(made["log_std"]) * draw.normal(size=(B, D)),
            "other_log_std": made["log_std"] + step * draw.normal(size=(B, D))}


def _weights(draw: Draw, kind: int) -> Made:
    log_p, log_q = _log_probs(draw, kind, 40)
    return {"fx": _spread(draw, kind, 40), "log_p": log_p, "log_q": log_q}


def _truncated(draw: Draw, kind: int) -> Made:
    return {**_weights(draw, kind), "max_weight": (1.5, 10.0)[kind % 2]}


def _self_normalized(draw: Draw, kind: int) -> Made:
    made = _weights(draw, kind)
    return {**made, "log_p": made["log_p"] + (0.0, 500.0)[kind % 2]}


def _per_decision(draw: Draw, kind: int) -> Made:
    return {**_batch(draw, kind), "rewards": _spread(draw, kind, (B, L)), "gamma": (0.99, 1.0)[kind % 2]}


def _sample_size(draw: Draw, kind: int) -> Made:
    return {"log_weights": draw.normal(size=40) * (1.0, 10.0, 1e-5)[kind % 3] + (0.0, 900.0)[kind % 2]}


def _adapt(draw: Draw, kind: int) -> Made:
    return {"kl_coef": float(draw.lognormal()), "kl": float(draw.lognormal() * 0.01), "target_kl": 0.01}


def _rules(draw: Draw, kind: int) -> Made:
    return {**_adapt(draw, kind), "kl_rule": ("paper", "rllib", "tf_agents")[kind % 3]}


def _proportional(draw: Draw, kind: int) -> Made:
    kl = (float(draw.uniform(-0.1, 0.4)), float(0.06 * draw.lognormal(sigma=0.1)), 0.06 * (1 + 1e-9))[kind % 3]
    return {"kl_coef": float(draw.lognormal()), "kl": kl, "target_kl": 0.06,
            "batch_steps": float(draw.integers(1, 512)), "horizon": (10_000.0, 77.0)[kind % 2]}


def _grads(draw: Draw, kind: int) -> Made:
    size = 10.0 ** (-30, 0, 12)[kind % 3]
    return {"grads": [_spread(draw, kind, (B, A)) * size, _spread(draw, kind + 1, 33) * size], "max_norm": 0.5}


def _adam(draw: Draw, kind: int) -> Made:
    g = _spread(draw, kind, 20)
    return {"params": draw.normal(size=20), "grads": g, "first_moment": -g * draw.random(20),
            "second_moment": g * g * draw.random(20), "step": (1, 2, 1000)[kind % 3],
            "learning_rate": (3e-4, 1.0)[kind % 2], "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def _sgd(draw: Draw, kind: int) -> Made:
    g, rate = _spread(draw, kind, 20), (3e-4, 1.0)[kind % 2]
    # On every third draw the step nearly meets the parameter, which cancels.
    params = rate * g * (1 + 1e-9 * draw.normal(size=20)) if kind % 3 == 0 else draw.normal(size=20)
    return {"params": params, "grads": g, "learning_rate": rate}


def _running(draw: Draw, kind: int) -> Made:
    return {"batches": [_spread(draw, kind, (20, D)), _spread(draw, kind, (30, D))]}


def _update(draw: Draw, kind: int) -> Made:
    x = _spread(draw, kind, (30, D))
    return {"moments": Moments(x.mean(axis=0), x.var(axis=0), 30), "batch": _spread(draw, kind, (20, D))}


def _means(draw: Draw, kind: int) -> Made:
    return {"x": _spread(draw, kind, (B, 20)), "mask": _mask(draw, (B, 20))}


def _trajectory(draw: Draw, kind: int) -> Made:
    return {"x": _spread(draw, kind, 160), "lengths": np.full(8, 20)}


INPUTS: dict[str, Callable[[Draw, int], Made]] = {
    "adam_step": _adam,
    "adapt_kl_coef": _rules,
    "adapt_kl_coef_proportional": _proportional,
    "bernoulli_entropy": _bernoulli,
    "bernoulli_kl": _two_bernoullis,
    "bernoulli_log_prob": _bernoulli_log_prob,
    "beta_entropy": _concentrations,
    "beta_kl": _two_betas,
    "beta_log_prob": _beta,
    "categorical_entropy": _categorical,
    "categorical_kl": _categorical_kl,
    "categorical_log_prob": _categorical_log_prob,
    "categorical_log_prob_and_entropy": _categorical_log_prob,
    "cispo_loss": _cispo_loss,
    "clip_fraction": _clip_fraction,
    "clip_grad_norm": _grads,
    "clip_loss": _clip_loss,
    "clipped_value_loss": _clipped_value_loss,
    "discounted_returns": _discounted_returns,
    "dr_grpo_advantages": _groups,
    "effective_sample_size": _sample_size,
    "explained_variance": _explained_variance,
    "gae": _gae,
    "gaussian_entropy": _gaussian,
    "gaussian_kl": _two_gaussians,
    "gaussian_log_prob": _gaussian_log_prob,
    "gaussian_weight_second_moment": _two_gaussians,
    "grpo_advantages": _groups,
    "gspo_loss": _gspo_loss,
    "huber_value_loss": _huber,
    "importance_estimate": _weights,
    "kl_k1": _batch,
    "kl_k2": _batch,
    "kl_k3": _batch,
    "kl_penalty_loss": _kl_penalty,
    "kl_reward": _kl_reward,
    "masked_mean": _means,
    "multidiscrete_entropy": _multidiscrete,
    "multidiscrete_kl": _two_multidiscretes,
    "multidiscrete_log_prob": _multidiscrete_log_prob,
    "normalize_advantages": _normalize,
    "per_decision_importance_estimate": _per_decision,
    "policy_gradient_loss": _policy_gradient,
    "ppo_loss": _ppo_loss,
    "ratio": _two_logs,
    "rloo_advantages": _groups,
    "running_moments": _running,
    "self_normalized_estimate": _self_normalized,
    "sequence_mean": _means,
    "sequence_sum_mean": _means,
    "sgd_step": _sgd,
    "squashed_gaussian_entropy": _squashed_entropy,
    "squashed_gaussian_log_prob": _squashed,
    "surrogate_loss": _policy_loss,
    "td_errors": _td_errors,
    "token_gae": _token_gae,
    "trajectory_mean": _trajectory,
    "truncated_importance_estimate": _truncated,
    "truncated_is_loss": _truncated_is_loss,
    "update_moments": _update,
    "value_loss": _value_loss,
    "vtrace": _vtrace,
}


def made(function: str, kind: int) -> Made:
    """Draw number `kind` of the inputs of a function."""
    return INPUTS[function](np.random.default_rng([kind, *function.encode()]), kind)
