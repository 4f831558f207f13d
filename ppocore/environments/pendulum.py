"""Pendulum-v1: swing it up and hold it, by a torque in [-2, 2]."""

from __future__ import annotations

import math

import numpy as np

from ppocore._arrays import Floats
from ppocore._kernels import inner

SECONDS, GRAVITY, STRONGEST, FASTEST = 0.05, 10.0, 2.0, 8.0


@inner
def step(state: Floats, action: float) -> tuple[float, bool]:
    """Pay for angle, speed and torque; never over."""
    angle, speed = state[0], state[1]
    torque = min(max(action, -STRONGEST), STRONGEST)
    upright = (angle + math.pi) % (2 * math.pi) - math.pi
    cost = upright * upright + 0.1 * speed * speed + 0.001 * torque * torque
    speed += (3 * GRAVITY / 2 * np.sin(angle) + 3.0 * torque) * SECONDS
    state[1] = min(max(speed, -FASTEST), FASTEST)
    state[0] = angle + state[1] * SECONDS
    return -cost, False


@inner
def reset(state: Floats, uniforms: Floats) -> None:
    """Any angle, a speed within 1."""
    state[0] = (2 * uniforms[0] - 1) * math.pi
    state[1] = 2 * uniforms[1] - 1


@inner
def observe(state: Floats, observation: Floats) -> None:
    """Cosine and sine of the angle, and the speed."""
    observation[0], observation[1], observation[2] = np.cos(state[0]), np.sin(state[0]), state[1]
