"""A policy taken out of a run: everything between an observation of the environment and an action, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppocore._arrays import Array, Floats
from ppocore.networks import ACTIVATIONS
from ppocore.training.trainer import Trainer


class Moments(NamedTuple):
    """An observation x becomes clip((x - mean) / sqrt(variance + eps), -limit, limit)."""

    mean: Floats
    variance: Floats
    eps: float
    limit: float


class PlainPolicy(NamedTuple):
    """What every export is made of."""

    env: str
    moments: Moments | None
    """What observations are normalised by first, if they are."""
    layers: list[tuple[Array, Array]]
    """Matrices (inputs, outputs) and biases (outputs,)."""
    activation: str
    num_states: int
    """Of a tabular world, whose observations are int64 numbers of states; 0 where they are rows of real numbers."""
    nvec: tuple[int, ...]
    """How many actions each choice has; () where actions are real."""
    log_std: Array | None
    """(dimensions,) where it is a parameter."""
    log_std_bounds: tuple[float, float] | None
    """Where it is the second half of the outputs: clipped to these."""
    squashed: bool
    """Real actions are tanh, stretched to the bounds; if not, clipped to them."""
    bounds: Floats
    """(2, dimensions) of real actions."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what an export gives.

        Choices: actions (n,), or (n, choices) where there are several, and log-chances, those of all choices in one
        row.  Real actions: action, mean and log_std (n, dimensions); mean and log_std are of the Gaussian, before tanh
        and bounds.
        """
        return ("action", "log_probs") if self.nvec else ("action", "mean", "log_std")


def plain_policy(trainer: Trainer) -> PlainPolicy:
    """Copies of what the policy of a run consists of.

    Examples
    --------
    >>> from ppocore.training import Config
    >>> policy = plain_policy(Trainer(Config("CartPole-v1", hidden=(8,))))
    >>> [matrix.shape for matrix, _ in policy.layers], policy.outputs
    ([(4, 8), (8, 2)], ('action', 'log_probs'))
    """
    layout, spec, params, scaling = trainer.layout, trainer.spec, trainer.learner.params, trainer.scaling
    head, layers = layout.head, _layers(params[: layout.log_std], layout.policy_sizes.tolist())
    # A shared trunk has the value as one output more.
    matrix, bias = layers[-1]
    layers[-1] = np.ascontiguousarray(matrix[:, : head.outputs]), bias[: head.outputs]
    return PlainPolicy(
        env=spec.id,
        moments=Moments(scaling.mean.copy(), scaling.variance.copy(), scaling.eps, scaling.observation_clip)
        if scaling.observations else None,
        layers=layers,
        activation=ACTIVATIONS[layout.activation],
        num_states=spec.observation_size if spec.tabular else 0,
        nvec=head.nvec if head.choices else (),
        log_std=None if head.choices or head.std_from_state else params[layout.log_std : layout.value].copy(),
        log_std_bounds=(head.log_std_min, head.log_std_max) if head.std_from_state else None,
        squashed=head.squashed,
        bounds=layout.bounds.copy(),
    )  # fmt: skip


def _layers(flat: Array, sizes: list[int]) -> list[tuple[Array, Array]]:
    layers: list[tuple[Array, Array]] = []
    place = 0
    for into, out in zip(sizes[:-1], sizes[1:], strict=True):
        end = place + into * out
        layers.append((flat[place:end].reshape(into, out).copy(), flat[end : end + out].copy()))
        place = end + out
    return layers
