"""The inputs on which implementations are judged, made from a seed and nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases import losses, probability, rollouts, statistics
from ppocore.conformance.cases.maker import Maker

Source = Callable[[Maker], Iterator[Case]]

_SOURCES: dict[str, Source] = {
    **rollouts.SOURCES, **probability.SOURCES, **losses.SOURCES, **statistics.SOURCES,
}


def cases(operation: str, dtype: str, seed: int, examples: int) -> tuple[Case, ...]:
    """Every case of an operation: fixed ones first, then `examples` random ones."""
    rng = np.random.default_rng([seed, zlib.crc32(operation.encode())])
    found = tuple(_SOURCES[operation](Maker(operation, dtype, rng, examples)))
    assert len({case.id for case in found}) == len(found), f"{operation}: two cases share an id"
    return found
