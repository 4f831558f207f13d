"""From the outputs of a network to a policy: chances of choices, or a (tanh-)Gaussian; compiled, one sample at a time.

In float64, whatever the networks use: a few numbers per sample, and the kernels are those that are proved.  What is
kept of a policy (`described`) is all there is to compare it later: the log-chances of every choice, or means and then
log standard deviations.  An action of the tanh-Gaussian is kept before the tanh, which loses digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array, Floats
from ppocore._kernels import bare, inner
from ppocore.distributions import HALF_LOG_TWO_PI, gaussian_log_prob_kernel
from ppocore.divergences import gaussian_kl_kernel
from ppocore.environments import Spec
from ppocore.squashed import log_tanh_slope_kernel
from ppocore.training.config import Config


class Head(NamedTuple):
    """What the outputs of a policy network mean."""

    outputs: int
    """Of the network."""
    described: int
    """Numbers that describe a policy in one state."""
    dimensions: int
    """Entries of an action."""
    choices: int
    """0 where actions are real numbers."""
    nvec: tuple[int, ...]
    """How many actions each choice has; (0,) where actions are real numbers.  A tuple, since arrays are counted
    whenever they are handed on, which costs more than all that is computed; compiled once for each length."""
    squashed: bool
    """By tanh, then stretched to the bounds."""
    std_from_state: bool
    """The second half of the outputs is log_std, clipped to the two next numbers; if not, log_std is a parameter."""
    log_std_min: float
    log_std_max: float
    entropy_sampled: bool
    """Entropy is -log_prob of the action played, not the closed form (of the Gaussian underneath if squashed)."""


class Desk(NamedTuple):
    """What a thread writes on while it looks at one sample: arrays have a row for each thread, or are such rows."""

    outputs: Floats
    chances: Floats
    described: Floats
    pulls: Floats
    """Gradients of the outputs."""
    spreads: Floats
    """Gradients of the parameter log_std."""
    log_std: Floats
    """That parameter; empty where there is none."""
    seen: Floats
    """An observation, as environments write it."""


def new_desk(head: Head, log_std: int, observed: int, threads: int) -> Desk:
    """Room for so many threads, parameters log_std and numbers in an observation."""
    outputs, chances, pulls = (np.zeros((threads, head.outputs)) for _ in range(3))
    spreads, values = np.zeros((threads, log_std)), np.zeros((threads, log_std))
    return Desk(outputs, chances, np.zeros((threads, head.described)), pulls, spreads, values,
                np.zeros((threads, max(observed, 8))))  # fmt: skip


@inner
def desk_of(desks: Desk, rank: int) -> Desk:
    """The rows of one thread."""
    return Desk(desks.outputs[rank], desks.chances[rank], desks.described[rank], desks.pulls[rank], desks.spreads[rank],
                desks.log_std[rank], desks.seen[rank])  # fmt: skip


@inner
def take_log_std(desk: Desk, params: Array, begin: int) -> None:
    """Copy the parameter from where it begins."""
    for j in range(len(desk.log_std)):
        desk.log_std[j] = params[begin + j]


def head_of(config: Config, spec: Spec) -> Head:
    """The head that a configuration and a space of actions ask for."""
    nvec = spec.nvec or (spec.num_actions,)
    from_state = spec.continuous and config.log_std_from == "state"
    dimensions = spec.action_dimensions if spec.continuous else len(nvec)
    outputs = dimensions * (2 if from_state else 1) if spec.continuous else sum(nvec)
    return Head(
        outputs=outputs,
        described=2 * dimensions if spec.continuous else outputs,
        dimensions=dimensions,
        choices=0 if spec.continuous else len(nvec),
        nvec=nvec,
        squashed=spec.continuous and config.head == "tanh_gaussian",
        std_from_state=from_state,
        log_std_min=float(config.log_std_min),
        log_std_max=float(config.log_std_max),
        entropy_sampled=config.entropy_estimate == "log_prob",
    )


def bounds_of(spec: Spec) -> Floats:
    """Lowest and highest entries of a real action, (2, dimensions)."""
    return np.array([np.full(spec.action_dimensions, bound, dtype=np.float64) for bound in spec.action_bounds])


@inner
def describe(head: Head, outputs: Floats, log_std: Floats, described: Floats, chances: Floats) -> None:
    """What is kept of a policy; and the chances themselves, which most of what follows needs (of real actions: none).

    `log_std` is the parameter, empty where there is none.
    """
    if head.choices == 0:
        _describe_real(head, outputs, log_std, described)
    first = 0
    for k in range(head.choices):
        _describe_choice(outputs, first, first + head.nvec[k], described, chances)
        first += head.nvec[k]


@inner
def _describe_choice(outputs: Floats, first: int, end: int, log_chances: Floats, chances: Floats) -> None:
    """What `log_softmax_kernel` says of one choice, and the chances from the same weights rather than by more exp."""
    top = first
    for j in range(first + 1, end):
        if outputs[j] > outputs[top]:
            top = j
    rest = 0.0
    for j in range(first, end):
        chances[j] = np.exp(outputs[j] - outputs[top]) if j != top else 1.0
        if j != top:
            rest += chances[j]
    total = 1.0 + rest
    # log1p(rest), in a third of its time: what the sum of 1 and the rest has rounded off is put back.
    log_total = np.log(total) + (rest - (total - 1.0)) / total
    for j in range(first, end):
        log_chances[j] = outputs[j] - outputs[top] - log_total
        chances[j] /= total


@inner
def _describe_real(head: Head, outputs: Floats, log_std: Floats, described: Floats) -> None:
    size = head.dimensions
    for j in range(size):
        described[j] = outputs[j]
        if head.std_from_state:
            described[size + j] = min(max(outputs[size + j], head.log_std_min), head.log_std_max)
        else:
            described[size + j] = log_std[j]


@inner
def draw(head: Head, described: Floats, chances: Floats, numbers: Floats, action: Floats) -> float:
    """Write an action, by one uniform number for each choice or one normal number for each dimension; its log_prob."""
    if head.choices == 0:
        for j in range(head.dimensions):
            action[j] = described[j] + np.exp(described[head.dimensions + j]) * numbers[j]
        return log_prob(head, described, action)
    first = 0
    for k in range(head.choices):
        size = head.nvec[k]
        chosen, below = size - 1, 0.0
        for j in range(size):
            below += chances[first + j]
            if numbers[k] < below:
                chosen = j
                break
        action[k] = chosen
        first += size
    return log_prob(head, described, action)


@bare
def best(head: Head, described: Floats, action: Floats) -> None:
    """The likeliest action of every choice; of real actions the mean, before the tanh if there is one."""
    if head.choices == 0:
        for j in range(head.dimensions):
            action[j] = described[j]
    first = 0
    for k in range(head.choices):
        chosen = 0
        for j in range(1, head.nvec[k]):
            if described[first + j] > described[first + chosen]:
                chosen = j
        action[k] = chosen
        first += head.nvec[k]


@inner
def sent(head: Head, bounds: Floats, action: Floats, j: int) -> float:
    """Entry `j` of an action as an environment takes it."""
    if head.squashed:
        return (bounds[0, j] + bounds[1, j]) / 2 + (bounds[1, j] - bounds[0, j]) / 2 * np.tanh(action[j])
    return action[j]


@inner
def sent_as_one(head: Head, bounds: Floats, action: Floats) -> float:
    """An action as compiled environments take it, one number: of several choices, that of their combination."""
    if head.choices == 0:
        return sent(head, bounds, action, 0)
    number = action[0]
    for k in range(1, head.choices):
        number = number * head.nvec[k] + action[k]
    return number


@inner
def log_prob(head: Head, described: Floats, action: Floats) -> float:
    """Of an action; if squashed, the log-density of the tanh, in (-1, 1), whatever the bounds."""
    if head.choices == 1:
        return described[int(action[0])]
    total, first = 0.0, 0
    for k in range(head.choices):
        total += described[first + int(action[k])]
        first += head.nvec[k]
    if head.choices == 0:
        for j in range(head.dimensions):
            total += gaussian_log_prob_kernel(described[j], described[head.dimensions + j], action[j])[0]
            if head.squashed:
                total -= log_tanh_slope_kernel(action[j])
    return total


@inner
def entropy(head: Head, described: Floats, chances: Floats, played: float) -> float:
    """In nats, by the convention of the head; `played` is log_prob of the action played."""
    if head.entropy_sampled:
        return -played
    if head.choices > 0:
        return _choice_entropy(described, chances, 0, head.outputs)
    total = 0.0
    for j in range(head.dimensions):
        total += described[head.dimensions + j] + 0.5 + HALF_LOG_TWO_PI
    return total


@inner
def divergence(head: Head, old: Floats, described: Floats) -> float:
    """KL(old, new); tanh is one-to-one and changes nothing.

    Of choices it is right to a few units of 1e-16, which is enough for a mean over samples: the terms of
    `categorical_kl`, which are right to as many of themselves, take five times as long.
    """
    total, size = 0.0, head.dimensions
    if head.choices > 0:
        for j in range(head.outputs):
            total += np.exp(old[j]) * (old[j] - described[j])
        return total
    for j in range(size):
        total += gaussian_kl_kernel(old[j], old[size + j], described[j], described[size + j])[0]
    return total


@inner
def pull(
    head: Head,
    outputs: Floats,
    described: Floats,
    chances: Floats,
    action: Floats,
    old: Floats,
    by_log_prob: float,
    by_entropy: float,
    by_kl: float,
    grad_outputs: Floats,
    grad_log_std: Floats,
) -> None:
    """Gradients of by_log_prob * log_prob + by_entropy * entropy + by_kl * KL(old, new).

    Those of the outputs are written, those of the parameter log_std, which all samples share, added.
    """
    if head.entropy_sampled:
        by_log_prob, by_entropy = by_log_prob - by_entropy, 0.0
    if head.choices == 0:
        _pull_real(head, outputs, described, action, old, by_log_prob, by_entropy, by_kl, grad_outputs, grad_log_std)
    first = 0
    for k in range(head.choices):
        end = first + head.nvec[k]
        _pull_choice(described, chances, first, end, int(action[k]), old, by_log_prob, by_entropy, by_kl, grad_outputs)
        first = end


@inner
def _choice_entropy(log_chances: Floats, chances: Floats, first: int, end: int) -> float:
    total = 0.0
    for j in range(first, end):
        total -= chances[j] * log_chances[j]
    return total


@inner
def _pull_choice(
    log_chances: Floats, chances: Floats, first: int, end: int, chosen: int, old: Floats, by_log_prob: float,
    by_entropy: float, by_kl: float, grad_logits: Floats,
) -> None:  # fmt: skip
    """From logit `first` on, those of one choice: by their place, since to cut arrays costs more than to compute."""
    for j in range(first, end):
        grad_logits[j] = -by_log_prob * chances[j]
    grad_logits[first + chosen] += by_log_prob
    if by_entropy != 0:
        whole = _choice_entropy(log_chances, chances, first, end)
        for j in range(first, end):
            grad_logits[j] -= by_entropy * chances[j] * (log_chances[j] + whole)
    if by_kl != 0:
        for j in range(first, end):
            grad_logits[j] += by_kl * (chances[j] - np.exp(old[j]))


@inner
def _pull_real(
    head: Head, outputs: Floats, described: Floats, action: Floats, old: Floats, by_log_prob: float, by_entropy: float,
    by_kl: float, grad_outputs: Floats, grad_log_std: Floats,
) -> None:  # fmt: skip
    size = head.dimensions
    for j in range(size):
        mean, log_std, i = described[j], described[size + j], size + j
        _, by_mean, by_spread = gaussian_log_prob_kernel(mean, log_std, action[j])
        _, kl_by_old_mean, _, kl_by_spread = gaussian_kl_kernel(old[j], old[i], mean, log_std)
        # KL depends on the two means by their difference alone.
        grad_outputs[j] = by_log_prob * by_mean - by_kl * kl_by_old_mean
        spread = by_log_prob * by_spread + by_entropy + by_kl * kl_by_spread
        if not head.std_from_state:
            grad_log_std[j] += spread
        elif outputs[i] < head.log_std_min or outputs[i] > head.log_std_max:
            grad_outputs[i] = 0.0
        else:
            grad_outputs[i] = spread
