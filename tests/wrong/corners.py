"""Right on almost everything: code that goes wrong in a corner (a special case, a range, a layout, a second call)."""

import functools

import numpy as np

from . import collector

WRONG, wrong = collector()


def _gae(rewards, values, next_values, terminated, ended, gamma, gae_lambda):
    out, carry = np.zeros_like(rewards), np.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + gamma * np.where(terminated[t], 0, next_values[t]) - values[t]
        carry = delta + gamma * gae_lambda * np.where(ended[t], 0, carry)
        out[t] = carry
    return out


def _returns(rewards, last, ahead, ended, gamma):
    out = np.zeros_like(rewards)
    for t in range(len(rewards) - 1, -1, -1):
        last = rewards[t] + gamma * np.where(ended[t], ahead[t], last)
        out[t] = last
    return out


def _clip_terms(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)


@wrong("gae", "lambda = 1 takes a Monte-Carlo path that runs over truncations")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    if gae_lambda == 1:
        return _returns(rewards, next_values[-1], np.zeros_like(rewards), terminated, gamma) - values
    return _gae(rewards, values, next_values, terminated, terminated | truncated, gamma, gae_lambda)


@wrong("gae", "lambda = 0 takes a path that forgets the flags")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    following = np.vstack([values[1:], last_values[None]])
    if not gae_lambda:
        return rewards + gamma * following - values
    return _gae(rewards, values, following, dones, dones, gamma, gae_lambda)


@wrong("gae", "a step with both flags does not end the chain (exclusive or)")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    return _gae(rewards, values, next_values, terminated, terminated ^ truncated, gamma, gae_lambda)


@wrong("gae", "advantages clipped to +-1000")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    out = _gae(rewards, values, next_values, terminated, terminated | truncated, gamma, gae_lambda)
    return np.clip(out, -1000, 1000)


@wrong("gae", "a reward of exactly zero is taken for padding")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    out = _gae(rewards, values, next_values, terminated, terminated | truncated, gamma, gae_lambda)
    return np.where(rewards == 0, 0, out)


@wrong("gae", "environments beyond the eighth are left at zero")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    out = _gae(rewards, values, next_values, terminated, terminated | truncated, gamma, gae_lambda)
    out[:, 8:] = 0
    return out


@wrong("discounted_returns", "the rollout end is bootstrapped even where it terminates")
def _(rewards, next_values, terminated, truncated, gamma):
    ahead = np.where(terminated, 0, next_values)
    last = np.arange(len(rewards)) == len(rewards) - 1
    ahead[last] = np.where(np.isnan(next_values[last]), 0, next_values[last])
    return _returns(rewards, next_values[-1], ahead, terminated | truncated, gamma)


@wrong("token_gae", "everything between the first and the last valid token counts as valid")
def _(rewards, values, mask, gamma, gae_lambda):
    out = np.zeros_like(rewards)
    for b, row in enumerate(mask):
        first, last = np.flatnonzero(row)[[0, -1]]
        span = slice(first, last + 1)
        r, v = rewards[b, span][:, None], values[b, span][:, None]
        following = np.vstack([v[1:], np.zeros((1, 1), v.dtype)])
        none = np.zeros(r.shape, bool)
        out[b, span] = _gae(r, v, following, none, none, gamma, gae_lambda)[:, 0]
    return out


@wrong("token_gae", "the valid tokens are taken to come first (right padding)")
def _(rewards, values, mask, gamma, gae_lambda):
    out = np.zeros_like(rewards)
    for b, n in enumerate(mask.sum(1)):
        r, v = rewards[b, :n, None], values[b, :n, None]
        none = np.zeros(r.shape, bool)
        out[b, :n] = _gae(r, v, np.vstack([v[1:], np.zeros((1, 1), v.dtype)]), none, none, gamma, gae_lambda)[:, 0]
    return out


@wrong("normalize_advantages", "small spreads are not divided: if std > 1e-2")
def _(advantages):
    centred = advantages - advantages.mean()
    return centred / (advantages.std() + 1e-8) if advantages.std() > 1e-2 else centred


KEPT = {}


@wrong("normalize_advantages", "statistics of the first batch of each size are kept")
def _(advantages):
    mean, std = KEPT.setdefault(len(advantages), (advantages.mean(), advantages.std()))
    return (advantages - mean) / (std + 1e-8)


@wrong("importance_estimate", "weights truncated at e^10")
def _(fx, log_p, log_q):
    return np.mean(np.exp(np.minimum(log_p - log_q, 10)) * fx)


@wrong("self_normalized_estimate", "1e-8 beside a sum of weights that were not shifted")
def _(fx, log_p, log_q):
    w = np.exp(log_p - log_q)
    return np.sum(w * fx) / (np.sum(w) + 1e-8)


@wrong("kl_k3", "Taylor's series beyond its range: |d| < 1/2")
def _(log_prob, old_log_prob):
    d = log_prob - old_log_prob
    return np.mean(np.where(np.abs(d) < 0.5, d**2 / 2 + d**3 / 6 + d**4 / 24, np.exp(d) - 1 - d))


@wrong("categorical_log_prob", "masked logits set to -1000")
def _(logits, actions, action_mask):
    z = np.where(action_mask, logits, -1000.0)
    z = z - z.max(1, keepdims=True)
    return np.take_along_axis(z, actions[:, None], 1)[:, 0] - np.log(np.exp(z).sum(1))


@wrong("categorical_log_prob", "log-probabilities floored at -20")
def _(logits, actions):
    z = logits - logits.max(1, keepdims=True)
    return np.maximum(np.take_along_axis(z, actions[:, None], 1)[:, 0] - np.log(np.exp(z).sum(1)), -20)


@wrong("categorical_entropy", "1e-10 added to the probabilities")
def _(logits):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True)
    return -np.sum(p * np.log(p + 1e-10), axis=1)


@wrong("gaussian_log_prob", "standard deviations floored at 0.01")
def _(mean, log_std, actions):
    std = np.maximum(np.exp(log_std), 0.01)
    return np.sum(-0.5 * ((actions - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi), axis=1)


@wrong("clip_loss", "the mean leaves out samples without advantage")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return np.sum(_clip_terms(log_prob, old_log_prob, advantages, clip_eps)) / max(1, np.count_nonzero(advantages))


@wrong("clip_loss", "the last minibatch of fewer than four is dropped")
def _(log_prob, old_log_prob, advantages, clip_eps):
    keep = max(len(advantages) // 4 * 4, min(len(advantages), 4))
    return np.mean(_clip_terms(log_prob, old_log_prob, advantages, clip_eps)[:keep])


@wrong("clip_loss", "the dual clip acts only above the band")
def _(log_prob, old_log_prob, advantages, clip_eps, dual_clip):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -np.mean(np.where((advantages < -1) & (r > 1 + clip_eps), np.maximum(low, dual_clip * advantages), low))


@wrong("ppo_loss", "entropy gradient not divided by the count")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    loss = np.mean(_clip_terms(log_prob, old_log_prob, advantages, clip_eps))
    loss += vf_coef * np.mean((values - returns) ** 2) - ent_coef * np.mean(entropy)
    return {"loss": loss, "grad_entropy": np.full_like(entropy, -ent_coef)}


@wrong("kl_penalty_loss", "no penalty below a KL of 0.01")
def _(logits, old_logits, actions, advantages, kl_coef):
    new, old = (z - z.max(1, keepdims=True) for z in (logits, old_logits))
    new, old = (z - np.log(np.exp(z).sum(1, keepdims=True)) for z in (new, old))
    d = np.take_along_axis(new - old, actions[:, None], 1)[:, 0]
    kl = np.mean(np.sum(np.exp(old) * (old - new), 1))
    return -np.mean(np.exp(d) * advantages) + kl_coef * (kl if kl > 0.01 else 0)


@wrong("adapt_kl_coef", "never below 1e-3")
def _(kl_coef, kl, target_kl):
    if kl > 1.5 * target_kl:
        return kl_coef * 2
    return max(kl_coef / 2, 1e-3) if kl < target_kl / 1.5 else kl_coef


@wrong("explained_variance", "0 where the returns vary by less than 1e-2")
def _(values, returns):
    return 1 - np.var(returns - values) / np.var(returns) if np.var(returns) > 1e-2 else 0.0


@wrong("sequence_mean", "the valid tokens are taken to come first (right padding)")
def _(x, mask):
    return np.mean([row[:n].mean() for row, n in zip(x, mask.sum(1))])


@wrong("masked_mean", "mean over the rows that are full, else over all valid slots")
def _(x, mask):
    full = mask.all(1)
    return x[full].mean() if full.any() else x[mask].mean()


@wrong("clip_grad_norm", "vectors (biases) are left out of the norm")
def _(grads, max_norm):
    matrices = [g for g in grads if g.ndim > 1] or grads
    norm = np.sqrt(sum(np.sum(g**2) for g in matrices))
    return [g * min(1.0, max_norm / norm) if norm else g.copy() for g in grads]


@wrong("adam_step", "bias correction ends after step 10")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = beta1 * first_moment + (1 - beta1) * grads, beta2 * second_moment + (1 - beta2) * grads**2
    c1, c2 = (1 - beta1**step, 1 - beta2**step) if step <= 10 else (1, 1)
    return params - learning_rate * (m / c1) / (np.sqrt(v / c2) + eps), m, v


@wrong("adam_step", "eps squared under the root")
def _(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m, v = beta1 * first_moment + (1 - beta1) * grads, beta2 * second_moment + (1 - beta2) * grads**2
    return params - learning_rate * (m / (1 - beta1**step)) / np.sqrt(v / (1 - beta2**step) + eps**2), m, v


@wrong("running_moments", "batches of one row do not count")
def _(batches):
    rows = np.concatenate([b for b in batches if len(b) > 1] or batches)
    return rows.mean(0), rows.var(0)


@wrong("running_moments", "the shift of the means is measured from zero for the first batch")
def _(batches):
    def merge(state, batch):
        count, mean, m2 = state
        n, delta = len(batch), batch.mean(0) - mean
        return count + n, mean + delta * n / (count + n), m2 + batch.var(0) * n + delta**2 * max(count, 1) * n / (count + n)

    count, mean, m2 = functools.reduce(merge, batches, (0, 0.0, 0.0))
    return mean, m2 / count
