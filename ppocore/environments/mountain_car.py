"""MountainCar-v0 and MountainCarContinuous-v0: a car too weak for the hill; Moore, 1990."""

from __future__ import annotations

import numpy as np

from ppocore._arrays import Floats
from ppocore._kernels import inner

LEFT_END, RIGHT_END, FASTEST, GRAVITY = -1.2, 0.6, 0.07, 0.0025
FORCE, GOAL = 0.001, 0.5
POWER, NEAR_GOAL = 0.0015, 0.45


@inner
def _roll(state: Floats, push: float) -> None:
    speed = min(max(state[1] + push - GRAVITY * np.cos(3 * state[0]), -FASTEST), FASTEST)
    position = min(max(state[0] + speed, LEFT_END), RIGHT_END)
    if position == LEFT_END and speed < 0:
        speed = 0.0
    state[0], state[1] = position, speed


@inner
def step(state: Floats, action: float) -> tuple[float, bool]:
    """Push left, not at all, or right (0, 1, 2)."""
    _roll(state, (action - 1.0) * FORCE)
    return -1.0, state[0] >= GOAL and state[1] >= 0


@inner
def step_continuous(state: Floats, action: float) -> tuple[float, bool]:
    """Push by a number in [-1, 1]; the state is kept in float32, as Gymnasium's."""
    _roll(state, min(max(action, -1.0), 1.0) * POWER)
    state[0], state[1] = np.float32(state[0]), np.float32(state[1])
    over = state[0] >= NEAR_GOAL and state[1] >= 0
    return (100.0 if over else 0.0) - 0.1 * action * action, over


@inner
def reset(state: Floats, uniforms: Floats) -> None:
    """Standing still near the bottom."""
    state[0], state[1] = 0.2 * uniforms[0] - 0.6, 0.0


@inner
def observe(state: Floats, observation: Floats) -> None:
    """The state itself."""
    observation[0], observation[1] = state[0], state[1]
