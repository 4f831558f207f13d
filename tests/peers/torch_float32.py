"""PyTorch itself: its distributions, `clip_grad_norm_` and Adam, on which most of the packages here stand."""

import torch
from torch import distributions

NAME = "torch, float32"
VERSION = torch.__version__
FRAMEWORK = "torch"
DTYPE = "float32"


def normal(mean, log_std):
    return distributions.Independent(distributions.Normal(mean, log_std.exp()), 1)


def categorical_log_prob(logits, actions):
    return distributions.Categorical(logits=logits).log_prob(actions)


def categorical_entropy(logits):
    return distributions.Categorical(logits=logits).entropy()


def categorical_kl(logits, other_logits):
    return distributions.kl_divergence(
        distributions.Categorical(logits=logits), distributions.Categorical(logits=other_logits)
    )


def gaussian_log_prob(mean, log_std, actions):
    return normal(mean, log_std).log_prob(actions)


def gaussian_entropy(mean, log_std):
    return normal(mean, log_std).entropy()


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    return distributions.kl_divergence(normal(mean, log_std), normal(other_mean, other_log_std))


def squashed_gaussian_log_prob(mean, log_std, actions):
    return distributions.TransformedDistribution(normal(mean, log_std), distributions.TanhTransform()).log_prob(actions)


def huber_value_loss(values, returns, delta):
    return torch.nn.functional.huber_loss(values, returns, delta=delta)


def clip_grad_norm(grads, max_norm):
    leaves = [torch.zeros_like(gradient, requires_grad=True) for gradient in grads]
    for leaf, gradient in zip(leaves, grads, strict=True):
        leaf.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_(leaves, max_norm)
    return [leaf.grad for leaf in leaves]


def adam_step(params, grads, first_moment, second_moment, step, learning_rate, beta1, beta2, eps):
    leaf = params.clone().requires_grad_()
    leaf.grad = grads.clone()
    adam = torch.optim.Adam([leaf], lr=learning_rate, betas=(beta1, beta2), eps=eps)
    adam.state[leaf] = {
        "step": torch.tensor(step - 1.0),
        "exp_avg": first_moment.clone(),
        "exp_avg_sq": second_moment.clone(),
    }
    adam.step()
    return leaf.detach(), adam.state[leaf]["exp_avg"], adam.state[leaf]["exp_avg_sq"]
