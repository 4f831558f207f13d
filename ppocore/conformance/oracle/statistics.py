"""Reductions, training statistics, gradient clipping, Adam and running moments."""

from __future__ import annotations

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs, moments
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import band
from ppocore.conformance.oracle.probability import log_ratio
from ppocore.conformance.oracle.reals import (
    ONE,
    Array,
    Real,
    constant,
    each,
    exp,
    lift,
    maximum,
    mean,
    minimum,
    single,
    total,
)


def masked_mean(x: Inputs, c: Choices) -> Outputs:
    return {"mean": mean(x.x[x.valid])}


def sequence_mean(x: Inputs, c: Choices) -> Outputs:
    return {"mean": mean([mean(row[m]) for row, m in zip(x.x, x.valid, strict=True)])}


def sequence_sum_mean(x: Inputs, c: Choices) -> Outputs:
    return {"mean": mean([total(row[m]) for row, m in zip(x.x, x.valid, strict=True)])}


def clip_fraction(x: Inputs, c: Choices) -> Outputs:
    d = log_ratio(x, c)
    low, high = band(x, c)
    r = exp(d)
    outside = (r < low) | (r > high)
    if c["clip_fraction"] == "binding":
        positive = x.advantages > lift(0)
        negative = x.advantages < lift(0)
        outside = (positive & (r > high)) | (negative & (r < low))
    if c["clip_fraction"] == "log_space":
        edge = (1 + x.clip_eps).log() if c["_variant"] else x.clip_eps
        outside = (d > edge) | (d < -edge)
    return {"fraction": share(outside)}


def share(hits: Array) -> Real:
    """Fraction of True; JAX and torch's usual line hold it in float32."""
    return single(mean([lift(int(hit)) for hit in np.asarray(hits).reshape(-1)]))


def explained_variance(x: Inputs, c: Choices) -> Outputs:
    _, residual = moments(x.returns - x.values)
    _, spread = moments(x.returns)
    return {"explained_variance": 1 - residual / variance_floor(spread, c)}


def variance_floor(spread: Real, c: Choices) -> Real:
    """The denominator under the convention `explained_variance`."""
    number = c.number("explained_variance")
    if number is None:
        return spread
    if c.kind("explained_variance") == "floor":
        return maximum(spread, number).item()
    return spread + number


def clip_grad_norm(x: Inputs, c: Choices) -> Outputs:
    norm = total([v * v for g in x.grads for v in g.reshape(-1)]).sqrt()
    eps = constant("1e-6") if c["grad_norm_eps"] == "1e-6" else lift(0)
    factor = minimum(x.max_norm / (norm + eps), ONE).item() if norm.value else ONE
    return {f"grads[{i}]": g * factor for i, g in enumerate(x.grads)}


def adam_step(x: Inputs, c: Choices) -> Outputs:
    first = x.beta1 * x.first_moment + (1 - x.beta1) * x.grads
    second = x.beta2 * x.second_moment + (1 - x.beta2) * x.grads * x.grads
    unbiased = first / (1 - power(x.beta1, x.step))
    scale = each(lambda v: v.sqrt(), second / (1 - power(x.beta2, x.step)))
    moved = x.params - x.learning_rate * unbiased / (scale + x.eps)
    return {"params": moved, "first_moment": first, "second_moment": second}


def power(base: Real, exponent: int) -> Real:
    """base^exponent."""
    return base**exponent if exponent else ONE


def running_moments(x: Inputs, c: Choices) -> Outputs:
    rows = np.concatenate(x.batches)
    pairs = [moments(column) for column in rows.T]
    return {"mean": np.array([m for m, _ in pairs], dtype=object),
            "var": np.array([v for _, v in pairs], dtype=object)}
