"""One batch of experience: the policy plays, compiled from the first step to the last.

Environments are dealt out to `GROUPS` groups, and rows to blocks, whatever the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ppocore._arrays import Array, Bools, Floats, Ints
from ppocore._kernels import bare, inner
from ppocore.environments.dynamics import DRAWS, STATE_SIZE, Tables, observe, reset, step
from ppocore.networks import BLOCK, forward_block, places, put
from ppocore.training.heads import Desk, describe, desk_of, draw, sent_as_one, take_log_std
from ppocore.training.layout import Layout
from ppocore.training.scaling import Scaling, count_rows, scale_rewards, scale_row
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
    """(T, N, numbers): the policy that played, as `heads` describes it."""
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


class Taken(NamedTuple):
    """What a policy does in N states, as in `Batch`."""

    described: Floats
    log_probs: Floats
    actions: Floats


class Draws(NamedTuple):
    """The random numbers of a batch, drawn beforehand."""

    actions: Floats
    """(T, N, dimensions): uniform numbers for choices, normal ones for real actions."""
    world: Floats
    """(T, N, 1 + DRAWS): for the environments."""


def empty_batch(steps: int, envs: int, layout: Layout, number: Any) -> Batch:
    """Room for a batch."""
    flat = (steps, envs)
    return Batch(
        observations=np.zeros((*flat, int(layout.policy_sizes[0])), dtype=number),
        actions=np.zeros((*flat, layout.head.dimensions)),
        described=np.zeros((*flat, layout.head.described)),
        log_probs=np.zeros(flat),
        rewards=np.zeros(flat),
        values=np.zeros(flat),
        next_values=np.zeros(flat),
        terminated=np.zeros(flat, dtype=np.bool_),
        truncated=np.zeros(flat, dtype=np.bool_),
        finished=np.zeros(flat),
        log_ratios=np.zeros(flat),
    )


def room_for_actions(layout: Layout, envs: int) -> Taken:
    """To be filled by `choose`."""
    head = layout.head
    return Taken(np.zeros((envs, head.described)), np.zeros(envs), np.zeros((envs, head.dimensions)))


def draws_for(steps: int, envs: int, layout: Layout, hold: int, rng: np.random.Generator) -> Draws:
    """The random numbers of one batch; those of real actions are drawn anew after every `hold` steps."""
    shape = (envs, layout.head.dimensions)
    if layout.head.choices:
        actions = rng.random((steps, *shape))
    else:
        actions = np.repeat(rng.standard_normal((-(-steps // hold), *shape)), hold, axis=0)[:steps]
    return Draws(actions, rng.random((steps, envs, 1 + DRAWS)))


@bare
def begin(arena: Arena, draws: Floats) -> None:
    """First states everywhere."""
    for n in range(len(arena.states)):
        reset(arena.kind, arena.tables, arena.states[n], draws[n])
        arena.elapsed[n] = 0
        arena.scores[n] = 0.0


@inner
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
    params: Array, layout: Layout, arena: Arena, scaling: Scaling, draws: Draws, batch: Batch, rooms: Array,
    desks: Desk, team: Team,
) -> None:  # fmt: skip
    """Play T steps in all N environments, and value every state met; `rooms` are workspaces, one for each thread."""
    envs, observed = batch.observations.shape[1:]
    # Statistics are of all environments at every step: they are one group.
    size = envs if scaling.observations or scaling.rewards else min(BLOCK, max(FEW, -(-envs // GROUPS)))
    last = np.empty((envs, observed), dtype=params.dtype)
    team.run(_collect, params, layout, arena, scaling, draws, batch, size, last, rooms, desks)


@bare
def _collect(
    place: Place, params: Array, layout: Layout, arena: Arena, scaling: Scaling, draws: Draws, batch: Batch, size: int,
    last: Array, rooms: Array, desks: Desk,
) -> None:  # fmt: skip
    """In every thread: its groups of environments, and they alone."""
    room, desk = rooms[place.rank], desk_of(desks, place.rank)
    for first in range(place.rank * size, len(last), place.size * size):
        end = min(first + size, len(last))
        _play(params, layout, arena, scaling, draws, batch, first, end, last, room, desk)
        value_all(params, layout, batch, first, end, last, room)


@inner
def _play(
    params: Array, layout: Layout, arena: Arena, scaling: Scaling, draws: Draws, batch: Batch, first: int, end: int,
    last: Array, room: Array, desk: Desk,
) -> None:  # fmt: skip
    """All steps of the environments from `first` to `end`; where they stand afterwards goes to `last`."""
    for t in range(len(batch.rewards)):
        for n in range(first, end):
            look(arena, arena.states[n], desk.seen, batch.observations[t, n])
            scale_row(scaling, batch.observations[t, n])
        taken = Taken(batch.described[t, first:end], batch.log_probs[t, first:end], batch.actions[t, first:end])
        choose(params, layout, batch.observations[t, first:end], draws.actions[t, first:end], taken, room, desk)
        _advance(layout, arena, first, end, draws.world[t], batch, t, desk.seen, last)
        if scaling.observations:
            count_states(arena, scaling, desk.seen)
        for n in range(first, end):
            if batch.truncated[t, n] and not batch.terminated[t, n]:
                scale_row(scaling, last[n])
                value_rows(params, layout, last[n : n + 1], batch.next_values[t, n : n + 1], room)
        if scaling.rewards:
            scale_rewards(scaling, batch.rewards[t], batch.terminated[t], batch.truncated[t], scaling.everywhere)
    for n in range(first, end):
        look(arena, arena.states[n], desk.seen, last[n])
        scale_row(scaling, last[n])


@bare
def choose_all(
    params: Array, layout: Layout, observations: Array, numbers: Floats, taken: Taken, room: Array, desks: Desk
) -> None:
    """`choose` for Python, which does not cut desks."""
    choose(params, layout, observations, numbers, taken, room, desk_of(desks, 0))


@inner
def choose(
    params: Array, layout: Layout, observations: Array, numbers: Floats, taken: Taken, room: Array, desk: Desk
) -> None:
    """Draw an action for each of N observations."""
    take_log_std(desk, params, layout.log_std)
    found, wide = places(layout.policy_sizes)[0], layout.policy_sizes[-1]
    for first in range(0, len(observations), BLOCK):
        block = observations[first : first + BLOCK]
        put(block, room)
        forward_block(params[: layout.log_std], layout.policy_sizes, layout.activation, len(block), room)
        for i in range(len(block)):
            n = first + i
            for j in range(len(desk.outputs)):
                desk.outputs[j] = room[found + i * wide + j]
            describe(layout.head, desk.outputs, desk.log_std, taken.described[n], desk.chances)
            taken.log_probs[n] = draw(layout.head, taken.described[n], desk.chances, numbers[n], taken.actions[n])


@inner
def count_states(arena: Arena, scaling: Scaling, seen: Floats) -> None:
    """Take what is seen of all environments into the statistics; `seen` is room for one."""
    for n in range(len(arena.states)):
        look(arena, arena.states[n], seen, scaling.seen[n])
    count_rows(scaling, scaling.seen, scaling.everywhere)


@bare
def count_first_states(arena: Arena, scaling: Scaling, seen: Floats) -> None:
    """`count_states` for Python."""
    count_states(arena, scaling, seen)


@inner
def _advance(
    layout: Layout, arena: Arena, first: int, end: int, draws: Floats, batch: Batch, t: int, seen: Floats, last: Array
) -> None:
    """One step of environments; where an episode is cut, its final state into `last`, and a new beginning."""
    for n in range(first, end):
        state = arena.states[n]
        action = batch.actions[t, n, 0]
        if layout.head.squashed or layout.head.choices > 1:
            # Where it must, since a row of an array costs more to cut out than most environments' steps.
            action = sent_as_one(layout.head, layout.bounds, batch.actions[t, n])
        reward, over = step(arena.kind, arena.tables, state, action, draws[n, 0])
        arena.elapsed[n] += 1
        arena.scores[n] += reward
        cut = arena.limit > 0 and arena.elapsed[n] >= arena.limit
        batch.rewards[t, n], batch.terminated[t, n], batch.truncated[t, n] = reward, over, cut
        batch.finished[t, n] = np.nan
        batch.next_values[t, n] = 0.0
        if cut and not over:
            look(arena, state, seen, last[n])
        if cut or over:
            batch.finished[t, n] = arena.scores[n]
            reset(arena.kind, arena.tables, state, draws[n, 1:])
            arena.elapsed[n] = 0
            arena.scores[n] = 0.0


@inner
def value_all(
    params: Array, layout: Layout, batch: Batch, first: int, end: int, last: Array, room: Array
) -> None:
    """Values of all states that the environments from `first` to `end` were in."""
    steps, wide = len(batch.rewards), end - first
    count = steps * wide
    for begin in range(0, count, BLOCK):
        rows = min(BLOCK, count - begin)
        for i in range(rows):
            for j in range(last.shape[1]):
                room[i * last.shape[1] + j] = batch.observations[(begin + i) // wide, first + (begin + i) % wide, j]
        _forward(params, layout, rows, room)
        for i in range(rows):
            batch.values[(begin + i) // wide, first + (begin + i) % wide] = _value(layout, room, i)
    for begin in range(first, end, BLOCK):
        rows = min(BLOCK, end - begin)
        put(last[begin : begin + rows], room)
        _forward(params, layout, rows, room)
        for n in range(begin, begin + rows):
            if _goes_on(batch, steps - 1, n):
                batch.next_values[steps - 1, n] = _value(layout, room, n - begin)
    for t in range(steps - 1):
        for n in range(first, end):
            if _goes_on(batch, t, n):
                batch.next_values[t, n] = batch.values[t + 1, n]


@inner
def _goes_on(batch: Batch, t: int, n: int) -> bool:
    return not (batch.terminated[t, n] or batch.truncated[t, n])


@inner
def value_rows(params: Array, layout: Layout, rows: Array, found: Floats, room: Array) -> None:
    """Values of any number of rows."""
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        put(block, room)
        _forward(params, layout, len(block), room)
        for i in range(len(block)):
            found[first + i] = _value(layout, room, i)


@inner
def _forward(params: Array, layout: Layout, rows: int, room: Array) -> None:
    forward_block(params[layout.value_network :], layout.value_sizes, layout.activation, rows, room)


@inner
def _value(layout: Layout, room: Array, i: int) -> float:
    """Of row `i` of the block that was last sent through the network."""
    value: float = room[places(layout.value_sizes)[0] + i * layout.value_sizes[-1] + layout.value_output]
    return value


def new_arena(kind: int, tabular: bool, limit: int, tables: Tables, envs: int) -> Arena:
    """An arena that `begin` must be called on."""
    elapsed: NDArray[np.int64] = np.zeros(envs, dtype=np.int64)
    return Arena(kind, tabular, limit, tables, np.zeros((envs, STATE_SIZE)), elapsed, np.zeros(envs))
