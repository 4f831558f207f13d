"""The inputs on which implementations are judged: made from a seed and nothing else, and the frozen vectors."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np

from ppocore.conformance import vectors
from ppocore.conformance.case import Case
from ppocore.conformance.cases import bernoulli, losses, multidiscrete, probability, rollouts, statistics
from ppocore.conformance.cases.maker import Maker

Source = Callable[[Maker], Iterator[Case]]

_SOURCES: dict[str, Source] = {
    **rollouts.SOURCES, **probability.SOURCES, **losses.SOURCES, **statistics.SOURCES,
    **bernoulli.SOURCES, **multidiscrete.SOURCES,
}


def cases(operation: str, dtype: str, seed: int, examples: int) -> tuple[Case, ...]:
    """Every case of an operation: fixed ones and `examples` random ones, then the frozen vectors."""
    rng = np.random.default_rng([seed, zlib.crc32(operation.encode())])
    found = (*_SOURCES[operation](Maker(operation, dtype, rng, examples)), *vectors.cases(operation))
    assert len({case.id for case in found}) == len(found), f"{operation}: two cases share an id"
    return found
