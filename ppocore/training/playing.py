"""A trained policy at work, without learning."""

from __future__ import annotations

import numpy as np

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.environments import spec_of
from ppocore.environments.dynamics import DRAWS, step
from ppocore.networks import forward_block
from ppocore.training.collect import Arena, begin, look, new_arena
from ppocore.training.heads import best, describe, draw, sent_as_one
from ppocore.training.layout import Layout, policy_network
from ppocore.training.scaling import Scaling, scale_row, scale_rows
from ppocore.training.stage import chosen, sent_all
from ppocore.training.trainer import Trainer, stage_for

LONGEST = 10_000
"""Steps after which an episode without a limit is left."""


def evaluate(trainer: Trainer, *, num_episodes: int, seed: int, greedy: bool) -> Floats:
    """Undiscounted returns of so many episodes, by drawn or (greedy) by the likeliest actions.

    Examples
    --------
    >>> from ppocore.training import Config, Trainer
    >>> evaluate(Trainer(Config("CartPole-v1")), num_episodes=3, seed=0, greedy=True).shape
    (3,)
    """
    door = Doorman("evaluate")
    count = door.whole("num_episodes", num_episodes, 1)
    rng = np.random.default_rng(door.whole("seed", seed, 0))
    if trainer.stage is not None:
        return _outside(trainer, count, rng, greedy)
    spec = spec_of(trainer.config.env)
    arena = new_arena(spec.kind, spec.tabular, spec.max_episode_steps, trainer.arena.tables, 1)
    returns = np.zeros(count)
    longest = spec.max_episode_steps or LONGEST
    for episode in range(count):
        begin(arena, rng.random((1, DRAWS)))
        entries = trainer.layout.head.dimensions
        uniforms, normals = rng.random((longest, entries + 1)), rng.standard_normal((longest, entries))
        numbers = uniforms[:, :-1].copy() if trainer.layout.head.choices else normals
        returns[episode] = _play(trainer.learner.params, trainer.layout, arena, trainer.scaling, numbers,
                                 uniforms[:, -1].copy(), greedy, trainer.learner.rooms[0])  # fmt: skip
    return returns


def _outside(trainer: Trainer, count: int, rng: np.random.Generator, greedy: bool) -> Floats:
    """Episodes in one environment from outside, made for this."""
    stage = stage_for(trainer.config, trainer.make_envs, 1)
    assert stage is not None
    outside, learner, layout = stage.outside, trainer.learner, trainer.layout
    seen, returns, score, steps = outside.begin(int(rng.integers(2**31))), np.zeros(count), 0.0, 0
    episode = 0
    try:
        while episode < count:
            rows = scale_rows(trainer.scaling, seen.astype(learner.params.dtype))
            size = (1, layout.head.dimensions)
            numbers = rng.random(size) if layout.head.choices else rng.standard_normal(size)
            described, _, actions = chosen(learner.params, layout, rows, numbers, learner.rooms[0])
            if greedy:
                best(layout.head, described[0], actions[0])
            found = outside.step(sent_all(layout, actions))
            seen, score, steps = found.observations, score + float(found.rewards[0]), steps + int(found.real[0])
            over = bool(found.terminated[0] or found.truncated[0])
            if over or steps == LONGEST:
                returns[episode], score, steps = score, 0.0, 0
                episode += 1
                if not over:
                    seen = outside.begin(int(rng.integers(2**31)))
    finally:
        outside.close()
    return returns


@kernel
def _play(
    params: Array, layout: Layout, arena: Arena, scaling: Scaling, numbers: Floats, uniforms: Floats, greedy: bool,
    work: Array,
) -> float:  # fmt: skip
    """One episode, or as many steps as there are random numbers."""
    head, size = layout.head, layout.policy_sizes[0]
    log_std = params[layout.log_std : layout.value].astype(np.float64)
    seen, row = np.empty((1, size), dtype=params.dtype), np.empty(head.outputs)
    described, chances, action = np.empty(head.described), np.empty(head.outputs), np.empty(head.dimensions)
    legal = np.ones(head.outputs, dtype=np.bool_)
    room, score = np.empty(max(size, 8)), 0.0
    for t in range(len(uniforms)):
        look(arena, arena.states[0], room, seen[0])
        scale_row(scaling, seen[0])
        found = forward_block(policy_network(layout, params), layout.policy_sizes, layout.activation, seen, work)
        for j in range(head.outputs):
            row[j] = found[0, j]
        describe(head, row, log_std, legal, described, chances)
        if greedy:
            best(head, described, action)
        else:
            draw(head, described, chances, numbers[t], action)
        sent = sent_as_one(head, layout.bounds, action)
        reward, over = step(arena.kind, arena.tables, arena.states[0], sent, uniforms[t])
        score += reward
        if over:
            break
    return score
