"""The usual expressions in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Normal,
    TanhTransform,
    TransformedDistribution,
    kl_divergence,
)

Tensors = dict[str, Any]


def run(expression: Callable[..., Tensors], gradients: dict[str, tuple[str, str]], inputs: dict[str, Any]) -> Tensors:
    """Values of an expression, and derivatives of their sums by autograd."""
    tensors = {name: _tensor(x) for name, x in inputs.items()}
    for name in {name for _, name in gradients.values()}:
        tensors[name].requires_grad_()
    values = expression(**tensors)
    slopes = {
        output: torch.autograd.grad(values[value].sum(), tensors[name], retain_graph=True)[0]
        for output, (value, name) in gradients.items()
    }
    return {name: _array(x) for name, x in {**values, **slopes}.items()}


def _tensor(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return torch.tensor(x)
    return type(x)(map(_tensor, x)) if isinstance(x, list) else x


def _array(x: Any) -> Any:
    return [_array(item) for item in x] if isinstance(x, list) else x.detach().numpy()


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return {"value": rewards + gamma * next_values * (~terminated) - values}


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    advantages, last = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    done = (terminated | truncated).to(rewards.dtype)
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_values[t] * (~terminated[t]) - values[t]
        last = advantages[t] = delta + gamma * gae_lambda * (1 - done[t]) * last
    return {"advantages": advantages, "returns": advantages + values}


def vtrace(
    log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip, c_clip
):
    ratios = torch.exp(log_prob - old_log_prob)
    rho, trace = ratios.clamp(max=rho_clip), gae_lambda * ratios.clamp(max=c_clip)
    after = torch.where(terminated, 0.0, next_values)
    delta, last, corrections = rho * (rewards + gamma * after - values), torch.zeros_like(rewards[0]), []
    for t in reversed(range(len(rewards))):
        last = delta[t] + gamma * trace[t] * torch.where(terminated[t] | truncated[t], 0.0, last)
        corrections.append(last)
    returns = values + torch.stack(corrections[::-1])
    ahead = torch.where(terminated | truncated, after, torch.cat([returns[1:], after[-1:]]))
    return {"returns": returns, "advantages": rho * (rewards + gamma * ahead - values)}


def token_gae(rewards, values, mask, gamma, gae_lambda):
    advantages = torch.zeros_like(rewards)
    for b in range(len(rewards)):
        last, next_value = 0.0, 0.0
        for t in reversed(range(rewards.shape[1])):
            if mask[b, t]:
                delta = rewards[b, t] + gamma * next_value - values[b, t]
                last = advantages[b, t] = delta + gamma * gae_lambda * last
                next_value = values[b, t]
    return {"advantages": advantages, "returns": (advantages + values) * mask}


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    returns, last = torch.zeros_like(rewards), next_values[-1]
    for t in reversed(range(len(rewards))):
        later = torch.where(truncated[t], next_values[t], last)
        last = returns[t] = rewards[t] + gamma * torch.where(terminated[t], 0.0, later)
    return {"value": returns}


def grpo_advantages(rewards):
    return {"value": (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True, unbiased=False) + 1e-8)}


def rloo_advantages(rewards):
    return {"value": rewards - (rewards.sum(1, keepdim=True) - rewards) / (rewards.shape[1] - 1)}


def dr_grpo_advantages(rewards):
    return {"value": rewards - rewards.mean(1, keepdim=True)}


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    last = mask & (mask.flip(1).cumsum(1).flip(1) == 1)
    return {"value": torch.where(mask, -kl_coef * (log_prob - ref_log_prob), 0.0) + last * scores[:, None]}


def normalize_advantages(advantages):
    return {"value": (advantages - advantages.mean()) / (advantages.std(unbiased=False) + 1e-8)}


def ratio(log_prob, old_log_prob):
    return {"ratio": torch.exp(log_prob - old_log_prob)}


def importance_estimate(fx, log_p, log_q):
    return {"estimate": (torch.exp(log_p - log_q) * fx).mean()}


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    return {"estimate": (torch.exp(log_p - log_q).clamp(max=max_weight) * fx).mean()}


def self_normalized_estimate(fx, log_p, log_q):
    return {"estimate": (torch.softmax(log_p - log_q, dim=0) * fx).sum()}


def per_decision_importance_estimate(rewards, log_prob, old_log_prob, mask, gamma):
    steps = (mask.cumsum(dim=1) - 1).to(rewards.dtype)
    weights = torch.exp(((log_prob - old_log_prob) * mask).cumsum(dim=1))
    return {"estimate": (gamma**steps * weights * rewards * mask).sum(dim=1).mean()}


def effective_sample_size(log_weights):
    w = torch.exp(log_weights - torch.logsumexp(log_weights, dim=0))
    return {"value": 1 / (w**2).sum()}


def gaussian_weight_second_moment(mean, log_std, other_mean, other_log_std):
    var, other_var = log_std.exp() ** 2, other_log_std.exp() ** 2
    width = 2 * other_var - var
    factors = other_var / torch.sqrt(var * width) * torch.exp((mean - other_mean) ** 2 / width)
    return {"value": factors.prod(dim=1)}


def _masked_mean(x, mask):
    return (x * mask).sum() / mask.sum()


def kl_k1(log_prob, old_log_prob, mask):
    return {"kl": _masked_mean(old_log_prob - log_prob, mask)}


def kl_k2(log_prob, old_log_prob, mask):
    return {"kl": _masked_mean(0.5 * (log_prob - old_log_prob) ** 2, mask)}


def kl_k3(log_prob, old_log_prob, mask):
    logr = log_prob - old_log_prob
    return {"kl": _masked_mean((logr.exp() - 1) - logr, mask)}


def _categorical(logits, action_mask=None):
    if action_mask is not None:
        logits = logits.masked_fill(~action_mask, -1e8)
    return Categorical(logits=logits, validate_args=False)


def categorical_log_prob(logits, actions, action_mask):
    return {"log_prob": _categorical(logits, action_mask).log_prob(actions)}


def categorical_entropy(logits, action_mask):
    return {"entropy": _categorical(logits, action_mask).entropy()}


def categorical_log_prob_and_entropy(logits, actions, action_mask):
    return categorical_log_prob(logits, actions, action_mask) | categorical_entropy(logits, action_mask)


def categorical_kl(logits, other_logits, action_mask):
    return {"kl": kl_divergence(_categorical(logits, action_mask), _categorical(other_logits, action_mask))}


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = Categorical(logits=logits), Categorical(logits=old_logits)
    surrogate = -(torch.exp(new.log_prob(actions) - old.log_prob(actions)) * advantages).mean()
    kl = kl_divergence(old, new).mean()
    return {"loss": surrogate + kl_coef * kl, "surrogate_loss": surrogate, "kl": kl}


def bernoulli_log_prob(logits, actions):
    return {"log_prob": Bernoulli(logits=logits).log_prob(actions.to(logits.dtype)).sum(-1)}


def bernoulli_entropy(logits):
    return {"entropy": Bernoulli(logits=logits).entropy().sum(-1)}


def bernoulli_kl(logits, other_logits):
    return {"kl": kl_divergence(Bernoulli(logits=logits), Bernoulli(logits=other_logits)).sum(-1)}


def _heads(logits, nvec, action_mask):
    masks = torch.split(torch.ones_like(logits, dtype=bool) if action_mask is None else action_mask, nvec, dim=1)
    return [_categorical(*pair) for pair in zip(torch.split(logits, nvec, dim=1), masks, strict=True)]


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    heads = _heads(logits, nvec, action_mask)
    return {"log_prob": sum(head.log_prob(actions[:, k]) for k, head in enumerate(heads))}


def multidiscrete_entropy(logits, nvec, action_mask=None):
    return {"entropy": sum(head.entropy() for head in _heads(logits, nvec, action_mask))}


def multidiscrete_kl(logits, other_logits, nvec):
    pairs = zip(_heads(logits, nvec, None), _heads(other_logits, nvec, None), strict=True)
    return {"kl": sum(kl_divergence(*pair) for pair in pairs)}


def gaussian_log_prob(mean, log_std, actions):
    return {"log_prob": Normal(mean, log_std.exp()).log_prob(actions).sum(-1)}


def gaussian_entropy(mean, log_std):
    return {"entropy": Normal(mean, log_std.exp()).entropy().sum(-1)}


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    return {"kl": kl_divergence(Normal(mean, log_std.exp()), Normal(other_mean, other_log_std.exp())).sum(-1)}


def squashed_gaussian_log_prob(mean, log_std, actions):
    policy = TransformedDistribution(Normal(mean, log_std.exp()), [TanhTransform()])
    return {"log_prob": policy.log_prob(actions).sum(-1)}


def _reduced(x, mask, reduction):
    if reduction == "sequence_mean":
        return ((x * mask).sum(dim=1) / mask.sum(dim=1)).mean()
    divisors = {"mean": mask.sum(), "sum": 1, "mean_over_all_slots": mask.numel(), "trajectory": len(mask)}
    return (x * mask).sum() / divisors[reduction]


def surrogate_loss(log_prob, old_log_prob, advantages, mask, reduction):
    return {"loss": -_reduced(torch.exp(log_prob - old_log_prob) * advantages, mask, reduction)}


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    s = torch.exp(((log_prob - old_log_prob) * mask).sum(1) / mask.sum(1))
    return {"loss": -torch.min(s * advantages, torch.clamp(s, 1 - clip_eps_low, 1 + clip_eps_high) * advantages).mean()}


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps, mask, reduction):
    w = torch.clamp(torch.exp(log_prob - old_log_prob), 1 - clip_eps, 1 + clip_eps).detach()
    return {"loss": -_reduced(w * advantages * log_prob, mask, reduction)}


def truncated_is_loss(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask, reduction):
    r = torch.exp(log_prob - old_log_prob)
    w = torch.exp(old_log_prob - rollout_log_prob).clamp(max=max_weight)
    objective = w * torch.min(r * advantages, torch.clamp(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return {"loss": -_reduced(objective, mask, reduction)}


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, mask, reduction, dual_clip=None):
    r = torch.exp(log_prob - old_log_prob)
    objective = torch.min(r * advantages, torch.clamp(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    if dual_clip is not None:
        objective = torch.where(advantages < 0, torch.max(objective, dual_clip * advantages), objective)
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
    terms = torch.nn.functional.huber_loss(values, returns, reduction="none", delta=delta)
    return {"loss": _reduced(terms, mask, reduction)}


def value_loss(values, returns, mask, reduction):
    return {"loss": _reduced((values - returns) ** 2, mask, reduction)}


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask, reduction):
    clipped = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    return {"loss": _reduced(torch.max((values - returns) ** 2, (clipped - returns) ** 2), mask, reduction)}


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps, mask):
    outside = ((torch.exp(log_prob - old_log_prob) - 1).abs() > clip_eps).to(log_prob.dtype)
    return {"value": _masked_mean(outside, mask)}


def explained_variance(values, returns):
    return {"value": 1 - (returns - values).var(unbiased=False) / returns.var(unbiased=False)}


def masked_mean(x, mask):
    return {"mean": _masked_mean(x, mask)}


def sequence_mean(x, mask):
    return {"mean": _reduced(x, mask, "sequence_mean")}


def sequence_sum_mean(x, mask):
    return {"mean": (x * mask).sum(dim=1).mean()}


def trajectory_mean(x, lengths):
    return {"mean": x.sum() / len(lengths)}


def clip_grad_norm(grads, max_norm):
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    return {"grads": [g * torch.clamp(max_norm / norm, max=1.0) for g in grads], "norm": norm}


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    first = torch.lerp(first_moment, grads, 1 - beta1)
    second = (second_moment * beta2).addcmul(grads, grads, value=1 - beta2)
    denominator = second.sqrt() / (1 - beta2**step) ** 0.5 + eps
    moved = params - learning_rate / (1 - beta1**step) * first / denominator
    return {"params": moved, "first_moment": first, "second_moment": second}


def sgd_step(params, grads, learning_rate):
    return {"value": torch.add(params, grads, alpha=-learning_rate)}


def running_moments(batches):
    rows = torch.cat(batches)
    return {"mean": rows.mean(dim=0), "var": rows.var(dim=0, unbiased=False)}


def update_moments(moments, batch):
    mean, var, count = torch.tensor(moments.mean), torch.tensor(moments.var), moments.num_rows
    total, delta = count + len(batch), batch.mean(dim=0) - mean
    m2 = var * count + batch.var(dim=0, unbiased=False) * len(batch) + delta**2 * count * len(batch) / total
    return {"mean": mean + delta * len(batch) / total, "var": m2 / total}


def beta_log_prob(alpha, beta, actions):
    return {"log_prob": Beta(alpha, beta).log_prob(actions).sum(-1)}


def beta_entropy(alpha, beta):
    return {"entropy": Beta(alpha, beta).entropy().sum(-1)}


def beta_kl(alpha, beta, other_alpha, other_beta):
    return {"kl": kl_divergence(Beta(alpha, beta), Beta(other_alpha, other_beta)).sum(-1)}
