"""One batch of experience: the policy plays, compiled from the first step to the last."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ppocore._arrays import Array, Bools, Floats, Ints
from ppocore._kernels import kernel
from ppocore.environments.dynamics import DRAWS, STATE_SIZE, Tables, observe, reset, step
from ppocore.networks import BLOCK, forward_block
from ppocore.training.heads import describe, draw
from ppocore.training.layout import Layout


class Arena(NamedTuple):
    """The environments that are played in."""

    kind: int
    tabular: bool
    limit: int
    tables: Tables
    states: Floats
    """(N, STATE_SIZE), moved on in place."""
    elapsed: Ints
    """(N,) steps of the episodes under way."""
    scores: Floats
    """(N,) undiscounted rewards of the episodes under way."""


class Batch(NamedTuple):
    """T steps of N environments; everything that an update needs."""

    observations: Array
    """(T, N, D) in the dtype of the networks."""
    actions: Floats
    """(T, N, dimensions)."""
    described: Floats
    """(T, N, O): log-chances or means of the policy that played."""
    log_probs: Floats
    rewards: Floats
    values: Floats
    next_values: Floats
    """V of the state that a step led to, the final one of its episode included."""
    terminated: Bools
    truncated: Bools
    finished: Floats
    """(T, N): the score of the episode that ended here, NaN elsewhere."""
    log_ratios: Floats
    """(T, N): written by an update where it last visits a sample, 0 where it does not get to it."""


class Draws(NamedTuple):
    """The random numbers of a batch, drawn beforehand."""

    uniforms: Floats
    """(T, N): for discrete actions."""
    normals: Floats
    """(T, N, dimensions): for real ones."""
    world: Floats
    """(T, N, 1 + DRAWS): for the environments."""


def empty_batch(steps: int, envs: int, layout: Layout, number: Any) -> Batch:
    """Room for a batch."""
    outputs = int(layout.policy_sizes[-1])
    flat = (steps, envs)
    return Batch(
        observations=np.zeros((*flat, int(layout.policy_sizes[0])), dtype=number),
        actions=np.zeros((*flat, outputs if layout.continuous else 1)),
        described=np.zeros((*flat, outputs)),
        log_probs=np.zeros(flat),
        rewards=np.zeros(flat),
        values=np.zeros(flat),
        next_values=np.zeros(flat),
        terminated=np.zeros(flat, dtype=np.bool_),
        truncated=np.zeros(flat, dtype=np.bool_),
        finished=np.zeros(flat),
        log_ratios=np.zeros(flat),
    )


def draws_for(steps: int, envs: int, layout: Layout, rng: np.random.Generator) -> Draws:
    """The random numbers of one batch."""
    dimensions = int(layout.policy_sizes[-1])
    uniforms, normals = np.zeros((steps, envs)), np.zeros((steps, envs, dimensions))
    if layout.continuous:
        normals = rng.standard_normal((steps, envs, dimensions))
    else:
        uniforms = rng.random((steps, envs))
    return Draws(uniforms, normals, rng.random((steps, envs, 1 + DRAWS)))


@kernel
def begin(arena: Arena, draws: Floats) -> None:
    """First states everywhere."""
    for n in range(len(arena.states)):
        reset(arena.kind, arena.tables, arena.states[n], draws[n])
        arena.elapsed[n] = 0
        arena.scores[n] = 0.0


@kernel
def look(arena: Arena, state: Floats, seen: Floats, row: Array) -> None:
    """An observation as a network takes it: of a tabular world, a row with one 1."""
    observe(arena.kind, state, seen)
    if arena.tabular:
        for j in range(len(row)):
            row[j] = 0
        row[int(seen[0])] = 1
    else:
        for j in range(len(row)):
            row[j] = seen[j]


@kernel
def collect(params: Array, layout: Layout, arena: Arena, draws: Draws, batch: Batch, work: Array) -> None:
    """Play T steps in all N environments, and value every state met."""
    steps, envs = batch.rewards.shape
    policy, values = params[: layout.log_std], params[layout.value :]
    log_std = params[layout.log_std : layout.value].astype(np.float64)
    size, outputs = batch.observations.shape[2], batch.described.shape[2]
    legal = np.ones(outputs, dtype=np.bool_)
    row, seen, last = np.empty(outputs), np.empty(max(size, 8)), np.empty((envs, size), dtype=params.dtype)
    for t in range(steps):
        for n in range(envs):
            look(arena, arena.states[n], seen, batch.observations[t, n])
        for first in range(0, envs, BLOCK):
            block = batch.observations[t, first : first + BLOCK]
            found = forward_block(policy, layout.policy_sizes, layout.relu, block, work)
            for i in range(len(block)):
                n = first + i
                for j in range(outputs):
                    row[j] = found[i, j]
                describe(layout.continuous, row, legal, batch.described[t, n])
                batch.log_probs[t, n] = draw(layout.continuous, batch.described[t, n], log_std, draws.uniforms[t, n],
                                             draws.normals[t, n], batch.actions[t, n])  # fmt: skip
        for n in range(envs):
            _advance(arena, n, draws.world[t, n], values, layout, batch, t, seen, last, work)
    for n in range(envs):
        look(arena, arena.states[n], seen, last[n])
    _value_all(values, layout, batch, last, work)


@kernel
def _advance(
    arena: Arena, n: int, draws: Floats, values: Array, layout: Layout, batch: Batch, t: int, seen: Floats, last: Array,
    work: Array,
) -> None:  # fmt: skip
    """One step of one environment; where an episode ends, the value of its final state and a new beginning."""
    state = arena.states[n]
    reward, over = step(arena.kind, arena.tables, state, batch.actions[t, n, 0], draws[0])
    arena.elapsed[n] += 1
    arena.scores[n] += reward
    cut = arena.limit > 0 and arena.elapsed[n] >= arena.limit
    batch.rewards[t, n], batch.terminated[t, n], batch.truncated[t, n] = reward, over, cut
    batch.finished[t, n] = np.nan
    batch.next_values[t, n] = 0.0
    if cut and not over:
        look(arena, state, seen, last[n])
        batch.next_values[t, n] = forward_block(values, layout.value_sizes, layout.relu, last[n : n + 1], work)[0, 0]
    if cut or over:
        batch.finished[t, n] = arena.scores[n]
        reset(arena.kind, arena.tables, state, draws[1:])
        arena.elapsed[n] = 0
        arena.scores[n] = 0.0


@kernel
def _value_all(values: Array, layout: Layout, batch: Batch, last: Array, work: Array) -> None:
    steps, envs = batch.rewards.shape
    rows = batch.observations.reshape(steps * envs, batch.observations.shape[2])
    flat = batch.values.reshape(steps * envs)
    _value_rows(values, layout, rows, flat, work)
    beyond = np.empty(envs)
    _value_rows(values, layout, last, beyond, work)
    for t in range(steps):
        for n in range(envs):
            if not (batch.terminated[t, n] or batch.truncated[t, n]):
                batch.next_values[t, n] = beyond[n] if t == steps - 1 else batch.values[t + 1, n]


@kernel
def _value_rows(values: Array, layout: Layout, rows: Array, found: Floats, work: Array) -> None:
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        outputs = forward_block(values, layout.value_sizes, layout.relu, block, work)
        for i in range(len(block)):
            found[first + i] = outputs[i, 0]


def new_arena(kind: int, tabular: bool, limit: int, tables: Tables, envs: int) -> Arena:
    """An arena that `begin` must be called on."""
    elapsed: NDArray[np.int64] = np.zeros(envs, dtype=np.int64)
    return Arena(kind, tabular, limit, tables, np.zeros((envs, STATE_SIZE)), elapsed, np.zeros(envs))
