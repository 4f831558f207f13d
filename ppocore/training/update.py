"""What one batch teaches: epochs over minibatches, gradients by the shipped kernels, steps of Adam; compiled.

A minibatch is cut into tasks that do not depend on how many threads there are: its blocks of rows are dealt out to
`SHARES` shares, of which each has a gradient of its own, and policy and values are two tasks of a share.  Shares are
added in their order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Array, Floats, Ints
from ppocore._kernels import inner, kernel
from ppocore.divergences import k3_kernel
from ppocore.losses import clip_kernel
from ppocore.networks import BLOCK, backward_block, forward_block, workspace
from ppocore.optimizers import adam_kernel, sgd_kernel
from ppocore.training.collect import Batch
from ppocore.training.heads import describe, divergence, entropy, log_prob, pull
from ppocore.training.layout import Layout, policy_network, value_network
from ppocore.training.normalisation import Normaliser, normalisation
from ppocore.training.rates import adapted
from ppocore.training.team import MOST, Place, Team, meet
from ppocore.training.value_terms import value_term

ADAM_BETA1, ADAM_BETA2 = 0.9, 0.999
SHARES = MOST // 2
"""Parts of a minibatch with gradients of their own; policy and values are two tasks of each."""
PIECE = 1024
"""Parameters that are added up and moved together."""
LANES = 16
"""Independent sums that a reduction runs side by side, in a fixed order."""
REPORT = (
    "policy_loss", "value_loss", "entropy", "kl", "k3", "clip_fraction", "grad_norm", "ratio_min", "ratio_max",
    "first_ratio_error", "optimizer_steps", "learning_rate",
)  # fmt: skip
"""What an update reports, in this order: means over the samples of the last epoch (KL among them), the extremes of the
ratio over all epochs, how far the ratios of the first minibatch were from 1, as they must be, and the last rate."""
KL, K3, MEANS, RATIO_MIN, RATIO_MAX, FIRST_ERROR, STEPS, RATE = 3, 4, 6, 7, 8, 9, 10, 11
"""Places in it: so many means come first, then the norm of the gradients, and the rest."""


class Rule(NamedTuple):
    """The numbers of the loss and of the step."""

    clip_eps_low: float
    clip_eps_high: float
    """inf, both: no clipping."""
    kl_coef: float
    vf_coef: float
    """Half of the configured one where the value loss is halved."""
    value_form: int
    value_width: float
    """As `value_term` takes them."""
    ent_coef: float
    learning_rate: float
    desired_kl: float
    """0: the learning rate stays as it is."""
    sgd: bool
    adam_eps: float
    adam_hat: bool
    """Its eps stands beside the root of the uncorrected moment."""
    max_grad_norm: float
    """inf: no clipping."""
    grad_norm_eps: float
    norms_apart: bool
    """Clip the gradients of policy and values each by their own norm."""
    stop_k3: float
    """inf: never stop."""
    stop_at_once: bool
    """Without the step of the minibatch that is too far; else after its epoch, if that was the last of it."""
    normaliser: Normaliser


class Learner(NamedTuple):
    """What learns: all flat and of one length, changed in place."""

    params: Array
    first_moment: Array
    second_moment: Array
    gradient: Array
    taken: Ints
    """(1,): steps of Adam so far."""
    shares: Array
    """(SHARES, parameters): gradients of the shares of a minibatch."""
    rooms: Array
    """(2 SHARES, W): workspaces of the tasks."""
    sums: Floats
    """(2, pieces): sums of squares, of what stands before the value network and of that network."""


def new_learner(params: Array, layout: Layout) -> Learner:
    """Parameters that have learnt nothing yet."""
    widest: Any = max((layout.policy_sizes, layout.value_sizes), key=lambda sizes: int(sizes.sum()))
    first, second, gradient = (np.zeros_like(params) for _ in range(3))
    room = workspace(widest, params.dtype)
    return Learner(
        params, first, second, gradient, np.zeros(1, dtype=np.int64),
        np.zeros((SHARES, len(params)), dtype=params.dtype), np.zeros((2 * SHARES, len(room)), dtype=params.dtype),
        np.zeros((2, -(-len(params) // PIECE))),
    )  # fmt: skip


class Lesson(NamedTuple):
    """A minibatch, as all its tasks see it."""

    rows: Ints
    """Which samples of the batch."""
    log_std: Floats
    mean: float
    """To be subtracted from advantages."""
    scale: float
    """To multiply them by then."""
    shares: int
    watched: bool
    """Whether the means of its epoch may be those that are reported."""


def update(
    learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats, orders: Ints,
    minibatch: int, report: Floats, team: Team,
) -> None:  # fmt: skip
    """Take the steps of one batch; `orders` (epochs, B) says which samples, `minibatch` how many at a time."""
    found = np.empty((2 * SHARES, len(REPORT)))
    batch.log_ratios[:] = 0.0
    rows: Any = (array.reshape(-1, *array.shape[2:]) for array in batch)
    team.run(_update, learner, layout, rule, Batch(*rows), advantages.ravel(), returns.ravel(), orders, minibatch,
             report, found)  # fmt: skip


@kernel
def _update(
    place: Place, learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats,
    orders: Ints, minibatch: int, report: Floats, found: Floats,
) -> None:  # fmt: skip
    """In every thread: what is not dealt out, all of them compute alike."""
    shares, share = min(SHARES, (minibatch + BLOCK - 1) // BLOCK), minibatch / orders.shape[1]
    tasks, taken, far = shares if layout.shared else 2 * shares, learner.taken[0], False
    rate, watched = rule.learning_rate, rule.stop_k3 < np.inf or rule.desired_kl > 0
    for epoch in range(len(orders)):
        for first in range(0, orders.shape[1], minibatch):
            rows = orders[epoch, first : first + minibatch]
            mean, scale = normalisation(advantages, rows, rule.normaliser)
            lesson = Lesson(rows, learner.params[layout.log_std : layout.value].astype(np.float64), mean, scale,
                            shares, watched or epoch == len(orders) - 1)  # fmt: skip
            for task in range(place.rank, tasks, place.size):
                _task(task, learner, layout, rule, batch, advantages, returns, lesson, found)
            if not meet(place):
                return
            if rule.desired_kl > 0 and (epoch > 0 or first > 0):
                # Before the first step the KL is 0 but for roundings, and these must move nothing.
                rate = adapted(rate, _mean(found[:tasks], KL, minibatch), rule.desired_kl)
            if place.rank == 0:
                _merge(found[:tasks], minibatch, share, first == 0, epoch == 0 and first == 0, report)
                report[RATE] = rate
            far = _mean(found[:tasks], K3, minibatch) > rule.stop_k3
            if far and rule.stop_at_once:
                return
            taken += 1
            norm = _take_step(place, learner, layout, rule, shares, taken, rate)
            if place.rank == 0:
                report[MEANS] += norm * share
                report[STEPS] += 1
                learner.taken[0] = taken
        if far:
            return


@inner
def _task(
    task: int, learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats,
    lesson: Lesson, found: Floats,
) -> None:  # fmt: skip
    # All shares of the policy first: every thread gets as much of it as of the values, which cost less.
    share, of_values = task % lesson.shares, task >= lesson.shares
    seen_here = found[task]
    seen_here[:] = 0.0
    seen_here[RATIO_MIN], seen_here[RATIO_MAX] = np.inf, -np.inf
    gradient, room = learner.shares[share], learner.rooms[task]
    params, slopes = policy_network(layout, learner.params), policy_network(layout, gradient)
    sizes = layout.policy_sizes
    if of_values:
        params, slopes = value_network(layout, learner.params), value_network(layout, gradient)
        sizes = layout.value_sizes
    else:
        gradient[layout.log_std : layout.value] = 0
    for first in range(share * BLOCK, len(lesson.rows), lesson.shares * BLOCK):
        rows = lesson.rows[first : first + BLOCK]
        seen = _gathered(batch.observations, rows, learner.params)
        outputs = forward_block(params, sizes, layout.activation, seen, room)
        pulls = np.empty(outputs.shape, dtype=outputs.dtype)
        if not of_values:
            _policy_pulls(layout, rule, batch, advantages, lesson, rows, outputs, pulls,
                          gradient[layout.log_std : layout.value], seen_here)  # fmt: skip
        if of_values or layout.shared:
            _value_pulls(layout, rule, batch, returns, lesson, rows, outputs, pulls, seen_here)
        backward_block(params, sizes, layout.activation, seen, room, pulls, slopes, first == share * BLOCK, False)


@inner
def _policy_pulls(
    layout: Layout, rule: Rule, batch: Batch, advantages: Floats, lesson: Lesson, rows: Ints, found: Array,
    pulls: Array, grad_log_std: Array, report: Floats,
) -> None:  # fmt: skip
    """What the policy's loss pulls its outputs and log_std by, and the sums to report."""
    head, outputs, count = layout.head, layout.head.outputs, len(lesson.rows)
    row, pulled, chances = np.empty(outputs), np.empty(outputs), np.empty(outputs)
    described, legal = np.empty(head.described), np.ones(outputs, dtype=np.bool_)
    spreads = np.zeros(len(grad_log_std))
    for i in range(len(rows)):
        k = rows[i]
        for j in range(outputs):
            row[j] = found[i, j]
        describe(head, row, lesson.log_std, legal, described, chances)
        old, action = batch.described[k], batch.actions[k]
        taken = log_prob(head, described, action)
        d = taken - batch.log_probs[k]
        batch.log_ratios[k] = d
        ratio = np.exp(d)
        advantage = (advantages[k] - lesson.mean) * lesson.scale
        term, slope = clip_kernel(ratio, advantage, rule.clip_eps_low, rule.clip_eps_high, np.inf)
        pull(head, row, described, chances, action, old, -slope / count, -rule.ent_coef / count, rule.kl_coef / count,
             pulled, spreads)  # fmt: skip
        for j in range(outputs):
            pulls[i, j] = pulled[j]
        report[RATIO_MIN], report[RATIO_MAX] = min(report[RATIO_MIN], ratio), max(report[RATIO_MAX], ratio)
        if lesson.watched:
            report[0] -= term
            report[2] += entropy(head, described, chances, taken)
            report[3] += divergence(head, old, described)
            report[4] += k3_kernel(d)
            report[5] += 1.0 if ratio - 1.0 > rule.clip_eps_high or 1.0 - ratio > rule.clip_eps_low else 0.0
    for j in range(len(spreads)):
        grad_log_std[j] += spreads[j]


@inner
def _value_pulls(
    layout: Layout, rule: Rule, batch: Batch, returns: Floats, lesson: Lesson, rows: Ints, found: Array, pulls: Array,
    report: Floats,
) -> None:  # fmt: skip
    """What the values' loss pulls their output by, and the sum to report."""
    place, count = layout.value_output, len(lesson.rows)
    for i in range(len(rows)):
        k = rows[i]
        value = float(found[i, place])
        term, slope = value_term(rule.value_form, rule.value_width, value, returns[k], batch.values[k])
        pulls[i, place] = rule.vf_coef * slope / count
        report[1] += term


@inner
def _merge(found: Floats, minibatch: int, share: float, new_epoch: bool, new_batch: bool, report: Floats) -> None:
    """Add what the tasks of a minibatch saw to the report, in their order."""
    if new_batch:
        report[:] = 0.0
        report[RATIO_MIN], report[RATIO_MAX] = np.inf, -np.inf
    if new_epoch:
        report[: MEANS + 1] = 0.0
    for task in range(len(found)):
        for j in range(MEANS):
            report[j] += found[task, j] / minibatch * share
        report[RATIO_MIN] = min(report[RATIO_MIN], found[task, RATIO_MIN])
        report[RATIO_MAX] = max(report[RATIO_MAX], found[task, RATIO_MAX])
    if new_batch:
        report[FIRST_ERROR] = max(report[RATIO_MAX] - 1.0, 1.0 - report[RATIO_MIN])


@inner
def _mean(found: Floats, j: int, minibatch: int) -> float:
    total = 0.0
    for task in range(len(found)):
        total += found[task, j]
    return total / minibatch


@inner
def _gathered(observations: Array, rows: Ints, params: Array) -> Array:
    seen = np.empty((len(rows), observations.shape[1]), dtype=params.dtype)
    for i in range(len(rows)):
        for j in range(observations.shape[1]):
            seen[i, j] = observations[rows[i], j]
    return seen


@inner
def _take_step(
    place: Place, learner: Learner, layout: Layout, rule: Rule, shares: int, taken: int, rate: float
) -> float:
    """Clip the gradient and take one step; the norm before."""
    for piece in range(place.rank, learner.sums.shape[1], place.size):
        part = slice(piece * PIECE, (piece + 1) * PIECE)
        gradient, cut = learner.gradient[part], _cut(layout, piece)
        gradient[:] = 0
        for share in range(shares):
            _add(learner.shares[share, part], gradient)
        learner.sums[0, piece] = _sum_of_squares(gradient[:cut])
        learner.sums[1, piece] = _sum_of_squares(gradient[cut:])
    meet(place)
    of_head, of_tail = _sum(learner.sums[0]), _sum(learner.sums[1])
    norm = float(np.sqrt(of_head + of_tail))
    head = _factor(np.sqrt(of_head) if rule.norms_apart else norm, rule)
    tail = _factor(np.sqrt(of_tail) if rule.norms_apart else norm, rule)
    for piece in range(place.rank, learner.sums.shape[1], place.size):
        part, cut = slice(piece * PIECE, (piece + 1) * PIECE), _cut(layout, piece)
        params, gradient = learner.params[part], learner.gradient[part]
        first, second = learner.first_moment[part], learner.second_moment[part]
        _move(params[:cut], gradient[:cut], first[:cut], second[:cut], rule, rate, head, taken)
        _move(params[cut:], gradient[cut:], first[cut:], second[cut:], rule, rate, tail, taken)
    meet(place)
    return norm


@inner
def _cut(layout: Layout, piece: int) -> int:
    """How many parameters of a piece stand before the value network."""
    return min(max(layout.value - piece * PIECE, 0), PIECE)


@inner
def _factor(norm: float, rule: Rule) -> float:
    """What clipping multiplies a gradient of this norm by."""
    return min(1.0, rule.max_grad_norm / (norm + rule.grad_norm_eps)) if norm > 0 else 1.0


@inner
def _move(
    params: Array, gradient: Array, first: Array, second: Array, rule: Rule, rate: float, factor: float, taken: int
) -> None:  # fmt: skip
    if rule.sgd:
        for i in range(len(params)):
            params[i] = sgd_kernel(params[i], gradient[i] * factor, rate)
        return
    correction1, correction2 = 1.0 - ADAM_BETA1**taken, 1.0 - ADAM_BETA2**taken
    # (m / c1) / (sqrt(v / c2) + eps / sqrt(c2)) is (sqrt(c2) / c1) m / (sqrt(v) + eps).
    eps = rule.adam_eps / np.sqrt(correction2) if rule.adam_hat else rule.adam_eps
    for i in range(len(params)):
        params[i], first[i], second[i] = adam_kernel(
            params[i], gradient[i] * factor, first[i], second[i], correction1, correction2, rate,
            ADAM_BETA1, ADAM_BETA2, eps,
        )  # fmt: skip


@inner
def _add(more: Array, total: Array) -> None:
    for i in range(len(total)):
        total[i] += more[i]


@inner
def _sum(numbers: Floats) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total


@inner
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
