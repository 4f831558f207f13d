"""What a policy under training says to observations from outside: its likeliest actions, or drawn ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import bare
from ppocore.environments import Spec
from ppocore.networks import BLOCK
from ppocore.training.heads import Head, best, log_prob
from ppocore.training.scaling import scale_rows
from ppocore.training.stage import chosen, sent_all
from ppocore.training.trainer import Trainer


def act(
    trainer: Trainer, observations: ArrayLike, *, deterministic: bool, rng: np.random.Generator
) -> tuple[Any, Floats]:
    """Actions for a row of observations, and the log-probabilities of these actions.

    Shapes: observations (n, D), or (n,) numbers of states in a compiled tabular world; actions (n,) int64, (n, choices)
    int64 where there are several, or (n, dimensions) within the bounds of the environment; log-probabilities (n,), of
    real actions before they are brought within bounds.

    Examples
    --------
    >>> from ppocore.training import Config
    >>> actions, _ = act(Trainer(Config("CartPole-v1")), [[0, 0, 0, 0]] * 3, deterministic=True,
    ...                  rng=np.random.default_rng(0))
    >>> actions.shape
    (3,)
    """
    spec, layout, learner = trainer.spec, trainer.layout, trainer.learner
    seen = scale_rows(trainer.scaling, _inputs(spec, observations, learner.params))
    size = (len(seen), layout.head.dimensions)
    numbers = rng.random(size) if layout.head.choices else rng.standard_normal(size)
    actions, log_probs = np.zeros(size), np.zeros(len(seen))
    for first in range(0, len(seen), BLOCK):
        block = slice(first, first + BLOCK)
        described, log_probs[block], actions[block] = chosen(learner, layout, seen[block], numbers[block])
        if deterministic:
            _choose_best(layout.head, described, actions[block], log_probs[block])
    if spec.continuous:
        return np.clip(sent_all(layout, actions), *layout.bounds), log_probs
    picked = actions.astype(np.int64)
    return picked if spec.nvec else picked[:, 0], log_probs


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


@bare
def _choose_best(head: Head, described: Floats, actions: Floats, log_probs: Floats) -> None:
    for n in range(len(actions)):
        best(head, described[n], actions[n])
        log_probs[n] = log_prob(head, described[n], actions[n])
