"""What one batch teaches: epochs over minibatches, gradients by the shipped kernels, steps of Adam; compiled.

A minibatch is cut into tasks that do not depend on how many threads there are: its blocks of rows are dealt out to
`SHARES` shares, of which each has a gradient of its own, and policy and values are two tasks of a share.  Shares are
added in their order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Array, Floats, Ints
from ppocore._kernels import bare, inner
from ppocore.losses import clip_kernel
from ppocore.networks import BLOCK, backward_block, forward_block, places, turn, workspace
from ppocore.optimizers import sgd_kernel
from ppocore.training.collect import Batch
from ppocore.training.heads import Desk, describe, desk_of, divergence, entropy, log_prob, new_desk, pull, take_log_std
from ppocore.training.layout import Layout
from ppocore.training.normalisation import Normaliser, normalisation
from ppocore.training.rates import adapted
from ppocore.training.team import MOST, Place, Team, meet, part_of
from ppocore.training.value_terms import value_term

ADAM_BETA1, ADAM_BETA2 = 0.9, 0.999
SHARES = MOST // 2
"""Parts of a minibatch with gradients of their own; policy and values are two tasks of each."""
PIECE = 1024
"""Parameters that are added up and moved together."""
LANES = 64
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
    turned: Array
    """(threads, parameters): the transposed matrices of the network that a thread is at."""
    desks: Desk
    """Of the threads."""
    lanes: Floats
    """(threads, LANES): room for sums side by side."""
    sums: Floats
    """(2, pieces): sums of squares, of what stands before the value network and of that network."""


def new_learner(params: Array, layout: Layout) -> Learner:
    """Parameters that have learnt nothing yet."""
    widest: Any = max((layout.policy_sizes, layout.value_sizes), key=lambda sizes: int(sizes.sum()))
    first, second, gradient = (np.zeros_like(params) for _ in range(3))
    room = workspace(widest, params.dtype)
    return Learner(
        params, first, second, gradient, np.zeros(1, dtype=np.int64),
        np.zeros((SHARES, len(params)), dtype=params.dtype), np.tile(room, (2 * SHARES, 1)),
        np.zeros((MOST, len(params)), dtype=params.dtype),
        new_desk(layout.head, layout.value - layout.log_std, int(layout.policy_sizes[0]), MOST),
        np.zeros((MOST, LANES)),
        np.zeros((2, -(-len(params) // PIECE))),
    )  # fmt: skip


class Lesson(NamedTuple):
    """A minibatch, as all its tasks see it."""

    rows: Ints
    """Which samples of the batch."""
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


@bare
def _update(
    place: Place, learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats,
    orders: Ints, minibatch: int, report: Floats, found: Floats,
) -> None:  # fmt: skip
    """In every thread: what is not dealt out, all of them compute alike."""
    shares, share = min(SHARES, (minibatch + BLOCK - 1) // BLOCK), minibatch / orders.shape[1]
    tasks, taken, far = shares if layout.shared else 2 * shares, learner.taken[0], False
    rate, watched = rule.learning_rate, rule.stop_k3 < np.inf or rule.desired_kl > 0
    desk, turned = desk_of(learner.desks, place.rank), learner.turned[place.rank]
    for epoch in range(len(orders)):
        for first in range(0, orders.shape[1], minibatch):
            rows = orders[epoch, first : first + minibatch]
            mean, scale = normalisation(advantages, rows, rule.normaliser)
            lesson = Lesson(rows, mean, scale, shares, watched or epoch == len(orders) - 1)
            take_log_std(desk, learner.params, layout.log_std)
            begin, end = part_of(place, tasks)
            for task in range(begin, end):
                if task in (begin, shares):
                    _turn(learner, layout, task >= shares, turned)
                _task(task, learner, layout, rule, batch, advantages, returns, lesson, turned, desk, found[task])
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
def _turn(learner: Learner, layout: Layout, of_values: bool, turned: Array) -> None:
    if of_values:
        turn(learner.params[layout.value_network :], layout.value_sizes, False, turned)
    else:
        turn(learner.params, layout.policy_sizes, False, turned)


@inner
def _task(
    task: int, learner: Learner, layout: Layout, rule: Rule, batch: Batch, advantages: Floats, returns: Floats,
    lesson: Lesson, turned: Array, desk: Desk, report: Floats,
) -> None:  # fmt: skip
    # All shares of the policy first: of two threads each has a network to itself, and little of it moves between cores.
    share, of_values = task % lesson.shares, task >= lesson.shares
    for j in range(len(report)):
        report[j] = 0.0
    report[RATIO_MIN], report[RATIO_MAX] = np.inf, -np.inf
    params, gradient, room, sizes = learner.params, learner.shares[share], learner.rooms[task], layout.policy_sizes
    begin = 0
    if of_values:
        begin, sizes = layout.value_network, layout.value_sizes
    else:
        for j in range(layout.log_std, layout.value):
            gradient[j] = 0
    for first in range(share * BLOCK, len(lesson.rows), lesson.shares * BLOCK):
        rows = lesson.rows[first : first + BLOCK]
        _gather(batch.observations, rows, room)
        forward_block(params[begin:], sizes, layout.activation, len(rows), room)
        if not of_values:
            _policy_pulls(layout, rule, batch, advantages, lesson, rows, room, desk, report)
            for j in range(len(desk.spreads)):
                gradient[layout.log_std + j] += desk.spreads[j]
        if of_values or layout.shared:
            _value_pulls(layout, rule, batch, returns, lesson, rows, room, report)
        backward_block(turned, sizes, layout.activation, len(rows), room, gradient[begin:], first == share * BLOCK,
                       False)  # fmt: skip


@inner
def _policy_pulls(
    layout: Layout, rule: Rule, batch: Batch, advantages: Floats, lesson: Lesson, rows: Ints, room: Array, desk: Desk,
    report: Floats,
) -> None:  # fmt: skip
    """What the policy's loss pulls its outputs and (on the desk) log_std by, and the sums to report."""
    head, count = layout.head, len(lesson.rows)
    (found, _, pulls), wide = places(layout.policy_sizes), layout.policy_sizes[-1]
    described, chances = desk.described, desk.chances
    for j in range(len(desk.spreads)):
        desk.spreads[j] = 0.0
    for i in range(len(rows)):
        k = rows[i]
        for j in range(head.outputs):
            desk.outputs[j] = room[found + i * wide + j]
        describe(head, desk.outputs, desk.log_std, described, chances)
        old, action = batch.described[k], batch.actions[k]
        taken = log_prob(head, described, action)
        d = taken - batch.log_probs[k]
        batch.log_ratios[k] = d
        ratio = np.exp(d)
        advantage = (advantages[k] - lesson.mean) * lesson.scale
        term, slope = clip_kernel(ratio, advantage, rule.clip_eps_low, rule.clip_eps_high, np.inf)
        pull(head, desk.outputs, described, chances, action, old, -slope / count, -rule.ent_coef / count,
             rule.kl_coef / count, desk.pulls, desk.spreads)  # fmt: skip
        for j in range(head.outputs):
            room[pulls + i * wide + j] = desk.pulls[j]
        report[RATIO_MIN], report[RATIO_MAX] = min(report[RATIO_MIN], ratio), max(report[RATIO_MAX], ratio)
        if lesson.watched:
            report[0] -= term
            report[2] += entropy(head, described, chances, taken)
            report[3] += divergence(head, old, described)
            # Right to 1e-16, as is enough for a mean: a series would take longer than all the rest.
            report[4] += (ratio - 1.0) - d
            report[5] += 1.0 if ratio - 1.0 > rule.clip_eps_high or 1.0 - ratio > rule.clip_eps_low else 0.0


@inner
def _value_pulls(
    layout: Layout, rule: Rule, batch: Batch, returns: Floats, lesson: Lesson, rows: Ints, room: Array, report: Floats
) -> None:  # fmt: skip
    """What the values' loss pulls their output by, and the sum to report."""
    (found, _, pulls), wide, count = places(layout.value_sizes), layout.value_sizes[-1], len(lesson.rows)
    for i in range(len(rows)):
        k, at = rows[i], i * wide + layout.value_output
        value = float(room[found + at])
        term, slope = value_term(rule.value_form, rule.value_width, value, returns[k], batch.values[k])
        room[pulls + at] = rule.vf_coef * slope / count
        report[1] += term


@inner
def _merge(found: Floats, minibatch: int, share: float, new_epoch: bool, new_batch: bool, report: Floats) -> None:
    """Add what the tasks of a minibatch saw to the report, in their order."""
    if new_batch:
        for j in range(len(report)):
            report[j] = 0.0
        report[RATIO_MIN], report[RATIO_MAX] = np.inf, -np.inf
    if new_epoch:
        for j in range(MEANS + 1):
            report[j] = 0.0
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
def _gather(observations: Array, rows: Ints, room: Array) -> None:
    """Copy some samples to the beginning of a workspace."""
    wide = observations.shape[1]
    for i in range(len(rows)):
        for j in range(wide):
            room[i * wide + j] = observations[rows[i], j]


@inner
def _take_step(
    place: Place, learner: Learner, layout: Layout, rule: Rule, shares: int, taken: int, rate: float
) -> float:
    """Clip the gradient and take one step; the norm before."""
    for piece in range(*part_of(place, learner.sums.shape[1])):
        part = slice(piece * PIECE, (piece + 1) * PIECE)
        gradient, cut = learner.gradient[part], _cut(layout, piece)
        for share in range(shares):
            _add(learner.shares[share, part], share == 0, gradient)
        learner.sums[0, piece] = _sum_of_squares(gradient[:cut], learner.lanes[place.rank])
        learner.sums[1, piece] = _sum_of_squares(gradient[cut:], learner.lanes[place.rank])
    meet(place)
    of_head, of_tail = _sum(learner.sums[0]), _sum(learner.sums[1])
    norm = float(np.sqrt(of_head + of_tail))
    head = _factor(np.sqrt(of_head) if rule.norms_apart else norm, rule)
    tail = _factor(np.sqrt(of_tail) if rule.norms_apart else norm, rule)
    for piece in range(*part_of(place, learner.sums.shape[1])):
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
    """One step; numbers are cast to the dtype of the parameters, else Numba would compute float32 in float64."""
    number: Any = params.dtype.type
    if rule.sgd:
        for i in range(len(params)):
            params[i] = sgd_kernel(params[i], gradient[i] * number(factor), number(rate))
        return
    # (m / c1) / (sqrt(v / c2) + eps) is (sqrt(c2) / c1) m / (sqrt(v) + sqrt(c2) eps): one division a parameter.
    root = np.sqrt(1.0 - ADAM_BETA2**taken)
    pace = number(rate * root / (1.0 - ADAM_BETA1**taken))
    eps = number(rule.adam_eps if rule.adam_hat else rule.adam_eps * root)
    keep1, take1 = number(ADAM_BETA1), number((1.0 - ADAM_BETA1) * factor)
    keep2, take2 = number(ADAM_BETA2), number((1.0 - ADAM_BETA2) * factor * factor)
    for i in range(len(params)):
        first[i] = keep1 * first[i] + take1 * gradient[i]
        second[i] = keep2 * second[i] + take2 * gradient[i] * gradient[i]
        params[i] -= pace * first[i] / (np.sqrt(second[i]) + eps)


@inner
def _add(more: Array, begins: bool, total: Array) -> None:
    if begins:
        for i in range(len(total)):
            total[i] = more[i]
    else:
        for i in range(len(total)):
            total[i] += more[i]


@inner
def _sum(numbers: Floats) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total


@inner
def _sum_of_squares(gradient: Array, lanes: Floats) -> float:
    for lane in range(LANES):
        lanes[lane] = 0.0
    for first in range(0, len(gradient), LANES):
        part = gradient[first : first + LANES]
        for lane in range(len(part)):
            lanes[lane] += np.float64(part[lane]) * np.float64(part[lane])
    return _sum(lanes)
