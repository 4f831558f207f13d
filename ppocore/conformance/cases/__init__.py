"""The inputs on which implementations are judged: made from a seed and nothing else, and the frozen vectors."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np

from ppocore.conformance import vectors
from ppocore.conformance.case import Case
from ppocore.conformance.cases import (
    bernoulli,
    beta,
    groups,
    losses,
    multidiscrete,
    off_policy,
    plain_losses,
    probability,
    relations,
    rollouts,
    sequence_losses,
    statistics,
    vtrace,
)
from ppocore.conformance.cases.maker import Maker

Source = Callable[[Maker], Iterator[Case]]

_SOURCES: dict[str, Source] = {
    **rollouts.SOURCES, **probability.SOURCES, **losses.SOURCES, **statistics.SOURCES,
    **off_policy.SOURCES, **vtrace.SOURCES, **plain_losses.SOURCES, **groups.SOURCES, **sequence_losses.SOURCES,
    **bernoulli.SOURCES, **multidiscrete.SOURCES, **beta.SOURCES,
}


def cases(operation: str, dtype: str, seed: int, examples: int) -> tuple[Case, ...]:
    """Every case of an operation: fixed ones and `examples` random ones, the frozen vectors, what is made of them."""
    rng = np.random.default_rng([seed, zlib.crc32(operation.encode())])
    make = Maker(operation, dtype, rng, examples)
    own = tuple(_SOURCES[operation](make))
    found = (*own, *vectors.cases(operation), *relations.related(make, own))
    assert len({case.id for case in found}) == len(found), f"{operation}: two cases share an id"
    return found
