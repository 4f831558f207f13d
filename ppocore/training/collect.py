"""One batch of experience: the policy plays, compiled from the first step to the last.

Environments are dealt out to `GROUPS` groups, and rows to blocks, whatever the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ppocore._arrays import Array, Bools, Floats, Ints
from ppocore._kernels import kernel
from ppocore.environments.dynamics import DRAWS, STATE_SIZE, Tables, observe, reset, step
from ppocore.networks import BLOCK, forward_block
from ppocore.training.heads import describe, draw
from ppocore.training.layout import Layout, policy_network, value_network
from ppocore.training.team import Place, Team

GROUPS = 4
"""At most so many groups of environments play side by side, of `BLOCK` environments at most."""
FEW = 4
"""A smaller group would spend its time in calls of matrix products."""


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
    outputs = layout.outputs
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
    )


def draws_for(steps: int, envs: int, layout: Layout, rng: np.random.Generator) -> Draws:
    """The random numbers of one batch."""
    dimensions = layout.outputs
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


def collect(
    params: Array, layout: Layout, arena: Arena, draws: Draws, batch: Batch, rooms: Array, team: Team
) -> None:
    """Play T steps in all N environments, and value every state met; `rooms` are workspaces, one for each thread."""
    envs, observed = batch.observations.shape[1:]
    size = min(BLOCK, max(FEW, -(-envs // GROUPS)))
    last = np.empty((envs, observed), dtype=params.dtype)
    team.run(_collect, params, layout, arena, draws, batch, size, last, rooms)


@kernel
def _collect(
    place: Place, params: Array, layout: Layout, arena: Arena, draws: Draws, batch: Batch, size: int, last: Array,
    rooms: Array,
) -> None:  # fmt: skip
    """In every thread: its groups of environments, and they alone."""
    for first in range(place.rank * size, len(last), place.size * size):
        end = min(first + size, len(last))
        _play(params, layout, arena, draws, batch, first, end, last, rooms[place.rank])
        _value_all(params, layout, batch, first, end, last, rooms[place.rank])


@kernel
def _play(
    params: Array, layout: Layout, arena: Arena, draws: Draws, batch: Batch, first: int, end: int, last: Array,
    room: Array,
) -> None:  # fmt: skip
    """All steps of the environments from `first` to `end`; where they stand afterwards goes to `last`."""
    policy = policy_network(layout, params)
    log_std = params[layout.log_std : layout.value].astype(np.float64)
    size, outputs = batch.observations.shape[2], layout.outputs
    legal = np.ones(outputs, dtype=np.bool_)
    row, seen = np.empty(outputs), np.empty(max(size, 8))
    for t in range(len(batch.rewards)):
        for n in range(first, end):
            look(arena, arena.states[n], seen, batch.observations[t, n])
        found = forward_block(policy, layout.policy_sizes, layout.relu, batch.observations[t, first:end], room)
        for n in range(first, end):
            for j in range(outputs):
                row[j] = found[n - first, j]
            describe(layout.continuous, row, legal, batch.described[t, n])
            batch.log_probs[t, n] = draw(layout.continuous, batch.described[t, n], log_std, draws.uniforms[t, n],
                                         draws.normals[t, n], batch.actions[t, n])  # fmt: skip
        for n in range(first, end):
            _advance(params, layout, arena, n, draws.world[t, n], batch, t, seen, last, room)
    for n in range(first, end):
        look(arena, arena.states[n], seen, last[n])


@kernel
def _advance(
    params: Array, layout: Layout, arena: Arena, n: int, draws: Floats, batch: Batch, t: int, seen: Floats,
    last: Array, room: Array,
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
        _value_rows(params, layout, last[n : n + 1], batch.next_values[t, n : n + 1], room)
    if cut or over:
        batch.finished[t, n] = arena.scores[n]
        reset(arena.kind, arena.tables, state, draws[1:])
        arena.elapsed[n] = 0
        arena.scores[n] = 0.0


@kernel
def _value_all(
    params: Array, layout: Layout, batch: Batch, first: int, end: int, last: Array, room: Array
) -> None:
    """Values of all states that the environments from `first` to `end` were in."""
    steps, wide = len(batch.rewards), end - first
    high = max(1, BLOCK // wide)
    rows = np.empty((high * wide, last.shape[1]), dtype=params.dtype)
    found = np.empty(high * wide)
    for begin in range(0, steps, high):
        t_end = min(begin + high, steps)
        count = (t_end - begin) * wide
        rows[:count] = batch.observations[begin:t_end, first:end].copy().reshape(count, last.shape[1])
        _value_rows(params, layout, rows[:count], found, room)
        for i in range(count):
            batch.values[begin + i // wide, first + i % wide] = found[i]
    _value_rows(params, layout, last[first:end], found, room)
    for t in range(steps):
        for n in range(first, end):
            if not (batch.terminated[t, n] or batch.truncated[t, n]):
                batch.next_values[t, n] = found[n - first] if t == steps - 1 else batch.values[t + 1, n]


@kernel
def _value_rows(params: Array, layout: Layout, rows: Array, found: Floats, room: Array) -> None:
    """Values of a block."""
    outputs = forward_block(value_network(layout, params), layout.value_sizes, layout.relu, rows, room)
    for i in range(len(rows)):
        found[i] = outputs[i, layout.value_output]


def new_arena(kind: int, tabular: bool, limit: int, tables: Tables, envs: int) -> Arena:
    """An arena that `begin` must be called on."""
    elapsed: NDArray[np.int64] = np.zeros(envs, dtype=np.int64)
    return Arena(kind, tabular, limit, tables, np.zeros((envs, STATE_SIZE)), elapsed, np.zeros(envs))
