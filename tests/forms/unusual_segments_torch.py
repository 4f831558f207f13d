"""Episodes and rows as segments: index_add, bincount, nested tensors, cumulative sums of logarithms avoided."""

import torch

FRAMEWORK = "torch"
DTYPE = "float64"


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    steps, envs = rewards.shape
    delta = rewards + gamma * next_values.masked_fill(terminated, 0) - values
    stop = terminated | truncated
    advantages = torch.zeros_like(delta)
    for n in range(envs):
        ends = [int(t) for t in torch.nonzero(stop[:, n]).flatten()]
        start = 0
        for end in [*ends, steps - 1]:
            if start > end:
                break
            length = end + 1 - start
            power = torch.arange(length)
            # Upper triangular powers of the decay: 0 ** 0 is 1.
            hop = power[None, :] - power[:, None]
            weight = torch.where(hop >= 0, torch.pow(torch.tensor(gamma * gae_lambda, dtype=delta.dtype), hop.clamp(min=0)), 0.0)
            advantages[start:end + 1, n] = weight.to(delta.dtype) @ delta[start:end + 1, n]
            start = end + 1
    return advantages, advantages + values


def _rows(mask):
    return torch.nonzero(mask)[:, 0]


def masked_mean(x, mask):
    return x.masked_select(mask).sum() / mask.count_nonzero()


def sequence_mean(x, mask):
    rows = _rows(mask)
    sums = x.new_zeros(len(x)).index_add(0, rows, x[mask])
    return (sums / torch.bincount(rows, minlength=len(x))).mean()


def sequence_sum_mean(x, mask):
    return x.new_zeros(len(x)).scatter_add(0, _rows(mask), x[mask]).mean()


def surrogate_loss(log_prob, old_log_prob, advantages, mask=None):
    if mask is None:
        mask = torch.ones_like(log_prob, dtype=torch.bool)
    r = (log_prob[mask] - old_log_prob[mask]).exp()
    return -torch.dot(r, advantages[mask]) / r.numel()


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    r = (log_prob - old_log_prob).exp()
    return torch.bincount(((r - 1).abs() > clip_eps).long(), minlength=2)[1].double() / r.numel()


def running_moments(batches):
    everything = torch.vstack(batches)
    var, mean = torch.var_mean(everything, dim=0, correction=0)
    return mean, var


def explained_variance(values, returns):
    return 1 - torch.var(returns - values, correction=0) / torch.var(returns, correction=0)


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    m = torch.lerp(first_moment, grads, 1 - beta1)
    v = (second_moment * beta2).addcmul(grads, grads, value=1 - beta2)
    denominator = (v / (1 - beta2**step)).sqrt().add(eps)
    return params.addcdiv(m / (1 - beta1**step), denominator, value=-learning_rate), m, v
