"""Mistakes of importance ratios, importance-sampling estimates and the effective sample size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import DOUBLE, FORMATS, Family, Format, Value, exp_within, held
from ppocore.conformance.oracle.advantages import moments
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import log_ratio, shifted_weights, weights
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    clip,
    constant,
    each,
    exp,
    lift,
    log,
    mean,
    minimum,
    total,
)

CATALOGUE = Catalogue()
RATIO = Family(CATALOGUE, "ratio")


def _within(formula: Callable[[Format, Inputs, Choices], object]) -> tuple[Value, ...]:
    """One formula per number format."""
    return tuple(partial(formula, limits) for limits in FORMATS)


def _probability_quotient(limits: Format, x: Inputs, c: Choices) -> Array:
    return exp_within(x.log_prob, limits) / exp_within(x.old_log_prob, limits)


def _outer(x: Inputs, c: Choices) -> Any:
    return np.subtract.outer(x.log_prob, x.old_log_prob)


RATIO.add("inverted", "The ratio is old over new.", "exp(old_log_prob - log_prob)",
          "Every step moves the policy away from what paid off.", lambda x, c: exp(-log_ratio(x, c)))
RATIO.add("exponential-missing", "The log-ratio is returned.", "log_prob - old_log_prob",
          "Equal policies give 0, and everything counts as clipped.", log_ratio)
RATIO.add("exponential-of-quotient", "The log-probabilities are divided before exp.",
          "exp(log_prob / old_log_prob)", "Equal policies give e.",
          *_within(lambda limits, x, c: exp_within(x.log_prob / x.old_log_prob, limits)))
RATIO.add("quotient-of-log-probabilities", "Log-probabilities are divided as if they were probabilities.",
          "log_prob / old_log_prob", "1 for equal policies, and larger where the action became less likely.",
          lambda x, c: x.log_prob / x.old_log_prob)
RATIO.add("quotient-of-exponentials", "Both probabilities are formed before they are divided.",
          "exp(log_prob) / exp(old_log_prob)",
          "0/0 or inf/inf as soon as a log-probability leaves the range of exp: many action dimensions, long texts.",
          *_within(_probability_quotient))
RATIO.add("difference-of-probabilities", "The probabilities are subtracted.",
          "exp(log_prob) - exp(old_log_prob)", "Equal policies give 0.",
          *_within(lambda limits, x, c: exp_within(x.log_prob, limits) - exp_within(x.old_log_prob, limits)))
RATIO.add("linearised", "exp is replaced by its first-order expansion.", "1 + log_prob - old_log_prob",
          "Negative ratios, and a wrong band, once the policies differ.", lambda x, c: 1 + log_ratio(x, c))
RATIO.add("one-subtracted", "The ratio less one is returned.", "expm1(log_prob - old_log_prob)",
          "Equal policies give 0.", lambda x, c: exp(log_ratio(x, c)) - ONE)
RATIO.add("base-two", "2 is raised to the log-ratio.", "2 ** (log_prob - old_log_prob)",
          "Natural logarithms need e; the ratio stays too close to 1.",
          lambda x, c: exp(log_ratio(x, c) * lift(2).log()))
RATIO.add("clipped", "The ratio comes back clipped.", "clip(exp(log_prob - old_log_prob), 0.8, 1.2)",
          "min(r A, clip(r) A) needs the ratio itself; metrics of clipping show 0.",
          *(partial(lambda e, x, c: clip(exp(log_ratio(x, c)), 1 - lift(e), 1 + lift(e)), eps)
            for eps in ("0.2", "0.1", "0.3")))
RATIO.add("truncated", "The ratio is cut off from above.", "minimum(exp(log_prob - old_log_prob), 1)",
          "That is the truncated weight of V-trace, not the ratio of PPO.",
          *(partial(lambda top, x, c: minimum(exp(log_ratio(x, c)), lift(top)), top) for top in (1, 2, 5, 10)),
          seen=("verl #2953", "OpenRLHF #1098"))
RATIO.add("old-policy-forgotten", "The old policy does not enter.", "exp(log_prob)",
          "The probability of the action is taken for its change.",
          *_within(lambda limits, x, c: exp_within(x.log_prob, limits)))
RATIO.add("always-one", "The new policy stands on both sides.", "exp(log_prob - log_prob)",
          "Nothing is ever clipped: the old log-probabilities were not kept.",
          lambda x, c: exp(x.log_prob - x.log_prob))
RATIO.add("averaged-log-ratio", "One ratio is formed from the mean log-ratio of the batch.",
          "exp(mean(log_prob - old_log_prob))",
          "A sequence-level ratio; samples of a batch have nothing to do with each other.",
          lambda x, c: mean(log_ratio(x, c)).exp(),
          lambda x, c: each(lambda _: mean(log_ratio(x, c)).exp(), x.log_prob),
          seen=("huggingface/trl #5814",))
RATIO.add("summed-log-ratio", "One ratio is formed from the sum of all log-ratios.",
          "exp(sum(log_prob - old_log_prob))", "The batch is treated as one trajectory.",
          lambda x, c: held(total(log_ratio(x, c)).exp(), DOUBLE),
          seen=("huggingface/trl #5814",))
RATIO.add("summed-exponentials", "The ratios are added up.", "sum(exp(log_prob - old_log_prob))",
          "Equal policies give the number of samples instead of 1.",
          lambda x, c: total(exp(log_ratio(x, c))), seen=("unslothai/unsloth-zoo #870",))
RATIO.add("outer-broadcast", "(B,) meets (B, 1): every new log-probability is paired with every old one.",
          "exp(log_prob[:, None] - old_log_prob)", "B * B ratios, of which only the diagonal means anything.",
          lambda x, c: exp(_outer(x, c)), lambda x, c: exp(_outer(x, c)).T)


Combine = Callable[[Array, Array], Real]


def _plain(w: Array, f: Array) -> Real:
    return mean(w * f)


def _normalised(w: Array, f: Array) -> Real:
    return total(w * f) / total(w)


def _quotient(limits: Format, x: Inputs) -> Array:
    return exp_within(x.log_p, limits) / exp_within(x.log_q, limits)


def _alone(limits: Format, x: Inputs) -> Array:
    return exp_within(x.log_p, limits)


def _estimates(family: Family, combine: Combine) -> None:
    """Mistakes in the weights, which both estimates can have."""

    def of(weigh: Callable[[Inputs], Array]) -> Value:
        return lambda x, c: combine(weigh(x), x.fx)

    def cut(top: int) -> Value:
        return of(lambda x: minimum(weights(x), lift(top)))

    family.add("weights-inverted", "The weights are q over p.", "exp(log_q - log_p)",
               "The estimate is of neither expectation.", of(lambda x: exp(x.log_q - x.log_p)))
    family.add("log-weights-as-weights", "The log-weights are used without exp.", "(log_p - log_q) * fx",
               "Equal distributions get weight 0.", of(lambda x: x.log_p - x.log_q))
    family.add("quotient-of-log-densities", "The log-densities are divided.", "(log_p / log_q) * fx",
               "Only for equal densities is that a weight.", of(lambda x: x.log_p / x.log_q))
    family.add("weights-truncated", "Large weights are cut off.", "minimum(exp(log_p - log_q), 1) * fx",
               "Less variance, but a bias that was not asked for.", *(cut(top) for top in (1, 2, 5, 10, 100)),
               seen=("verl #2953", "OpenRLHF #1098"))
    family.add("weights-forgotten", "fx is averaged without weights.", "mean(fx)",
               "The expectation under q is taken for that under p.", of(lambda x: each(lambda _: ONE, x.fx)))
    family.add("weights-squared", "The weights are applied twice.", "w * w * fx",
               "Large weights take over.", of(lambda x: weights(x) * weights(x)))
    family.add("proposal-forgotten", "The weights leave q out.", "exp(log_p) * fx",
               "Samples are weighted as if they were drawn uniformly.",
               of(partial(_alone, DOUBLE)), of(lambda x: shifted_weights(x.log_p)))
    family.add("quotient-of-exponentials", "Both densities are formed before they are divided.",
               "exp(log_p) / exp(log_q)", "0/0 or inf/inf when log-densities carry a large constant.",
               of(partial(_quotient, DOUBLE)))


PLAIN = Family(CATALOGUE, "importance_estimate")
NORMALISED = Family(CATALOGUE, "self_normalized_estimate")
_estimates(PLAIN, _plain)
_estimates(NORMALISED, _normalised)

PLAIN.add("self-normalized", "The estimate is divided by the sum of the weights, not by n.",
          "sum(w fx) / sum(w)", "Biased, and unbiasedness is what the plain estimate is for.",
          lambda x, c: _normalised(weights(x), x.fx))
PLAIN.add("sum-for-mean", "The terms are added up and not averaged.", "sum(w fx)",
          "It grows with the number of samples.", lambda x, c: total(weights(x) * x.fx))
PLAIN.add("divided-by-n-minus-one", "The sum is divided by n - 1.", "sum(w fx) / (n - 1)",
          "A mean needs no Bessel correction; it overestimates.",
          lambda x, c: total(weights(x) * x.fx) / (len(x.fx) - 1))
PLAIN.add("normalized-and-averaged", "Normalised weights are averaged once more.", "mean(w / sum(w) * fx)",
          "Too small by the number of samples.",
          lambda x, c: _normalised(weights(x), x.fx) / len(x.fx))
PLAIN.add("product-of-means", "Weights and fx are averaged apart.", "mean(w) * mean(fx)",
          "How they go together is what the weights are for.", lambda x, c: mean(weights(x)) * mean(x.fx))
PLAIN.add("shift-not-undone", "The largest log-weight is subtracted before exp and never put back.",
          "mean(exp(d - max(d)) * fx)", "The estimate is off by the largest weight.",
          lambda x, c: _plain(shifted_weights(x.log_p - x.log_q), x.fx))

NORMALISED.add("not-normalized", "The estimate is not divided by the weights' sum.", "mean(w fx)",
               "With unnormalised densities the unknown constant stays in.",
               lambda x, c: _plain(weights(x), x.fx))
NORMALISED.add("averaged-once-more", "The normalised sum is divided by n as well.", "mean(w fx) / sum(w)",
               "Too small by the number of samples.", lambda x, c: _normalised(weights(x), x.fx) / len(x.fx))
NORMALISED.add("numerator-not-weighted", "The weights stand in the denominator only.", "sum(fx) / sum(w)",
               "fx is averaged under q.", lambda x, c: total(x.fx) / total(weights(x)))
NORMALISED.add("sum-for-weights-sum", "The plain sum is returned.", "sum(w fx)",
               "It grows with the number of samples.", lambda x, c: total(weights(x) * x.fx))
NORMALISED.add("divided-by-sum-of-fx", "The denominator adds up fx.", "sum(w fx) / sum(fx)",
               "That is a mean of the weights.", lambda x, c: total(weights(x) * x.fx) / total(x.fx))
NORMALISED.add("divided-by-norm-of-weights", "The weights are scaled to length 1 instead of sum 1.",
               "sum(w fx) / sqrt(sum(w**2))", "A constant fx is not returned as it is.",
               lambda x, c: total(weights(x) * x.fx) / total(weights(x) * weights(x)).sqrt())


ESS = Family(CATALOGUE, "effective_sample_size")
Size = Callable[[Array], Any]


def _sizes(size: Size) -> tuple[Value, ...]:
    """The formula on weights shifted by their largest, and on e^l as each number format has it."""
    def raw(limits: Format, x: Inputs, c: Choices) -> Any:
        return size(exp_within(x.log_weights, limits))

    return (lambda x, c: size(shifted_weights(x.log_weights)), *(partial(raw, limits) for limits in FORMATS))


def _kish(w: Array) -> Real:
    return total(w) * total(w) / total(w * w)


def _unshifted(limits: Format, x: Inputs, c: Choices) -> Real:
    w = exp_within(x.log_weights, limits)
    return held(total(w) * total(w), limits) / held(total(w * w), limits)


def _perplexity(w: Array) -> Real:
    p = w / total(w)
    return (-total([v * v.log() if v.value else ZERO for v in p])).exp()


def _kong(w: Array, ddof: int) -> Any:
    return len(w) / (1 + moments(w, ddof)[1])


def _largest(w: Array) -> Any:
    return total(w) / max(w, key=lambda v: v.value)


ESS.add("fraction-of-n", "The size is divided by the number of samples.", "(sum w)^2 / (n sum w^2)",
        "A count was asked for: 1 looks like total collapse.", *_sizes(lambda w: _kish(w) / len(w)))
ESS.add("inverted", "Numerator and denominator are exchanged.", "sum w^2 / (sum w)^2",
        "The more even the weights, the smaller it gets.", *_sizes(lambda w: 1 / _kish(w)))
ESS.add("weights-not-normalized", "The formula for weights that add up to 1 is used on weights that do not.",
        "1 / sum w^2", "A constant added to the log-weights changes it.", *_sizes(lambda w: 1 / total(w * w)))
ESS.add("numerator-not-squared", "The numerator is the sum of the weights, not its square.",
        "sum w / sum w^2", "A constant added to the log-weights changes it.",
        *_sizes(lambda w: total(w) / total(w * w)))
ESS.add("exponential-of-entropy", "The perplexity of the weights is returned.",
        "exp(-sum p log p), p = w / sum w", "Another notion of size, larger whenever weights differ.",
        *_sizes(_perplexity))
ESS.add("largest-weight-only", "The size is the inverse of the largest normalised weight.", "sum w / max w",
        "It looks at one sample only.", *_sizes(_largest))
ESS.add("variance-of-raw-weights", "n / (1 + Var(w)) is used without dividing the weights by their mean.",
        "n / (1 + var(w))", "Right only if the weights happen to average 1.",
        *_sizes(partial(_kong, ddof=0)), *_sizes(partial(_kong, ddof=1)))
ESS.add("sample-variance", "n / (1 + Var(w)) with n - 1 in the variance.",
        "n / (1 + var(w / mean(w), ddof=1))", "Not (sum w)^2 / sum w^2; a single sample gives NaN.",
        *_sizes(lambda w: _kong(w / mean(w), ddof=1)))
ESS.add("log-weights-as-weights", "The log-weights are used without exp.", "(sum l)^2 / sum l^2",
        "Equal weights of 1 have log-weights 0, and 0/0 is NaN.", lambda x, c: _kish(x.log_weights))
ESS.add("weights-squared", "The weights are squared before the formula squares them.",
        "(sum w^2)^2 / sum w^4", "Much too small.", *_sizes(lambda w: _kish(w * w)))
ESS.add("logarithm-returned", "The logarithm of the size is returned.", "2 logsumexp(l) - logsumexp(2 l)",
        "The last exp is missing.", *_sizes(lambda w: log(np.array([_kish(w)], dtype=object))[0]))
ESS.add("weights-truncated", "Large weights are cut off first.", "w = minimum(exp(l), 1)",
        "The cut hides what the size is to show.",
        *(partial(lambda top, x, c: _kish(minimum(exp_within(x.log_weights, DOUBLE), lift(top))), top)
          for top in (1, 2, 5, 10)))
ESS.add("unshifted-exponent", "exp is taken of the log-weights as they come.", "w = exp(l)",
        "Log-weights of long sequences are hundreds: inf/inf or 0/0, although a constant in them means nothing.",
        *(partial(_unshifted, limits) for limits in FORMATS))


EPSILONS = ("1e-8", "1e-6", "1e-5", "1e-10", "1e-12")


def _normalised_plus(eps: str, shift: bool, x: Inputs, c: Choices) -> Real:
    """sum(w fx) / (sum(w) + eps), on the weights or on the weights over their largest."""
    w = shifted_weights(x.log_p - x.log_q) if shift else weights(x)
    return total(w * x.fx) / (total(w) + constant(eps))


def _kish_plus(eps: str, w: Array) -> Real:
    return total(w) * total(w) / (total(w * w) + constant(eps))


NORMALISED.add("epsilon-in-denominator", "A small number is added to the sum of the weights.",
               "sum(w fx) / (sum(w) + 1e-8)", "Small weights, whose scale should not matter, give small estimates.",
               *(partial(_normalised_plus, eps, shift) for eps in EPSILONS for shift in (False, True)))
ESS.add("epsilon-in-denominator", "A small number is added to the sum of the squared weights.",
        "sum(w)^2 / (sum(w^2) + 1e-8)", "A constant in the log-weights changes the size.",
        *(value for eps in EPSILONS for value in _sizes(partial(_kish_plus, eps))))
