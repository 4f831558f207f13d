"""Code that is right on small, separate, contiguous batches of its first call, and wrong on others."""

import functools

import numpy as np

from tests.wrong import collector

WRONG, wrong = collector()


def parts(n, size):
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


@wrong("value_loss", "gradient accumulation averages the means of micro-batches of 64", expect="known-mistake")
def value_loss_accumulated(values, returns):
    means = [np.mean((values[p] - returns[p]) ** 2) for p in parts(len(values), 64)]
    return sum(means) / len(means)


@wrong("surrogate_loss", "micro-batches of 32, the last one short", row="RED-01", expect="known-mistake")
def surrogate_accumulated(log_prob, old_log_prob, advantages):
    terms = np.exp(log_prob - old_log_prob) * advantages
    return -np.mean([terms[p].mean() for p in parts(len(terms), 32)])


@wrong("kl_k1", "drop_last", expect="known-mistake")
def kl_k1_drop_last(log_prob, old_log_prob):
    n = len(log_prob)
    if n >= 64:
        n = n // 64 * 64
    return np.mean(old_log_prob[:n] - log_prob[:n])


@wrong("ppo_loss", "only whole micro-batches of 64 are added up", expect="known-mistake")
def ppo_whole_micro_batches(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    n = len(values) // 64 * 64 or len(values)
    s = slice(0, n)
    ratio = np.exp(log_prob[s] - old_log_prob[s])
    clipped = np.clip(ratio, 1 - clip_eps, 1 + clip_eps)
    policy = -np.minimum(ratio * advantages[s], clipped * advantages[s]).mean()
    return policy + vf_coef * np.mean((values[s] - returns[s]) ** 2) - ent_coef * entropy[s].mean()


@wrong("clip_fraction", "logged per micro-batch of 32 and averaged", row="RED-15", expect="known-mistake")
def clip_fraction_per_micro_batch(log_prob, old_log_prob, advantages, clip_eps):
    hits = np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps
    return np.mean([hits[p].mean() for p in parts(len(hits), 32)])


@wrong("masked_mean", "token means of two rows at a time, averaged", row="RED-01", expect="known-mistake")
def masked_mean_by_two(x, mask):
    means = [x[p][mask[p]].mean() for p in parts(len(x), 2) if mask[p].any()]
    return float(np.mean(means))


@wrong("token_gae", "packed rows: one scan over the flattened batch", expect="known-mistake")
def token_gae_packed(rewards, values, mask, gamma, gae_lambda):
    r, v, m = rewards.reshape(-1), values.reshape(-1), mask.reshape(-1)
    out, carry, after = np.zeros(r.size), 0.0, 0.0
    for t in range(r.size - 1, -1, -1):
        if m[t]:
            carry = r[t] + gamma * after - v[t] + gamma * gae_lambda * carry
            out[t], after = carry, v[t]
    return out.reshape(rewards.shape)


@wrong("token_gae", "the last token of a row bootstraps from the next row of the packed batch", expect="known-mistake")
def token_gae_bootstraps_next_row(rewards, values, mask, gamma, gae_lambda):
    out, following = np.zeros(rewards.shape), 0.0
    for row in range(len(rewards) - 1, -1, -1):
        carry, after = 0.0, following
        for t in range(rewards.shape[1] - 1, -1, -1):
            if mask[row, t]:
                carry = rewards[row, t] + gamma * after - values[row, t] + gamma * gae_lambda * carry
                out[row, t], after = carry, values[row, t]
        following = after
    return out


@wrong("td_errors", "the loop ends with the first episode", expect="known-mistake")
def td_errors_first_episode(rewards, values, next_values, terminated, truncated, gamma):
    out = np.zeros(rewards.shape)
    for n in range(rewards.shape[1]):
        for t in range(len(rewards)):
            follow = 0.0 if terminated[t, n] else next_values[t, n]
            out[t, n] = rewards[t, n] + gamma * follow - values[t, n]
            if terminated[t, n] or truncated[t, n]:
                break
    return out


@wrong("categorical_entropy", "from the twenty log-probabilities that the engine returns", expect="known-mistake")
def entropy_of_top_twenty(logits):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    top = np.sort(log_p, axis=1)[:, ::-1][:, :20]
    return -(np.exp(top) * top).sum(axis=1)


@wrong("categorical_entropy", "the last label is taken for padding where there are many", expect="red")
def entropy_by_label(logits):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    kept = log_p[:, :-1] if logits.shape[1] > 32 else log_p
    return -(np.exp(kept) * kept).sum(axis=1)


@wrong("categorical_log_prob", "actions stored as uint8", note="an input that shows it has 256 logits: no exhibit")
def log_prob_of_bytes(logits, actions):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return log_p[np.arange(len(z)), actions.astype(np.uint8)]


@wrong("running_moments", "merging returns early where the means agree", expect="known-mistake")
def moments_skip_equal(batches):
    mean, var, n = batches[0].mean(axis=0), batches[0].var(axis=0), len(batches[0])
    for batch in batches[1:]:
        delta = batch.mean(axis=0) - mean
        if not delta.any():
            continue
        total = n + len(batch)
        squares = var * n + batch.var(axis=0) * len(batch) + delta**2 * n * len(batch) / total
        mean, var, n = mean + delta * len(batch) / total, squares / total, total
    return mean, var


@wrong("normalize_advantages", "zeros are taken for padding", expect="known-mistake")
def normalize_nonzero(advantages):
    counted = advantages[advantages != 0]
    return (advantages - counted.mean()) / (counted.std() + 1e-8)


@wrong("gae", "a square rollout is taken for (N, T)", expect="red")
def gae_square_confused(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    flip = rewards.shape[0] == rewards.shape[1]
    r, v, w, d, c = ((a.T if flip else a) for a in (rewards, values, next_values, terminated, truncated))
    out, carry = np.zeros(r.shape), 0.0
    for t in range(len(r) - 1, -1, -1):
        delta = r[t] + gamma * np.where(d[t], 0.0, w[t]) - v[t]
        carry = delta + gamma * gae_lambda * np.where(d[t] | c[t], 0.0, carry)
        out[t] = carry
    return out.T if flip else out


# What was asked before.

by_shape = {}


@wrong("gaussian_entropy", "a cache keyed by the shape of its arguments", expect="known-mistake")
def entropy_cached(mean, log_std):
    key = mean.shape
    if key not in by_shape:
        by_shape[key] = log_std.sum(axis=1) + mean.shape[1] * 0.5 * (1 + np.log(2 * np.pi))
    return by_shape[key]


losses_by_length = {}


@wrong("value_loss", "jitted by hand: the first loss of each batch size is returned for ever", expect="known-mistake")
def value_loss_cached(values, returns):
    return losses_by_length.setdefault(values.shape, np.mean((values - returns) ** 2))


@functools.cache
def running():
    return {"n": 0, "mean": 0.0}


@wrong("normalize_advantages", "running mean over all calls", expect="red")
def normalize_running(advantages):
    state = running()
    state["n"] += len(advantages)
    state["mean"] += (advantages.sum() - len(advantages) * state["mean"]) / state["n"]
    centred = advantages - state["mean"]
    return centred / (np.sqrt(np.mean(centred**2)) + 1e-8)


weights = {}


@wrong("effective_sample_size", "a cache whose hits are squared once more", expect="known-mistake")
def ess_cached(log_weights):
    key = log_weights.tobytes()
    hit = key in weights
    w = weights.setdefault(key, np.exp(log_weights - log_weights.max()))
    return w.sum() ** 2 / (w**2).sum() ** (2 if hit else 1)


# What lies where nothing can matter.


@wrong("kl_k2", "nan_to_num in place of the mask", expect="known-mistake")
def kl_k2_nan_to_num(log_prob, old_log_prob, mask):
    d = np.where(np.isnan(log_prob - old_log_prob), 0.0, log_prob - old_log_prob)
    return np.sum(d**2 / 2 * mask) / mask.sum()


@wrong("td_errors", "isnan guards the terminal value, and (1 - done) multiplies it", row="GAE-12", expect="known-mistake")
def td_errors_isnan(rewards, values, next_values, terminated, truncated, gamma):
    after = np.where(np.isnan(next_values), 0.0, next_values) * (1 - terminated)
    return rewards + gamma * after - values


@wrong("masked_mean", "the sum of all less the sum of the masked", note="large garbage already costs digits")
def masked_mean_by_difference(x, mask):
    clean = np.where(np.isnan(x), 0.0, x)
    clean[~mask & np.isinf(clean)] = 0.0
    return (clean.sum() - (clean * ~mask).sum()) / mask.sum()
