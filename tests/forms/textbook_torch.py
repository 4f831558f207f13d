"""Every operation in PyTorch; losses return the loss, autograd does the rest."""

import math

import torch
import torch.nn.functional as F

NAME = "textbook PyTorch"
FRAMEWORK = "torch"
DTYPE = "float64"


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * next_values.masked_fill(terminated, 0.0) - values


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * next_values.masked_fill(terminated, 0.0) - values
    alive = (~(terminated | truncated)).to(rewards.dtype)
    advantages = torch.zeros_like(rewards)
    last = 0.0
    for t in reversed(range(rewards.shape[0])):
        advantages[t] = last = delta[t] + gamma * gae_lambda * (alive[t] * last)
    return advantages, advantages + values


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    out = []
    ahead = next_values[-1]
    for t in range(rewards.shape[0] - 1, -1, -1):
        ahead = torch.where(truncated[t], next_values[t], ahead)
        ahead = rewards[t] + gamma * torch.where(terminated[t], torch.zeros_like(ahead), ahead)
        out.insert(0, ahead)
    return torch.stack(out)


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip,
           c_clip):
    ratios = (log_prob - old_log_prob).exp()
    rho, c = ratios.clamp(max=rho_clip), gae_lambda * ratios.clamp(max=c_clip)
    after = next_values.masked_fill(terminated, 0.0)
    delta = rho * (rewards + gamma * after - values)
    alive = (~(terminated | truncated)).to(rewards.dtype)
    corrections = torch.zeros_like(rewards)
    last = torch.zeros_like(rewards[0])
    for t in reversed(range(rewards.shape[0])):
        corrections[t] = last = delta[t] + gamma * c[t] * alive[t] * last
    returns = values + corrections
    goes_on = ~(terminated | truncated)
    goes_on[-1] = False
    ahead = torch.where(goes_on, torch.cat([returns[1:], after[-1:]]), after)
    return returns, rho * (rewards + gamma * ahead - values)


def token_gae(rewards, values, mask, gamma, gae_lambda):
    batch, length = rewards.shape
    carry = rewards.new_zeros(batch)
    next_value = rewards.new_zeros(batch)
    columns = []
    for t in reversed(range(length)):
        new = rewards[:, t] + gamma * next_value - values[:, t] + gamma * gae_lambda * carry
        carry = torch.where(mask[:, t], new, carry)
        next_value = torch.where(mask[:, t], values[:, t], next_value)
        columns.append(carry)
    return torch.stack(columns[::-1], dim=1)


def normalize_advantages(advantages, mask=None):
    x = advantages if mask is None else advantages[mask]
    return (advantages - x.mean()) / (x.std(unbiased=False) + 1e-8)


def grpo_advantages(rewards):
    mean, std = rewards.mean(dim=1, keepdim=True), rewards.std(dim=1, keepdim=True, unbiased=False)
    return (rewards - mean) / (std + 1e-8)


def rloo_advantages(rewards):
    group = rewards.shape[1]
    baseline = (rewards.sum(1, keepdim=True) - rewards) / (group - 1)
    return rewards - baseline


def dr_grpo_advantages(rewards):
    return rewards - rewards.mean(dim=1, keepdim=True)


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = (-kl_coef * (log_prob - ref_log_prob)).masked_fill(~mask, 0.0)
    positions = torch.arange(mask.shape[1])
    last = torch.where(mask, positions, torch.full_like(positions, -1)).max(dim=1).values
    return rewards.scatter_add(1, last[:, None], scores[:, None])


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    error = min(max(kl / target_kl - 1, -0.2), 0.2)
    return kl_coef * (1 + error * batch_steps / horizon)


def ratio(log_prob, old_log_prob):
    return torch.exp(log_prob - old_log_prob)


def importance_estimate(fx, log_p, log_q):
    return ((log_p - log_q).exp() * fx).mean()


def self_normalized_estimate(fx, log_p, log_q):
    return (torch.softmax(log_p - log_q, dim=0) * fx).sum()


def effective_sample_size(log_weights):
    w = torch.softmax(log_weights, dim=0)
    return 1 / (w**2).sum()


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    return ((log_p - log_q).exp().clamp(max=max_weight) * fx).mean()


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    ratios = torch.exp(log_prob - old_log_prob).masked_fill(~mask, 1.0)
    discounts = gamma ** (mask.cumsum(dim=1) - 1).clamp(min=0).to(rewards.dtype)
    weights = ratios.cumprod(dim=1)
    return (discounts * weights * rewards.masked_fill(~mask, 0.0)).sum(dim=1).mean()


def _mean(x, mask):
    return x.mean() if mask is None else x[mask].mean()


def kl_k1(log_prob, old_log_prob, mask=None):
    return _mean(-(log_prob - old_log_prob), mask)


def kl_k2(log_prob, old_log_prob, mask=None):
    return _mean(0.5 * (log_prob - old_log_prob).square(), mask)


def kl_k3(log_prob, old_log_prob, mask=None):
    logratio = log_prob - old_log_prob
    return _mean((logratio.exp() - 1) - logratio, mask)


def categorical_kl(logits, other_logits):
    p = F.log_softmax(logits, dim=-1)
    q = F.log_softmax(other_logits, dim=-1)
    return (p.exp() * (p - q)).sum(-1)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    first = other_log_std - log_std
    second = ((2 * log_std).exp() + (mean - other_mean) ** 2) / (2 * (2 * other_log_std).exp())
    return (first + second - 0.5).sum(-1)


def adapt_kl_coef(kl_coef, kl, target_kl):
    if kl < target_kl / 1.5:
        kl_coef = kl_coef / 2
    elif kl > target_kl * 1.5:
        kl_coef = kl_coef * 2
    return kl_coef


def categorical_log_prob(logits, actions, action_mask=None):
    if action_mask is not None:
        logits = logits.masked_fill(~action_mask, float("-inf"))
    return F.log_softmax(logits, dim=-1).gather(-1, actions[:, None]).squeeze(-1)


def categorical_entropy(logits, action_mask=None):
    if action_mask is not None:
        logits = logits.masked_fill(~action_mask, float("-inf"))
    log_p = F.log_softmax(logits, dim=-1)
    p = log_p.exp()
    return -torch.where(p > 0, p * log_p, torch.zeros_like(p)).sum(-1)


def gaussian_log_prob(mean, log_std, actions):
    z = (actions - mean) * torch.exp(-log_std)
    return -0.5 * (z**2 + 2 * log_std + math.log(2 * math.pi)).sum(-1)


def gaussian_entropy(mean, log_std):
    return (0.5 + 0.5 * math.log(2 * math.pi) + log_std).sum(-1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = torch.atanh(actions)
    z = (u - mean) / log_std.exp()
    log_normal = -0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)
    return (log_normal - torch.log(1 - actions**2)).sum(-1)


def policy_gradient_loss(log_prob, advantages, mask=None):
    return _mean(-log_prob * advantages, mask)


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    return -_mean((log_prob - old_log_prob).exp() * advantages, mask)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, dual_clip=None, mask=None):
    if mask is not None:
        log_prob, old_log_prob, advantages = log_prob[mask], old_log_prob[mask], advantages[mask]
    r = (log_prob - old_log_prob).exp()
    objective = torch.min(r * advantages, torch.clamp(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    if dual_clip is not None:
        objective = torch.where(advantages < 0, torch.max(objective, dual_clip * advantages), objective)
    return -objective.mean()


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps_low, clip_eps_high):
    log_ratio = (log_prob - old_log_prob).masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1)
    s = log_ratio.exp()
    clipped = torch.clamp(s, 1 - clip_eps_low, 1 + clip_eps_high)
    return -torch.min(s * advantages, clipped * advantages).mean()


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps, mask=None):
    weight = torch.clamp((log_prob - old_log_prob).exp(), 1 - clip_eps, 1 + clip_eps).detach()
    terms = weight * advantages * log_prob
    return -(terms.mean() if mask is None else terms[mask].mean())


def truncated_is_loss(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    if mask is not None:
        log_prob, old_log_prob = log_prob[mask], old_log_prob[mask]
        rollout_log_prob, advantages = rollout_log_prob[mask], advantages[mask]
    r = (log_prob - old_log_prob).exp()
    weight = (old_log_prob - rollout_log_prob).exp().clamp(max=max_weight)
    return -(weight * torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages)).mean()


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = F.log_softmax(logits, dim=-1), F.log_softmax(old_logits, dim=-1)
    index = actions[:, None]
    r = (new.gather(-1, index) - old.gather(-1, index)).squeeze(-1).exp()
    kl = (old.exp() * (old - new)).sum(-1)
    return -(r * advantages).mean() + kl_coef * kl.mean()


def value_loss(values, returns, mask=None):
    return _mean((values - returns) ** 2, mask)


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
    unclipped = (values - returns) ** 2
    clipped = (old_values + torch.clamp(values - old_values, -value_clip_eps, value_clip_eps) - returns) ** 2
    return _mean(torch.max(unclipped, clipped), mask)


def huber_value_loss(values, returns, delta, mask=None):
    if mask is not None:
        values, returns = values[mask], returns[mask]
    return F.huber_loss(values, returns, delta=delta)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    policy = clip_loss(log_prob, old_log_prob, advantages, clip_eps)
    return policy + vf_coef * F.mse_loss(values, returns) - ent_coef * entropy.mean()


def masked_mean(x, mask):
    return x[mask].mean()


def sequence_mean(x, mask):
    return (x.masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1)).mean()


def sequence_sum_mean(x, mask):
    return x.masked_fill(~mask, 0.0).sum(-1).mean()


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    r = (log_prob - old_log_prob).exp()
    return ((r - 1.0).abs() > clip_eps).to(r.dtype).mean()


def explained_variance(values, returns):
    return 1 - (returns - values).var(unbiased=False) / returns.var(unbiased=False)


def clip_grad_norm(grads, max_norm):
    total = torch.sqrt(sum((g**2).sum() for g in grads))
    scale = torch.clamp(max_norm / total, max=1.0)
    return [g * scale for g in grads]


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = first_moment.mul(beta1).add(grads, alpha=1 - beta1)
    v = second_moment.mul(beta2).addcmul(grads, grads, value=1 - beta2)
    m_hat = m / (1 - beta1**step)
    v_hat = v / (1 - beta2**step)
    return params - learning_rate * m_hat / (v_hat.sqrt() + eps), m, v


def running_moments(batches):
    rows = torch.cat(batches)
    return rows.mean(0), rows.var(0, unbiased=False)


def bernoulli_log_prob(logits, actions):
    return -F.binary_cross_entropy_with_logits(logits, actions.to(logits.dtype), reduction="none").sum(-1)


def bernoulli_entropy(logits):
    return F.binary_cross_entropy_with_logits(logits, torch.sigmoid(logits), reduction="none").sum(-1)


def bernoulli_kl(logits, other_logits):
    p = torch.sigmoid(logits)
    taken = p * (F.softplus(-other_logits) - F.softplus(-logits))
    return (taken + (1 - p) * (F.softplus(other_logits) - F.softplus(logits))).sum(-1)


def _tables(logits, nvec, action_mask=None):
    if action_mask is not None:
        logits = logits.masked_fill(~action_mask, float("-inf"))
    return [F.log_softmax(head, dim=-1) for head in torch.split(logits, nvec, dim=-1)]


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    taken = [table.gather(-1, a[:, None]).squeeze(-1) for table, a in zip(tables, actions.unbind(-1))]
    return torch.stack(taken, dim=-1).sum(-1)


def multidiscrete_entropy(logits, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    return sum(torch.special.entr(table.exp()).sum(-1) for table in tables)


def multidiscrete_kl(logits, other_logits, nvec):
    pairs = zip(_tables(logits, nvec), _tables(other_logits, nvec))
    return sum(F.kl_div(q, p, reduction="none", log_target=True).sum(-1) for p, q in pairs)


def _log_beta(alpha, beta):
    return torch.lgamma(alpha) + torch.lgamma(beta) - torch.lgamma(alpha + beta)


def beta_log_prob(alpha, beta, actions):
    powers = (alpha - 1) * torch.log(actions) + (beta - 1) * torch.log1p(-actions)
    return (powers - _log_beta(alpha, beta)).sum(-1)


def beta_entropy(alpha, beta):
    both = torch.digamma(alpha + beta)
    by_sides = (alpha - 1) * (both - torch.digamma(alpha)) + (beta - 1) * (both - torch.digamma(beta))
    return (_log_beta(alpha, beta) + by_sides).sum(-1)


def beta_kl(alpha, beta, other_alpha, other_beta):
    left, right = alpha - other_alpha, beta - other_beta
    by_steps = left * torch.digamma(alpha) + right * torch.digamma(beta) - (left + right) * torch.digamma(alpha + beta)
    return (_log_beta(other_alpha, other_beta) - _log_beta(alpha, beta) + by_steps).sum(-1)
