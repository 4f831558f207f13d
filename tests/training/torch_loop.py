"""One update of PPO as a loop in PyTorch with autograd, in the manner of CleanRL: the other side of the lock-step.

Written for these tests from the definitions of the conventions; nothing of ppocore's arithmetic is called.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ppocore.training import Config
from tests.optional import require

torch = require("torch")


def networks_of(layout: Any, params: Any) -> tuple[list[Any], list[Any]]:
    """Tensors that need gradients, in the order of the flat vector: of the policy with its log_std, and of values.

    A shared trunk is the policy's network, with the value as its last output; values have none of their own then.
    """
    policy = _layers(params[: layout.log_std], layout.policy_sizes)
    spread = torch.tensor(params[layout.log_std : layout.value], requires_grad=True)
    return [*policy, spread], [] if layout.shared else _layers(params[layout.value :], layout.value_sizes)


def flattened(tensors: list[Any]) -> Any:
    """The flat vector again."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).numpy()


def outputs_of(layers: list[Any], seen: Any, activation: str) -> Any:
    for place in range(0, len(layers) - 2, 2):
        seen = getattr(torch.nn.functional, activation)(seen @ layers[place] + layers[place + 1])
    return seen @ layers[-2] + layers[-1]


def update(config: Config, layout: Any, given: Any) -> Any:
    """Parameters after the update that `given` (parameters, moments, batch, advantages, orders) starts."""
    policy, values = networks_of(layout, given.params)
    tensors = [*policy, *values]
    optimizer = _optimizer(config, tensors, given)
    size, last_k3 = config.batch_size // config.num_minibatches, 0.0
    for epoch, order in enumerate(given.orders):
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            loss, last_k3, kl = _loss(config, layout, policy, values, given, rows)
            if config.learning_rate_schedule == "adaptive" and epoch + first > 0:
                _move_rate(config, optimizer, given, kl)
            if config.stop_after == "minibatch" and 0 < config.stop_factor * config.stop_kl < last_k3:
                return flattened(tensors)
            optimizer.zero_grad()
            loss.backward()
            _clip(config, policy, values)
            _place_eps(config, optimizer, given, tensors)
            optimizer.step()
        if 0 < config.stop_factor * config.stop_kl < last_k3:
            break
    return flattened(tensors)


def _move_rate(config: Config, optimizer: Any, given: Any, kl: float) -> None:
    """As rsl_rl writes it."""
    if kl > config.desired_kl * 2.0:
        given.rate = max(1e-5, given.rate / 1.5)
    elif kl < config.desired_kl / 2.0 and kl > 0.0:
        given.rate = min(1e-2, given.rate * 1.5)
    optimizer.param_groups[0]["lr"] = given.rate


def _layers(flat: Any, sizes: Any) -> list[Any]:
    found, place = [], 0
    for below, above in zip(sizes, sizes[1:], strict=False):
        for shape in ((int(below), int(above)), (int(above),)):
            count = math.prod(shape)
            found.append(torch.tensor(flat[place : place + count].reshape(shape), requires_grad=True))
            place += count
    return found


def _optimizer(config: Config, tensors: list[Any], given: Any) -> Any:
    if config.optimizer == "sgd":
        return torch.optim.SGD(tensors, lr=given.rate)
    adam = torch.optim.Adam(tensors, lr=given.rate, eps=config.adam_eps)
    place = 0
    for tensor in tensors:
        part = slice(place, place + tensor.numel())
        place += tensor.numel()
        adam.state[tensor] = {
            "step": torch.tensor(float(given.taken)),
            "exp_avg": torch.tensor(given.first_moment[part]).reshape(tensor.shape),
            "exp_avg_sq": torch.tensor(given.second_moment[part]).reshape(tensor.shape),
        }
    return adam


def _place_eps(config: Config, optimizer: Any, given: Any, tensors: list[Any]) -> None:
    """TensorFlow's form: lr sqrt(c2) / c1 m / (sqrt(v) + eps), which torch gives with eps / sqrt(c2)."""
    if config.adam_eps_form == "hat":
        step = float(optimizer.state[tensors[0]]["step"]) + 1
        optimizer.param_groups[0]["eps"] = config.adam_eps / math.sqrt(1 - 0.999**step)


def _clip(config: Config, policy: list[Any], values: list[Any]) -> None:
    groups = [policy, values] if config.grad_norm_over == "networks" else [[*policy, *values]]
    for group in groups if config.max_grad_norm > 0 else []:
        group = [tensor for tensor in group if tensor.grad is not None]
        norm = torch.sqrt(sum((tensor.grad**2).sum() for tensor in group))
        factor = torch.clamp(config.max_grad_norm / (norm + config.grad_norm_eps), max=1.0)
        for tensor in group:
            tensor.grad *= factor


def _loss(
    config: Config, layout: Any, policy: list[Any], values: list[Any], given: Any, rows: Any
) -> tuple[Any, float, float]:
    """The loss of a minibatch, its k3, and its KL(old, new)."""
    seen, actions, old_log_prob, old_values, returns, advantages = (
        torch.tensor(np.ascontiguousarray(array[rows])) for array in given.arrays)
    if config.normalize_advantages and config.normalize_over == "minibatch":
        advantages = _normalised(config, advantages)
    outputs = outputs_of(policy[:-1], seen, config.activation)
    if layout.shared:
        outputs, value = outputs[:, :-1], outputs[:, -1]
    else:
        value = outputs_of(values, seen, config.activation)[:, 0]
    log_prob, entropy, kl = _compared(layout, outputs, policy[-1], actions, torch.tensor(given.described[rows]))
    log_ratio = log_prob - old_log_prob
    ratio, eps = log_ratio.exp(), config.clip_eps
    low = 1 / (1 + eps) if config.clip_band == "log_symmetric" else 1 - eps
    objective = torch.min(ratio * advantages, torch.clamp(ratio, low, 1 + eps) * advantages)
    loss = (-objective.mean() - config.ent_coef * entropy.mean()
            + config.vf_coef * _value_loss(config, value, returns, old_values))
    return loss, float((ratio - 1 - log_ratio).mean().detach()), float(kl.mean().detach())


def _compared(layout: Any, outputs: Any, log_std: Any, actions: Any, old: Any) -> tuple[Any, Any, Any]:
    """log pi, entropy, and KL from what was noted of the policy that played."""
    divergence = torch.distributions.kl_divergence
    if not layout.head.choices:
        drawn = torch.distributions.Normal(outputs, log_std.exp().expand_as(outputs))
        mean, spread = old.chunk(2, dim=1)
        kl = divergence(torch.distributions.Normal(mean, spread.exp()), drawn)
        return drawn.log_prob(actions).sum(1), drawn.entropy().sum(1), kl.sum(1)
    drawn = torch.distributions.Categorical(logits=outputs)
    kl = divergence(torch.distributions.Categorical(logits=old), drawn)
    return drawn.log_prob(actions[:, 0].long()), drawn.entropy(), kl


def _normalised(config: Config, advantages: Any) -> Any:
    centred = advantages - advantages.mean()
    variance = (centred**2).sum() / (len(advantages) - (config.advantage_std == "ddof1"))
    form, _, number = config.std_eps.partition(":")
    eps = float(number or 0.0)
    return centred / {"outside": variance.sqrt() + eps, "inside": (variance + eps).sqrt(),
                      "floor": variance.sqrt().clamp(min=eps), "none": variance.sqrt()}[form]  # fmt: skip


def _value_loss(config: Config, value: Any, returns: Any, old_values: Any) -> Any:
    scale, eps = 0.5 if config.value_loss_scale == "half" else 1.0, config.value_clip_eps
    if config.value_loss == "huber":
        return scale * torch.nn.functional.huber_loss(value, returns)
    error = (value - returns) ** 2
    if eps == 0:
        return scale * error.mean()
    clipped = (old_values + torch.clamp(value - old_values, -eps, eps) - returns) ** 2
    forms = {"max": torch.max(error, clipped), "clipped_only": clipped, "error_clamp": error.clamp(max=eps)}
    return scale * forms[config.value_clip].mean()
