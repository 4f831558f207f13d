"""A trained policy at work, without learning."""

from __future__ import annotations

import numpy as np

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.environments import spec_of
from ppocore.environments.dynamics import DRAWS, step
from ppocore.networks import forward_block
from ppocore.training.collect import Arena, begin, look, new_arena
from ppocore.training.heads import best, describe, draw
from ppocore.training.layout import Layout, policy_network
from ppocore.training.trainer import Trainer


def evaluate(trainer: Trainer, *, num_episodes: int, seed: int, greedy: bool) -> Floats:
    """Undiscounted returns of so many episodes, by drawn or (greedy) by the likeliest actions.

    Examples
    --------
    >>> from ppocore.training import Config, Trainer
    >>> evaluate(Trainer(Config("CartPole-v1")), num_episodes=3, seed=0, greedy=True).shape
    (3,)
    """
    door = Doorman("evaluate")
    count, spec = door.whole("num_episodes", num_episodes, 1), spec_of(trainer.config.env)
    rng = np.random.default_rng(door.whole("seed", seed, 0))
    arena = new_arena(spec.kind, spec.tabular, spec.max_episode_steps, trainer.arena.tables, 1)
    returns = np.zeros(count)
    longest = spec.max_episode_steps or 10_000
    for episode in range(count):
        begin(arena, rng.random((1, DRAWS)))
        outputs = trainer.layout.outputs
        returns[episode] = _play(trainer.learner.params, trainer.layout, arena, rng.random((longest, 2)),
                                 rng.standard_normal((longest, outputs)), greedy, trainer.learner.rooms[0])  # fmt: skip
    return returns


@kernel
def _play(
    params: Array, layout: Layout, arena: Arena, uniforms: Floats, normals: Floats, greedy: bool, work: Array
) -> float:
    """One episode, or as many steps as there are random numbers."""
    size, outputs = layout.policy_sizes[0], layout.outputs
    log_std = params[layout.log_std : layout.value].astype(np.float64)
    seen, row = np.empty((1, size), dtype=params.dtype), np.empty(outputs)
    described, action, legal = np.empty(outputs), np.empty(outputs), np.ones(outputs, dtype=np.bool_)
    room, score = np.empty(max(size, 8)), 0.0
    for t in range(len(uniforms)):
        look(arena, arena.states[0], room, seen[0])
        found = forward_block(policy_network(layout, params), layout.policy_sizes, layout.relu, seen, work)
        for j in range(outputs):
            row[j] = found[0, j]
        describe(layout.continuous, row, legal, described)
        if greedy:
            best(layout.continuous, described, action)
        else:
            draw(layout.continuous, described, log_std, uniforms[t, 0], normals[t], action)
        reward, over = step(arena.kind, arena.tables, arena.states[0], action[0], uniforms[t, 1])
        score += reward
        if over:
            break
    return score
