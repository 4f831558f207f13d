"""Mistakes of running means and variances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.advantages import Outputs, moments
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    constant,
    lift,
    mean,
    total,
)

CATALOGUE = Catalogue()
RUNNING = Family(CATALOGUE, "running_moments")

Columns = Callable[[list[Array]], tuple[Real, Real]]
"""Mean and variance of one feature, from its part of each batch."""


def _pairs(pairs: list[tuple[Real, Real]]) -> Outputs:
    return {"mean": np.array([m for m, _ in pairs], dtype=object),
            "var": np.array([v for _, v in pairs], dtype=object)}


def _columns(column: Columns) -> Value:
    return lambda x, c: _pairs([column([b[:, d] for b in x.batches]) for d in range(x.batches[0].shape[1])])


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts)


def _average_of_batches(parts: list[Array]) -> tuple[Real, Real]:
    each_batch = [moments(p) for p in parts]
    return mean([m for m, _ in each_batch]), mean([v for _, v in each_batch])


def _variance_of_means(parts: list[Array]) -> tuple[Real, Real]:
    return moments([mean(p) for p in parts])


def _within_only(weighted: bool, parts: list[Array]) -> tuple[Real, Real]:
    whole = _joined(parts)
    if weighted:
        return mean(whole), total([moments(p)[1] * len(p) for p in parts]) / len(whole)
    return mean(whole), mean([moments(p)[1] for p in parts])


def _mean_of_means(parts: list[Array]) -> tuple[Real, Real]:
    return mean([mean(p) for p in parts]), moments(_joined(parts))[1]


def _batch_as_one(parts: list[Array]) -> tuple[Real, Real]:
    centre, between = _variance_of_means(parts)
    return centre, between + mean([moments(p)[1] for p in parts])


def _one_degree_lost(parts: list[Array]) -> tuple[Real, Real]:
    return moments(_joined(parts), ddof=1)


def _root(parts: list[Array]) -> tuple[Real, Real]:
    centre, variance = moments(_joined(parts))
    return centre, variance.sqrt()


def _squares(parts: list[Array]) -> tuple[Real, Real]:
    whole = _joined(parts)
    return mean(whole), mean(whole * whole)


def _sum_of_squares(parts: list[Array]) -> tuple[Real, Real]:
    whole = _joined(parts)
    return mean(whole), moments(whole)[1] * len(whole)


Merge = Callable[[Real, Real, Real], Real]
"""What the difference of two means adds to the squares, from it and the two counts."""


def _merged(parts: list[Array], add: Merge, count: Real = ZERO) -> tuple[Real, Real]:
    """Batch by batch; with a count to begin with, from mean 0 and variance 1."""
    centre, squares, n = ZERO, count, count
    for part in parts:
        m, v = moments(part)
        size, delta = lift(len(part)), m - centre
        if n.value:
            squares = squares + v * size + add(delta, n, size)
            centre = centre + delta * size / (n + size)
        else:
            centre, squares = m, v * size
        n = n + size
    return centre, squares / n


def _weighted(delta: Real, n: Real, size: Real) -> Real:
    return delta * delta * n * size / (n + size)


def _from_count(count: str, parts: list[Array]) -> tuple[Real, Real]:
    return _merged(parts, _weighted, constant(count))


def _welford(parts: list[Array], term: Callable[[Real, Real], Real]) -> tuple[Real, Real]:
    """Row by row; `term` of the differences to the mean before and after."""
    centre, squares = ZERO, ZERO
    whole = _joined(parts)
    for i, v in enumerate(whole):
        before = v - centre
        centre = centre + before / (i + 1)
        squares = squares + term(before, v - centre)
    return centre, squares / len(whole)


def _steps(parts: list[Array], keep: Real) -> Iterator[tuple[Real, Real]]:
    for part in parts:
        m, v = moments(part)
        yield m * (1 - keep), v * (1 - keep)


def _forgetting(rate: str, from_first: bool, parts: list[Array]) -> tuple[Real, Real]:
    """Exponential averages of batch means and variances."""
    keep = constant(rate)
    centre, variance = moments(parts[0]) if from_first else (ZERO, ONE)
    for m, v in _steps(parts[1:] if from_first else parts, keep):
        centre, variance = centre * keep + m, variance * keep + v
    return centre, variance


def _mixed(spread: bool, x: Inputs, c: Choices) -> Outputs:
    centre, variance = moments(np.concatenate([b.reshape(-1) for b in x.batches]))
    if not spread:
        return {"mean": centre, "var": variance}
    return _pairs([(centre, variance)] * x.batches[0].shape[1])


def _along_features(x: Inputs, c: Choices) -> Outputs:
    return _pairs([moments(row) for row in np.concatenate(x.batches)])


RUNNING.add("batches-averaged", "Means and variances of the batches are averaged.",
            "mean of means, mean of variances",
            "Small batches weigh too much, and the spread between batches is lost.",
            _columns(_average_of_batches), _columns(_variance_of_means))
RUNNING.add("mean-of-batch-means", "The mean is that of the batch means; the variance is right.",
            "mean(batch means)", "Small batches weigh too much.", _columns(_mean_of_means))
RUNNING.add("within-batch-variance-only", "Merging leaves out the distance between the means.",
            "M2 = M2_a + M2_b, without delta^2 n_a n_b / n", "A drift between batches is not seen.",
            _columns(partial(_within_only, True)), _columns(partial(_within_only, False)))
RUNNING.add("batch-counted-as-one", "Every batch counts as one row.", "count += 1",
            "Small batches weigh too much.", _columns(_batch_as_one),
            seen=("vwxyzjn/cleanrl #18", "openai/gym #2387"))
RUNNING.add("sample-variance", "The variance is divided by n - 1.", "var(ddof=1)",
            "Not the variance of the rows seen; NaN after the first.", _columns(_one_degree_lost))
RUNNING.add("std-for-variance", "The standard deviation is returned.", "std",
            "Whoever takes the root gets the wrong scale.", _columns(_root), seen=("Denys88/rl_games #365",))
RUNNING.add("mean-not-subtracted", "The mean of the squares is returned as the variance.", "mean(x^2)",
            "Offsets count as spread.", _columns(_squares))
RUNNING.add("squares-not-divided", "The sum of squares is not divided by the count.", "M2",
            "It grows for ever.", _columns(_sum_of_squares))
RUNNING.add("last-batch-only", "The statistics of the last batch replace those before.",
            "mean = batch.mean(0)", "Nothing is running.", _columns(lambda parts: moments(parts[-1])))
RUNNING.add("first-batch-only", "The statistics are set once and never updated.", "only batches[0]",
            "Nothing is running.", _columns(lambda parts: moments(parts[0])), seen=("Unity ml-agents #5583",))
RUNNING.add("forgetting", "Old batches are forgotten at a fixed rate.", "mean = 0.99 mean + 0.01 batch mean",
            "Not the moments of what was seen.",
            *(_columns(partial(_forgetting, rate, first))
              for rate in ("0.9", "0.99", "0.999", "0.95", "0.5", "0.1") for first in (True, False)))
RUNNING.add("pseudo-observation", "Counting starts from mean 0, variance 1 and a small count.", "count = 1e-4",
            "The pretended observation never leaves the statistics; with few rows it shows.",
            *(_columns(partial(_from_count, count))
              for count in ("1e-4", "1", "1e-8", "1e-5", "1e-6", "1e-3", "1e-2")))
RUNNING.add("features-mixed", "All features share one mean and one variance.", "x.mean(), x.var()",
            "Features of large scale hide the others.", partial(_mixed, False), partial(_mixed, True),
            seen=("vwxyzjn/cleanrl #18", "openai/gym #2387"))
RUNNING.add("wrong-axis", "The statistics run over the features of each row.", "x.mean(axis=1)",
            "One number per row instead of one per feature.", _along_features)
RUNNING.add("distance-not-weighted", "Merging adds the squared distance of the means without its weight.",
            "M2 = M2_a + M2_b + delta^2", "Too little for large batches.",
            _columns(lambda parts: _merged(parts, lambda d, n, size: d * d)),
            _columns(lambda parts: _merged(parts, lambda d, n, size: d * d * n * size)))
RUNNING.add("distance-after-update", "The distance is taken from the mean that is already updated.",
            "mean += delta n_b / n; delta = batch mean - mean", "Too little spread between batches.",
            _columns(lambda parts: _merged(
                parts, lambda d, n, size: _weighted(d * n / (n + size), n, size))))
RUNNING.add("same-difference-squared", "Welford's update squares one difference instead of multiplying both.",
            "M2 += (x - mean)^2", "The mean before gives too much, the mean after too little.",
            _columns(lambda parts: _welford(parts, lambda before, after: before * before)),
            _columns(lambda parts: _welford(parts, lambda before, after: after * after)))
