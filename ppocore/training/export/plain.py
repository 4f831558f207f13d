"""A policy taken out of a run: everything between an observation of the environment and an action, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array
from ppocore.environments import spec_of
from ppocore.training.layout import policy_network
from ppocore.training.trainer import Trainer


class PlainPolicy(NamedTuple):
    """What every export is made of.

    The first layer sees the observation as the environment gives it.  Whatever training puts between the two (a
    normalisation of observations) belongs here as one more field, and into the exports as their first step.
    """

    env: str
    layers: list[tuple[Array, Array]]
    """Matrices (inputs, outputs) and biases (outputs,)."""
    relu: bool
    """tanh if not."""
    num_states: int
    """Of a tabular world, whose observations are int64 numbers of states; 0 where they are rows of real numbers."""
    log_std: Array | None
    """(dimensions,) where actions are real, None where they are discrete."""
    bounds: tuple[float, float]
    """Of real actions."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what an export gives: actions (n,) and log-chances (n, A), or all three (n, dimensions)."""
        return ("action", "log_probs") if self.log_std is None else ("action", "mean", "log_std")


def plain_policy(trainer: Trainer) -> PlainPolicy:
    """Copies of what the policy of a run consists of.

    Examples
    --------
    >>> from ppocore.training import Config
    >>> policy = plain_policy(Trainer(Config("CartPole-v1", hidden=(8,))))
    >>> [matrix.shape for matrix, _ in policy.layers], policy.outputs
    ([(4, 8), (8, 2)], ('action', 'log_probs'))
    """
    layout, spec, params = trainer.layout, spec_of(trainer.config.env), trainer.learner.params
    layers = _layers(policy_network(layout, params), layout.policy_sizes.tolist())
    # A shared trunk has the value as one output more.
    matrix, bias = layers[-1]
    layers[-1] = np.ascontiguousarray(matrix[:, : layout.outputs]), bias[: layout.outputs]
    return PlainPolicy(
        env=spec.id,
        layers=layers,
        relu=layout.relu,
        num_states=spec.observation_size if spec.tabular else 0,
        log_std=params[layout.log_std : layout.value].copy() if layout.continuous else None,
        bounds=spec.action_bounds,
    )


def _layers(flat: Array, sizes: list[int]) -> list[tuple[Array, Array]]:
    layers: list[tuple[Array, Array]] = []
    place = 0
    for into, out in zip(sizes[:-1], sizes[1:], strict=True):
        end = place + into * out
        layers.append((flat[place:end].reshape(into, out).copy(), flat[end : end + out].copy()))
        place = end + out
    return layers
