"""Every operation, as a careful person writes it in NumPy; losses come with the gradient by hand."""

import math

import numpy as np
from scipy.special import digamma

NAME = "textbook NumPy"
FRAMEWORK = "numpy"
DTYPE = "float64"


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * np.where(terminated, 0.0, next_values) - values


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    done = terminated | truncated
    advantages = np.zeros_like(rewards)
    carry = np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        carry = delta[t] + gamma * gae_lambda * np.where(done[t], 0.0, carry)
        advantages[t] = carry
    return advantages, advantages + values


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    returns = np.zeros_like(rewards)
    running = next_values[-1]
    for t in reversed(range(len(rewards))):
        running = np.where(truncated[t], next_values[t], running)
        running = rewards[t] + gamma * np.where(terminated[t], 0.0, running)
        returns[t] = running
    return returns


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip,
           c_clip):
    ratios = np.exp(log_prob - old_log_prob)
    rho, c = np.minimum(ratios, rho_clip), gae_lambda * np.minimum(ratios, c_clip)
    delta = rho * (rewards + gamma * np.where(terminated, 0.0, next_values) - values)
    done = terminated | truncated
    correction = np.zeros_like(rewards[0])
    returns, advantages = np.zeros_like(rewards), np.zeros_like(rewards)
    ahead = next_values[-1]
    for t in reversed(range(len(rewards))):
        ahead = np.where(terminated[t], 0.0, np.where(truncated[t], next_values[t], ahead))
        advantages[t] = rho[t] * (rewards[t] + gamma * ahead - values[t])
        correction = delta[t] + gamma * c[t] * np.where(done[t], 0.0, correction)
        returns[t] = ahead = values[t] + correction
    return returns, advantages


def token_gae(rewards, values, mask, gamma, gae_lambda):
    advantages = np.zeros_like(rewards)
    carry = np.zeros_like(rewards[:, 0])
    next_value = np.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        here = rewards[:, t] + gamma * next_value - values[:, t] + gamma * gae_lambda * carry
        carry = np.where(mask[:, t], here, carry)
        next_value = np.where(mask[:, t], values[:, t], next_value)
        advantages[:, t] = np.where(mask[:, t], here, 0.0)
    return advantages


def normalize_advantages(advantages, mask=None):
    valid = advantages if mask is None else advantages[mask]
    out = (advantages - valid.mean()) / (valid.std() + 1e-8)
    return out if mask is None else np.where(mask, out, 0.0)


def grpo_advantages(rewards):
    return (rewards - rewards.mean(axis=1, keepdims=True)) / (rewards.std(axis=1, keepdims=True) + 1e-8)


def rloo_advantages(rewards):
    group = rewards.shape[1]
    return rewards - (rewards.sum(axis=1, keepdims=True) - rewards) / (group - 1)


def dr_grpo_advantages(rewards):
    return rewards - rewards.mean(axis=1, keepdims=True)


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    rewards = np.where(mask, -kl_coef * (log_prob - ref_log_prob), 0.0)
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    rewards[np.arange(len(scores)), last] += scores
    return rewards


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    proportional_error = np.clip(kl / target_kl - 1, -0.2, 0.2)
    return kl_coef * (1 + proportional_error * batch_steps / horizon)


def ratio(log_prob, old_log_prob):
    return np.exp(log_prob - old_log_prob)


def importance_estimate(fx, log_p, log_q):
    return np.mean(np.exp(log_p - log_q) * fx)


def self_normalized_estimate(fx, log_p, log_q):
    w = np.exp(log_p - log_q)
    return np.sum(w * fx) / np.sum(w)


def effective_sample_size(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return w.sum() ** 2 / (w**2).sum()


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    return np.mean(np.minimum(np.exp(log_p - log_q), max_weight) * fx)


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    d = np.where(mask, log_prob - old_log_prob, 0.0)
    steps_before = np.cumsum(mask, axis=1) - mask
    gains = gamma**steps_before * np.exp(np.cumsum(d, axis=1)) * np.where(mask, rewards, 0.0)
    return gains.sum(axis=1).mean()


def _mean(x, mask):
    return x.mean() if mask is None else x[mask].mean()


def kl_k1(log_prob, old_log_prob, mask=None):
    return _mean(old_log_prob - log_prob, mask)


def kl_k2(log_prob, old_log_prob, mask=None):
    return _mean((log_prob - old_log_prob) ** 2 / 2, mask)


def kl_k3(log_prob, old_log_prob, mask=None):
    d = log_prob - old_log_prob
    return _mean(np.exp(d) - 1 - d, mask)


def _log_softmax(logits, action_mask=None):
    if action_mask is not None:
        logits = np.where(action_mask, logits, -np.inf)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def categorical_kl(logits, other_logits):
    p, q = _log_softmax(logits), _log_softmax(other_logits)
    return (np.exp(p) * (p - q)).sum(axis=-1)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    variance, other_variance = np.exp(2 * log_std), np.exp(2 * other_log_std)
    each = other_log_std - log_std + (variance + (mean - other_mean) ** 2) / (2 * other_variance) - 0.5
    return each.sum(axis=-1)


def adapt_kl_coef(kl_coef, kl, target_kl):
    if kl > 1.5 * target_kl:
        return kl_coef * 2
    if kl < target_kl / 1.5:
        return kl_coef / 2
    return kl_coef


def categorical_log_prob(logits, actions, action_mask=None):
    return _log_softmax(logits, action_mask)[np.arange(len(actions)), actions]


def categorical_entropy(logits, action_mask=None):
    log_p = _log_softmax(logits, action_mask)
    p = np.exp(log_p)
    return -(p * np.where(p > 0, log_p, 0.0)).sum(axis=-1)


def gaussian_log_prob(mean, log_std, actions):
    z = (actions - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(axis=-1)


def gaussian_entropy(mean, log_std):
    return (log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(axis=-1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = np.arctanh(actions)
    z = (u - mean) / np.exp(log_std)
    log_normal = -0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)
    return (log_normal - np.log(1 - actions**2)).sum(axis=-1)


def policy_gradient_loss(log_prob, advantages, mask=None):
    if mask is None:
        return -np.mean(log_prob * advantages), -advantages / advantages.size
    return -np.mean((log_prob * advantages)[mask]), np.where(mask, -advantages, 0.0) / mask.sum()


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    r = np.exp(log_prob - old_log_prob)
    each = -r * advantages
    if mask is None:
        return each.mean(), each / each.size
    return each[mask].mean(), np.where(mask, each / mask.sum(), 0.0)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, dual_clip=None, mask=None):
    r = np.exp(log_prob - old_log_prob)
    free = r * advantages
    held = np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    objective = np.minimum(free, held)
    alive = free <= held
    if dual_clip is not None:
        floor = dual_clip * advantages
        below = (advantages < 0) & (objective < floor)
        objective = np.where(below, floor, objective)
        alive = alive & ~below
    gradient = np.where(alive, -free, 0.0)
    if mask is None:
        return -objective.mean(), gradient / gradient.size
    return -objective[mask].mean(), np.where(mask, gradient / mask.sum(), 0.0)


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps):
    lengths = mask.sum(axis=1)
    s = np.exp(np.where(mask, log_prob - old_log_prob, 0.0).sum(axis=1) / lengths)
    clipped = np.clip(s, 1 - clip_eps, 1 + clip_eps)
    loss = -np.minimum(s * advantages, clipped * advantages).mean()
    flows = ~(((advantages > 0) & (s > 1 + clip_eps)) | ((advantages < 0) & (s < 1 - clip_eps)))
    slope = -np.where(flows, s * advantages, 0.0) / (lengths * len(s))
    return loss, np.where(mask, slope[:, None], 0.0)


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    if mask is None:
        mask = np.ones_like(log_prob, dtype=bool)
    d = np.where(mask, log_prob - old_log_prob, 0.0)
    weight = np.clip(np.exp(d), 1 - clip_eps_low, 1 + clip_eps_high) * np.where(mask, advantages, 0.0)
    terms = weight * np.where(mask, log_prob, 0.0)
    return -terms.sum() / mask.sum(), -weight / mask.sum()


def truncated_is_loss(
    log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps_low, clip_eps_high, mask=None
):
    if mask is not None:
        log_prob, old_log_prob, rollout_log_prob, advantages = (
            x[mask] for x in (log_prob, old_log_prob, rollout_log_prob, advantages))
    r = np.exp(log_prob - old_log_prob)
    weight = np.minimum(np.exp(old_log_prob - rollout_log_prob), max_weight)
    clipped = np.clip(r, 1 - clip_eps_low, 1 + clip_eps_high)
    return -(weight * np.minimum(r * advantages, clipped * advantages)).mean()


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    log_new, log_old = _log_softmax(logits), _log_softmax(old_logits)
    new, old = np.exp(log_new), np.exp(log_old)
    rows = np.arange(len(actions))
    r = np.exp(log_new[rows, actions] - log_old[rows, actions])
    kl = (old * (log_old - log_new)).sum(axis=-1)
    loss = -(r * advantages).mean() + kl_coef * kl.mean()
    chosen = np.zeros_like(new)
    chosen[rows, actions] = 1
    gradient = -(r * advantages)[:, None] * (chosen - new) + kl_coef * (new - old)
    return loss, gradient / len(actions)


def value_loss(values, returns, mask=None):
    error = values - returns
    if mask is None:
        return (error**2).mean(), 2 * error / error.size
    return (error[mask] ** 2).mean(), np.where(mask, 2 * error / mask.sum(), 0.0)


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
    move = values - old_values
    error = values - returns
    held = old_values + np.clip(move, -value_clip_eps, value_clip_eps) - returns
    each = np.maximum(error**2, held**2)
    inside = np.abs(move) <= value_clip_eps
    gradient = np.where(inside | (error**2 >= held**2), 2 * error, 0.0)
    if mask is None:
        return each.mean(), gradient / gradient.size
    return each[mask].mean(), np.where(mask, gradient / mask.sum(), 0.0)


def huber_value_loss(values, returns, delta, mask=None):
    error = values - returns
    size = np.abs(error)
    terms = np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))
    slope = np.clip(error, -delta, delta)
    if mask is None:
        return terms.mean(), slope / slope.size
    return terms[mask].mean(), np.where(mask, slope, 0.0) / mask.sum()


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    policy, grad_log_prob = clip_loss(log_prob, old_log_prob, advantages, clip_eps)
    value, grad_values = value_loss(values, returns)
    loss = policy + vf_coef * value - ent_coef * entropy.mean()
    grad_entropy = np.full_like(entropy, -ent_coef / entropy.size)
    return loss, grad_log_prob, vf_coef * grad_values, grad_entropy


def masked_mean(x, mask):
    return x[mask].mean()


def sequence_mean(x, mask):
    return (np.where(mask, x, 0.0).sum(axis=1) / mask.sum(axis=1)).mean()


def sequence_sum_mean(x, mask):
    return np.where(mask, x, 0.0).sum(axis=1).mean()


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)


def explained_variance(values, returns):
    return 1 - np.var(returns - values) / np.var(returns)


def clip_grad_norm(grads, max_norm):
    norm = math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in grads))
    scale = max_norm / norm if norm > max_norm else 1.0
    return [g * scale for g in grads]


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = beta1 * first_moment + (1 - beta1) * grads
    v = beta2 * second_moment + (1 - beta2) * grads**2
    m_hat = m / (1 - beta1**step)
    v_hat = v / (1 - beta2**step)
    return params - learning_rate * m_hat / (np.sqrt(v_hat) + eps), m, v


def running_moments(batches):
    everything = np.concatenate(batches)
    return everything.mean(axis=0), everything.var(axis=0)


def bernoulli_log_prob(logits, actions):
    p = 1 / (1 + np.exp(-logits))
    return (actions * np.log(p) + (1 - actions) * np.log(1 - p)).sum(axis=1)


def bernoulli_entropy(logits):
    p = 1 / (1 + np.exp(-logits))
    return -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)


def bernoulli_kl(logits, other_logits):
    p, q = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-other_logits))
    return (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum(axis=1)


def _heads(x, nvec):
    return np.split(x, np.cumsum(nvec)[:-1], axis=1)


def _tables(logits, nvec, action_mask=None):
    """log softmax of every choice."""
    z = logits if action_mask is None else np.where(action_mask, logits, -np.inf)
    return [h - h.max(1, keepdims=True) - np.log(np.exp(h - h.max(1, keepdims=True)).sum(1, keepdims=True))
            for h in _heads(z, nvec)]


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    return sum(table[np.arange(len(actions)), actions[:, k]] for k, table in enumerate(tables))


def multidiscrete_entropy(logits, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    return sum(-(np.exp(t) * np.where(np.isfinite(t), t, 0.0)).sum(1) for t in tables)


def multidiscrete_kl(logits, other_logits, nvec):
    pairs = zip(_tables(logits, nvec), _tables(other_logits, nvec))
    return sum((np.exp(p) * (p - q)).sum(1) for p, q in pairs)


def _log_beta(alpha, beta):
    log_gamma = np.vectorize(math.lgamma, otypes=[alpha.dtype])
    return log_gamma(alpha) + log_gamma(beta) - log_gamma(alpha + beta)


def beta_log_prob(alpha, beta, actions):
    powers = (alpha - 1) * np.log(actions) + (beta - 1) * np.log(1 - actions)
    return (powers - _log_beta(alpha, beta)).sum(axis=1)


def beta_entropy(alpha, beta):
    both = (alpha + beta - 2) * digamma(alpha + beta)
    terms = _log_beta(alpha, beta) - (alpha - 1) * digamma(alpha) - (beta - 1) * digamma(beta) + both
    return terms.sum(axis=1)


def beta_kl(alpha, beta, other_alpha, other_beta):
    both = digamma(alpha + beta)
    terms = _log_beta(other_alpha, other_beta) - _log_beta(alpha, beta)
    terms = terms + (alpha - other_alpha) * (digamma(alpha) - both) + (beta - other_beta) * (digamma(beta) - both)
    return terms.sum(axis=1)
