"""Mistakes of advantage normalisation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.advantages import denominator, moments, normalize_advantages
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import (
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


def _of_masked(x: Inputs, c: Choices) -> tuple[Real, Real]:
    """Moments of the masked entries; of nothing, 0/0."""
    if "mask" not in x.passed:
        return _statistics(x, c)
    masked = x.advantages[~x.valid]
    return moments(masked, _ddof(c)) if len(masked) > _ddof(c) else (lift("NaN"), lift("NaN"))


def _over_nothing(x: Inputs, c: Choices) -> Array:
    """Each entry normalised by itself: 0 over the stabiliser, or over the 0/0 of a sample variance."""
    variance = lift("NaN") if _ddof(c) else ZERO
    return each(lambda _: ZERO / denominator(variance, c), x.advantages)


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
    return max(values, key=lambda v: v.value)


def _smallest(values: Array) -> Real:
    return min(values, key=lambda v: v.value)


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
              _centred(lambda gap, v, s: gap / (v + constant("1e-8"))), _centred(lambda gap, v, s: gap / v))
NORMALIZE.add("multiplied-by-std", "The centred advantages are multiplied by the standard deviation.",
              "(A - mean) * std", "Spread is squared instead of removed.",
              _centred(lambda gap, v, s: gap * s), _centred(lambda gap, v, s: gap * v.sqrt()))
NORMALIZE.add("mask-ignored", "Mean and standard deviation are those of all entries.", "A.mean(), A.std()",
              "Padding sets the scale.", _from(lambda x, c: moments(x.advantages, _ddof(c))),
              seen=("Denys88/rl_games #365",))
NORMALIZE.add("masked-entries-as-zeros", "Masked entries take part as zeros.",
              "(A * mask).mean(), (A * mask).std()", "The more padding, the smaller mean and spread.",
              _from(_as_zeros), _from(_small_centre))
NORMALIZE.add("spread-over-all-slots",
              "The mean is right, but squares are divided by the number of all slots.",
              "sum((A - mean)^2 * mask) / B", "The more padding, the larger the advantages.",
              _from(_small_spread))
NORMALIZE.add("mask-missing-in-std", "The mean is that of valid entries, the standard deviation that of all.",
              "A.std()", "Padding sets the scale.", _from(_whole_spread), _from(_spread_of_zeros))
NORMALIZE.add("mask-missing-in-mean",
              "The standard deviation is that of valid entries, the mean that of all.", "A.mean()",
              "Padding sets the centre.", _from(_whole_centre))
NORMALIZE.add("mask-inverted", "Mean and standard deviation are those of the masked entries.",
              "A[~mask].mean()", "Padding sets centre and scale.",
              _from(_of_masked))
NORMALIZE.add("epsilon-too-large", "The stabiliser is as large as ordinary advantages.",
              "(A - mean) / (std + 0.1)",
              "Small advantages stay small: normalisation fades as the rewards shrink.",
              *(partial(_large_eps, form, eps)
                for form in ("outside", "inside", "floor") for eps in ("1e-2", "0.1", "1")))
NORMALIZE.add("largest-size-for-std", "The advantages are divided by their largest size.", "A / max(|A|)",
              "One outlier sets the scale.", _by_size, _by_centred_size)
NORMALIZE.add("to-an-interval", "The advantages are mapped to an interval.", "(A - min) / (max - min)",
              "In [0, 1] no action is ever discouraged.", partial(_to_interval, 0, 1),
              partial(_to_interval, -1, 2))
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
NORMALIZE.add("scaled-before-centring",
              "The advantages are divided first, and then lose the mean they had before.", "A / std - mean",
              "What is left is not centred.", _scaled_first)
NORMALIZE.add("standard-error-for-std", "The standard deviation is divided by the root of n.",
              "(A - mean) / (std / sqrt(n))", "The larger the batch, the larger the advantages.",
              _by_standard_error)
NORMALIZE.add("mean-deviation-for-std", "The spread is the mean absolute deviation.", "mean(|A - mean|)",
              "Another scale for every shape of distribution.", _by_mean_deviation)
NORMALIZE.add("result-clipped", "The result is cut off.", "clip((A - mean) / std, -2, 2)",
              "The most instructive samples count less, and the mean is no longer 0.",
              *(partial(lambda top, x, c: clip(_right(x, c), lift(-top), lift(top)), top) for top in (1, 2)))
NORMALIZE.add("over-an-axis-of-one", "The statistics are taken over an axis of length one.",
              "A[None].mean(0), A[None].std(0)", "Every advantage becomes 0 (or NaN).", _over_nothing,
              seen=("tensorflow/agents #651",))


def _halves_apart(x: Inputs, c: Choices) -> Array:
    """The first and second half of the entries, each by its own statistics."""
    half = (len(x.advantages) + 1) // 2
    parts = [(slice(0, half), x.valid[:half]), (slice(half, None), x.valid[half:])]
    done = []
    for part, valid in parts:
        own = x.but(advantages=x.advantages[part], mask=valid)
        done.append(normalize_advantages(own, c)["advantages"] if valid.any() else own.advantages)
    return np.concatenate(done)


def _mean_kept(x: Inputs, c: Choices) -> Array:
    return normalize_advantages(x, c)["advantages"] + mean(x.advantages[x.valid])


NORMALIZE.add("halves-apart", "Two parts of the batch are normalised apart.",
              "(A_k - mean(A_k)) / std(A_k) for each part k",
              "The same advantage counts differently on different ranks.", _halves_apart, seen=("THUDM/slime #2235",))
NORMALIZE.add("mean-kept", "The mean is added back.", "(A - mean) / std + mean",
              "Scaled, not centred.", _mean_kept, seen=("huggingface/trl masked_whiten (shift_mean=False)", "verl"))
