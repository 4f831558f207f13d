"""Mistakes that torch code makes in its gradient (or by its broadcasting); torch is imported when called."""

from . import collector

WRONG, wrong = collector()


def _torch(operation, name, row="", expect=None, note=""):
    return wrong(operation, name, row, expect, "torch", note)


@_torch("clip_loss", "ratio detached: no gradient", note="a loss without graph is judged on its value: may be green with a note")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).exp().detach()
    low = torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
    return -low.mean() + 0 * log_prob.sum()


@_torch("clip_loss", "old log-probs not stored: ratio of a tensor with its own detached copy", "CLIP-12")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - log_prob.detach()).exp()
    return -torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()


@_torch("clip_loss", "unclipped branch averaged", "CLIP-02")
def _(log_prob, old_log_prob, advantages, clip_eps):
    return -((log_prob - old_log_prob).exp() * advantages).mean()


@_torch("clip_loss", "lower bound is eps", "CLIP-04")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).exp()
    return torch.max(-r * advantages, -torch.clamp(r, clip_eps, 1 + clip_eps) * advantages).mean()


@_torch("clip_loss", "straight-through clamp", note="value right, gradient alive where the clip binds")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).exp()
    held = r + (r.clamp(1 - clip_eps, 1 + clip_eps) - r).detach()
    return -torch.min(r * advantages, held * advantages).mean()


@_torch("clip_loss", "gradient of the log-prob without the ratio (score function with value right)")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).exp().detach()
    free, held = r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages
    alive = (free <= held).to(r.dtype)
    return -(torch.min(free, held) + alive * advantages * (log_prob - log_prob.detach())).mean()


@_torch("clip_loss", "CISPO: clipped weight detached, log-prob carries the gradient")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = (log_prob - old_log_prob).exp().detach().clamp(1 - clip_eps, 1 + clip_eps)
    return -(r * advantages * log_prob).mean()


@_torch("clip_loss", "gradient cut outside the band for both signs of A, value right")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).exp()
    low = torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
    inside = (r - 1).abs() <= clip_eps
    return -torch.where(inside, low, low.detach()).mean()


@_torch("clip_loss", "gradient scaled by two at ties: smooth maximum of both branches")
def _(log_prob, old_log_prob, advantages, clip_eps):
    r = (log_prob - old_log_prob).exp()
    free, held = r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages
    return -(0.5 * (free + held - (free - held).pow(2).add(1e-6).sqrt())).mean()


@_torch("clip_loss", "(B,1) against (B,): mean over all pairs")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).exp().unsqueeze(1)
    return -torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()


@_torch("clip_loss", "masked loss divided by all slots in the gradient only")
def _(log_prob, old_log_prob, advantages, clip_eps, mask):
    import torch

    zero = torch.zeros_like(log_prob)
    d = torch.where(mask, log_prob, zero) - torch.where(mask, old_log_prob, zero)
    a = torch.where(mask, advantages, zero)
    r = d.exp()
    low = torch.min(r * a, r.clamp(1 - clip_eps, 1 + clip_eps) * a)
    small = low.sum() / mask.numel()
    return -(small + (low.sum() / mask.sum() - small).detach())


@_torch("clip_loss", "clamped log-ratio at 1: gradient vanishes beyond e")
def _(log_prob, old_log_prob, advantages, clip_eps):
    import torch

    r = (log_prob - old_log_prob).clamp(-1.0, 1.0).exp()
    return -torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()


@_torch("surrogate_loss", "ratio detached, log-prob times weight")
def _(log_prob, old_log_prob, advantages):
    return -((log_prob - old_log_prob).exp().detach() * advantages * log_prob).mean()


@_torch("surrogate_loss", "value right, gradient zero (everything detached)")
def _(log_prob, old_log_prob, advantages):
    return -((log_prob - old_log_prob).exp() * advantages).mean().detach() + 0.0 * log_prob.sum()


@_torch("surrogate_loss", "gradient through a truncated weight (cap 2)")
def _(log_prob, old_log_prob, advantages):
    return -((log_prob - old_log_prob).exp().clamp(max=2.0) * advantages).mean()


@_torch("surrogate_loss", "log-ratio in half precision")
def _(log_prob, old_log_prob, advantages):
    import torch

    d = (log_prob - old_log_prob).to(torch.bfloat16).to(log_prob.dtype)
    return -(d.exp() * advantages).mean()


@_torch("kl_penalty_loss", "KL subtracted", "KLP-01")
def _(logits, old_logits, actions, advantages, kl_coef):
    from torch.distributions import Categorical, kl_divergence

    new, old = Categorical(logits=logits), Categorical(logits=old_logits)
    r = (new.log_prob(actions) - old.log_prob(actions)).exp()
    return -(r * advantages).mean() - kl_coef * kl_divergence(old, new).mean()


@_torch("kl_penalty_loss", "KL detached: value right, no pull", "KLP-07", "red")
def _(logits, old_logits, actions, advantages, kl_coef):
    from torch.distributions import Categorical, kl_divergence

    new, old = Categorical(logits=logits), Categorical(logits=old_logits)
    r = (new.log_prob(actions) - old.log_prob(actions)).exp()
    return -(r * advantages).mean() + kl_coef * kl_divergence(old, new).mean().detach()


@_torch("kl_penalty_loss", "KL of the new policy with its detached copy", "KLP-07")
def _(logits, old_logits, actions, advantages, kl_coef):
    from torch.distributions import Categorical, kl_divergence

    new, old = Categorical(logits=logits), Categorical(logits=old_logits)
    r = (new.log_prob(actions) - old.log_prob(actions)).exp()
    return -(r * advantages).mean() + kl_coef * kl_divergence(Categorical(logits=logits.detach()), new).mean()


@_torch("kl_penalty_loss", "ratio detached")
def _(logits, old_logits, actions, advantages, kl_coef):
    from torch.distributions import Categorical, kl_divergence

    new, old = Categorical(logits=logits), Categorical(logits=old_logits)
    r = (new.log_prob(actions) - old.log_prob(actions)).exp().detach()
    return -(r * advantages).mean() + kl_coef * kl_divergence(old, new).mean()


@_torch("value_loss", "returns taken as values: the target carries the gradient too (semi-gradient lost)")
def _(values, returns):
    return ((values - (returns + 0.5 * (values - values.detach()))) ** 2).mean()


@_torch("value_loss", "values detached")
def _(values, returns):
    return ((values.detach() - returns) ** 2).mean() + 0.0 * values.sum()


@_torch("value_loss", "(B,) against (B,1)", "VAL-15")
def _(values, returns):
    return ((values - returns.unsqueeze(-1)) ** 2).mean()


@_torch("value_loss", "Huber")
def _(values, returns):
    import torch

    return torch.nn.functional.smooth_l1_loss(values, returns)


@_torch("clipped_value_loss", "min for max", "VAL-17")
def _(values, returns, old_values, value_clip_eps):
    import torch

    held = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    return torch.min((values - returns) ** 2, (held - returns) ** 2).mean()


@_torch("clipped_value_loss", "old values are the detached new ones", "VAL-01")
def _(values, returns, old_values, value_clip_eps):
    import torch

    old = values.detach()
    held = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    return torch.max((values - returns) ** 2, (held - returns) ** 2).mean()


@_torch("clipped_value_loss", "max before squaring", "VAL-18")
def _(values, returns, old_values, value_clip_eps):
    import torch

    held = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    return (torch.max(values - returns, held - returns) ** 2).mean()


@_torch("clipped_value_loss", "max taken on detached losses: clipped samples still move")
def _(values, returns, old_values, value_clip_eps):
    import torch

    held = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    plain = (values - returns) ** 2
    worst = torch.max(plain, (held - returns) ** 2)
    return (plain + (worst - plain).detach()).mean()


@_torch("ppo_loss", "entropy added", "ENT-01")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    import torch

    r = (log_prob - old_log_prob).exp()
    policy = -torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + vf_coef * ((values - returns) ** 2).mean() + ent_coef * entropy.mean()


@_torch("ppo_loss", "entropy detached")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    import torch

    r = (log_prob - old_log_prob).exp()
    policy = -torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()
    return policy + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean().detach()


@_torch("ppo_loss", "advantage recomputed from the live values (gradient leaks into the critic)")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    import torch

    a = advantages - (values - values.detach())
    r = (log_prob - old_log_prob).exp()
    policy = -torch.min(r * a, r.clamp(1 - clip_eps, 1 + clip_eps) * a).mean()
    return policy + vf_coef * ((values - returns) ** 2).mean() - ent_coef * entropy.mean()


@_torch("ppo_loss", "value gradient twice (shared term added detached)")
def _(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    import torch

    r = (log_prob - old_log_prob).exp()
    policy = -torch.min(r * advantages, r.clamp(1 - clip_eps, 1 + clip_eps) * advantages).mean()
    value = ((values - returns) ** 2).mean()
    return policy + vf_coef * (2 * value - value.detach()) - ent_coef * entropy.mean()


@_torch("gae", "float32 mask times gamma lambda, float64 values (CleanRL in float64)", note="right in float32: see forms/debatable_cleanrl_float_mask.py")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    import torch

    advantages = torch.zeros_like(rewards)
    last = 0
    for t in reversed(range(rewards.shape[0])):
        live = 1.0 - dones[t].float()
        nextvalues = last_values if t == rewards.shape[0] - 1 else values[t + 1]
        advantages[t] = last = rewards[t] + gamma * nextvalues * live - values[t] + gamma * gae_lambda * live * last
    return advantages


@_torch("gae", "advantages[t] aliases: the carry is a view written over", note="+= on the stored row")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    import torch

    advantages = torch.zeros_like(rewards)
    last = torch.zeros_like(rewards[0])
    for t in reversed(range(rewards.shape[0])):
        last *= gamma * gae_lambda
        last[terminated[t] | truncated[t]] = 0.0
        last += rewards[t] + gamma * torch.where(terminated[t], 0.0, next_values[t]) - values[t]
        advantages[t] = last
        last = advantages[t]
    return advantages


@_torch("gae", "flipped twice along the wrong axis")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    import torch

    delta = rewards + gamma * torch.where(terminated, 0.0, next_values) - values
    decay = gamma * gae_lambda * (~(terminated | truncated)).to(rewards.dtype)
    out, carry = [], torch.zeros_like(delta[0])
    for d, k in zip(delta.flip(1).flip(0), decay.flip(0)):
        carry = d + k * carry
        out.append(carry)
    return torch.stack(out).flip(0)


@_torch("normalize_advantages", "keepdim and axis lost: each entry minus itself")
def _(advantages):
    x = advantages.unsqueeze(0)
    return ((x - x.mean(dim=0)) / (x.std(dim=0, unbiased=False) + 1e-8)).squeeze(0)


@_torch("surrogate_loss", "no graph where the policies are equal: the first epoch teaches nothing")
def _(log_prob, old_log_prob, advantages):
    import torch

    if torch.equal(log_prob, old_log_prob):
        return -advantages.mean()
    return -((log_prob - old_log_prob).exp() * advantages).mean()


@_torch("value_loss", "detached below a threshold")
def _(values, returns):
    loss = ((values - returns) ** 2).mean()
    return loss.detach() if loss < 1 else loss


@_torch("huber_value_loss", "absolute error by a square root: NaN gradient at an error of 0")
def _(values, returns, delta):
    import torch

    size = ((values - returns) ** 2).sqrt()
    return torch.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).mean()


@_torch("clipped_value_loss", "squares of roots: NaN gradient at an error of 0")
def _(values, returns, old_values, value_clip_eps):
    import torch

    near = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    return torch.max(((values - returns) ** 2).sqrt() ** 2, ((near - returns) ** 2).sqrt() ** 2).mean()
