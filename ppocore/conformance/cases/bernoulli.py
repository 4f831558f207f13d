"""Cases of policies of independent Bernoullis.

Logits reach down to -30, where sigmoid keeps its digits, and up to 8 only: beyond, 1 - sigmoid rounds to 0 in float32
code that is right as mathematics; and no likely choice is compared with a probability below sigmoid(-20), where
torch's softplus leaves the smaller term out (its `threshold`).  What lies beyond is asked as an edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.maker import Array, Maker

Rng = np.random.Generator
SHAPES = {"plain/three": (4, 3), "plain/one-dimension": (3, 1), "plain/one-row": (1, 3), "plain/square": (3, 3),
          "plain/two": (5, 2), "plain/wide": (2, 20)}
RARE = np.array([[-30.0, 2.0], [-14.0, -20.0]])


def logits(rng: Rng, shape: tuple[int, ...]) -> Array:
    """Log-odds that favour neither side."""
    return np.clip(rng.normal(-0.25, 1.75, size=shape), -8.0, 8.0)


def _bernoulli(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, z: Array, actions: Any = None, other: Any = None, **flags: Any) -> Case:
        inputs: dict[str, Any] = {"logits": z}
        if make.operation == "bernoulli_log_prob":
            drawn = rng.integers(0, 2, size=z.shape)
            inputs["actions"] = np.asarray(drawn if actions is None else actions, dtype=np.int64)
        if make.operation == "bernoulli_kl":
            inputs["other_logits"] = logits(rng, z.shape) if other is None else other
        return make.case(name, says, inputs, **flags)

    even = np.zeros((2, 2))
    yield put("smoke/even", "Logits of 0: every side has probability 1/2.", even, [[1, 0], [1, 1]], even,
              level="smoke")
    for name, shape in SHAPES.items():
        yield put(name, f"Shape {shape}.", logits(rng, shape))
    yield put("one/on", "A single choice, taken.", np.array([[1.25]]), [[1]], np.array([[-0.5]]))
    yield put("one/off", "A single choice, not taken.", np.array([[1.25]]), [[0]], np.array([[2.0]]))
    if make.operation == "bernoulli_log_prob":
        yield put("all-on", "Every choice is taken.", logits(rng, (3, 2)), np.ones((3, 2)))
        yield put("all-off", "No choice is taken.", logits(rng, (3, 2)), np.zeros((3, 2)))
    yield put("rare", "Probabilities down to 1e-13.", RARE, [[1, 1], [1, 0]], np.array([[-28.0, 2.5], [1.0, -19.0]]))
    yield put("sure", "Logits of 7 and 8.", np.array([[7.0, 8.0], [8.0, -8.0]]), [[1, 0], [1, 1]],
              np.array([[6.0, 7.5], [-8.0, 8.0]]))
    if make.operation == "bernoulli_kl":
        z = logits(rng, (3, 2))
        yield put("equal", "Equal distributions: 0.", z, other=z.copy())
        yield put("near", "Distributions that all but agree.", z, other=z + 2.0**-9)
    for name, random in make.random():
        rng = random
        yield put(name, "Random logits.", logits(random, (4, 3)))
    far = np.array([[30.0, -30.0], [1000.0, -1000.0]])
    yield put("edge/far", "Logits of 30 and 1000.", far, [[1, 0], [1, 0]], far / 2, level="edge")
    yield put("reject/nan", "A logit is NaN.", np.array([[np.nan, 0.0]]), [[1, 0]], even[:1], level="reject")
    if make.operation == "bernoulli_log_prob":
        yield put("reject/two", "An action is 2.", even, [[1, 2], [0, 1]], level="reject")


SOURCES = {f"bernoulli_{what}": _bernoulli for what in ("log_prob", "entropy", "kl")}
