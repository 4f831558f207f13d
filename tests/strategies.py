"""Hypothesis strategies: dyadic numbers (exact arithmetic), finite distributions, rollouts, batches."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
"""No seed is drawn.  The examples still depend on what is loaded: hypothesis also tries constants of loaded modules."""

halves = st.integers(-16, 16).map(lambda n: n / 2)
"""Multiples of 1/2 up to 8: sums and products of a few of them are exact in float32."""
zero_half_one = st.sampled_from([0.0, 0.5, 1.0])


def ordinary(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats whose products stay in the normal range: hypothesis likes 2^-1074, where no relative bound holds."""
    return st.floats(low, high).map(lambda x: x if abs(x) > 1e-100 else 0.0)


log_probs = ordinary(-8, 0)


class Rollout(NamedTuple):
    """Arguments of `gae`, each (T, N)."""

    rewards: Any
    values: Any
    next_values: Any
    terminated: Any
    truncated: Any


@st.composite
def distributions(draw: st.DrawFn, size: int, positive: bool = True) -> list[Fraction]:
    """Exact probabilities of `size` points."""
    weights = draw(st.lists(st.integers(1 if positive else 0, 20), min_size=size, max_size=size).filter(any))
    return [Fraction(weight, sum(weights)) for weight in weights]


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """Small rollouts of dyadic numbers, flags of both kinds, NaN as next value where terminated."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 3)))
    size = shape[0] * shape[1]

    def table(elements: st.SearchStrategy[Any], dtype: Any) -> Any:
        return np.array(draw(st.lists(elements, min_size=size, max_size=size)), dtype=dtype).reshape(shape)

    terminated, truncated = table(st.booleans(), bool), table(st.booleans(), bool)
    values = table(halves, np.float64)
    own = table(halves, np.float64)
    following = np.concatenate([values[1:], own[-1:]])
    next_values = np.where(terminated, np.nan, np.where(truncated, own, following))
    return Rollout(table(halves, np.float64), values, next_values, terminated, truncated)


@st.composite
def policy_batches(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """log_prob, old_log_prob, advantages of one small batch."""
    size = draw(st.integers(1, 8))
    column = st.lists(log_probs, min_size=size, max_size=size)
    signed = st.lists(ordinary(-10, 10), min_size=size, max_size=size)
    return np.array(draw(column)), np.array(draw(column)), np.array(draw(signed))
