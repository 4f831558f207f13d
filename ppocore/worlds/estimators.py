r"""Bias and variance of the estimators of importance sampling, by writing down every trajectory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Doorman, Floats
from ppocore.worlds.exact import exact_values
from ppocore.worlds.world import World, checked_policy, with_time_limit

ESTIMATORS = ("plain", "trajectory", "per_decision", "truncated", "self_normalized")
MOST = 1_000_000
"""Trajectories, or samples of them, that are written down before a call is refused."""


class Moments(NamedTuple):
    """What an estimate of J of the new policy is worth."""

    mean: float
    bias: float
    variance: float


class _Path(NamedTuple):
    chance: float
    """Under the policy that collects."""
    ratios: tuple[float, ...]
    """New over old, of every step."""
    rewards: tuple[float, ...]
    """Discounted."""


def exact_estimator_moments(
    world: World,
    policy: ArrayLike,
    old_policy: ArrayLike,
    *,
    estimator: str,
    horizon: int,
    num_trajectories: int,
    max_weight: float = float("inf"),
) -> Moments:
    r"""Mean, bias and variance of an estimate of J(policy) from trajectories of the old policy.

    .. math::

        \text{trajectory: } \rho_{0:T-1} \sum_t \gamma^t r_t, \quad
        \text{per-decision: } \sum_t \rho_{0:t} \gamma^t r_t, \quad
        \text{truncated: } \min(\rho_{0:T-1}, c) \sum_t \gamma^t r_t

    Parameters
    ----------
    world : World
    policy, old_policy : array of float, shape (S, A)
        The policy that is judged, and the one that collected the data.
    estimator : "plain", "trajectory", "per_decision", "truncated" or "self_normalized"
        Plain: no weights, data of the judged policy itself.  Self-normalised: sum of weighted returns over sum of
        weights, 0 where all weights are 0.
    horizon : int >= 1
        Steps after which an episode ends.
    num_trajectories : int >= 1
        The estimate is the mean over so many (self-normalised: their quotient).
    max_weight : float > 0
        The c of truncated weights.

    Returns
    -------
    Moments
        Named tuple ``(mean, bias, variance)``.

    Raises
    ------
    ValueError
        If a policy does not fit, an argument is outside its interval, or there are over a million cases.

    Notes
    -----
    *Conventions.* Where the old policy never goes, nothing can be collected: the bias says what that costs.

    *Accuracy.* A sum of non-negative chances: 2^-40 relative to the largest return.

    *Theorems.* IS-05, IS-06 (no bias), IS-07, IS-08, IS-14.

    References
    ----------
    Precup, Sutton, Singh, Eligibility traces for off-policy policy evaluation, 2000.  Mission rows S4, S5, S7.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_estimator_moments(two_arm_bandit((1.0, 5.0)), [[0.7, 0.3]], [[0.2, 0.8]], estimator="trajectory",
    ...                         horizon=1, num_trajectories=1).variance.__round__(10)
    0.4225
    """
    door = Doorman("exact_estimator_moments")
    kind = door.option("estimator", estimator, ESTIMATORS)
    count = door.whole("num_trajectories", num_trajectories, 1)
    cap = door.number("max_weight", max_weight, "(0, inf]")
    new = checked_policy("exact_estimator_moments", "policy", policy, world)
    old = checked_policy("exact_estimator_moments", "old_policy", old_policy, world)
    steps = door.whole("horizon", horizon, 1)
    limited = with_time_limit(world, steps)
    truth = exact_values(limited, np.tile(new, (steps, 1))).objective
    paths = _paths(door, world, new, new if kind == "plain" else old, steps)
    if kind == "self_normalized":
        mean, variance = _quotient(door, paths, count)
    else:
        chances, terms = np.array([path.chance for path in paths]), np.array([_term(path, kind, cap) for path in paths])
        mean = float(chances @ terms)
        variance = float(chances @ (terms - mean) ** 2) / count
    return Moments(mean, mean - truth, variance)


def _paths(door: Doorman, world: World, new: Floats, collecting: Floats, steps: int) -> list[_Path]:
    found = []
    for path in _walk(world, new, collecting, steps):
        found.append(path)
        if len(found) > MOST:
            raise door.refusal("horizon", f"is {steps}, over {MOST} trajectories", "choose a smaller one")
    return found


def _walk(world: World, new: Floats, collecting: Floats, steps: int) -> Iterator[_Path]:
    """Every trajectory that the collecting policy can meet, depth first."""
    waiting = [(int(s), _Path(float(world.initial[s]), (), ())) for s in np.flatnonzero(world.initial)]
    while waiting:
        state, so_far = waiting.pop()
        time = len(so_far.rewards)
        for action in np.flatnonzero(collecting[state]):
            ratio = float(new[state, action] / collecting[state, action])
            for k in np.flatnonzero(world.chances[state, action]):
                path = _Path(
                    so_far.chance * float(collecting[state, action] * world.chances[state, action, k]),
                    (*so_far.ratios, ratio),
                    (*so_far.rewards, world.gamma**time * float(world.rewards[state, action, k])),
                )
                if world.terminated[state, action, k] or time + 1 == steps:
                    yield path
                else:
                    waiting.append((int(world.successors[state, action, k]), path))


def _term(path: _Path, kind: str, cap: float) -> float:
    if kind == "per_decision":
        return float(np.cumprod(path.ratios) @ np.array(path.rewards))
    weight = 1.0 if kind == "plain" else prod(path.ratios)
    return min(weight, cap if kind == "truncated" else np.inf) * sum(path.rewards)


def _quotient(door: Doorman, paths: list[_Path], count: int) -> tuple[float, float]:
    """Moments of sum(w G) / sum(w) over samples of `count` trajectories, by all multisets of them."""
    cases = prod(range(len(paths), len(paths) + count)) // factorial(count)
    if cases > MOST:
        raise door.refusal("num_trajectories", f"gives {cases} samples", f"choose it so that they are at most {MOST}")
    mean = square = 0.0
    for sample in combinations_with_replacement(range(len(paths)), count):
        drawn = [paths[i] for i in sample]
        weights = [prod(path.ratios) for path in drawn]
        total = sum(weights)
        value = sum(w * sum(path.rewards) for w, path in zip(weights, drawn, strict=True)) / total if total else 0.0
        orders = factorial(count) // prod(factorial(sample.count(i)) for i in set(sample))
        chance = orders * prod(path.chance for path in drawn)
        mean, square = mean + chance * value, square + chance * value**2
    return mean, square - mean**2
