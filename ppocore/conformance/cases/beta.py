"""Cases of policies of independent Beta distributions.

Concentrations reach up to 6 only: `jax.scipy.special.betaln` is off by 1e-6 in float64 where an argument is above 8.
No gradient is judged by autodiff: torch's polygamma, the slope of its digamma, is off by 5e-10 in float64.
Actions stay within [0.01, 0.99], where 1 - a keeps its digits.
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
LOW, HIGH = 0.05, 6.0
"""What the table says of alpha and beta."""


def concentrations(rng: Rng, shape: tuple[int, ...]) -> Array:
    """As many below 1 as above, up to 6."""
    return np.asarray(np.exp(rng.uniform(np.log(0.2), np.log(HIGH) - 0.01, size=shape)))


def _beta(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, alpha: Array, beta: Array, actions: Array | None = None,
            other: tuple[Array, Array] | None = None, **flags: Any) -> Case:
        inputs = {"alpha": alpha, "beta": beta}
        if make.operation == "beta_log_prob":
            inputs["actions"] = rng.uniform(0.02, 0.98, size=alpha.shape) if actions is None else actions
        if make.operation == "beta_kl":
            drawn = concentrations(rng, alpha.shape), concentrations(rng, alpha.shape)
            inputs["other_alpha"], inputs["other_beta"] = drawn if other is None else other
        return make.case(name, says, inputs, **flags)

    one = np.ones((2, 2))
    yield put("smoke/uniform", "alpha = beta = 1: the density is 1.", one, one, one / 4, (2 * one, one), level="smoke")
    for name, shape in SHAPES.items():
        yield put(name, f"Shape {shape}.", concentrations(rng, shape), concentrations(rng, shape))
    yield put("one/whole", "The density 12 a^2 (1 - a).", np.array([[3.0]]), np.array([[2.0]]), np.array([[0.25]]),
              (np.array([[1.0]]), np.array([[4.0]])))
    yield put("equal", "alpha = beta: both sides are alike.", np.full((2, 2), 2.5), np.full((2, 2), 2.5))
    yield put("small/concentrations", "Densities with peaks at both ends.", np.array([[0.05, 0.125], [0.0625, 0.5]]),
              np.array([[0.25, 0.0625], [0.05, 0.125]]))
    if make.operation == "beta_log_prob":
        yield put("far/actions", "Actions next to both ends.", concentrations(rng, (2, 2)), concentrations(rng, (2, 2)),
                  np.array([[0.01, 0.99], [0.99, 0.0125]]))
    yield put("peaked", "The largest concentrations that are judged.", np.array([[6.0, 5.75], [6.0, 1.5]]),
              np.array([[6.0, 6.0], [0.5, 5.875]]))
    if make.operation == "beta_kl":
        alpha, beta = concentrations(rng, (3, 2)), concentrations(rng, (3, 2))
        yield put("one/same", "Equal policies: 0.", alpha, beta, other=(alpha.copy(), beta.copy()))
        yield put("near", "Policies that all but agree.", alpha, beta, other=(alpha * (1 + 2.0**-9), beta - 2.0**-9))
        yield put("one/side", "Only alpha differs, or only beta.", np.array([[1.5, 4.0]]), np.array([[2.5, 0.75]]),
                  other=(np.array([[3.5, 4.0]]), np.array([[2.5, 2.0]])))
        yield put("far/policies", "Peaks at both ends against a peak between them.", np.array([[0.05, 6.0]]),
                  np.array([[0.0625, 5.5]]), other=(np.array([[6.0, 0.0625]]), np.array([[5.75, 0.05]])))
    for name, random in make.random():
        rng = random
        yield put(name, "Random concentrations.", concentrations(random, (4, 3)), concentrations(random, (4, 3)))
    if make.operation == "beta_log_prob":
        yield put("edge/ends", "Actions of 2^-20 and 1 - 2^-20.", 2 * one, 3 * one,
                  np.array([[2.0**-20, 0.5], [1 - 2.0**-20, 0.5]]), level="edge")
    else:
        yield put("edge/large", "Concentrations of 8 to 100.", np.array([[8.0, 100.0], [64.0, 0.5]]),
                  np.array([[12.0, 40.0], [0.25, 50.0]]), level="edge")
    yield put("reject/nan", "A concentration is NaN.", np.array([[np.nan, 1.0]]), one[:1], one[:1] / 2, level="reject")
    yield put("reject/negative", "A concentration is below 0.", np.array([[-1.0, 1.0]]), one[:1], one[:1] / 2,
              level="reject")


SOURCES = {f"beta_{what}": _beta for what in ("log_prob", "entropy", "kl")}
