"""CartPole-v1: a pole on a cart, pushed left (0) or right (1); Barto, Sutton and Anderson, 1983."""

from __future__ import annotations

import math

import numpy as np

from ppocore._arrays import Floats
from ppocore._kernels import inner

GRAVITY, FORCE, SECONDS = 9.8, 10.0, 0.02
POLE_MASS, CART_MASS, HALF_LENGTH = 0.1, 1.0, 0.5
TRACK, TILT = 2.4, 12 * 2 * math.pi / 360
MASS, MOMENT = CART_MASS + POLE_MASS, POLE_MASS * HALF_LENGTH


@inner
def step(state: Floats, action: float) -> tuple[float, bool]:
    """Move x, its speed, the angle and its speed on by one Euler step; reward and whether the episode is over."""
    x, speed, angle, turning = state
    force = FORCE if action > 0.5 else -FORCE
    cosine, sine = np.cos(angle), np.sin(angle)
    push = (force + MOMENT * turning * turning * sine) / MASS
    swing = (GRAVITY * sine - cosine * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cosine * cosine / MASS))
    state[0] = x + SECONDS * speed
    state[1] = speed + SECONDS * (push - MOMENT * swing * cosine / MASS)
    state[2] = angle + SECONDS * turning
    state[3] = turning + SECONDS * swing
    return 1.0, abs(state[0]) > TRACK or abs(state[2]) > TILT


@inner
def reset(state: Floats, uniforms: Floats) -> None:
    """All four within 0.05 of the middle."""
    for i in range(4):
        state[i] = 0.1 * uniforms[i] - 0.05


@inner
def observe(state: Floats, observation: Floats) -> None:
    """The state itself."""
    for i in range(4):
        observation[i] = state[i]
