"""What a policy under training says to observations from outside: its likeliest actions, or drawn ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.environments import Spec, spec_of
from ppocore.networks import BLOCK, forward_block
from ppocore.training.heads import best, describe, draw, log_prob
from ppocore.training.layout import Layout, policy_network
from ppocore.training.trainer import Trainer


def act(
    trainer: Trainer, observations: ArrayLike, *, deterministic: bool, rng: np.random.Generator
) -> tuple[Array, Floats]:
    """Actions for a row of observations, and the log-probabilities of these actions.

    Shapes: observations (n, D), or (n,) numbers of states in a tabular world; actions (n,) int64, or (n, dimensions)
    within the bounds of the environment; log-probabilities (n,), of the actions before they are brought within bounds.

    Examples
    --------
    >>> from ppocore.training import Config
    >>> actions, _ = act(Trainer(Config("CartPole-v1")), [[0, 0, 0, 0]] * 3, deterministic=True,
    ...                  rng=np.random.default_rng(0))
    >>> actions.shape
    (3,)
    """
    spec, layout, params = spec_of(trainer.config.env), trainer.layout, trainer.learner.params
    seen = _inputs(spec, observations, params)
    outputs = layout.outputs
    actions = np.zeros((len(seen), outputs if layout.continuous else 1))
    uniforms, normals = rng.random(len(seen)), rng.standard_normal((len(seen), outputs))
    log_probs = np.zeros(len(seen))
    _act(params, layout, seen, deterministic, uniforms, normals, actions, log_probs, trainer.learner.rooms[0])
    if layout.continuous:
        return np.clip(actions, *spec.action_bounds), log_probs
    return actions[:, 0].astype(np.int64), log_probs


def _inputs(spec: Spec, observations: ArrayLike, params: Array) -> Array:
    """Observations as the network takes them: of a tabular world, rows with one 1."""
    door = Doorman("predict")
    if not spec.tabular:
        found = door.floats("observation", observations, "n D")
        if found.shape[1] != spec.observation_size:
            raise door.refusal("observation", f"has {found.shape[1]} entries",
                               f"{spec.id} has observations of {spec.observation_size}")
        return np.ascontiguousarray(found, dtype=params.dtype)
    states = door.floats("observation", observations, "n", interval=f"[0, {spec.observation_size - 1}]")
    if (states != np.floor(states)).any():
        raise door.refusal("observation", "is no whole number", f"the states of {spec.id} are numbered")
    return np.eye(spec.observation_size, dtype=params.dtype)[states.astype(np.int64)]


@kernel
def _act(
    params: Array, layout: Layout, seen: Array, deterministic: bool, uniforms: Floats, normals: Floats, actions: Floats,
    log_probs: Floats, work: Array,
) -> None:  # fmt: skip
    outputs = layout.outputs
    log_std = params[layout.log_std : layout.value].astype(np.float64)
    row, described, legal = np.empty(outputs), np.empty(outputs), np.ones(outputs, dtype=np.bool_)
    for first in range(0, len(seen), BLOCK):
        block = seen[first : first + BLOCK]
        found = forward_block(policy_network(layout, params), layout.policy_sizes, layout.relu, block, work)
        for i in range(len(found)):
            n = first + i
            for j in range(outputs):
                row[j] = found[i, j]
            describe(layout.continuous, row, legal, described)
            if deterministic:
                best(layout.continuous, described, actions[n])
                log_probs[n] = log_prob(layout.continuous, described, log_std, actions[n])
            else:
                log_probs[n] = draw(layout.continuous, described, log_std, uniforms[n], normals[n], actions[n])
