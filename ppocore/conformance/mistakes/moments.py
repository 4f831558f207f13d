"""Mistakes of advantage normalisation and of running means and variances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.advantages import Outputs, denominator, moments, normalize_advantages
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    clip,
    constant,
    each,
    lift,
    mean,
    total,
    where,
)

CATALOGUE = Catalogue()
NORMALIZE = Family(CATALOGUE, "normalize_advantages")
RUNNING = Family(CATALOGUE, "running_moments")


def _ddof(c: Choices) -> int:
    return 1 if c["advantage_std"] == "ddof1" else 0


def _statistics(x: Inputs, c: Choices) -> tuple[Real, Real]:
    return moments(x.advantages[x.valid], _ddof(c))


def _from(statistics: Callable[[Inputs, Choices], tuple[Real, Real]]) -> Value:
    """(A - centre) / scale, from a centre and a variance."""

    def value(x: Inputs, c: Choices) -> Array:
        centre, variance = statistics(x, c)
        scale = denominator(variance, c)
        return where(x.valid, (x.advantages - centre) / scale, ZERO)

    return value


def _centred(change: Callable[[Array, Real, Real], Array]) -> Value:
    """Some other use of the centred advantages, the variance and the usual denominator."""

    def value(x: Inputs, c: Choices) -> Array:
        centre, variance = _statistics(x, c)
        return where(x.valid, change(x.advantages - centre, variance, denominator(variance, c)), ZERO)

    return value


def _blanked(x: Inputs) -> Array:
    return where(x.valid, x.advantages, ZERO)


def _centre(x: Inputs) -> Real:
    return mean(x.advantages[x.valid])


def _as_zeros(x: Inputs, c: Choices) -> tuple[Real, Real]:
    return moments(_blanked(x), _ddof(c))


def _small_centre(x: Inputs, c: Choices) -> tuple[Real, Real]:
    """The sum is divided by all slots; the spread about that is averaged over valid ones."""
    centre, valid = mean(_blanked(x)), x.advantages[x.valid]
    return centre, total((valid - centre) * (valid - centre)) / (len(valid) - _ddof(c))


def _small_spread(x: Inputs, c: Choices) -> tuple[Real, Real]:
    valid = x.advantages[x.valid]
    centre = mean(valid)
    return centre, total((valid - centre) * (valid - centre)) / (x.valid.size - _ddof(c))


def _whole_spread(x: Inputs, c: Choices) -> tuple[Real, Real]:
    return _centre(x), moments(x.advantages, _ddof(c))[1]


def _whole_centre(x: Inputs, c: Choices) -> tuple[Real, Real]:
    return mean(x.advantages), _statistics(x, c)[1]


def _spread_of_zeros(x: Inputs, c: Choices) -> tuple[Real, Real]:
    return _centre(x), moments(_blanked(x), _ddof(c))[1]


def _two_lost(x: Inputs, c: Choices) -> tuple[Real, Real]:
    return moments(x.advantages[x.valid], ddof=2)


def _over_nothing(x: Inputs, c: Choices) -> Array:
    """Each entry normalised by itself."""
    return each(lambda a: (a - a) / denominator(moments(np.array([a], dtype=object), _ddof(c))[1], c), x.advantages)


def _mean_square(x: Inputs) -> Real:
    valid = x.advantages[x.valid]
    return mean(valid * valid)


def _twice(x: Inputs, c: Choices) -> Array:
    once = normalize_advantages(x, c)["advantages"]
    again: Array = normalize_advantages(x.but(advantages=once), c)["advantages"]
    return again


def _right(x: Inputs, c: Choices) -> Array:
    advantages: Array = normalize_advantages(x, c)["advantages"]
    return advantages


def _large_eps(form: str, eps: str, x: Inputs, c: Choices) -> Array:
    known = Choices(dict(c) | {"std_eps": f"{form}:{eps}"})
    return _right(x, known)


def _sizes(x: Inputs) -> Array:
    return each(abs, x.advantages[x.valid])


def _largest(values: Array) -> Real:
    return max(values, key=lambda v: v.value)  # type: ignore[no-any-return]


def _smallest(values: Array) -> Real:
    return min(values, key=lambda v: v.value)  # type: ignore[no-any-return]


def _by_size(x: Inputs, c: Choices) -> Array:
    return where(x.valid, x.advantages / _largest(_sizes(x)), ZERO)


def _by_centred_size(x: Inputs, c: Choices) -> Array:
    gap = x.advantages - _centre(x)
    return where(x.valid, gap / _largest(each(abs, gap[x.valid])), ZERO)


def _to_interval(low: int, width: int, x: Inputs, c: Choices) -> Array:
    valid = x.advantages[x.valid]
    floor, top = _smallest(valid), _largest(valid)
    return where(x.valid, (x.advantages - floor) / (top - floor) * lift(width) + lift(low), ZERO)


def _by_mean_deviation(x: Inputs, c: Choices) -> Array:
    gap = x.advantages - _centre(x)
    return where(x.valid, gap / (mean(each(abs, gap[x.valid])) + constant("1e-8")), ZERO)


def _scaled_first(x: Inputs, c: Choices) -> Array:
    centre, variance = _statistics(x, c)
    return where(x.valid, x.advantages / denominator(variance, c) - centre, ZERO)


def _not_centred(x: Inputs, c: Choices) -> Array:
    return where(x.valid, x.advantages / denominator(_statistics(x, c)[1], c), ZERO)


def _by_length(x: Inputs, c: Choices) -> Array:
    gap = x.advantages - _centre(x)
    return where(x.valid, gap / (total(gap[x.valid] * gap[x.valid]).sqrt() + constant("1e-8")), ZERO)


def _by_root_mean_square(x: Inputs, c: Choices) -> Array:
    return where(x.valid, x.advantages / denominator(_mean_square(x), c), ZERO)


def _by_standard_error(x: Inputs, c: Choices) -> Array:
    return _right(x, c) * lift(int(x.valid.sum())).sqrt()


NORMALIZE.add("not-centred", "The mean is not subtracted.", "A / (std + eps)",
              "With a common offset, every action counts as good, or as bad.", _not_centred,
              seen=("rlworkgroup/garage #620", "huggingface/trl #1540"))
NORMALIZE.add("not-scaled", "The advantages are not divided by anything.", "A - mean",
              "The step depends on the scale of the rewards.", _centred(lambda gap, v, s: gap))
NORMALIZE.add("unchanged", "The advantages come back as they were.", "return A", "Nothing is normalised.",
              lambda x, c: _blanked(x))
NORMALIZE.add("divided-by-variance", "The root is missing.", "(A - mean) / (var + eps)",
              "The step shrinks as the rewards grow.",
              _centred(lambda gap, v, s: gap / (v + constant("1e-8"))), _centred(lambda gap, v, s: gap / v),
              seen=("Denys88/rl_games #365",))
NORMALIZE.add("multiplied-by-std", "The centred advantages are multiplied by the standard deviation.",
              "(A - mean) * std", "Spread is squared instead of removed.",
              _centred(lambda gap, v, s: gap * s), _centred(lambda gap, v, s: gap * v.sqrt()))
NORMALIZE.add("mask-ignored", "Mean and standard deviation are those of all entries.", "A.mean(), A.std()",
              "Padding sets the scale.", _from(lambda x, c: moments(x.advantages, _ddof(c))),
              seen=("Denys88/rl_games #365",))
NORMALIZE.add("masked-entries-as-zeros", "Masked entries take part as zeros.", "(A * mask).mean(), (A * mask).std()",
              "The more padding, the smaller mean and spread.", _from(_as_zeros), _from(_small_centre))
NORMALIZE.add("spread-over-all-slots", "The mean is right, but squares are divided by the number of all slots.",
              "sum((A - mean)^2 * mask) / B", "The more padding, the larger the advantages.", _from(_small_spread))
NORMALIZE.add("mask-missing-in-std", "The mean is that of valid entries, the standard deviation that of all.",
              "A.std()", "Padding sets the scale.", _from(_whole_spread), _from(_spread_of_zeros))
NORMALIZE.add("mask-missing-in-mean", "The standard deviation is that of valid entries, the mean that of all.",
              "A.mean()", "Padding sets the centre.", _from(_whole_centre))
NORMALIZE.add("mask-inverted", "Mean and standard deviation are those of the masked entries.", "A[~mask].mean()",
              "Padding sets centre and scale.",
              _from(lambda x, c: moments(x.advantages[~x.valid if x.get("mask") is not None else x.valid], _ddof(c))))
NORMALIZE.add("epsilon-too-large", "The stabiliser is as large as ordinary advantages.", "(A - mean) / (std + 0.1)",
              "Small advantages stay small: normalisation fades as the rewards shrink.",
              *(partial(_large_eps, form, eps) for form in ("outside", "inside", "floor")
                for eps in ("1e-2", "0.1", "1")))
NORMALIZE.add("largest-size-for-std", "The advantages are divided by their largest size.", "A / max(|A|)",
              "One outlier sets the scale.", _by_size, _by_centred_size)
NORMALIZE.add("to-an-interval", "The advantages are mapped to an interval.", "(A - min) / (max - min)",
              "In [0, 1] no action is ever discouraged.", partial(_to_interval, 0, 1), partial(_to_interval, -1, 2))
NORMALIZE.add("normalized-twice", "The result is normalised again.", "normalize(normalize(A))",
              "Small spreads, which the stabiliser was to damp, are blown up.", _twice)
NORMALIZE.add("sign-flipped", "The advantages are subtracted from their mean.", "(mean - A) / (std + eps)",
              "Good actions are unlearned.", lambda x, c: -_right(x, c))
NORMALIZE.add("two-degrees-lost", "The variance is divided by n - 2.", "std(ddof=2)",
              "Two advantages divide by 0.", _from(_two_lost))
NORMALIZE.add("unit-length", "The centred advantages get length 1 instead of standard deviation 1.",
              "(A - mean) / norm(A - mean)", "The larger the batch, the smaller the advantages.", _by_length)
NORMALIZE.add("root-mean-square-for-std", "The spread is taken about 0.", "sqrt(mean(A^2))",
              "A common offset hides every difference.", _by_root_mean_square,
              _from(lambda x, c: (_centre(x), _mean_square(x))))
NORMALIZE.add("scaled-before-centring", "The advantages are divided first, and then lose the mean they had before.",
              "A / std - mean", "What is left is not centred.", _scaled_first)
NORMALIZE.add("standard-error-for-std", "The standard deviation is divided by the root of n.",
              "(A - mean) / (std / sqrt(n))", "The larger the batch, the larger the advantages.", _by_standard_error)
NORMALIZE.add("mean-deviation-for-std", "The spread is the mean absolute deviation.", "mean(|A - mean|)",
              "Another scale for every shape of distribution.", _by_mean_deviation)
NORMALIZE.add("result-clipped", "The result is cut off.", "clip((A - mean) / std, -2, 2)",
              "The most instructive samples count less, and the mean is no longer 0.",
              *(partial(lambda top, x, c: clip(_right(x, c), lift(-top), lift(top)), top) for top in (1, 2)))
NORMALIZE.add("over-an-axis-of-one", "The statistics are taken over an axis of length one.",
              "A[None].mean(0), A[None].std(0)", "Every advantage becomes 0 (or NaN).", _over_nothing,
              seen=("tensorflow/agents #651",))


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


RUNNING.add("batches-averaged", "Means and variances of the batches are averaged.", "mean of means, mean of variances",
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
RUNNING.add("last-batch-only", "The statistics of the last batch replace those before.", "mean = batch.mean(0)",
            "Nothing is running.", _columns(lambda parts: moments(parts[-1])))
RUNNING.add("first-batch-only", "The statistics are set once and never updated.", "only batches[0]",
            "Nothing is running.", _columns(lambda parts: moments(parts[0])), seen=("Unity ml-agents #5583",))
RUNNING.add("forgetting", "Old batches are forgotten at a fixed rate.", "mean = 0.99 mean + 0.01 batch mean",
            "Not the moments of what was seen.",
            *(_columns(partial(_forgetting, rate, first)) for rate in ("0.9", "0.99", "0.999", "0.95", "0.5", "0.1")
              for first in (True, False)))
RUNNING.add("pseudo-observation", "Counting starts from mean 0, variance 1 and a small count.", "count = 1e-4",
            "The pretended observation never leaves the statistics; with few rows it shows.",
            *(_columns(partial(_from_count, count)) for count in ("1e-4", "1", "1e-8", "1e-5", "1e-6", "1e-3", "1e-2")))
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
