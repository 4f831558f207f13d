"""Expectations on finite spaces (S3 to S5): sums over the space, and sums over all samples of two draws.

q(x) > 0 is required wherever f(x) p(x) is not 0; points with q(x) = 0 are never drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product as pairs
from typing import Any

from proofs.definitions.numbers import Nested, Number, maximum, mean, minimum, rational, total

Values = list[Any]


def _over_space(f: Values, p: Values) -> Number:
    return total([value * weight for value, weight in zip(f, p, strict=True)])


def _weights(p: Values, q: Values) -> Values:
    return [a / b if b else b for a, b in zip(p, q, strict=True)]


def _weighted(f: Values, p: Values, q: Values) -> Values:
    return [w * value for w, value in zip(_weights(p, q), f, strict=True)]


def _samples(p: Values) -> Iterator[tuple[tuple[int, int], Number]]:
    """Every sample of two independent draws, and its probability."""
    for i, j in pairs(range(len(p)), repeat=2):
        yield (i, j), p[i] * p[j]


def _over_samples(estimator: Callable[[tuple[int, int]], Number], p: Values) -> Number:
    return total([estimator(drawn) * probability for drawn, probability in _samples(p)])


def exact_expectation(f: Values, p: Values) -> dict[str, Nested]:
    r"""E_p[f] = sum_x f(x) p(x) (S3)."""
    return {"expectation": _over_space(rational(f), rational(p))}


def exact_expectation_over_samples(f: Values, p: Values) -> dict[str, Nested]:
    r"""sum over all samples (x_1, x_2) of p(x_1) p(x_2) (f(x_1) + f(x_2)) / 2: what the plain mean estimates."""
    values = rational(f)
    return {"expectation": _over_samples(lambda drawn: mean([values[i] for i in drawn]), rational(p))}


def exact_variance(f: Values, p: Values) -> dict[str, Nested]:
    r"""sum_x p(x) (f(x) - E_p[f])^2 (S5)."""
    return {"variance": _variance(rational(f), rational(p))}


def exact_variance_over_samples(f: Values, p: Values) -> dict[str, Nested]:
    r"""Half the expectation of (f(x_1) - f(x_2))^2 over two independent draws."""
    return {"variance": _variance_over_samples(rational(f), rational(p))}


def _variance(f: Values, p: Values) -> Number:
    centre = _over_space(f, p)
    return _over_space([(value - centre) * (value - centre) for value in f], p)


def _variance_over_samples(f: Values, p: Values) -> Number:
    return _over_samples(lambda drawn: (f[drawn[0]] - f[drawn[1]]) * (f[drawn[0]] - f[drawn[1]]) / 2, p)


def exact_importance_expectation(f: Values, p: Values, q: Values) -> dict[str, Nested]:
    r"""E_q[f p / q] = sum_{q(x) > 0} q(x) f(x) p(x) / q(x) (S4)."""
    return {"expectation": _over_space(_weighted(*rational([f, p, q])), rational(q))}


def exact_importance_expectation_over_samples(f: Values, p: Values, q: Values) -> dict[str, Nested]:
    r"""sum over all samples of two draws from q of their probability times the mean of w f."""
    weighted = _weighted(*rational([f, p, q]))
    return {"expectation": _over_samples(lambda drawn: mean([weighted[i] for i in drawn]), rational(q))}


def exact_importance_variance(f: Values, p: Values, q: Values) -> dict[str, Nested]:
    r"""Var_q[f p / q] of one draw (S5)."""
    return {"variance": _variance(_weighted(*rational([f, p, q])), rational(q))}


def exact_importance_variance_over_samples(f: Values, p: Values, q: Values) -> dict[str, Nested]:
    r"""Half the expectation of the squared difference of w f between two draws from q."""
    return {"variance": _variance_over_samples(_weighted(*rational([f, p, q])), rational(q))}


def exact_truncation_bias(f: Values, p: Values, q: Values, *, max_weight: Number) -> dict[str, Nested]:
    r"""E_q[f min(p/q, c)] - E_p[f] (S5)."""
    values, target, sampling, most = rational([f, p, q, max_weight])
    cut = [minimum(w, most) * value for w, value in zip(_weights(target, sampling), values, strict=True)]
    return {"bias": _over_space(cut, sampling) - _over_space(values, target)}


def exact_truncation_bias_by_excess(f: Values, p: Values, q: Values, *, max_weight: Number) -> dict[str, Nested]:
    r"""-E_q[f max(p/q - c, 0)]."""
    values, target, sampling, most = rational([f, p, q, max_weight])
    weights = _weights(target, sampling)
    excess = [maximum(w - most, most * 0) * value for w, value in zip(weights, values, strict=True)]
    return {"bias": -_over_space(excess, sampling)}
