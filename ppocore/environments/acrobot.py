"""Acrobot-v1: two links, and a torque of -1, 0 or +1 (actions 0, 1, 2) on the joint between them; Sutton, 1996."""

from __future__ import annotations

import math

import numpy as np

from ppocore._arrays import Floats
from ppocore._kernels import inner

SECONDS, GRAVITY = 0.2, 9.8
MASS_1, MASS_2, LENGTH_1, MIDDLE_1, MIDDLE_2, INERTIA = 1.0, 1.0, 1.0, 0.5, 0.5, 1.0
FASTEST_1, FASTEST_2 = 4 * math.pi, 9 * math.pi


@inner
def _accelerations(
    angle_1: float, angle_2: float, speed_1: float, speed_2: float, torque: float
) -> tuple[float, float]:
    arm = MASS_2 * LENGTH_1 * MIDDLE_2
    whole = MASS_1 * MIDDLE_1**2 + MASS_2 * (LENGTH_1**2 + MIDDLE_2**2) + 2 * arm * np.cos(angle_2) + 2 * INERTIA
    shared = MASS_2 * MIDDLE_2**2 + arm * np.cos(angle_2) + INERTIA
    pull_2 = MASS_2 * MIDDLE_2 * GRAVITY * np.cos(angle_1 + angle_2 - math.pi / 2)
    pull_1 = (
        -arm * speed_2 * speed_2 * np.sin(angle_2)
        - 2 * arm * speed_2 * speed_1 * np.sin(angle_2)
        + (MASS_1 * MIDDLE_1 + MASS_2 * LENGTH_1) * GRAVITY * np.cos(angle_1 - math.pi / 2)
        + pull_2
    )
    second = (torque + shared / whole * pull_1 - arm * speed_1 * speed_1 * np.sin(angle_2) - pull_2) / (
        MASS_2 * MIDDLE_2**2 + INERTIA - shared * shared / whole
    )
    return -(shared * second + pull_1) / whole, second


@inner
def _wrapped(angle: float) -> float:
    while angle > math.pi:
        angle -= 2 * math.pi
    while angle < -math.pi:
        angle += 2 * math.pi
    return angle


@inner
def step(state: Floats, action: float) -> tuple[float, bool]:
    """One step of Runge-Kutta of the fourth order; over when the tip is one link above the pivot."""
    torque = action - 1.0
    a, b, u, v = state
    half = SECONDS / 2
    p1, q1 = _accelerations(a, b, u, v, torque)
    u2, v2 = u + half * p1, v + half * q1
    p2, q2 = _accelerations(a + half * u, b + half * v, u2, v2, torque)
    u3, v3 = u + half * p2, v + half * q2
    p3, q3 = _accelerations(a + half * u2, b + half * v2, u3, v3, torque)
    u4, v4 = u + SECONDS * p3, v + SECONDS * q3
    p4, q4 = _accelerations(a + SECONDS * u3, b + SECONDS * v3, u4, v4, torque)
    sixth = SECONDS / 6
    state[0] = _wrapped(a + sixth * (u + 2 * u2 + 2 * u3 + u4))
    state[1] = _wrapped(b + sixth * (v + 2 * v2 + 2 * v3 + v4))
    state[2] = min(max(u + sixth * (p1 + 2 * p2 + 2 * p3 + p4), -FASTEST_1), FASTEST_1)
    state[3] = min(max(v + sixth * (q1 + 2 * q2 + 2 * q3 + q4), -FASTEST_2), FASTEST_2)
    over = -np.cos(state[0]) - np.cos(state[1] + state[0]) > 1.0
    return 0.0 if over else -1.0, over


@inner
def reset(state: Floats, uniforms: Floats) -> None:
    """All four within 0.1 of hanging still; float32 numbers, as Gymnasium's."""
    for i in range(4):
        state[i] = np.float32(0.2 * uniforms[i] - 0.1)


@inner
def observe(state: Floats, observation: Floats) -> None:
    """Cosine and sine of both angles, and both speeds."""
    observation[0], observation[1] = np.cos(state[0]), np.sin(state[0])
    observation[2], observation[3] = np.cos(state[1]), np.sin(state[1])
    observation[4], observation[5] = state[2], state[3]
