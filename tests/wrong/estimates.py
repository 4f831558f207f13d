"""importance sampling, effective sample size, k1/k2/k3, the KL controller."""

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("kl_k1", "sign", "KLE-01")
def _(log_prob, old_log_prob):
    return np.mean(log_prob - old_log_prob)


@wrong("kl_k1", "minus the ratio", "KLE-02")
def _(log_prob, old_log_prob):
    return np.mean(-np.exp(log_prob - old_log_prob))


@wrong("kl_k1", "mean over padding (zeros at masked)", "KLE-04")
def _(log_prob, old_log_prob, mask):
    return np.where(mask, old_log_prob - log_prob, 0.0).mean()


@wrong("kl_k3", "mean over padding, masked values included", "KLE-04")
def _(log_prob, old_log_prob, mask):
    d = log_prob - old_log_prob
    return np.mean(np.exp(d) - 1 - d)


@wrong("gaussian_kl", "arguments exchanged", "KLE-05")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * other_log_std), np.exp(2 * log_std)
    return (log_std - other_log_std + (v + (mean - other_mean) ** 2) / (2 * w) - 0.5).sum(-1)


@wrong("categorical_kl", "arguments exchanged", "KLE-05")
def _(logits, other_logits):
    a = logits - logits.max(-1, keepdims=True)
    b = other_logits - other_logits.max(-1, keepdims=True)
    a = a - np.log(np.exp(a).sum(-1, keepdims=True))
    b = b - np.log(np.exp(b).sum(-1, keepdims=True))
    return (np.exp(b) * (b - a)).sum(-1)


@wrong("kl_k1", "half precision", "KLE-10", "red")
def _(log_prob, old_log_prob):
    d = log_prob.astype(np.float16) - old_log_prob.astype(np.float16)
    return -np.mean(d.astype(log_prob.dtype))


@wrong("kl_k2", "half precision", "KLE-11", "red")
def _(log_prob, old_log_prob):
    d = (log_prob - old_log_prob).astype(np.float16).astype(log_prob.dtype)
    return np.mean(d**2) / 2


@wrong("kl_k3", "sign of x flipped: KL the other way", "KLE-15")
def _(log_prob, old_log_prob):
    x = old_log_prob - log_prob
    return np.mean(np.exp(x) - 1 - x)


# ------------------------------------------------------------------ not in bugs.md


@wrong("kl_k1", "absolute value")
def _(log_prob, old_log_prob):
    return np.mean(np.abs(log_prob - old_log_prob))


@wrong("kl_k1", "sum")
def _(log_prob, old_log_prob):
    return np.sum(old_log_prob - log_prob)


@wrong("kl_k1", "weighted by the new probability")
def _(log_prob, old_log_prob):
    return np.mean(np.exp(log_prob) * (log_prob - old_log_prob))


@wrong("kl_k1", "mask multiplied: NaN leaks", expect="known-mistake")
def _(log_prob, old_log_prob, mask):
    return ((old_log_prob - log_prob) * mask).sum() / mask.sum()


@wrong("kl_k2", "half missing")
def _(log_prob, old_log_prob):
    return np.mean((log_prob - old_log_prob) ** 2)


@wrong("kl_k2", "square of the mean")
def _(log_prob, old_log_prob):
    return np.mean(log_prob - old_log_prob) ** 2 / 2


@wrong("kl_k2", "variance of the log-ratio")
def _(log_prob, old_log_prob):
    return np.var(log_prob - old_log_prob) / 2


@wrong("kl_k2", "ratio minus one squared")
def _(log_prob, old_log_prob):
    return np.mean((np.exp(log_prob - old_log_prob) - 1) ** 2) / 2


@wrong("kl_k3", "minus one missing")
def _(log_prob, old_log_prob):
    d = log_prob - old_log_prob
    return np.mean(np.exp(d) - d)


@wrong("kl_k3", "log-ratio added")
def _(log_prob, old_log_prob):
    d = log_prob - old_log_prob
    return np.mean(np.exp(d) - 1 + d)


@wrong("kl_k3", "ratio minus one only")
def _(log_prob, old_log_prob):
    return np.mean(np.exp(log_prob - old_log_prob) - 1)


@wrong("kl_k3", "per-sample value clamped to +-10 (verl)")
def _(log_prob, old_log_prob):
    d = log_prob - old_log_prob
    return np.mean(np.clip(np.exp(d) - 1 - d, -10, 10))


@wrong("kl_k3", "1e-7 inside the logarithm (sbx)")
def _(log_prob, old_log_prob):
    r = np.exp(log_prob - old_log_prob)
    return np.mean(r - 1 - np.log(r + 1e-7))


@wrong("importance_estimate", "weights inverted")
def _(fx, log_p, log_q):
    return np.mean(np.exp(log_q - log_p) * fx)


@wrong("importance_estimate", "self-normalised")
def _(fx, log_p, log_q):
    w = np.exp(log_p - log_q)
    return np.sum(w * fx) / np.sum(w)


@wrong("importance_estimate", "sum instead of mean")
def _(fx, log_p, log_q):
    return np.sum(np.exp(log_p - log_q) * fx)


@wrong("importance_estimate", "weights truncated at 1")
def _(fx, log_p, log_q):
    return np.mean(np.minimum(np.exp(log_p - log_q), 1.0) * fx)


@wrong("importance_estimate", "weights truncated at 10")
def _(fx, log_p, log_q):
    return np.mean(np.minimum(np.exp(log_p - log_q), 10.0) * fx)


@wrong("importance_estimate", "exp(log_p) / exp(log_q): under- and overflow")
def _(fx, log_p, log_q):
    return np.mean(np.exp(log_p) / np.exp(log_q) * fx)


@wrong("importance_estimate", "weighted by p alone")
def _(fx, log_p, log_q):
    return np.mean(np.exp(np.minimum(log_p, 700)) * fx)


@wrong("importance_estimate", "means multiplied")
def _(fx, log_p, log_q):
    return np.mean(np.exp(log_p - log_q)) * np.mean(fx)


@wrong("self_normalized_estimate", "not normalised")
def _(fx, log_p, log_q):
    return np.mean(np.exp(log_p - log_q) * fx)


@wrong("self_normalized_estimate", "divided by the root of the sum of squares")
def _(fx, log_p, log_q):
    w = np.exp(log_p - log_q)
    return np.sum(w * fx) / np.sqrt(np.sum(w**2))


@wrong("self_normalized_estimate", "mean of self-normalised terms")
def _(fx, log_p, log_q):
    w = np.exp(log_p - log_q)
    return np.mean(w * fx) / np.sum(w)


@wrong("self_normalized_estimate", "1e-3 added to the denominator")
def _(fx, log_p, log_q):
    w = np.exp(log_p - log_q)
    return np.sum(w * fx) / (np.sum(w) + 1e-3)


@wrong("self_normalized_estimate", "softmax of log_p only")
def _(fx, log_p, log_q):
    w = np.exp(log_p - log_p.max())
    return np.sum(w * fx) / np.sum(w)


@wrong("effective_sample_size", "divided by n")
def _(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return w.sum() ** 2 / (w**2).sum() / len(w)


@wrong("effective_sample_size", "no maximum subtracted: overflow")
def _(log_weights):
    w = np.exp(log_weights)
    return w.sum() ** 2 / (w**2).sum()


@wrong("effective_sample_size", "exp of the entropy (perplexity)")
def _(log_weights):
    w = np.exp(log_weights - log_weights.max())
    w = w / w.sum()
    return np.exp(-np.sum(w * np.log(w)))


@wrong("effective_sample_size", "1 / max weight")
def _(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return w.sum() / w.max()


@wrong("effective_sample_size", "sum of squares over square of sum")
def _(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return (w**2).sum() / w.sum() ** 2


@wrong("effective_sample_size", "Kish on the log-weights themselves")
def _(log_weights):
    return log_weights.sum() ** 2 / (log_weights**2).sum()


@wrong("effective_sample_size", "n / (1 + variance of the weights)")
def _(log_weights):
    w = np.exp(log_weights - log_weights.max())
    return len(w) / (1 + np.var(w))


@wrong("adapt_kl_coef", "directions exchanged")
def _(kl_coef, kl, target_kl):
    if kl > 1.5 * target_kl:
        return kl_coef / 2
    if kl < target_kl / 1.5:
        return kl_coef * 2
    return kl_coef


@wrong("adapt_kl_coef", "only upward")
def _(kl_coef, kl, target_kl):
    return kl_coef * 2 if kl > 1.5 * target_kl else kl_coef


@wrong("adapt_kl_coef", "no dead zone")
def _(kl_coef, kl, target_kl):
    return kl_coef * 2 if kl > target_kl else kl_coef / 2


@wrong("adapt_kl_coef", "lower threshold 0.5 of the target")
def _(kl_coef, kl, target_kl):
    if kl > 1.5 * target_kl:
        return kl_coef * 2
    if kl < 0.5 * target_kl:
        return kl_coef / 2
    return kl_coef


@wrong("adapt_kl_coef", "factor 1.5 with the paper's thresholds")
def _(kl_coef, kl, target_kl):
    if kl > 1.5 * target_kl:
        return kl_coef * 1.5
    if kl < target_kl / 1.5:
        return kl_coef / 1.5
    return kl_coef


@wrong("adapt_kl_coef", "Ziegler's proportional controller", note="C of conventions.md 4.5, not in the closed list")
def _(kl_coef, kl, target_kl):
    return kl_coef * (1 + 0.1 * float(np.clip(kl / target_kl - 1, -0.2, 0.2)))


@wrong("adapt_kl_coef", "coefficient capped at 1")
def _(kl_coef, kl, target_kl):
    new = kl_coef * 2 if kl > 1.5 * target_kl else kl_coef / 2 if kl < target_kl / 1.5 else kl_coef
    return min(new, 1.0)


@wrong("adapt_kl_coef", "constant")
def _(kl_coef, kl, target_kl):
    return kl_coef


@wrong("gaussian_kl", "mean over dimensions")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * log_std), np.exp(2 * other_log_std)
    return (other_log_std - log_std + (v + (mean - other_mean) ** 2) / (2 * w) - 0.5).mean(-1)


@wrong("gaussian_kl", "log_std taken as log-variance")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(log_std), np.exp(other_log_std)
    return (0.5 * (other_log_std - log_std) + (v + (mean - other_mean) ** 2) / (2 * w) - 0.5).sum(-1)


@wrong("gaussian_kl", "minus one half missing")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * log_std), np.exp(2 * other_log_std)
    return (other_log_std - log_std + (v + (mean - other_mean) ** 2) / (2 * w)).sum(-1)


@wrong("gaussian_kl", "constant subtracted once, not per dimension")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * log_std), np.exp(2 * other_log_std)
    return (other_log_std - log_std + (v + (mean - other_mean) ** 2) / (2 * w)).sum(-1) - 0.5


@wrong("gaussian_kl", "symmetrised")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * log_std), np.exp(2 * other_log_std)
    d = (mean - other_mean) ** 2
    return (0.5 * ((v + d) / (2 * w) + (w + d) / (2 * v)) - 0.5).sum(-1)


@wrong("gaussian_kl", "sign of the log ratio")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * log_std), np.exp(2 * other_log_std)
    return (log_std - other_log_std + (v + (mean - other_mean) ** 2) / (2 * w) - 0.5).sum(-1)


@wrong("gaussian_kl", "distance of the means over its own variance")
def _(mean, log_std, other_mean, other_log_std):
    v, w = np.exp(2 * log_std), np.exp(2 * other_log_std)
    return (other_log_std - log_std + v / (2 * w) + (mean - other_mean) ** 2 / (2 * v) - 0.5).sum(-1)


@wrong("categorical_kl", "weighted by q")
def _(logits, other_logits):
    a = logits - logits.max(-1, keepdims=True)
    b = other_logits - other_logits.max(-1, keepdims=True)
    a = a - np.log(np.exp(a).sum(-1, keepdims=True))
    b = b - np.log(np.exp(b).sum(-1, keepdims=True))
    return (np.exp(b) * (a - b)).sum(-1)


@wrong("categorical_kl", "mean over actions")
def _(logits, other_logits):
    a = logits - logits.max(-1, keepdims=True)
    b = other_logits - other_logits.max(-1, keepdims=True)
    a = a - np.log(np.exp(a).sum(-1, keepdims=True))
    b = b - np.log(np.exp(b).sum(-1, keepdims=True))
    return (np.exp(a) * (a - b)).mean(-1)


@wrong("categorical_kl", "bits instead of nats")
def _(logits, other_logits):
    a = logits - logits.max(-1, keepdims=True)
    b = other_logits - other_logits.max(-1, keepdims=True)
    a = a - np.log(np.exp(a).sum(-1, keepdims=True))
    b = b - np.log(np.exp(b).sum(-1, keepdims=True))
    return (np.exp(a) * (a - b)).sum(-1) / np.log(2)


@wrong("categorical_kl", "1e-8 inside the logarithms")
def _(logits, other_logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    q = np.exp(other_logits - other_logits.max(-1, keepdims=True))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    return (p * (np.log(p + 1e-8) - np.log(q + 1e-8))).sum(-1)


@wrong("categorical_kl", "raw logits, normaliser forgotten")
def _(logits, other_logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    return (p * (logits - other_logits)).sum(-1)
