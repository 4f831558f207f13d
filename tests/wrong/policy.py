"""ratio, surrogate_loss, clip_loss, kl_penalty_loss, ppo_loss, clip_fraction; NumPy, mostly value only."""

import numpy as np

from . import collector

WRONG, wrong = collector()


# ------------------------------------------------------------------ rows of bugs.md


@wrong("clip_loss", "clipped branch not multiplied by the advantage", "CLIP-01")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps)).mean()


@wrong("clip_loss", "unclipped branch averaged", "CLIP-02")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    worst = np.maximum(-advantages * r, -advantages * np.clip(r, 1 - clip_eps, 1 + clip_eps))  # noqa: F841
    return np.mean(-advantages * r)


@wrong("clip_loss", "lower bound is eps", "CLIP-04")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "dual clip for both signs of A", "CLIP-05")
def _(log_prob, old_log_prob, advantages, clip_eps, dual_clip):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -np.maximum(low, dual_clip * advantages).mean()


@wrong("clip_loss", "dual clip constant accepted and not used", "CLIP-07")
def _(log_prob, old_log_prob, advantages, clip_eps, dual_clip):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "advantage normalised between the two branches", "CLIP-10")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    free = r * advantages
    normal = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return -np.minimum(free, np.clip(r, 1 - clip_eps, 1 + clip_eps) * normal).mean()


@wrong("clip_loss", "old log-probs are the new ones: ratio always 1", "CLIP-12")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return -advantages.mean(), -advantages / advantages.size


@wrong("clip_loss", "min(R, 1 + eps) A: upper cap only, no min (CISPO without the log-prob)", "CLIP-15", "red")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -(np.minimum(r, 1 + clip_eps) * advantages).mean()


@wrong("clip_fraction", "fraction where the clipped branch exceeds the free one, signs lost", "CLIP-17", "red")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    held = np.clip(r, 1 - clip_eps, 1 + clip_eps)
    return np.mean((held > r) & (advantages < 0))


@wrong("clip_fraction", "last half of the batch only", "CLIP-20", "red")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.mean(np.abs(r - 1)[len(r) // 2 :] > clip_eps)


@wrong("kl_penalty_loss", "KL subtracted from a minimised loss", "KLP-01")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    surrogate = (np.exp(new[i, actions] - old[i, actions]) * advantages).mean()
    return -surrogate - kl_coef * (np.exp(old) * (old - new)).sum(-1).mean()


@wrong("kl_penalty_loss", "KL of the new policy with itself: no penalty at all", "KLP-07")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    return -(np.exp(new[i, actions] - old[i, actions]) * advantages).mean()


@wrong("ppo_loss", "entropy added to the minimised loss", "ENT-01")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + vf_coef * ((values - returns) ** 2).mean() + ent_coef * entropy.mean()


@wrong("ppo_loss", "entropy added, half value loss", "ENT-02")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = np.maximum(-r * advantages, -np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + vf_coef * 0.5 * ((values - returns) ** 2).mean() + ent_coef * entropy.mean()


# ------------------------------------------------------------------ not in bugs.md


@wrong("ratio", "difference instead of exponential")
def _(log_prob, old_log_prob):
    return 1 + log_prob - old_log_prob


@wrong("ratio", "inverted")
def _(log_prob, old_log_prob):
    return np.exp(old_log_prob - log_prob)


@wrong("ratio", "quotient of log-probs")
def _(log_prob, old_log_prob):
    return log_prob / old_log_prob


@wrong("ratio", "exp(new) / exp(old) underflows")
def _(log_prob, old_log_prob):
    return np.exp(log_prob) / np.exp(old_log_prob)


@wrong("ratio", "exp(new) / (exp(old) + 1e-10)")
def _(log_prob, old_log_prob):
    return np.exp(log_prob) / (np.exp(old_log_prob) + 1e-10)


@wrong("ratio", "base 2")
def _(log_prob, old_log_prob):
    return 2.0 ** (log_prob - old_log_prob)


@wrong("ratio", "mean ratio broadcast")
def _(log_prob, old_log_prob):
    r = np.exp(log_prob - old_log_prob)
    return np.full_like(r, r.mean())


@wrong("surrogate_loss", "sign")
def _(log_prob, old_log_prob, advantages):
    return (np.exp(log_prob - old_log_prob) * advantages).mean()


@wrong("surrogate_loss", "ratio inverted")
def _(log_prob, old_log_prob, advantages):
    return -(np.exp(old_log_prob - log_prob) * advantages).mean()


@wrong("surrogate_loss", "ratio missing: REINFORCE")
def _(log_prob, old_log_prob, advantages):
    return -(log_prob * advantages).mean(), -advantages / advantages.size


@wrong("surrogate_loss", "log-ratio for the ratio")
def _(log_prob, old_log_prob, advantages):
    return -((log_prob - old_log_prob) * advantages).mean()


@wrong("surrogate_loss", "means multiplied instead of mean of products")
def _(log_prob, old_log_prob, advantages):
    return -np.exp(log_prob - old_log_prob).mean() * advantages.mean()


@wrong("surrogate_loss", "advantages normalised inside")
def _(log_prob, old_log_prob, advantages):
    a = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return -(np.exp(log_prob - old_log_prob) * a).mean()


@wrong("surrogate_loss", "gradient without the ratio")
def _(log_prob, old_log_prob, advantages):
    return -(np.exp(log_prob - old_log_prob) * advantages).mean(), -advantages / advantages.size


@wrong("surrogate_loss", "gradient not divided by the count")
def _(log_prob, old_log_prob, advantages):
    g = -np.exp(log_prob - old_log_prob) * advantages
    return g.mean(), g


@wrong("surrogate_loss", "gradient divided by all slots, value by valid ones")
def _(log_prob, old_log_prob, advantages, mask):
    g = np.where(mask, -np.exp(np.where(mask, log_prob - old_log_prob, 0.0)) * np.where(mask, advantages, 0.0), 0.0)
    return g.sum() / mask.sum(), g / mask.size


@wrong("surrogate_loss", "mean of row means over a token batch")
def _(log_prob, old_log_prob, advantages, mask):
    each = np.where(mask, -np.exp(np.where(mask, log_prob - old_log_prob, 0.0)) * np.where(mask, advantages, 0.0), 0.0)
    if each.ndim == 1:
        return each.sum() / mask.sum()
    return (each.sum(1) / mask.sum(1)).mean()


@wrong("surrogate_loss", "ratio of the whole sequence for every token")
def _(log_prob, old_log_prob, advantages, mask):
    d = np.where(mask, log_prob - old_log_prob, 0.0)
    if d.ndim == 2:
        d = np.repeat(d.sum(1, keepdims=True), d.shape[1], axis=1)
    each = np.where(mask, -np.exp(np.clip(d, -700, 700)) * np.where(mask, advantages, 0.0), 0.0)
    return each.sum() / mask.sum()


@wrong("clip_loss", "max for min")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.maximum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "clipped branch only")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -(np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "upper side not clipped")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.maximum(r, 1 - clip_eps) * advantages).mean()


@wrong("clip_loss", "lower side not clipped")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.minimum(r, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "clip to +-eps instead of 1 +- eps")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, -clip_eps, clip_eps) * advantages).mean()


@wrong("clip_loss", "log-ratio clipped to +-eps")
def _(log_prob, old_log_prob, advantages, clip_eps):
    d = log_prob - old_log_prob
    return -np.minimum(np.exp(d) * advantages, np.exp(np.clip(d, -clip_eps, clip_eps)) * advantages).mean()


@wrong("clip_loss", "sign of the loss")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "min of the negated terms")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.minimum(-r * advantages, -np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "ratio inverted")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(old_log_prob - log_prob)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "low and high epsilon exchanged")
def _(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps_high, 1 + clip_eps_low) * advantages).mean()


@wrong("clip_loss", "high epsilon on both sides")
def _(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps_high, 1 + clip_eps_high) * advantages).mean()


@wrong("clip_loss", "dual clip where A > 0")
def _(log_prob, old_log_prob, advantages, clip_eps, dual_clip):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -np.where(advantages > 0, np.maximum(low, dual_clip * advantages), low).mean()


@wrong("clip_loss", "dual clip by min")
def _(log_prob, old_log_prob, advantages, clip_eps, dual_clip):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -np.where(advantages < 0, np.minimum(low, dual_clip * advantages), low).mean()


@wrong("clip_loss", "sum of absolute advantages as the divisor")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -low.sum() / (np.abs(advantages).sum() + 1e-8)


@wrong("clip_loss", "outer product of ratio (B,1) and advantages (B,)")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)[:, None]
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "advantages normalised inside")
def _(log_prob, old_log_prob, advantages, clip_eps):
    a = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * a, np.clip(r, 1 - clip_eps, 1 + clip_eps) * a).mean()


@wrong("clip_loss", "gradient through the clipped branch (straight-through)")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -low.mean(), -r * advantages / r.size


@wrong("clip_loss", "gradient killed on both sides of the band")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    inside = np.abs(r - 1) <= clip_eps
    return -low.mean(), np.where(inside, -r * advantages, 0.0) / r.size


@wrong("clip_loss", "gradient inside the band without the ratio")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    return -np.minimum(free, held).mean(), np.where(free <= held, -advantages, 0.0) / r.size


@wrong("clip_loss", "gradient sign")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    return -np.minimum(free, held).mean(), np.where(free <= held, free, 0.0) / r.size


@wrong("clip_loss", "gradient zero inside the band (strict comparison of the two branches)")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    return -np.minimum(free, held).mean(), np.where(free < held, -free, 0.0) / r.size


@wrong("clip_loss", "gradient halved inside the band (tie rule)")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    weight = np.where(free < held, 1.0, np.where(free == held, 0.5, 0.0))
    return -np.minimum(free, held).mean(), -free * weight / r.size


@wrong("clip_loss", "gradient nonzero at masked slots")
def _(log_prob, old_log_prob, advantages, clip_eps, mask):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    return -np.minimum(free, held)[mask].mean(), np.where(free <= held, -free, 0.0) / mask.sum()


@wrong("clip_loss", "mask multiplied: NaN leaks", expect="known-mistake", note="clip_loss/nan-leak")
def _(log_prob, old_log_prob, advantages, clip_eps, mask):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    return -(low * mask).sum() / mask.sum()


@wrong("clip_loss", "advantages without a sign")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * np.abs(advantages), np.clip(r, 1 - clip_eps, 1 + clip_eps) * np.abs(advantages)).mean()


@wrong("clip_loss", "clip_eps of 0.2 hard-wired")
def _(log_prob, old_log_prob, advantages):
    r = np.exp(log_prob - old_log_prob)
    return -np.minimum(r * advantages, np.clip(r, 0.8, 1.2) * advantages).mean()


@wrong("clip_loss", "log-ratio in half precision")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp((log_prob - old_log_prob).astype(np.float16)).astype(log_prob.dtype)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


@wrong("clip_loss", "positive-advantage samples only")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    a = np.maximum(advantages, 0)
    return -np.minimum(r * a, np.clip(r, 1 - clip_eps, 1 + clip_eps) * a).mean()


@wrong("kl_penalty_loss", "surrogate sign")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    return (np.exp(new[i, actions] - old[i, actions]) * advantages).mean() + kl_coef * (np.exp(old) * (old - new)).sum(-1).mean()


@wrong("kl_penalty_loss", "KL summed over the batch")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    return -(np.exp(new[i, actions] - old[i, actions]) * advantages).mean() + kl_coef * (np.exp(old) * (old - new)).sum()


@wrong("kl_penalty_loss", "KL averaged over batch and actions")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    return -(np.exp(new[i, actions] - old[i, actions]) * advantages).mean() + kl_coef * (np.exp(old) * (old - new)).mean()


@wrong("kl_penalty_loss", "k1 of the taken action instead of the exact KL")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    d = new[i, actions] - old[i, actions]
    return -(np.exp(d) * advantages).mean() - kl_coef * d.mean()


@wrong("kl_penalty_loss", "gradient of the KL term missing")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    weighted = np.exp(new[i, actions] - old[i, actions]) * advantages
    loss = -weighted.mean() + kl_coef * (np.exp(old) * (old - new)).sum(-1).mean()
    return loss, -weighted[:, None] * (np.eye(logits.shape[1])[actions] - np.exp(new)) / len(actions)


@wrong("kl_penalty_loss", "gradient without the softmax normaliser")
def _(logits, old_logits, actions, advantages, kl_coef):
    z = logits - logits.max(-1, keepdims=True)
    zo = old_logits - old_logits.max(-1, keepdims=True)
    new = z - np.log(np.exp(z).sum(-1, keepdims=True))
    old = zo - np.log(np.exp(zo).sum(-1, keepdims=True))
    i = np.arange(len(actions))
    weighted = np.exp(new[i, actions] - old[i, actions]) * advantages
    loss = -weighted.mean() + kl_coef * (np.exp(old) * (old - new)).sum(-1).mean()
    gradient = -weighted[:, None] * np.eye(logits.shape[1])[actions] + kl_coef * (np.exp(new) - np.exp(old))
    return loss, gradient / len(actions)


@wrong("kl_penalty_loss", "raw logits for log-probabilities")
def _(logits, old_logits, actions, advantages, kl_coef):
    i = np.arange(len(actions))
    zo = old_logits - old_logits.max(-1, keepdims=True)
    p = np.exp(zo) / np.exp(zo).sum(-1, keepdims=True)
    r = np.exp(np.clip(logits[i, actions] - old_logits[i, actions], -60, 60))
    return -(r * advantages).mean() + kl_coef * (p * (old_logits - logits)).sum(-1).mean()


@wrong("ppo_loss", "value loss subtracted")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy - vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()


@wrong("ppo_loss", "vf_coef ignored")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + 0.5 * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()


@wrong("ppo_loss", "coefficients exchanged")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + ent_coef * ((values - returns) ** 2).mean() - vf_coef * entropy.mean()


@wrong("ppo_loss", "entropy summed")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.sum()


@wrong("ppo_loss", "advantages normalised inside")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    a = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * a, np.clip(r, 1 - clip_eps, 1 + clip_eps) * a).mean()
    return policy + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()


@wrong("ppo_loss", "absolute error for the value term")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + vf_coef * np.abs(values - returns).mean() - ent_coef * entropy.mean()


@wrong("ppo_loss", "no clipping")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    return -(r * advantages).mean() + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()


@wrong("ppo_loss", "entropy gradient of the wrong sign")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    n = len(values)
    loss = -np.minimum(free, held).mean() + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()
    return loss, np.where(free <= held, -free, 0.0) / n, 2 * vf_coef * (values - returns) / n, np.full(n, ent_coef / n)


@wrong("ppo_loss", "value gradient without vf_coef")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    r = np.exp(log_prob - old_log_prob)
    free, held = r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages
    n = len(values)
    loss = -np.minimum(free, held).mean() + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()
    return loss, np.where(free <= held, -free, 0.0) / n, 2 * (values - returns) / n, np.full(n, -ent_coef / n)


@wrong("clip_fraction", "log-ratio against eps without the absolute value")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return np.mean(np.exp(log_prob - old_log_prob) - 1 > clip_eps)


@wrong("clip_fraction", "count instead of fraction")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return np.sum(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps) * 1.0


@wrong("clip_fraction", "fraction inside the band")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) <= clip_eps)


@wrong("clip_fraction", "after clipping: always 0")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.clip(np.exp(log_prob - old_log_prob), 1 - clip_eps, 1 + clip_eps)
    return np.mean(np.abs(r - 1) > clip_eps + 1e-6)


@wrong("clip_fraction", "binding with the signs exchanged")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = np.exp(log_prob - old_log_prob)
    return np.mean(((r > 1 + clip_eps) & (advantages < 0)) | ((r < 1 - clip_eps) & (advantages > 0)))


@wrong("clip_fraction", "mean excess over the band")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return np.maximum(np.abs(np.exp(log_prob - old_log_prob) - 1) - clip_eps, 0).mean()


@wrong("clip_loss", "dual clip forgotten under a mask")
def _(log_prob, old_log_prob, advantages, clip_eps, dual_clip=None, mask=None):
    r = np.exp(log_prob - old_log_prob)
    low = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
    if mask is not None:
        return -np.where(mask, low, 0.0).sum() / mask.sum()
    if dual_clip is not None:
        low = np.where(advantages < 0, np.maximum(low, dual_clip * advantages), low)
    return -low.mean()
