"""Every operation in JAX; losses return the loss."""

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln

NAME = "textbook JAX"
FRAMEWORK = "jax"
DTYPE = "float64"


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * jnp.where(terminated, 0.0, next_values) - values


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = td_errors(rewards, values, next_values, terminated, truncated, gamma)
    done = jnp.logical_or(terminated, truncated)

    def backwards(carry, row):
        delta_t, done_t = row
        carry = delta_t + gamma * gae_lambda * jnp.where(done_t, 0.0, carry)
        return carry, carry

    _, advantages = jax.lax.scan(backwards, jnp.zeros_like(rewards[0]), (delta, done), reverse=True)
    return advantages, advantages + values


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    def backwards(ahead, row):
        r, vn, term, trunc = row
        g = r + gamma * jnp.where(term, 0.0, jnp.where(trunc, vn, ahead))
        return g, g

    rows = (rewards, next_values, terminated, truncated)
    return jax.lax.scan(backwards, next_values[-1], rows, reverse=True)[1]


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, gae_lambda, rho_clip,
           c_clip):
    ratios = jnp.exp(log_prob - old_log_prob)
    rho, c = jnp.minimum(rho_clip, ratios), gae_lambda * jnp.minimum(c_clip, ratios)
    delta = rho * td_errors(rewards, values, next_values, terminated, truncated, gamma)
    done = jnp.logical_or(terminated, truncated).at[-1].set(True)

    def backwards(carry, row):
        delta_t, c_t, done_t = row
        carry = delta_t + gamma * c_t * jnp.where(done_t, 0.0, carry)
        return carry, carry

    _, corrections = jax.lax.scan(backwards, jnp.zeros_like(rewards[0]), (delta, c, done), reverse=True)
    returns = values + corrections
    ahead = jnp.where(done, jnp.where(terminated, 0.0, next_values), jnp.roll(returns, -1, axis=0))
    return {"returns": returns, "advantages": rho * (rewards + gamma * ahead - values)}


def token_gae(rewards, values, mask, gamma, gae_lambda):
    def backwards(state, column):
        carry, next_value = state
        r, v, m = column
        new = r + gamma * next_value - v + gamma * gae_lambda * carry
        carry = jnp.where(m, new, carry)
        return (carry, jnp.where(m, v, next_value)), carry

    zero = jnp.zeros_like(rewards[:, 0])
    _, columns = jax.lax.scan(backwards, (zero, zero), (rewards.T, values.T, mask.T), reverse=True)
    return columns.T


def normalize_advantages(advantages, mask=None):
    mean = jnp.mean(advantages, where=mask)
    std = jnp.std(advantages, where=mask)
    return (advantages - mean) / (std + 1e-8)


def grpo_advantages(rewards):
    return (rewards - rewards.mean(1, keepdims=True)) / (rewards.std(1, keepdims=True) + 1e-8)


def rloo_advantages(rewards):
    others = 1 - jnp.eye(rewards.shape[1], dtype=rewards.dtype)
    return rewards - rewards @ others / (rewards.shape[1] - 1)


def dr_grpo_advantages(rewards):
    return jax.vmap(lambda row: row - row.mean())(rewards)


def kl_reward(scores, log_prob, ref_log_prob, mask, kl_coef):
    later = jnp.cumsum(mask[:, ::-1], axis=1)[:, ::-1]
    last = mask & (later == 1)
    return jnp.where(mask, -kl_coef * (log_prob - ref_log_prob) + last * scores[:, None], 0.0)


def adapt_kl_coef_proportional(kl_coef, kl, target_kl, batch_steps, horizon):
    return kl_coef + kl_coef * jnp.clip(kl / target_kl - 1, -0.2, 0.2) * batch_steps / horizon


def ratio(log_prob, old_log_prob):
    return jnp.exp(log_prob - old_log_prob)


def importance_estimate(fx, log_p, log_q):
    return jnp.mean(jnp.exp(log_p - log_q) * fx)


def self_normalized_estimate(fx, log_p, log_q):
    w = jnp.exp(log_p - log_q)
    return jnp.dot(w, fx) / w.sum()


def effective_sample_size(log_weights):
    w = jnp.exp(log_weights - jnp.max(log_weights))
    return jnp.square(w.sum()) / jnp.square(w).sum()


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    return jnp.mean(jnp.minimum(jnp.exp(log_p - log_q), max_weight) * fx)


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    weights = jnp.exp(jnp.cumsum(jnp.where(mask, log_prob - old_log_prob, 0.0), axis=1))
    steps = jnp.cumsum(mask, axis=1) - 1
    gains = jnp.where(mask, gamma ** jnp.maximum(steps, 0) * weights * rewards, 0.0)
    return gains.sum(axis=1).mean()


def _mean(x, mask):
    if mask is None:
        return x.mean()
    return jnp.where(mask, x, 0.0).sum() / mask.sum()


def kl_k1(log_prob, old_log_prob, mask=None):
    return _mean(old_log_prob - log_prob, mask)


def kl_k2(log_prob, old_log_prob, mask=None):
    return _mean(jnp.square(log_prob - old_log_prob) / 2, mask)


def kl_k3(log_prob, old_log_prob, mask=None):
    d = log_prob - old_log_prob
    return _mean(jnp.expm1(d) - d, mask)


def categorical_kl(logits, other_logits):
    p, q = jax.nn.log_softmax(logits), jax.nn.log_softmax(other_logits)
    return jnp.sum(jnp.exp(p) * (p - q), axis=-1)


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    std, other_std = jnp.exp(log_std), jnp.exp(other_log_std)
    spread = (std**2 + (mean - other_mean) ** 2) / (2 * other_std**2)
    return jnp.sum(other_log_std - log_std + spread - 0.5, axis=-1)


def adapt_kl_coef(kl_coef, kl, target_kl):
    return jnp.where(kl > 1.5 * target_kl, 2 * kl_coef, jnp.where(kl < target_kl / 1.5, kl_coef / 2, kl_coef))


def categorical_log_prob(logits, actions, action_mask=None):
    if action_mask is not None:
        logits = jnp.where(action_mask, logits, -jnp.inf)
    return jnp.take_along_axis(jax.nn.log_softmax(logits), actions[:, None], axis=-1)[:, 0]


def categorical_entropy(logits, action_mask=None):
    if action_mask is not None:
        logits = jnp.where(action_mask, logits, -jnp.inf)
    log_p = jax.nn.log_softmax(logits)
    p = jnp.exp(log_p)
    return -jnp.sum(jnp.where(p > 0, p * log_p, 0.0), axis=-1)


def gaussian_log_prob(mean, log_std, actions):
    return jax.scipy.stats.norm.logpdf(actions, mean, jnp.exp(log_std)).sum(axis=-1)


def gaussian_entropy(mean, log_std):
    return jnp.sum(log_std + 0.5 * (1 + jnp.log(2 * jnp.pi)), axis=-1)


def squashed_gaussian_log_prob(mean, log_std, actions):
    u = jnp.arctanh(actions)
    log_normal = jax.scipy.stats.norm.logpdf(u, mean, jnp.exp(log_std))
    return (log_normal - jnp.log(1 - actions**2)).sum(axis=-1)


def policy_gradient_loss(log_prob, advantages, mask=None):
    return -_mean(log_prob * advantages, mask)


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    if mask is not None:
        log_prob = jnp.where(mask, log_prob, 0.0)
        old_log_prob = jnp.where(mask, old_log_prob, 0.0)
    return -_mean(jnp.exp(log_prob - old_log_prob) * advantages, mask)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps, dual_clip=None, mask=None):
    if mask is not None:
        log_prob = jnp.where(mask, log_prob, 0.0)
        old_log_prob = jnp.where(mask, old_log_prob, 0.0)
        advantages = jnp.where(mask, advantages, 0.0)
    r = jnp.exp(log_prob - old_log_prob)
    objective = jnp.minimum(r * advantages, jnp.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    if dual_clip is not None:
        objective = jnp.where(advantages < 0, jnp.maximum(objective, dual_clip * advantages), objective)
    return -_mean(objective, mask)


def gspo_loss(log_prob, old_log_prob, advantages, mask, clip_eps):
    d = jnp.where(mask, log_prob, 0.0) - jnp.where(mask, old_log_prob, 0.0)
    s = jnp.exp(d.sum(1) / mask.sum(1))
    return -jnp.minimum(s * advantages, jnp.clip(s, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


def cispo_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high, mask=None):
    if mask is None:
        mask = jnp.ones(log_prob.shape, dtype=bool)
    log_prob, old_log_prob, advantages = (jnp.where(mask, x, 0.0) for x in (log_prob, old_log_prob, advantages))
    weight = jnp.clip(jnp.exp(log_prob - old_log_prob), 1 - clip_eps_low, 1 + clip_eps_high)
    return -(jax.lax.stop_gradient(weight) * advantages * log_prob).sum() / mask.sum()


def truncated_is_loss(log_prob, old_log_prob, rollout_log_prob, advantages, max_weight, clip_eps, mask=None):
    if mask is None:
        mask = jnp.ones(log_prob.shape, dtype=bool)
    new, old, rollout, a = (
        jnp.where(mask, x, 0.0) for x in (log_prob, old_log_prob, rollout_log_prob, advantages))
    r, weight = jnp.exp(new - old), jnp.minimum(jnp.exp(old - rollout), max_weight)
    objective = weight * jnp.minimum(r * a, jnp.clip(r, 1 - clip_eps, 1 + clip_eps) * a)
    return -jnp.where(mask, objective, 0.0).sum() / mask.sum()


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = jax.nn.log_softmax(logits), jax.nn.log_softmax(old_logits)
    r = jnp.exp(jnp.take_along_axis(new - old, actions[:, None], axis=-1)[:, 0])
    kl = jnp.sum(jnp.exp(old) * (old - new), axis=-1)
    return -jnp.mean(r * advantages) + kl_coef * jnp.mean(kl)


def value_loss(values, returns, mask=None):
    return _mean(jnp.square(values - returns), mask)


def clipped_value_loss(values, returns, old_values, value_clip_eps, mask=None):
    held = old_values + jnp.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return _mean(jnp.maximum(jnp.square(values - returns), jnp.square(held - returns)), mask)


def huber_value_loss(values, returns, delta, mask=None):
    error = values - returns
    near = jnp.minimum(jnp.abs(error), delta)
    return _mean(0.5 * near**2 + delta * (jnp.abs(error) - near), mask)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    policy = clip_loss(log_prob, old_log_prob, advantages, clip_eps)
    return policy + vf_coef * value_loss(values, returns) - ent_coef * entropy.mean()


def masked_mean(x, mask):
    return jnp.mean(x, where=mask)


def sequence_mean(x, mask):
    return jnp.mean(jnp.mean(x, axis=1, where=mask))


def sequence_sum_mean(x, mask):
    return jnp.mean(jnp.sum(x, axis=1, where=mask))


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    r = jnp.exp(log_prob - old_log_prob)
    return jnp.mean((jnp.abs(r - 1) > clip_eps).astype(r.dtype))


def explained_variance(values, returns):
    return 1 - jnp.var(returns - values) / jnp.var(returns)


def clip_grad_norm(grads, max_norm):
    norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in grads))
    scale = jnp.minimum(1.0, max_norm / norm)
    return jax.tree.map(lambda g: g * scale, grads)


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = beta1 * first_moment + (1 - beta1) * grads
    v = beta2 * second_moment + (1 - beta2) * grads**2
    m_hat = m / (1 - beta1**step)
    v_hat = v / (1 - beta2**step)
    return params - learning_rate * m_hat / (jnp.sqrt(v_hat) + eps), m, v


def running_moments(batches):
    rows = jnp.concatenate(batches)
    return jnp.mean(rows, axis=0), jnp.var(rows, axis=0)


def bernoulli_log_prob(logits, actions):
    return jnp.where(actions == 1, jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)).sum(-1)


def bernoulli_entropy(logits):
    return (jax.nn.softplus(logits) - logits * jax.nn.sigmoid(logits)).sum(-1)


def bernoulli_kl(logits, other_logits):
    gap = jax.nn.sigmoid(logits) * (logits - other_logits)
    return (jax.nn.softplus(other_logits) - jax.nn.softplus(logits) + gap).sum(-1)


def _tables(logits, nvec, action_mask=None):
    z = logits if action_mask is None else jnp.where(action_mask, logits, -jnp.inf)
    ends = [sum(nvec[: k + 1]) for k in range(len(nvec) - 1)]
    return [jax.nn.log_softmax(head) for head in jnp.split(z, ends, axis=1)]


def multidiscrete_log_prob(logits, actions, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    return sum(jnp.take_along_axis(t, actions[:, k, None], axis=1)[:, 0] for k, t in enumerate(tables))


def multidiscrete_entropy(logits, nvec, action_mask=None):
    tables = _tables(logits, nvec, action_mask)
    return sum(-(jnp.exp(t) * jnp.where(jnp.isfinite(t), t, 0.0)).sum(1) for t in tables)


def multidiscrete_kl(logits, other_logits, nvec):
    pairs = zip(_tables(logits, nvec), _tables(other_logits, nvec))
    return sum((jnp.exp(p) * (p - q)).sum(1) for p, q in pairs)


def beta_log_prob(alpha, beta, actions):
    log_beta = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    return ((alpha - 1) * jnp.log(actions) + (beta - 1) * jnp.log1p(-actions) - log_beta).sum(-1)


def beta_entropy(alpha, beta):
    log_beta = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    own = (alpha - 1) * digamma(alpha) + (beta - 1) * digamma(beta)
    return (log_beta - own + (alpha + beta - 2) * digamma(alpha + beta)).sum(-1)


def beta_kl(alpha, beta, other_alpha, other_beta):
    log_beta = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    log_other = gammaln(other_alpha) + gammaln(other_beta) - gammaln(other_alpha + other_beta)
    on, off = digamma(alpha) - digamma(alpha + beta), digamma(beta) - digamma(alpha + beta)
    return (log_other - log_beta + (alpha - other_alpha) * on + (beta - other_beta) * off).sum(-1)
