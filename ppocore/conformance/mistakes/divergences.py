"""Mistakes of exact KL divergences between categorical and between Gaussian distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import DOUBLE, Family, Value, exp_within, softplus
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import (
    categorical_kl,
    gaussian_entropy,
    gaussian_kl,
    log_softmax,
    rowwise,
    table_kl,
)
from ppocore.conformance.oracle.reals import Array, constant, each, exp, lift, log, maximum, mean, total

CATALOGUE = Catalogue()
CATEGORICAL = Family(CATALOGUE, "categorical_kl")
Tables = Callable[[Array, Array], Any]


def _tables(formula: Tables) -> Value:
    """A formula of log p and log q."""
    return lambda x, c: formula(log_softmax(x.logits), log_softmax(x.other_logits))


def _right(x: Inputs, c: Choices) -> Array:
    kl: Array = categorical_kl(x, c)["kl"]
    return kl


def _sigmoids(logits: Array) -> Array:
    return -each(softplus, -logits)


def _bernoulli(x: Inputs, c: Choices) -> Any:
    on = table_kl(_sigmoids(x.logits), _sigmoids(x.other_logits))
    return on + table_kl(_sigmoids(-x.logits), _sigmoids(-x.other_logits))


def _jensen_shannon(p: Array, q: Array) -> Array:
    middle = log((exp(p) + exp(q)) / 2)
    return (table_kl(p, middle) + table_kl(q, middle)) / 2


def _plus(eps: str, p: Array, q: Array) -> Array:
    small = constant(eps)
    return rowwise(exp(p) * (log(exp(p) + small) - log(exp(q) + small)))


def _plus_ratio(eps: str, p: Array, q: Array) -> Array:
    return rowwise(exp(p) * log(exp(p - q) + constant(eps)))


def _plus_below(eps: str, p: Array, q: Array) -> Array:
    return rowwise(exp(p) * log(exp(p) / (exp(q) + constant(eps))))


def _floored(eps: str, p: Array, q: Array) -> Array:
    low = constant(eps)
    return rowwise(exp(p) * (log(maximum(exp(p), low)) - log(maximum(exp(q), low))))


def _unshifted(x: Inputs, c: Choices) -> Array:
    p, q = (log(_shares(exp_within(z, DOUBLE))) for z in (x.logits, x.other_logits))
    return rowwise(exp(p) * (p - q))


def _shares(terms: Array) -> Array:
    return terms / rowwise(terms)[:, None]


def _columns(x: Inputs, c: Choices) -> Array:
    return rowwise_transposed(log_softmax(x.logits.T), log_softmax(x.other_logits.T))


def rowwise_transposed(p: Array, q: Array) -> Array:
    """The terms of KL, added up over actions, of tables that hold one action per row."""
    return rowwise((exp(p) * (p - q)).T)


EPSILONS = ("1e-8", "1e-10", "1e-12", "1e-7", "1e-6", "1e-5")
CATEGORICAL.add("arguments-swapped", "The other KL: KL(other_logits, logits).", "sum q (log q - log p)",
                "The KL is not symmetric; the penalty acts where the wrong policy has mass.",
                _tables(lambda p, q: table_kl(q, p)), seen=("vwxyzjn/cleanrl 7dc0baef",))
CATEGORICAL.add("weighted-by-other", "The difference of logs is weighted by the other distribution.",
                "sum q (log p - log q)", "That is minus the other KL: negative.",
                _tables(lambda p, q: -table_kl(q, p)))
CATEGORICAL.add("negated", "The result has the wrong sign.", "sum p (log q - log p)",
                "A penalty becomes a reward.", lambda x, c: -_right(x, c))
CATEGORICAL.add("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all B",
                "One number where one per state was asked for.",
                lambda x, c: mean(_right(x, c)), lambda x, c: total(_right(x, c)))
CATEGORICAL.add("averaged-over-actions", "Actions are averaged and not added up.",
                "mean over a of p (log p - log q)", "Too small by the number of actions.",
                lambda x, c: _right(x, c) / x.logits.shape[1])
CATEGORICAL.add("not-summed", "One number per action is returned.", "p (log p - log q)",
                "(B, A) broadcasts where (B,) was meant.", _tables(lambda p, q: exp(p) * (p - q)))
CATEGORICAL.add("cross-entropy", "The entropy of p is not subtracted.", "-sum p log q",
                "Equal distributions do not give 0.", _tables(lambda p, q: -rowwise(exp(p) * q)))
CATEGORICAL.add("difference-of-entropies", "The entropies are subtracted.", "H(q) - H(p)",
                "It can be negative, and 0 for different distributions.",
                _tables(lambda p, q: rowwise(exp(p) * p) - rowwise(exp(q) * q)))
CATEGORICAL.add("squared-difference", "Squared differences are added up.", "sum (p - q)^2",
                "A distance, but no KL.", _tables(lambda p, q: rowwise((exp(p) - exp(q)) ** 2)),
                _tables(lambda p, q: rowwise((p - q) ** 2)), _tables(lambda p, q: rowwise((p - q) ** 2) / 2))
CATEGORICAL.add("total-variation", "Half the absolute differences are added up.", "sum |p - q| / 2",
                "A distance, but no KL.",
                _tables(lambda p, q: rowwise(each(abs, exp(p) - exp(q))) / 2),
                _tables(lambda p, q: rowwise(each(abs, exp(p) - exp(q)))))
CATEGORICAL.add("logarithms-missing", "Probabilities are subtracted, not their logarithms.", "sum p (p - q)",
                "Far too small where q is rare.", _tables(lambda p, q: rowwise(exp(p) * (exp(p) - exp(q)))))
CATEGORICAL.add("logits-as-log-probs", "The logits are used as if they were normalised.",
                "sum exp(z) (z - z')",
                "Right only where softmax was already taken; a constant in the logits changes it.",
                lambda x, c: rowwise(exp_within(x.logits, DOUBLE) * (x.logits - x.other_logits)))
CATEGORICAL.add("partition-missing", "The logits are subtracted without their log-sum-exp.", "sum p (z - z')",
                "A constant in the logits changes it, and it can be negative.",
                lambda x, c: rowwise(exp(log_softmax(x.logits)) * (x.logits - x.other_logits)))
CATEGORICAL.add("sigmoid-for-softmax", "Every action gets a sigmoid of its own.",
                "sum s(z) (log s(z) - log s(z'))", "The probabilities do not add up to 1.",
                lambda x, c: table_kl(_sigmoids(x.logits), _sigmoids(x.other_logits)), _bernoulli)
CATEGORICAL.add("softmax-over-batch", "softmax runs over the rows.", "softmax(logits, axis=0)",
                "States compete with each other instead of actions.", _columns)
CATEGORICAL.add("in-bits", "The logarithm has base 2.", "sum p log2(p / q)", "Targets are in nats.",
                lambda x, c: _right(x, c) / lift(2).log())
CATEGORICAL.add("symmetrised", "Both directions are added or averaged.", "(KL(p, q) + KL(q, p)) / 2",
                "Jeffreys' divergence; the bound of PPO is for one direction.",
                _tables(lambda p, q: (table_kl(p, q) + table_kl(q, p)) / 2),
                _tables(lambda p, q: table_kl(p, q) + table_kl(q, p)))
CATEGORICAL.add("jensen-shannon", "Both are compared with their mixture.",
                "(KL(p, m) + KL(q, m)) / 2, m = (p + q) / 2",
                "It never exceeds log 2, however far apart the policies are.", _tables(_jensen_shannon))
CATEGORICAL.add("epsilon-in-logarithm", "A small number is added inside the logarithms.",
                "sum p (log(p + 1e-8) - log(q + 1e-8))",
                "The KL stops growing where q is rare, which is where it matters.",
                *(_tables(partial(form, eps)) for eps in EPSILONS for form in (_plus, _plus_ratio, _plus_below)))
CATEGORICAL.add("probabilities-clamped", "Probabilities are kept above a small number.",
                "log(maximum(p, 1e-8)) - log(maximum(q, 1e-8))",
                "The KL and its gradient stop where q is rare, which is where they matter.",
                *(_tables(partial(_floored, eps)) for eps in (*EPSILONS, str(2.0**-23))))
CATEGORICAL.add("unshifted-exponent", "exp is taken of the logits as they come.", "p = exp(z) / sum(exp(z))",
                "Logits of 1000 give inf/inf, although a constant in them means nothing.", _unshifted)


GAUSSIAN = Family(CATALOGUE, "gaussian_kl")
Term = Callable[[Any, Any, Any], Any]


def _of(term: Term, spread: Callable[[Array], Array] = exp) -> Value:
    """Sum over dimensions of a term of m - m', s and s'."""
    return lambda x, c: rowwise(term(x.mean - x.other_mean, spread(x.log_std), spread(x.other_log_std)))


def _terms(gap: Any, s: Any, t: Any) -> Any:
    return log(t) - log(s) + (s * s + gap * gap) / (2 * t * t) - HALF


HALF = lift("0.5")


def _kl(x: Inputs, c: Choices) -> Array:
    kl: Array = gaussian_kl(x, c)["kl"]
    return kl


def _swapped(x: Inputs, c: Choices) -> Array:
    return _kl(x.but(mean=x.other_mean, log_std=x.other_log_std, other_mean=x.mean, other_log_std=x.log_std), c)


def _sum_of(x: Inputs, rest: Term, sign: int = 1) -> Array:
    """log s' - log s (exactly as given) plus the rest of the term."""
    gap, s, t = x.mean - x.other_mean, exp(x.log_std), exp(x.other_log_std)
    return rowwise(lift(sign) * (x.other_log_std - x.log_std) + rest(gap, s, t))


def _as_log_variance(x: Inputs, c: Choices) -> Array:
    return _kl(x.but(log_std=x.log_std / 2, other_log_std=x.other_log_std / 2), c)


def _per_dimension(x: Inputs, c: Choices) -> Any:
    gap, s, t = x.mean - x.other_mean, exp(x.log_std), exp(x.other_log_std)
    return x.other_log_std - x.log_std + (s * s + gap * gap) / (2 * t * t) - HALF


def _quotient_plus(eps: str, below: bool) -> Value:
    small = constant(eps)
    return _of(lambda gap, s, t: log(t / s + small) + (s * s + gap * gap)
               / (2 * (t * t + small) if below else 2 * t * t) - HALF)


def _rest(gap: Any, s: Any, t: Any) -> Any:
    return (s * s + gap * gap) / (2 * t * t) - HALF


GAUSSIAN.add("arguments-swapped", "The other KL: that of the other distribution from this one.",
             "log(s/s') + (s'^2 + (m - m')^2) / (2 s^2) - 1/2",
             "The KL is not symmetric; the wrong variance stands in the denominator.", _swapped,
             seen=("vwxyzjn/cleanrl 7dc0baef",))
GAUSSIAN.add("negated", "The result has the wrong sign.", "-KL", "A penalty becomes a reward.",
             lambda x, c: -_kl(x, c))
GAUSSIAN.add("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all B",
             "One number where one per state was asked for.",
             lambda x, c: mean(_kl(x, c)), lambda x, c: total(_kl(x, c)))
GAUSSIAN.add("averaged-over-dimensions", "Dimensions are averaged and not added up.", "mean over D",
             "Too small by the number of dimensions.", lambda x, c: _kl(x, c) / x.mean.shape[1])
GAUSSIAN.add("not-summed", "One number per dimension is returned.", "terms of shape (B, D)",
             "(B, D) broadcasts where (B,) was meant.", _per_dimension, seen=("ray-project/ray #13053",))
GAUSSIAN.add("half-of-quadratic-missing", "The quadratic term is not halved.", "(s^2 + (m - m')^2) / s'^2",
             "Equal distributions do not give 0.",
             lambda x, c: _sum_of(x, lambda gap, s, t: (s * s + gap * gap) / (t * t) - HALF))
GAUSSIAN.add("minus-half-missing", "The 1/2 is not subtracted.", "log(s'/s) + (s^2 + (m - m')^2) / (2 s'^2)",
             "Equal distributions give D/2.", lambda x, c: _kl(x, c) + x.mean.shape[1] * HALF)
GAUSSIAN.add("minus-half-once", "The 1/2 is subtracted once, not once per dimension.", "sum(...) - 1/2",
             "Equal distributions give (D - 1)/2.", lambda x, c: _kl(x, c) + (x.mean.shape[1] - 1) * HALF)
GAUSSIAN.add("one-for-half", "1 is subtracted instead of 1/2.", "... - 1", "Equal distributions give -D/2.",
             lambda x, c: _kl(x, c) - x.mean.shape[1] * HALF)
GAUSSIAN.add("log-term-scaled", "The logarithm is halved or doubled.", "log(s'/s) / 2",
             "Variances were taken for standard deviations, or the reverse.",
             lambda x, c: rowwise((x.other_log_std - x.log_std) / 2) + _sum_of(x, _rest, 0),
             lambda x, c: rowwise((x.other_log_std - x.log_std) * 2) + _sum_of(x, _rest, 0))
GAUSSIAN.add("log-term-missing", "The logarithm is missing.", "(s^2 + (m - m')^2) / (2 s'^2) - 1/2",
             "Negative wherever s < s'.", lambda x, c: _sum_of(x, _rest, 0))
GAUSSIAN.add("log-term-flipped", "The logarithm has the wrong sign.", "log(s/s') + ...",
             "Negative for some pairs, and too large for others.", lambda x, c: _sum_of(x, _rest, -1))
GAUSSIAN.add("mean-term-missing", "The means do not enter.", "log(s'/s) + s^2 / (2 s'^2) - 1/2",
             "Policies that only shift their mean seem equal.",
             lambda x, c: _sum_of(x, lambda gap, s, t: s * s / (2 * t * t) - HALF))
GAUSSIAN.add("variance-term-missing", "s^2 is missing from the numerator.",
             "log(s'/s) + (m - m')^2 / (2 s'^2) - 1/2", "Equal distributions give -D/2.",
             lambda x, c: _sum_of(x, lambda gap, s, t: gap * gap / (2 * t * t) - HALF),
             lambda x, c: _sum_of(x, lambda gap, s, t: gap * gap / (2 * t * t)))
GAUSSIAN.add("gap-not-squared", "The difference of means is not squared.", "(s^2 + |m - m'|) / (2 s'^2)",
             "Small shifts weigh too much.",
             lambda x, c: _sum_of(x, lambda gap, s, t: (s * s + gap) / (2 * t * t) - HALF),
             lambda x, c: _sum_of(x, lambda gap, s, t: (s * s + each(abs, gap)) / (2 * t * t) - HALF))
GAUSSIAN.add("divided-by-own-variance", "The variance of the first distribution stands in the denominator.",
             "(s^2 + (m - m')^2) / (2 s^2)", "The spread of the other policy hardly matters.",
             lambda x, c: _sum_of(x, lambda gap, s, t: (s * s + gap * gap) / (2 * s * s) - HALF))
GAUSSIAN.add("std-not-squared", "Standard deviations stand where variances belong.",
             "(s + (m - m')^2) / (2 s')", "Right only at standard deviation 1.",
             lambda x, c: _sum_of(x, lambda gap, s, t: (s + gap * gap) / (2 * t) - HALF),
             lambda x, c: _sum_of(x, lambda gap, s, t: (s * s + gap * gap) / (2 * t) - HALF),
             lambda x, c: _sum_of(x, lambda gap, s, t: (s + gap * gap) / (2 * t * t) - HALF))
GAUSSIAN.add("log-std-as-std", "log_std is used as the standard deviation.", "s = log_std",
             "A log_std of 0 divides by 0; a negative one has no logarithm.", _of(_terms, lambda s: s),
             lambda x, c: rowwise(log(x.other_log_std / x.log_std) + _rest(
                 x.mean - x.other_mean, x.log_std, x.other_log_std)))
GAUSSIAN.add("log-std-as-log-variance", "log_std is read as the logarithm of the variance.",
             "s^2 = exp(log_std)", "Standard deviations come out as their square roots.", _as_log_variance)
GAUSSIAN.add("softplus-std", "The standard deviation is softplus(log_std).", "s = log(1 + exp(log_std))",
             "Another parametrisation: log_std is a logarithm.", _of(_terms, lambda s: each(softplus, s)))
GAUSSIAN.add("in-bits", "The logarithm has base 2.", "KL / log(2)", "Targets are in nats.",
             lambda x, c: _kl(x, c) / lift(2).log())
GAUSSIAN.add("symmetrised", "Both directions are added or averaged.", "(KL(p, q) + KL(q, p)) / 2",
             "Jeffreys' divergence; the bound of PPO is for one direction.",
             lambda x, c: (_kl(x, c) + _swapped(x, c)) / 2, lambda x, c: _kl(x, c) + _swapped(x, c))
GAUSSIAN.add("cross-entropy", "The entropy of the first distribution is not subtracted.", "KL + H",
             "Equal distributions do not give 0.", lambda x, c: _kl(x, c) + gaussian_entropy(x, c)["entropy"])
GAUSSIAN.add("epsilon-in-logarithm", "A small number is added to the quotient inside the logarithm.",
             "log(s'/s + 1e-5)", "Equal distributions do not give 0.",
             *(_quotient_plus(eps, below) for eps in ("1e-5", "1e-6", "1e-8") for below in (False, True)))


def _variance_plus(eps: str, x: Inputs, c: Choices) -> Array:
    """(s^2 + (m - m')^2) / (2 s'^2 + eps)."""
    gap = x.mean - x.other_mean
    spread = exp(x.log_std + x.log_std) + gap * gap
    quotient = spread / (2 * exp(x.other_log_std + x.other_log_std) + constant(eps))
    return rowwise(x.other_log_std - x.log_std + quotient - constant("0.5"))


GAUSSIAN.add("epsilon-in-denominator", "A small number is added to the variance that is divided by.",
             "(s^2 + (m - m')^2) / (2 s'^2 + 1e-8)", "Narrow distributions come out too near.",
             *(partial(_variance_plus, eps) for eps in ("1e-8", "1e-6", "1e-5", "2e-8")))
