"""Where the parameters of a network begin."""

from __future__ import annotations

import math

import numpy as np

from ppocore._arrays import Floats
from ppocore.networks import orthogonal_mlp


def first_mlp(
    sizes: list[int], *, initialization: str, hidden_gain: float, output_gain: float, rng: np.random.Generator
) -> Floats:
    """Parameters of a network of these layers; the gains are those of orthogonal ones."""
    if initialization == "orthogonal":
        return orthogonal_mlp(sizes, hidden_gain=hidden_gain, output_gain=output_gain, rng=rng)
    layers = []
    for below, above in zip(sizes, sizes[1:], strict=False):
        reach = math.sqrt((3.0 if initialization == "lecun_uniform" else 1.0) / below)
        layers.append(rng.uniform(-reach, reach, size=below * above))
        layers.append(np.zeros(above) if initialization == "lecun_uniform" else rng.uniform(-reach, reach, size=above))
    return np.concatenate(layers)
