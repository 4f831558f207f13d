"""Policies of independent Bernoullis: log-probability, entropy, KL."""

from __future__ import annotations

from typing import NamedTuple

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import rowwise
from ppocore.conformance.oracle.reals import Array, Real, each, exp, log, where


class Sides(NamedTuple):
    """Probabilities of 1 and of 0, their logarithms, and log(1 + e^z)."""

    p: Array
    p_not: Array
    log_p: Array
    log_p_not: Array
    softplus: Array


def looser(accurate: Array, *others: Array) -> Array:
    """The same numbers, with the slack of whichever way of writing them strays farthest."""
    return each(lambda x, *rest: Real(x.value, max(y.slack for y in (x, *rest))), accurate, *others)


def sides(logits: Array) -> Sides:
    """Textbook code takes log p and log(1 - p) of a rounded p, or z - log(1 + e^z) and -log(1 + e^z)."""
    p = 1 / (1 + exp(-logits))
    softplus = log(1 + exp(logits))
    p_not = looser(1 / (1 + exp(logits)), 1 - p)
    return Sides(p, p_not, looser(logits - softplus, log(p)), looser(-softplus, log(1 - p)), softplus)


def bernoulli_log_prob(x: Inputs, c: Choices) -> Outputs:
    s = sides(x.logits)
    return {"log_prob": rowwise(where(x.actions == 1, s.log_p, s.log_p_not))}


def entropies(logits: Array) -> Array:
    """Of each dimension: -p log p - (1 - p) log(1 - p), or log(1 + e^z) - z p, or (1 - p) z - log p as torch has it."""
    s = sides(logits)
    by_sides = -(s.p * s.log_p) - s.p_not * s.log_p_not
    return looser(by_sides, s.softplus - logits * s.p, s.p_not * logits - s.log_p)


def bernoulli_entropy(x: Inputs, c: Choices) -> Outputs:
    return {"entropy": rowwise(entropies(x.logits))}


def divergences(logits: Array, other_logits: Array) -> Array:
    """KL of each dimension: by both sides, or log(1 + e^z') - log(1 + e^z) - p (z' - z)."""
    s, t = sides(logits), sides(other_logits)
    by_sides = s.p * (s.log_p - t.log_p) + s.p_not * (s.log_p_not - t.log_p_not)
    return looser(by_sides, t.softplus - s.softplus - s.p * (other_logits - logits))


def bernoulli_kl(x: Inputs, c: Choices) -> Outputs:
    return {"kl": rowwise(divergences(x.logits, x.other_logits))}
