"""Every compiled environment behind one signature, so that a loop around them is compiled once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppocore._arrays import Bools, Floats, Ints
from ppocore._kernels import inner
from ppocore.environments import acrobot, cart_pole, mountain_car, pendulum
from ppocore.environments.catalogue import OUTSIDE, Spec
from ppocore.worlds.tables import cliff, frozen_lake, taxi
from ppocore.worlds.world import World

STATE_SIZE, DRAWS = 4, 4
"""Numbers that the largest state holds, and uniform numbers that a reset may use; a step uses one."""

_cart_pole_step, _cart_pole_reset, _cart_pole_observe = cart_pole.step, cart_pole.reset, cart_pole.observe
_acrobot_step, _acrobot_reset, _acrobot_observe = acrobot.step, acrobot.reset, acrobot.observe
_car_step, _car_step_continuous = mountain_car.step, mountain_car.step_continuous
_car_reset, _car_observe = mountain_car.reset, mountain_car.observe
_pendulum_step, _pendulum_reset, _pendulum_observe = pendulum.step, pendulum.reset, pendulum.observe


class Tables(NamedTuple):
    """A tabular world for compiled code; empty for the others."""

    thresholds: Floats
    """Cumulated chances of the outcomes, (S, A, K)."""
    successors: Ints
    rewards: Floats
    terminated: Bools
    initial: Floats
    """Cumulated chances of the first state, (S,)."""


def tables_of(spec: Spec) -> Tables:
    """The tables of a tabular environment that is compiled here."""
    if not spec.tabular or spec.kind == OUTSIDE:
        nothing = np.zeros((1, 1, 1))
        return Tables(nothing, nothing.astype(np.int64), nothing, nothing.astype(np.bool_), np.ones(1))
    world = _world(spec.id)
    return Tables(world.chances.cumsum(axis=-1), world.successors, world.rewards, world.terminated,
                  world.initial.cumsum())  # fmt: skip


def _world(id: str) -> World:
    if id == "CliffWalking-v1":
        return cliff()
    if id == "Taxi-v4":
        return taxi()
    return frozen_lake("8x8" if "8x8" in id else "4x4")


@inner
def step(kind: int, tables: Tables, state: Floats, action: float, draw: float) -> tuple[float, bool]:
    """Move `state` on; the reward, and whether the episode is over.  `kind` as in `catalogue`."""
    if kind == 0:
        return _cart_pole_step(state, action)
    if kind == 1:
        return _acrobot_step(state, action)
    if kind == 2:
        return _car_step(state, action)
    if kind == 3:
        return _car_step_continuous(state, action)
    if kind == 4:
        return _pendulum_step(state, action)
    s, a = int(state[0]), int(action)
    thresholds = tables.thresholds[s, a]
    outcome = _drawn(thresholds, draw)
    state[0] = tables.successors[s, a, outcome]
    return tables.rewards[s, a, outcome], tables.terminated[s, a, outcome]


@inner
def reset(kind: int, tables: Tables, state: Floats, uniforms: Floats) -> None:
    """A first state."""
    if kind == 0:
        _cart_pole_reset(state, uniforms)
    elif kind == 1:
        _acrobot_reset(state, uniforms)
    elif kind == 2 or kind == 3:
        _car_reset(state, uniforms)
    elif kind == 4:
        _pendulum_reset(state, uniforms)
    else:
        state[0] = _drawn(tables.initial, uniforms[0])


@inner
def observe(kind: int, state: Floats, observation: Floats) -> None:
    """What is seen of the state; of a tabular world, its number."""
    if kind == 0:
        _cart_pole_observe(state, observation)
    elif kind == 1:
        _acrobot_observe(state, observation)
    elif kind == 2 or kind == 3:
        _car_observe(state, observation)
    elif kind == 4:
        _pendulum_observe(state, observation)
    else:
        observation[0] = state[0]


@inner
def _drawn(thresholds: Floats, draw: float) -> int:
    """The first index whose cumulated chance exceeds the draw; the last that can happen, should rounding leave none."""
    level = draw * thresholds[-1]
    for k in range(len(thresholds)):
        if level < thresholds[k]:
            return k
    return len(thresholds) - 1
