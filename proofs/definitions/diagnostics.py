"""What a batch says about itself: the share of clipped ratios, and how much of the returns the values explain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions.advantages import variance_by_pairs
from proofs.definitions.numbers import Nested, Number, ball, each, exp, flat, less, mean, rational, variance


def clip_fraction(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, clip_eps: Number, mask: Nested = None
) -> dict[str, Nested]:
    """mean(|r - 1| > eps); the advantages play no part."""
    eps = ball(rational(clip_eps))

    def outside(new: Number, old: Number) -> int:
        return int(less(eps, abs(exp(new - old) - 1)))

    return {"fraction": _share(each(outside, ball(log_prob), ball(old_log_prob), mask=mask))}


def clip_fraction_by_ends(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, clip_eps: Number, mask: Nested = None
) -> dict[str, Nested]:
    """The share with P_theta > (1 + eps) P_theta', plus the share with P_theta < (1 - eps) P_theta'."""
    eps = ball(rational(clip_eps))

    def above(new: Number, old: Number) -> int:
        return int(less((1 + eps) * exp(old), exp(new)))

    def below(new: Number, old: Number) -> int:
        return int(less(exp(new), (1 - eps) * exp(old)))

    arrays = ball(log_prob), ball(old_log_prob)
    return {"fraction": _share(each(above, *arrays, mask=mask)) + _share(each(below, *arrays, mask=mask))}


def _share(hits: Nested) -> Number:
    return mean(rational(list(flat(hits))))


def explained_variance(values: list[Any], returns: list[Any]) -> dict[str, Nested]:
    """1 - Var(R - V) / Var(R), both with ddof 0; not defined where all returns are equal."""
    return _explained(values, returns, variance)


def explained_variance_by_pairs(values: list[Any], returns: list[Any]) -> dict[str, Nested]:
    """The same with the variance as half the mean squared difference of all pairs."""
    return _explained(values, returns, variance_by_pairs)


def _explained(values: list[Any], returns: list[Any], spread: Callable[[list[Any]], Number]) -> dict[str, Nested]:
    v, target = rational(values), rational(returns)
    residuals = [t - x for t, x in zip(target, v, strict=True)]
    return {"explained_variance": 1 - spread(residuals) / spread(target)}
