"""Everything a contraction: GAE as a matrix of decays for each environment, means as inner products with weights."""

import numpy as np

DTYPE = "float64"


def _decays(rate):
    """W[t, s, n]: the product of the rates from t to s - 1."""
    steps, envs = rate.shape
    weights = np.zeros((steps, steps, envs), rate.dtype)
    for t in range(steps):
        weights[t, t] = 1
        np.cumprod(rate[t:-1], axis=0, out=weights[t, t + 1:])
    return weights


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    rate = np.where(terminated | truncated, 0.0, gamma * gae_lambda).astype(delta.dtype)
    advantages = np.einsum("tsn,sn->tn", _decays(rate), delta)
    return {"advantages": advantages, "returns": advantages + values}


def importance_estimate(fx, log_p, log_q):
    return np.einsum("i,i->", np.exp(log_p - log_q), fx) / fx.size


def _weights(mask):
    return mask / mask.sum(axis=1, keepdims=True)


def masked_mean(x, mask):
    return np.einsum("bl,bl->", np.where(mask, x, 0.0), mask.astype(x.dtype)) / np.einsum("bl->", mask.astype(int))


def sequence_mean(x, mask):
    return np.einsum("bl,bl->b", np.where(mask, x, 0.0), _weights(mask).astype(x.dtype)).mean()


def sequence_sum_mean(x, mask):
    return np.einsum("bl->", np.where(mask, x, 0.0)) / len(x)


def categorical_log_prob(logits, actions):
    one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[actions]
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.einsum("ba,ba->b", shifted, one_hot) - np.log(np.einsum("ba->b", np.exp(shifted)))


def gaussian_entropy(mean, log_std):
    return np.einsum("bd->b", log_std) + mean.shape[1] * 0.5 * np.log(2 * np.pi * np.e)


def gaussian_log_prob(mean, log_std, actions):
    z = (actions - mean) * np.exp(-log_std)
    return -0.5 * np.einsum("bd,bd->b", z, z) - np.einsum("bd->b", log_std) - z.shape[1] * 0.5 * np.log(2 * np.pi)


def surrogate_loss(log_prob, old_log_prob, advantages):
    weighted = np.exp(log_prob - old_log_prob) * advantages / advantages.size
    return -np.einsum("b->", weighted), -weighted


def clip_grad_norm(grads, max_norm):
    norm = np.sqrt(sum(np.einsum("i,i->", g, g) for g in map(np.ravel, grads)))
    return [g * (max_norm / norm) if norm > max_norm else g.copy() for g in grads]
