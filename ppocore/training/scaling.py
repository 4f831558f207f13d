"""Observations and rewards divided by running standard deviations, as Stable-Baselines3's VecNormalize does it.

Moments begin as those of 1e-4 samples of mean 0 and variance 1.  Observations: every one that an action is chosen by is
counted once, before it is used; x becomes clip((x - mean) / sqrt(variance + eps)).  Rewards: the variance is that of
the discounted sum G = gamma G + r, which is 0 again after the end of an episode; r becomes clip(r / sqrt(variance +
eps)).  Final observations are scaled and not counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Array, Bools, Floats
from ppocore._kernels import bare, inner
from ppocore.training.config import Config

FIRST_COUNT = 1e-4


class Scaling(NamedTuple):
    """What to scale, and the statistics so far, which change in place."""

    observations: bool
    rewards: bool
    observation_clip: float
    reward_clip: float
    eps: float
    gamma: float
    mean: Floats
    """(D,) of the observations."""
    variance: Floats
    counted: Floats
    """(1,)"""
    returns: Floats
    """(3,): mean, variance and count of the discounted sums of rewards."""
    discounted: Floats
    """(N,): the discounted sums of the episodes under way."""
    seen: Floats
    """(N, D): room for the observations of one step."""
    everywhere: Bools
    """(N,): True."""


def new_scaling(config: Config, size: int) -> Scaling:
    """Before the first observation."""
    return Scaling(
        config.normalize_observations, config.normalize_rewards, float(config.observation_clip),
        float(config.reward_clip), float(config.normalize_eps), float(config.gamma), np.zeros(size), np.ones(size),
        np.array([FIRST_COUNT]), np.array([0.0, 1.0, FIRST_COUNT]), np.zeros(config.num_envs),
        np.zeros((config.num_envs, size)), np.ones(config.num_envs, dtype=np.bool_),
    )  # fmt: skip


def statistics(scaling: Scaling) -> dict[str, Any]:
    """The arrays that a checkpoint must hold: none where nothing is scaled."""
    found: dict[str, Any] = {}
    if scaling.observations:
        found |= {"observation_mean": scaling.mean, "observation_variance": scaling.variance,
                  "observation_count": scaling.counted}  # fmt: skip
    if scaling.rewards:
        found |= {"return_moments": scaling.returns, "discounted_rewards": scaling.discounted}
    return found


@inner
def merged(mean: float, variance: float, count: float, rows: Array, j: int, used: Bools) -> tuple[float, float]:
    """Mean and variance of what was counted and of column `j` of the used rows together (Chan et al., 1979)."""
    new, total, squares = 0, 0.0, 0.0
    for n in range(len(rows)):
        if used[n]:
            new += 1
            total += rows[n, j]
    if new == 0:
        return mean, variance
    average = total / new
    for n in range(len(rows)):
        if used[n]:
            squares += (rows[n, j] - average) * (rows[n, j] - average)
    apart, whole = average - mean, count + new
    squares += variance * count + apart * apart * count * new / whole
    return mean + apart * new / whole, squares / whole


@inner
def count_rows(scaling: Scaling, rows: Array, used: Bools) -> None:
    """Take observations (N, D) into the statistics."""
    if not scaling.observations:
        return
    for j in range(rows.shape[1]):
        scaling.mean[j], scaling.variance[j] = merged(scaling.mean[j], scaling.variance[j], scaling.counted[0], rows, j,
                                                      used)  # fmt: skip
    for n in range(len(rows)):
        scaling.counted[0] += used[n]


@inner
def scale_row(scaling: Scaling, row: Array) -> None:
    """Scale one observation in place."""
    if scaling.observations:
        for j in range(len(row)):
            far = (row[j] - scaling.mean[j]) / np.sqrt(scaling.variance[j] + scaling.eps)
            row[j] = min(max(far, -scaling.observation_clip), scaling.observation_clip)


def scale_rows(scaling: Scaling, rows: Array) -> Array:
    """Scale observations (N, D) in place, and return them."""
    _scale_all(scaling, rows)
    return rows


@bare
def _scale_all(scaling: Scaling, rows: Array) -> None:
    for n in range(len(rows)):
        scale_row(scaling, rows[n])


@inner
def scale_rewards(scaling: Scaling, rewards: Floats, terminated: Bools, truncated: Bools, real: Bools) -> None:
    """Take the rewards (N,) of one step into the statistics, then scale them in place; only `real` ones."""
    if not scaling.rewards:
        return
    sums = scaling.discounted
    for n in range(len(rewards)):
        if real[n]:
            sums[n] = sums[n] * scaling.gamma + rewards[n]
    moments = scaling.returns
    moments[0], moments[1] = merged(moments[0], moments[1], moments[2], sums.reshape(len(sums), 1), 0, real)
    for n in range(len(rewards)):
        moments[2] += real[n]
    spread = np.sqrt(moments[1] + scaling.eps)
    for n in range(len(rewards)):
        rewards[n] = min(max(rewards[n] / spread, -scaling.reward_clip), scaling.reward_clip)
        if terminated[n] or truncated[n]:
            sums[n] = 0.0
