"""The usual expressions in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln, logsumexp
from jax.scipy.stats import norm

Arrays = dict[str, Any]
jax.config.update("jax_enable_x64", True)


def run(expression: Callable[..., Arrays], gradients: dict[str, tuple[str, str]], inputs: dict[str, Any]) -> Arrays:
    """Values of an expression, and derivatives of their sums by autograd."""
    arrays = {name: _array(x) for name, x in inputs.items()}

    def slope(value: str, name: str) -> Any:
        return jax.grad(lambda x: expression(**{**arrays, name: x})[value].sum())(arrays[name])

    slopes = {output: slope(value, name) for output, (value, name) in gradients.items()}
    return {name: _plain(x) for name, x in {**expression(**arrays), **slopes}.items()}


def _array(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return jnp.asarray(x)
    return [_array(item) for item in x] if isinstance(x, list) else x


def _plain(x: Any) -> Any:
    return [_plain(item) for item in x] if isinstance(x, list) else np.asarray(x)


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return {"value": rewards + gamma * next_values * (~terminated) - values}


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    advantages, last = jnp.zeros_like(rewards), jnp.zeros_like(rewards[0])
    done = (terminated | truncated).astype(rewards.dtype)
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_values[t] * (~terminated[t]) - values[t]
        last = delta + gamma * gae_lambda * (1 - done[t]) * last
        advantages = advantages.at[t].set(last)
    return {"advantages": advantages, "returns": advantages + values}


def vtrace(
    log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip
):
    ratios = jnp.exp(log_prob - old_log_prob)
    rho, trace = ratios.clip(max=rho_clip), gae_lambda * ratios.clip(max=c_clip)
    after = jnp.where(terminated, 0.0, next_values)
    delta, last, corrections = rho * (rewards + gamma * after - values), jnp.zeros_like(rewards[0]), []
    for t in reversed(range(len(rewards))):
        last = delta[t] + gamma * trace[t] * jnp.where(terminated[t] | truncated[t], 0.0, last)
        corrections.append(last)
    returns = values + jnp.stack(corrections[::-1])
    ahead = jnp.where(terminated | truncated, after, jnp.concatenate([returns[1:], after[-1:]]))
    return {"returns": returns, "advantages": rho * (rewards + gamma * ahead - values)}


def token_gae(rewards, values, mask, gamma, gae_lambda):
    advantages = jnp.zeros_like(rewards)
    for b in range(len(rewards)):
        last, next_value = 0.0, 0.0
        for t in reversed(range(rewards.shape[1])):
            if mask[b, t]:
                delta = rewards[b, t] + gamma * next_value - values[b, t]
                last = delta + gamma * gae_lambda * last
                advantages = advantages.at[b, t].set(last)
                next_value = values[b, t]
    return {"advantages": advantages, "returns": (advantages + values) * mask}


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    returns, last = jnp.zeros_like(rewards), next_values[-1]
    for t in reversed(range(len(rewards))):
        later = jnp.where(truncated[t], next_values[t], last)
        last = rewards[t] + gamma * jnp.where(terminated[t], 0.0, later)
        returns = returns.at[t].set(last)
    return {"value": returns}


def grpo_advantages(rewards):
    return {"value": (rewards - rewards.mean(1, keepdims=True)) / (rewards.std(1, keepdims=True) + 1e-8)}


def rloo_advantages(rewards):
    return {"value": rewards - (rewards.sum(1, keepdims=True) - rewards) / (rewards.shape[1] - 1)}


def dr_grpo_advantages(rewards):
    return {"value": rewards - rewards.mean(1, keepdims=True)}


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    last = mask & (jnp.cumsum(mask[:, ::-1], axis=1)[:, ::-1] == 1)
    return {"value": jnp.where(mask, -kl_coef * (log_prob - ref_log_prob), 0.0) + last * scores[:, None]}


def normalize_advantages(advantages):
    return {"value": (advantages - advantages.mean()) / (advantages.std() + 1e-8)}


def ratio(log_prob, old_log_prob):
    return {"ratio": jnp.exp(log_prob - old_log_prob)}


def importance_estimate(fx, log_p, log_q):
    return {"estimate": (jnp.exp(log_p - log_q) * fx).mean()}


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    return {"estimate": (jnp.minimum(jnp.exp(log_p - log_q), max_weight) * fx).mean()}


def self_normalized_estimate(fx, log_p, log_q):
    return {"estimate": (jax.nn.softmax(log_p - log_q) * fx).sum()}


def per_decision_importance_estimate(rewards, log_prob, old_log_prob, mask, gamma):
    steps = (mask.cumsum(axis=1) - 1).astype(rewards.dtype)
    weights = jnp.exp(((log_prob - old_log_prob) * mask).cumsum(axis=1))
    return {"estimate": (gamma**steps * weights * rewards * mask).sum(axis=1).mean()}


def effective_sample_size(log_weights):
    w = jnp.exp(log_weights - logsumexp(log_weights))
    return {"value": 1 / (w**2).sum()}


def gaussian_weight_second_moment(mean, log_std, other_mean, other_log_std):
    var, other_var = jnp.exp(log_std) ** 2, jnp.exp(other_log_std) ** 2
    width = 2 * other_var - var
    factors = other_var / jnp.sqrt(var * width) * jnp.exp((mean - other_mean) ** 2 / width)
    return {"value": factors.prod(axis=1)}


def _masked_mean(x, mask):
    return (x * mask).sum() / mask.sum()


def kl_k1(log_prob, old_log_prob, mask):
    return {"kl": _masked_mean(old_log_prob - log_prob, mask)}


def kl_k2(log_prob, old_log_prob, mask):
    return {"kl": _masked_mean(0.5 * (log_prob - old_log_prob) ** 2, mask)}


def kl_k3(log_prob, old_log_prob, mask):
    logr = log_prob - old_log_prob
    return {"kl": _masked_mean((jnp.exp(logr) - 1) - logr, mask)}


def _log_softmax(logits, action_mask=None):
    return jax.nn.log_softmax(logits if action_mask is None else jnp.where(action_mask, logits, -1e8))


def _at(log_probs, actions):
    return jnp.take_along_axis(log_probs, actions[:, None], axis=1)[:, 0]


def _kl(log_p, log_q):
    return (jnp.exp(log_p) * (log_p - log_q)).sum(-1)


def categorical_log_prob(logits, actions, action_mask):
    return {"log_prob": _at(_log_softmax(logits, action_mask), actions)}


def categorical_entropy(logits, action_mask):
    log_p = _log_softmax(logits, action_mask)
    return {"entropy": -(jnp.exp(log_p) * log_p).sum(-1)}


def categorical_log_prob_and_entropy(logits, actions, action_mask):
    return categorical_log_prob(logits, actions, action_mask) | categorical_entropy(logits, action_mask)


def categorical_kl(logits, other_logits, action_mask):
    return {"kl": _kl(_log_softmax(logits, action_mask), _log_softmax(other_logits, action_mask))}


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = _log_softmax(logits), _log_softmax(old_logits)
    surrogate = -(jnp.exp(_at(new, actions) - _at(old, actions)) * advantages).mean()
    kl = _kl(old, new).mean()
    return {"loss": surrogate + kl_coef * kl, "surrogate_loss": surrogate, "kl": kl}


def bernoulli_log_prob(logits, actions):
    return {"log_prob": jnp.where(actions == 1, jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)).sum(-1)}


def bernoulli_entropy(logits):
    return {"entropy": (jax.nn.softplus(logits) - logits * jax.nn.sigmoid(logits)).sum(-1)}


def bernoulli_kl(logits, other_logits):
    gap = jax.nn.sigmoid(logits) * (logits - other_logits)
    return {"kl": (jax.nn.softplus(other_logits) - jax.nn.softplus(logits) + gap).sum(-1)}


def _heads(logits, nvec):
    return jnp.split(logits, np.cumsum(np.array(nvec))[:-1], axis=1)


def _tables(logits, nvec, action_mask):
    legal = logits if action_mask is None else jnp.where(action_mask, logits, -jnp.inf)
    return [jax.nn.log_softmax(head, axis=1) for head in _heads(legal, nvec)]


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    return {"log_prob": sum(jnp.take_along_axis(table, actions[:, k : k + 1], axis=1)[:, 0]
                            for k, table in enumerate(tables))}


def multidiscrete_entropy(logits, nvec, action_mask=None):
    tables = [jnp.where(jnp.isfinite(table), table, 0.0) for table in _tables(logits, nvec, action_mask)]
    masks = _heads(jnp.ones_like(logits, dtype=bool) if action_mask is None else action_mask, nvec)
    return {"entropy": -sum((jnp.exp(table) * table * mask).sum(1) for table, mask in zip(tables, masks, strict=True))}


def multidiscrete_kl(logits, other_logits, nvec):
    pairs = zip(_tables(logits, nvec, None), _tables(other_logits, nvec, None), strict=True)
    return {"kl": sum((jnp.exp(p) * (p - q)).sum(1) for p, q in pairs)}


def gaussian_log_prob(mean, log_std, actions):
    return {"log_prob": norm.logpdf(actions, mean, jnp.exp(log_std)).sum(-1)}


def gaussian_entropy(mean, log_std):
    return {"entropy": (0.5 + 0.5 * jnp.log(2 * jnp.pi) + log_std).sum(-1)}


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    var, other_var = jnp.exp(2 * log_std), jnp.exp(2 * other_log_std)
    kl = other_log_std - log_std + (var + (mean - other_mean) ** 2) / (2 * other_var) - 0.5
    return {"kl": kl.sum(-1)}


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = jnp.arctanh(actions)
    slope = 2 * (jnp.log(2.0) - u - jax.nn.softplus(-2 * u))
    return {"log_prob": (norm.logpdf(u, mean, jnp.exp(log_std)) - slope).sum(-1)}


def _reduced(x, mask, reduction):
    if reduction == "sequence_mean":
        return ((x * mask).sum(axis=1) / mask.sum(axis=1)).mean()
    divisors = {"mean": mask.sum(), "sum": 1, "mean_over_all_slots": mask.size, "trajectory": len(mask)}
    return (x * mask).sum() / divisors[reduction]


def surrogate_loss(log_prob, old_log_prob, advantages, mask, reduction):
    return {"loss": -_reduced(jnp.exp(log_prob - old_log_prob) * advantages, mask, reduction)}


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    s = jnp.exp(((log_prob - old_log_prob) * mask).sum(1) / mask.sum(1))
    return {"loss": -jnp.minimum(s * advantages, jnp.clip(s, 1 - clip_eps_low, 1 + clip_eps_high) * advantages).mean()}


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps, mask, reduction):
    w = jax.lax.stop_gradient(jnp.clip(jnp.exp(log_prob - old_log_prob), 1 - clip_eps, 1 + clip_eps))
    return {"loss": -_reduced(w * advantages * log_prob, mask, reduction)}


def truncated_is_loss(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask, reduction):
    r = jnp.exp(log_prob - old_log_prob)
    w = jnp.minimum(jnp.exp(old_log_prob - rollout_log_prob), max_weight)
    objective = w * jnp.minimum(r * advantages, jnp.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return {"loss": -_reduced(objective, mask, reduction)}


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask, reduction, dual_clip=None):
    r = jnp.exp(log_prob - old_log_prob)
    objective = jnp.minimum(r * advantages, jnp.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    if dual_clip is not None:
        objective = jnp.where(advantages < 0, jnp.maximum(objective, dual_clip * advantages), objective)
    return {"loss": -_reduced(objective, mask, reduction)}


def ppo_loss(
    log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef, mask, reduction
):
    policy = clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask, reduction)["loss"]
    value, bonus = _reduced((values - returns) ** 2, mask, reduction), _reduced(entropy, mask, reduction)
    loss = policy + vf_coef * value - ent_coef * bonus
    return {"loss": loss, "clip_loss": policy, "value_loss": value, "entropy": bonus}


def policy_gradient_loss(log_prob, advantages, mask, reduction):
    return {"loss": -_reduced(log_prob * advantages, mask, reduction)}


def huber_value_loss(values, returns, delta, mask, reduction):
    e = jnp.abs(values - returns)
    return {"loss": _reduced(jnp.where(e <= delta, 0.5 * e**2, delta * (e - 0.5 * delta)), mask, reduction)}


def value_loss(values, returns, mask, reduction):
    return {"loss": _reduced((values - returns) ** 2, mask, reduction)}


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask, reduction):
    clipped = old_values + jnp.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return {"loss": _reduced(jnp.maximum((values - returns) ** 2, (clipped - returns) ** 2), mask, reduction)}


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps, mask):
    outside = (jnp.abs(jnp.exp(log_prob - old_log_prob) - 1) > clip_eps).astype(log_prob.dtype)
    return {"value": _masked_mean(outside, mask)}


def explained_variance(values, returns):
    return {"value": 1 - (returns - values).var() / returns.var()}


def masked_mean(x, mask):
    return {"mean": _masked_mean(x, mask)}


def sequence_mean(x, mask):
    return {"mean": _reduced(x, mask, "sequence_mean")}


def sequence_sum_mean(x, mask):
    return {"mean": (x * mask).sum(axis=1).mean()}


def trajectory_mean(x, lengths):
    return {"mean": x.sum() / len(lengths)}


def clip_grad_norm(grads, max_norm):
    size = jnp.sqrt(sum(jnp.sum(g**2) for g in grads))
    return {"grads": [g * jnp.minimum(max_norm / size, 1.0) for g in grads], "norm": size}


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    first = beta1 * first_moment + (1 - beta1) * grads
    second = beta2 * second_moment + (1 - beta2) * grads**2
    denominator = jnp.sqrt(second) / (1 - beta2**step) ** 0.5 + eps
    moved = params - learning_rate / (1 - beta1**step) * first / denominator
    return {"params": moved, "first_moment": first, "second_moment": second}


def sgd_step(params, grads, learning_rate):
    return {"value": params - learning_rate * grads}


def running_moments(batches):
    rows = jnp.concatenate(batches)
    return {"mean": rows.mean(axis=0), "var": rows.var(axis=0)}


def update_moments(moments, batch):
    mean, var, count = jnp.asarray(moments.mean), jnp.asarray(moments.var), moments.num_rows
    total, delta = count + len(batch), batch.mean(axis=0) - mean
    m2 = var * count + batch.var(axis=0) * len(batch) + delta**2 * count * len(batch) / total
    return {"mean": mean + delta * len(batch) / total, "var": m2 / total}


def beta_log_prob(alpha, beta, actions):
    log_beta = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    return {"log_prob": ((alpha - 1) * jnp.log(actions) + (beta - 1) * jnp.log1p(-actions) - log_beta).sum(-1)}


def beta_entropy(alpha, beta):
    log_beta = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    own = (alpha - 1) * digamma(alpha) + (beta - 1) * digamma(beta)
    return {"entropy": (log_beta - own + (alpha + beta - 2) * digamma(alpha + beta)).sum(-1)}


def beta_kl(alpha, beta, other_alpha, other_beta):
    log_beta = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    log_other = gammaln(other_alpha) + gammaln(other_beta) - gammaln(other_alpha + other_beta)
    on, off = digamma(alpha) - digamma(alpha + beta), digamma(beta) - digamma(alpha + beta)
    return {"kl": (log_other - log_beta + (alpha - other_alpha) * on + (beta - other_beta) * off).sum(-1)}
