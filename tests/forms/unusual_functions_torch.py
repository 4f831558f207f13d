"""torch.func: vmap over samples, gradients by grad_and_value and jvp, handed back explicitly."""

import torch
from torch.func import grad_and_value, vmap

FRAMEWORK = "torch"
DTYPE = "float64"


def _objective(log_prob, old_log_prob, advantage, low, high):
    r = torch.exp(log_prob - old_log_prob)
    return -torch.minimum(r * advantage, torch.clamp(r, 1 - low, 1 + high) * advantage)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps_low, clip_eps_high):
    def one(new, old, a):
        return _objective(new, old, a, clip_eps_low, clip_eps_high)

    slopes, each = vmap(grad_and_value(one))(log_prob.detach(), old_log_prob, advantages)
    return {"loss": each.mean(), "grad_log_prob": slopes / len(slopes)}


def surrogate_loss(log_prob, old_log_prob, advantages):
    slopes, each = vmap(grad_and_value(lambda n, o, a: -torch.exp(n - o) * a))(
        log_prob.detach(), old_log_prob, advantages)
    return {"loss": each.mean(), "grad_log_prob": slopes / len(slopes)}


def value_loss(values, returns):
    slope, loss = grad_and_value(lambda v: (v - returns).pow(2).mean())(values.detach())
    return {"loss": loss, "grad_values": slope}


def clipped_value_loss(values, returns, old_values, value_clip_eps):
    def one(v, r, old):
        held = old + (v - old).clamp(-value_clip_eps, value_clip_eps)
        return torch.maximum((v - r).square(), (held - r).square())

    slopes, each = vmap(grad_and_value(one))(values.detach(), returns, old_values)
    return {"loss": each.mean(), "grad_values": slopes / len(slopes)}


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    def whole(z):
        new, old = torch.log_softmax(z, -1), torch.log_softmax(old_logits, -1)
        r = (new - old).gather(1, actions[:, None]).squeeze(1).exp()
        return -(r * advantages).mean() + kl_coef * (old.exp() * (old - new)).sum(-1).mean()

    slope, loss = grad_and_value(whole)(logits.detach())
    return {"loss": loss, "grad_logits": slope}


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    def one(r, v, vn, term, done):
        delta = r + gamma * torch.where(term, 0.0, vn) - v
        rate = torch.full_like(delta, gamma * gae_lambda).masked_fill(done, 0.0)
        rows = [delta[-1]]
        for t in range(len(delta) - 2, -1, -1):
            rows.append(delta[t] + rate[t] * rows[-1])
        return torch.stack(rows[::-1])

    advantages = vmap(one, in_dims=1, out_dims=1)(rewards, values, next_values, terminated, terminated | truncated)
    return advantages, advantages + values
