"""What one batch teaches: epochs over minibatches, gradients by the shipped kernels, steps of Adam; compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array, Floats, Ints
from ppocore._kernels import kernel
from ppocore.divergences import k3_kernel
from ppocore.losses import clip_kernel
from ppocore.networks import BLOCK, backward_block, forward_block
from ppocore.optimizers import adam_kernel
from ppocore.training.collect import Batch
from ppocore.training.heads import describe, divergence, entropy, log_prob, pull
from ppocore.training.layout import Layout
from ppocore.value_losses import clipped_value_kernel, squared_error_kernel

ADAM_BETA1, ADAM_BETA2 = 0.9, 0.999
LANES = 16
"""Independent sums that a reduction runs side by side, in a fixed order."""
REPORT = (
    "policy_loss", "value_loss", "entropy", "kl", "k3", "clip_fraction", "grad_norm", "ratio_min", "ratio_max",
    "first_ratio_error", "optimizer_steps",
)  # fmt: skip
"""What an update reports, in this order: means over the samples of the last epoch (KL among them), the extremes of the
ratio over all epochs, and how far the ratios of the first minibatch were from 1, as they must be."""


class Rule(NamedTuple):
    """The numbers of the loss and of the step."""

    clip_eps: float
    kl_coef: float
    vf_coef: float
    """Half of the configured one where the value loss is halved."""
    value_clip_eps: float
    """inf: no clipping."""
    ent_coef: float
    learning_rate: float
    adam_eps: float
    max_grad_norm: float
    """inf: no clipping."""
    grad_norm_eps: float
    stop_k3: float
    """inf: never stop."""
    normalize: bool
    ddof: int


class Learner(NamedTuple):
    """What learns: all flat and of one length, changed in place."""

    params: Array
    first_moment: Array
    second_moment: Array
    gradient: Array
    work: Array
    taken: Ints
    """(1,): steps of Adam so far."""


@kernel
def update(
    learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats, orders: Ints,
    minibatch: int, report: Floats,
) -> None:  # fmt: skip
    """Take the steps of one batch; `orders` (epochs, B) says which samples, `minibatch` how many at a time."""
    old_log_std = learner.params[layout.log_std : layout.value].astype(np.float64)
    report[:] = 0.0
    report[7], report[8] = np.inf, -np.inf
    batch.log_ratios[:] = 0.0
    for epoch in range(len(orders)):
        report[:7] = 0.0
        for first in range(0, orders.shape[1], minibatch):
            chosen = orders[epoch, first : first + minibatch]
            k3 = _accumulate(learner, layout, rule, batch, advantages, returns, chosen, old_log_std, report)
            if epoch == 0 and first == 0:
                report[9] = max(report[8] - 1.0, 1.0 - report[7])
            if k3 > rule.stop_k3:
                return
            report[6] += _take_step(learner, rule) / (orders.shape[1] // minibatch)
            report[10] += 1


@kernel
def _accumulate(
    learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats, chosen: Ints,
    old_log_std: Floats, report: Floats,
) -> float:  # fmt: skip
    """Write the gradient of the loss of a minibatch; its mean k3."""
    learner.gradient[:] = 0
    mean, scale = _normalisation(advantages, chosen, rule.normalize, rule.ddof)
    k3 = 0.0
    for first in range(0, len(chosen), BLOCK):
        rows = chosen[first : first + BLOCK]
        seen = _gathered(batch.observations, rows, learner.params)
        k3 += _policy_block(learner, layout, rule, batch, advantages, mean, scale, rows, seen, old_log_std, len(chosen),
                            report)  # fmt: skip
        _value_block(learner, layout, rule, batch, returns, rows, seen, len(chosen), report)
    return k3


@kernel
def _policy_block(
    learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, mean: float, scale: float,
    rows: Ints, seen: Array, old_log_std: Floats, count: int, report: Floats,
) -> float:  # fmt: skip
    outputs = batch.described.shape[2]
    policy = learner.params[: layout.log_std]
    log_std = learner.params[layout.log_std : layout.value].astype(np.float64)
    found = forward_block(policy, layout.policy_sizes, layout.relu, seen, learner.work)
    pulls = np.empty(found.shape, dtype=found.dtype)
    row, described, pulled = np.empty(outputs), np.empty(outputs), np.empty(outputs)
    legal, grad_log_std = np.ones(outputs, dtype=np.bool_), np.zeros(len(log_std))
    share, total = 1.0 / (count * _parts(batch, count)), 0.0
    for i in range(len(rows)):
        t, n = rows[i] // batch.rewards.shape[1], rows[i] % batch.rewards.shape[1]
        for j in range(outputs):
            row[j] = found[i, j]
        describe(layout.continuous, row, legal, described)
        old, action = batch.described[t, n], batch.actions[t, n]
        d = log_prob(layout.continuous, described, log_std, action) - batch.log_probs[t, n]
        batch.log_ratios[t, n] = d
        ratio = np.exp(d)
        advantage = (advantages[t, n] - mean) * scale
        term, slope = clip_kernel(ratio, advantage, rule.clip_eps, rule.clip_eps, np.inf)
        spread = entropy(layout.continuous, described, log_std)
        pull(layout.continuous, described, log_std, action, old, old_log_std, spread, -slope / count,
             -rule.ent_coef / count, rule.kl_coef / count, pulled, grad_log_std)  # fmt: skip
        for j in range(outputs):
            pulls[i, j] = pulled[j]
        k3 = k3_kernel(d)
        total += k3 / count
        report[0] -= term * share
        report[2] += spread * share
        report[3] += divergence(layout.continuous, old, old_log_std, described, log_std) * share
        report[4] += k3 * share
        report[5] += share if abs(ratio - 1.0) > rule.clip_eps else 0.0
        report[7], report[8] = min(report[7], ratio), max(report[8], ratio)
    gradient = learner.gradient[: layout.log_std]
    backward_block(policy, layout.policy_sizes, layout.relu, seen, learner.work, pulls, gradient)
    for j in range(len(log_std)):
        learner.gradient[layout.log_std + j] += grad_log_std[j]
    return total


@kernel
def _value_block(
    learner: Learner, layout: Layout, rule: Rule, batch: Batch, returns: Floats, rows: Ints, seen: Array, count: int,
    report: Floats,
) -> None:  # fmt: skip
    values = learner.params[layout.value :]
    found = forward_block(values, layout.value_sizes, layout.relu, seen, learner.work)
    pulls = np.empty(found.shape, dtype=found.dtype)
    share = 1.0 / (count * _parts(batch, count))
    for i in range(len(rows)):
        t, n = rows[i] // batch.rewards.shape[1], rows[i] % batch.rewards.shape[1]
        value = float(found[i, 0])
        if rule.value_clip_eps < np.inf:
            term, slope = clipped_value_kernel(value, returns[t, n], batch.values[t, n], rule.value_clip_eps)
        else:
            term, slope = squared_error_kernel(value, returns[t, n])
        pulls[i, 0] = rule.vf_coef * slope / count
        report[1] += term * share
    backward_block(values, layout.value_sizes, layout.relu, seen, learner.work, pulls, learner.gradient[layout.value :])


@kernel
def _parts(batch: Batch, count: int) -> int:
    """Minibatches of this size in the batch."""
    return batch.rewards.size // count


@kernel
def _gathered(observations: Array, rows: Ints, params: Array) -> Array:
    flat = observations.reshape(observations.shape[0] * observations.shape[1], observations.shape[2])
    seen = np.empty((len(rows), flat.shape[1]), dtype=params.dtype)
    for i in range(len(rows)):
        for j in range(flat.shape[1]):
            seen[i, j] = flat[rows[i], j]
    return seen


@kernel
def _normalisation(advantages: Floats, chosen: Ints, wanted: bool, ddof: int) -> tuple[float, float]:
    """What to subtract from an advantage, and what to multiply it by then."""
    if not wanted:
        return 0.0, 1.0
    flat = advantages.reshape(advantages.size)
    mean = 0.0
    for i in chosen:
        mean += flat[i] / len(chosen)
    variance = 0.0
    for i in chosen:
        variance += (flat[i] - mean) * (flat[i] - mean) / (len(chosen) - ddof)
    return mean, 1.0 / (np.sqrt(variance) + 1e-8)


@kernel
def _take_step(learner: Learner, rule: Rule) -> float:
    """Clip the gradient and take one step of Adam; the norm before."""
    norm = np.sqrt(_sum_of_squares(learner.gradient))
    factor = min(1.0, rule.max_grad_norm / (norm + rule.grad_norm_eps)) if norm > 0 else 1.0
    learner.taken[0] += 1
    correction1 = 1.0 - ADAM_BETA1 ** learner.taken[0]
    correction2 = 1.0 - ADAM_BETA2 ** learner.taken[0]
    for i in range(len(learner.params)):
        learner.params[i], learner.first_moment[i], learner.second_moment[i] = adam_kernel(
            learner.params[i], learner.gradient[i] * factor, learner.first_moment[i], learner.second_moment[i],
            correction1, correction2, rule.learning_rate, ADAM_BETA1, ADAM_BETA2, rule.adam_eps,
        )  # fmt: skip
    return float(norm)


@kernel
def _sum_of_squares(gradient: Array) -> float:
    lanes = np.zeros(LANES)
    whole = len(gradient) - len(gradient) % LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += np.float64(gradient[first + lane]) * gradient[first + lane]
    total = 0.0
    for lane in range(LANES):
        total += lanes[lane]
    for i in range(whole, len(gradient)):
        total += np.float64(gradient[i]) * gradient[i]
    return total
