"""Directions in which a policy's parameters are moved: the true gradient, what estimators expect, what ships."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ppocore import losses
from ppocore._kernels import plain
from proofs.methods.exact import Q, Row, Table, gradient, is_near, mean
from proofs.methods.finite import logs, weight_units
from proofs.methods.worlds import Function, Path, Step, World, added, flat, policy_of, score

Factor = Callable[[Path, int], Any]
"""What a step's score is multiplied by: of the trajectory and the time."""


def discount(world: World, function: Function) -> Factor:
    """gamma^t times a function of (t, s, a)."""
    return lambda path, t: world.gamma**t * function(t, *path[t])


def plainly(function: Function) -> Factor:
    """A function of (t, s, a), without gamma^t."""
    return lambda path, t: function(t, *path[t])


def true_gradient(world: World, theta: Table) -> Row:
    """Gradient of J, by differentiating the literal sum over trajectories."""
    return gradient(lambda at: world.objective(policy_of(at)), theta)


def summed_scores(world: World, behaviour: Table, theta: Table, factor: Factor) -> Row:
    """E of sum_t factor(trajectory, t) grad log pi_theta(a_t|s_t), over the trajectories of another policy."""
    scores = {(s, a): score(theta, s, a) for s, entries in enumerate(theta) for a in range(len(entries))}

    def one(path: Path) -> Row:
        factors = (factor(path, t) for t in range(len(path)))
        return added(tuple(weight * x for x in scores[step]) for weight, step in zip(factors, path, strict=True))

    return world.expected_vector(behaviour, one)


def step_ratio(new: Table, old: Table, step: Step) -> Any:
    """P_theta / P_theta' of one action."""
    return new[step[0]][step[1]] / old[step[0]][step[1]]


def surrogate(world: World, old: Table, theta: Table) -> Any:
    """E over old trajectories of sum_t gamma^t r_t A^old: what the unclipped loss estimates, times -1."""
    advantage, behaviour, policy = world.advantage(policy_of(old)), policy_of(old), policy_of(theta)
    return world.expected(
        behaviour,
        lambda path: sum(
            world.gamma**t * step_ratio(policy, behaviour, step) * advantage(t, *step) for t, step in enumerate(path)
        ),
    )


def surrogate_gradient(world: World, old: Table, theta: Table) -> Row:
    """Gradient of that in theta, the old policy and its advantage held."""
    return gradient(lambda at: surrogate(world, old, at), theta)


def discounted(world: World, theta: Table) -> Row:
    """Expected sum of gamma^t score A."""
    policy = policy_of(theta)
    return summed_scores(world, policy, theta, discount(world, world.advantage(policy)))


def undiscounted(world: World, theta: Table) -> Row:
    """Expected sum of score A without gamma^t, as the source and every shipped loss have it."""
    policy = policy_of(theta)
    return summed_scores(world, policy, theta, plainly(world.advantage(policy)))


def expected_advantage(world: World, old: Table, new: Table) -> Callable[[int, int], Q]:
    """E_{a ~ new}[A^old(t, s, a)]."""
    advantage, policy = world.advantage(policy_of(old)), policy_of(new)
    return lambda t, s: mean([advantage(t, s, a) for a in range(len(policy[s]))], policy[s])


def unclipped(ratio: Any, advantage: Any) -> tuple[Any, Any]:
    """The shipped kernel with a band that no ratio leaves: value and slope in log_prob."""
    return plain(losses.clip_kernel)(ratio, advantage, np.inf, np.inf, np.inf)


def shipped_surrogate(
    world: World, old: Table, theta: Table, factor: Factor
) -> tuple[list[Path], Any, list[Fraction]]:
    """The shipped loss on every trajectory of the old policy once, with these factors for advantages.

    Each is multiplied by N times the probability of its trajectory: the mean over trajectories is the expectation.
    Returns the trajectories, the loss and the exact terms r A / N.
    """
    behaviour, policy = policy_of(old), policy_of(theta)
    found = list(world.trajectories(behaviour))
    paths = [path for _, path in found]
    weighed = [[len(found) * chance * factor(path, t) for t in range(len(path))] for chance, path in found]
    log_prob, old_log_prob = ([logs([table[s][a] for s, a in path]) for path in paths] for table in (policy, behaviour))
    everything = np.ones((len(found), world.horizon), bool)
    floats = [list(map(float, numbers)) for numbers in weighed]
    out = losses.surrogate_loss(log_prob, old_log_prob, floats, mask=everything, reduction="trajectory")
    terms = [
        step_ratio(policy, behaviour, step) * number / len(found)
        for path, numbers in zip(paths, weighed, strict=True)
        for step, number in zip(path, numbers, strict=True)
    ]
    return paths, out, terms


def shipped_value_is(
    exact: Fraction, world: World, old: Table, theta: Table, factor: Factor
) -> bool:
    """Whether minus the shipped loss is this number, up to the rounding of its inputs and its own."""
    _, out, terms = shipped_surrogate(world, old, theta, factor)
    return is_near(-out.loss, exact, units=_units(world, old, theta), scale=sum(map(abs, terms)))


def shipped_gradient_is(exact: Row, world: World, old: Table, theta: Table, factor: Factor) -> bool:
    """Whether the shipped derivatives in log_prob, chained with the exact scores, are minus this gradient."""
    paths, out, terms = shipped_surrogate(world, old, theta, factor)
    pushes = [-Q(float(slope)) for slope in out.grad_log_prob.ravel()]
    scores = [score(theta, *step) for path in paths for step in path]
    got = added(tuple(push * x for x in slopes) for push, slopes in zip(pushes, scores, strict=True))
    scale = added(tuple(abs(term * x) for x in slopes) for term, slopes in zip(terms, scores, strict=True))
    units = _units(world, old, theta)
    return all(is_near(g, x, units=units, scale=s) for g, x, s in zip(got, exact, scale, strict=True))


def _units(world: World, old: Table, theta: Table) -> float:
    return weight_units([*flat(policy_of(old)), *flat(policy_of(theta))], world.horizon * len(world.paths))
