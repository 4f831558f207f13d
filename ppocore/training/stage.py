"""One batch of experience in environments from outside, in the same form as the compiled ones fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppocore._arrays import Array, Bools, Floats, Ints
from ppocore._kernels import bare
from ppocore.training.collect import Batch, Draws, Taken, choose_all, room_for_actions, value_all, value_rows
from ppocore.training.heads import sent
from ppocore.training.layout import Layout
from ppocore.training.scaling import Scaling, count_rows, scale_rewards, scale_rows

if TYPE_CHECKING:
    from ppocore.environments.outside import Outside, Transitions
    from ppocore.training.update import Learner


class Stage:
    """Environments from outside, and where their episodes stand between two batches.

    Every batch holds T true transitions of each environment.  Where a step only resets (NEXT_STEP), that environment
    falls one behind the others; what those do beyond their T steps meanwhile is played and scored but not learned from.
    """

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self._begun = False
        self._observations: Floats = np.zeros((outside.num_envs, outside.spec.observation_size))
        self._scores: Floats = np.zeros(outside.num_envs)

    def play(
        self, layout: Layout, scaling: Scaling, draws: Draws, rng: np.random.Generator, batch: Batch, learner: Learner
    ) -> list[float]:
        """Fill a batch; the scores of the episodes that ended."""
        params, room = learner.params, learner.rooms[0]
        if not self._begun:
            self._begin(scaling, rng)
        steps, envs = batch.rewards.shape
        last = np.zeros((envs, batch.observations.shape[2]), dtype=params.dtype)
        filled: Ints = np.zeros(envs, dtype=np.int64)
        scores: list[float] = []
        while (filled < steps).any():
            rows = scale_rows(scaling, self._observations.astype(params.dtype))
            where = (np.minimum(filled, steps - 1), np.arange(envs))
            # A surplus step uses the numbers of its environment's last one over again: it is not learned from.
            drawn = chosen(learner, layout, rows, draws.actions[where])
            used = ~self.outside.waiting & (filled < steps)
            self._keep(batch, where, used, rows, drawn)
            found = self.outside.step(sent_all(layout, drawn.actions))
            self._observations = found.observations
            scores += self._scored(found)
            _count_rows(scaling, found.observations, ~self.outside.waiting)
            self._judge(batch, where, used, found, layout, scaling, params, room)
            beyond = used & (filled == steps - 1) & ~(found.terminated | found.truncated)
            last[beyond] = scale_rows(scaling, found.observations.astype(params.dtype))[beyond]
            filled += used
        _value_all(params, layout, batch, envs, last, room)
        return scores

    def _begin(self, scaling: Scaling, rng: np.random.Generator) -> None:
        self._observations = self.outside.begin(int(rng.integers(2**31)))
        self._begun = True
        scaling.discounted[:] = 0.0
        _count_rows(scaling, self._observations, ~self.outside.waiting)

    def _keep(
        self, batch: Batch, where: tuple[Ints, Ints], used: Bools, rows: Array, drawn: Taken
    ) -> None:
        place = tuple(index[used] for index in where)
        batch.observations[place] = rows[used]
        batch.described[place], batch.log_probs[place], batch.actions[place] = (given[used] for given in drawn)

    def _judge(
        self, batch: Batch, where: tuple[Ints, Ints], used: Bools, found: Transitions, layout: Layout, scaling: Scaling,
        params: Array, room: Array,
    ) -> None:  # fmt: skip
        """Write rewards, flags and the values of final states: of those that were truncated, and not terminated too."""
        rewards = found.rewards.copy()
        _scale_rewards(scaling, rewards, found.terminated, found.truncated, found.real)
        place = tuple(index[used] for index in where)
        batch.rewards[place] = rewards[used]
        batch.terminated[place], batch.truncated[place] = found.terminated[used], found.truncated[used]
        valued = found.truncated & ~found.terminated
        final = np.zeros(len(used))
        if valued.any():
            rows = scale_rows(scaling, found.final_observations.astype(params.dtype))
            _value_rows(params, layout, rows, final, room)
        batch.next_values[place] = np.where(valued, final, 0.0)[used]

    def _scored(self, found: Transitions) -> list[float]:
        self._scores += found.rewards
        ended = found.terminated | found.truncated
        scores = [float(score) for score in self._scores[ended]]
        self._scores[ended] = 0.0
        return scores


def chosen(learner: Learner, layout: Layout, rows: Array, numbers: Floats) -> Taken:
    """What the policy does where these observations (N, D) are seen, as networks take them."""
    taken = room_for_actions(layout, len(rows))
    choose_all(learner.params, layout, rows, numbers, taken, learner.rooms[0], learner.desks)
    return taken


def sent_all(layout: Layout, actions: Floats) -> Floats:
    """Actions (N, dimensions) as environments from outside take them."""
    found = np.empty(actions.shape)
    _send(layout, actions, found)
    return found


@bare
def _send(layout: Layout, actions: Floats, found: Floats) -> None:
    for n in range(len(actions)):
        for j in range(actions.shape[1]):
            found[n, j] = sent(layout.head, layout.bounds, actions[n], j)


# Doors from Python to what the compiled environments share: nobody waits for their compilation who needs none of them.


@bare
def _count_rows(scaling: Scaling, rows: Array, used: Bools) -> None:
    count_rows(scaling, rows, used)


@bare
def _scale_rewards(scaling: Scaling, rewards: Floats, terminated: Bools, truncated: Bools, real: Bools) -> None:
    scale_rewards(scaling, rewards, terminated, truncated, real)


@bare
def _value_all(params: Array, layout: Layout, batch: Batch, envs: int, last: Array, room: Array) -> None:
    value_all(params, layout, batch, 0, envs, last, room)


@bare
def _value_rows(params: Array, layout: Layout, rows: Array, found: Floats, room: Array) -> None:
    value_rows(params, layout, rows, found, room)
