"""Mistakes of policies of independent Bernoullis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.bernoulli import Sides, bernoulli_entropy, divergences, entropies, sides
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import log_softmax, rowwise, table_kl
from ppocore.conformance.oracle.reals import ZERO, Array, clip, constant, exp, lift, log, mean, total, where

CATALOGUE = Catalogue()
LOG_PROB = Family(CATALOGUE, "bernoulli_log_prob")
ENTROPY = Family(CATALOGUE, "bernoulli_entropy")
KL = Family(CATALOGUE, "bernoulli_kl")
FAMILIES = (LOG_PROB, ENTROPY, KL)
EPSILONS = ("1e-8", "1e-10", "1e-12", "1e-7", "1e-6", "1e-5", "1e-4")
FIRM = (*EPSILONS, str(2.0**-23), "1e-3")
"""Where probabilities are cut off; 2^-23 is what torch does to the probabilities of float32."""


def _taken(s: Sides, x: Inputs) -> Array:
    """log p of each choice as it was made."""
    return where(x.actions == 1, s.log_p, s.log_p_not)


def _terms(family: Family, x: Inputs) -> Array:
    """The right number of each dimension, (B, D)."""
    if family is LOG_PROB:
        return _taken(sides(x.logits), x)
    return entropies(x.logits) if family is ENTROPY else divergences(x.logits, x.other_logits)


def _ends(name: str, says: str, wrong: str, matters: str, *ends: Callable[[Array], Any],
          seen: tuple[str, ...] = ()) -> None:
    """A mistake in what is done with the (B, D) terms, entered for all three."""

    def value(family: Family, end: Callable[[Array], Any]) -> Value:
        return lambda x, c: end(_terms(family, x))

    for family in FAMILIES:
        family.add(name, says, wrong, matters, *(value(family, end) for end in ends), seen=seen)


_ends("not-summed", "One number per dimension is returned.", "terms of shape (B, D)",
      "(B, D) broadcasts against (B,), and each dimension gets a ratio of its own.", lambda t: t,
      seen=("thu-ml/tianshou #40",))
_ends("averaged-over-dimensions", "Dimensions are averaged and not added up.", "mean over D",
      "Choices are made together: log-probabilities add up. Ratios are too close to 1.",
      lambda t: rowwise(t) / t.shape[1])
_ends("first-dimension-only", "Only the first dimension counts.", "terms[:, 0]",
      "The other dimensions learn nothing.", lambda t: t[:, 0])
_ends("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all",
      "Every sample needs a number of its own.", lambda t: total(t), lambda t: mean(t), lambda t: mean(rowwise(t)))
_ends("negated", "The result has the wrong sign.", "binary_cross_entropy_with_logits(logits, actions)",
      "A loss is returned where its negative was asked for, or the reverse.", lambda t: -rowwise(t))
_ends("in-bits", "The logarithm has base 2.", "log2(p)", "Coefficients and ratios are meant for nats.",
      lambda t: rowwise(t) / lift(2).log())


def _log_prob(terms: Callable[[Sides, Inputs], Any]) -> Value:
    """Added up over dimensions, from both sides and the inputs."""
    return lambda x, c: rowwise(terms(sides(x.logits), x))


def _clamped(eps: str, s: Sides, x: Inputs) -> Array:
    low = constant(eps)
    return log(where(x.actions == 1, clip(s.p, low, 1 - low), clip(s.p_not, low, 1 - low)))


def _plus(eps: str, s: Sides, x: Inputs) -> Array:
    return log(where(x.actions == 1, s.p, s.p_not) + constant(eps))


def _again(x: Inputs) -> Inputs:
    return x.but(logits=sides(x.logits).p)


LOG_PROB.add("only-ones-scored", "Choices that were not taken are left out.", "sum a log sigmoid(z)",
             "Not pressing a button is an action as well: its probability falls without ever being scored.",
             _log_prob(lambda s, x: where(x.actions == 1, s.log_p, ZERO)))
LOG_PROB.add("all-scored-as-taken", "The action has no influence.", "sum log sigmoid(z)",
             "Every sample pushes every choice towards 1.", _log_prob(lambda s, x: s.log_p))
LOG_PROB.add("sides-exchanged", "The probability of the other side is scored.",
             "sum (1 - a) log sigmoid(z) + a log sigmoid(-z)", "What was not done is learned.",
             _log_prob(lambda s, x: where(x.actions == 1, s.log_p_not, s.log_p)))
LOG_PROB.add("softmax-for-sigmoid", "The dimensions compete in one softmax.", "sum a log_softmax(z)",
             "Independent choices are taken for one choice.",
             lambda x, c: rowwise(where(x.actions == 1, log_softmax(x.logits), ZERO)))
LOG_PROB.add("sigmoid-twice", "sigmoid is taken of probabilities.", "log sigmoid(sigmoid(z))",
             "Probabilities below 1/2 cannot be scored.", _log_prob(lambda s, x: _taken(sides(s.p), x)))
LOG_PROB.add("logits-as-log-probs", "The logits are used as logarithms.", "sum a z",
             "Positive logits give probabilities above 1.",
             _log_prob(lambda s, x: where(x.actions == 1, x.logits, ZERO)),
             _log_prob(lambda s, x: where(x.actions == 1, x.logits, -x.logits)))
LOG_PROB.add("probability-returned", "The probability is returned, not its logarithm.", "prod p^a (1 - p)^(1 - a)",
             "Ratios are formed from differences of logarithms.",
             lambda x, c: exp(rowwise(_taken(sides(x.logits), x))))
LOG_PROB.add("probabilities-added", "Probabilities are added up in place of their logarithms.",
             "sum a p + (1 - a) (1 - p)", "Independent choices multiply.",
             _log_prob(lambda s, x: where(x.actions == 1, s.p, s.p_not)))
LOG_PROB.add("most-likely-side", "The likelier side is scored, whatever was done.",
             "sum log max(p, 1 - p)", "The action has no influence.",
             _log_prob(lambda s, x: where(x.logits > ZERO, s.log_p, s.log_p_not)))
LOG_PROB.add("probability-clamped", "The probability is kept away from 0 and 1.", "log(clip(p, 1e-7, 1 - 1e-7))",
             "The ratio of rare choices is wrong, and its gradient gone.",
             *(_log_prob(partial(_clamped, eps)) for eps in FIRM), seen=("torch.distributions.utils.clamp_probs",))
LOG_PROB.add("epsilon-in-logarithm", "A small number is added to the probability.", "log(sigmoid(z) + 1e-8)",
             "The ratio of rare choices is wrong, and its gradient gone.",
             *(_log_prob(partial(_plus, eps)) for eps in EPSILONS))


def _entropy(terms: Callable[[Sides], Any]) -> Value:
    return lambda x, c: rowwise(terms(sides(x.logits)))


def _softened(eps: str, s: Sides) -> Array:
    small = constant(eps)
    return -(s.p * log(s.p + small)) - s.p_not * log(s.p_not + small)


def _floored(eps: str, s: Sides) -> Array:
    """Both probabilities are clamped where they are weighted and where they are logged."""
    p = clip(s.p, constant(eps), 1 - constant(eps))
    return -(p * log(p)) - (1 - p) * log(1 - p)


ENTROPY.add("only-ones-counted", "The probability of not choosing is left out.", "-sum p log p",
            "The bonus is largest at p = 1/e and pulls the policy there.", _entropy(lambda s: -(s.p * s.log_p)))
ENTROPY.add("softmax-for-sigmoid", "The dimensions compete in one softmax.", "-sum softmax(z) log_softmax(z)",
            "Independent choices are taken for one choice.",
            lambda x, c: -rowwise(exp(log_softmax(x.logits)) * log_softmax(x.logits)))
ENTROPY.add("sigmoid-twice", "sigmoid is taken of probabilities.", "H(sigmoid(sigmoid(z)))",
            "The entropy is nearly the same for every policy.", lambda x, c: bernoulli_entropy(_again(x), c)["entropy"])
ENTROPY.add("weights-missing", "Logarithms are not weighted by probabilities.", "-sum log p + log(1 - p)",
            "It grows without bound as the policy becomes certain.",
            _entropy(lambda s: -s.log_p - s.log_p_not), _entropy(lambda s: (-s.log_p - s.log_p_not) / 2),
            _entropy(lambda s: -s.log_p))
ENTROPY.add("logarithm-missing", "The variance or Gini's index is returned.", "sum p (1 - p)",
            "Another scale, and another slope.", _entropy(lambda s: s.p * s.p_not),
            _entropy(lambda s: 2 * s.p * s.p_not))
ENTROPY.add("likelier-side-only", "Only the likelier side enters.", "-sum log max(p, 1 - p)",
            "Right at p = 1/2, too small elsewhere.",
            lambda x, c: -rowwise(where(x.logits > ZERO, sides(x.logits).log_p, sides(x.logits).log_p_not)))
ENTROPY.add("partition-missing", "The logits are weighted, without log(1 + e^z).", "-sum p z",
            "Negative wherever a choice is likely.", lambda x, c: -rowwise(sides(x.logits).p * x.logits))
ENTROPY.add("epsilon-in-logarithm", "A small number is added to the probabilities.", "-sum p log(p + 1e-8) + ...",
            "Never exact, and negative where the policy is certain.",
            *(_entropy(partial(_softened, eps)) for eps in EPSILONS))
ENTROPY.add("probabilities-clamped", "Probabilities are kept away from 0 and 1.", "p = clip(p, 1e-7, 1 - 1e-7)",
            "A certain policy keeps an entropy, and loses its gradient.",
            *(_entropy(partial(_floored, eps)) for eps in FIRM))


def _kl(formula: Callable[[Sides, Sides], Any]) -> Value:
    return lambda x, c: rowwise(formula(sides(x.logits), sides(x.other_logits)))


def _logs_plus(eps: str, s: Sides, t: Sides) -> Array:
    small = constant(eps)
    return (s.p * (log(s.p + small) - log(t.p + small))
            + s.p_not * (log(s.p_not + small) - log(t.p_not + small)))


def _quotients_plus(eps: str, s: Sides, t: Sides) -> Array:
    small = constant(eps)
    return s.p * log(s.p / (t.p + small)) + s.p_not * log(s.p_not / (t.p_not + small))


def _both_clamped(eps: str, s: Sides, t: Sides) -> Array:
    p, q = (clip(side.p, constant(eps), 1 - constant(eps)) for side in (s, t))
    return p * (log(p) - log(q)) + (1 - p) * (log(1 - p) - log(1 - q))


def _backwards(x: Inputs, c: Choices) -> Array:
    return rowwise(divergences(x.other_logits, x.logits))


def _forwards(x: Inputs, c: Choices) -> Array:
    return rowwise(divergences(x.logits, x.other_logits))


KL.add("arguments-swapped", "The other KL: KL(other_logits, logits).", "sum q log(q / p) + ...",
       "The KL is not symmetric; the penalty acts where the wrong policy has mass.", _backwards,
       seen=("vwxyzjn/cleanrl 7dc0baef",))
KL.add("only-ones-counted", "The probability of not choosing is left out.", "sum p log(p / q)",
       "Negative wherever p < q.", _kl(lambda s, t: s.p * (s.log_p - t.log_p)))
KL.add("weights-missing", "Logarithms are not weighted by probabilities.", "sum log p - log q",
       "Negative for half of all pairs.", _kl(lambda s, t: s.log_p - t.log_p),
       _kl(lambda s, t: s.log_p - t.log_p + s.log_p_not - t.log_p_not))
KL.add("softmax-for-sigmoid", "The dimensions compete in one softmax.", "KL(softmax(z), softmax(z'))",
       "Independent choices are taken for one choice.",
       lambda x, c: table_kl(log_softmax(x.logits), log_softmax(x.other_logits)))
KL.add("sigmoid-twice", "sigmoid is taken of probabilities.", "KL(sigmoid(p), sigmoid(q))",
       "Far too small: every policy seems near every other.",
       _kl(lambda s, t: divergences(s.p, t.p)))
KL.add("cross-entropy", "The entropy of the first distribution is not subtracted.", "-sum p log q + ...",
       "Equal distributions do not give 0.", _kl(lambda s, t: -(s.p * t.log_p) - s.p_not * t.log_p_not))
KL.add("weighted-by-other", "The difference of logarithms is weighted by the other distribution.",
       "sum q (log p - log q) + ...", "That is minus the other KL: negative.", lambda x, c: -_backwards(x, c))
KL.add("symmetrised", "Both directions are added or averaged.", "(KL(p, q) + KL(q, p)) / 2",
       "Jeffreys' divergence; the bound of PPO is for one direction.",
       lambda x, c: (_forwards(x, c) + _backwards(x, c)) / 2, lambda x, c: _forwards(x, c) + _backwards(x, c))
KL.add("squared-difference", "Squared differences are added up.", "sum (p - q)^2", "A distance, but no KL.",
       _kl(lambda s, t: (s.p - t.p) * (s.p - t.p)), _kl(lambda s, t: 2 * (s.p - t.p) * (s.p - t.p)),
       lambda x, c: rowwise((x.logits - x.other_logits) * (x.logits - x.other_logits)))
KL.add("epsilon-in-logarithm", "A small number is added inside the logarithms.",
       "p (log(p + 1e-8) - log(q + 1e-8)) + ...", "The KL stops growing where q is rare, which is where it matters.",
       *(_kl(partial(form, eps)) for eps in EPSILONS for form in (_logs_plus, _quotients_plus)))
KL.add("probabilities-clamped", "Probabilities are kept away from 0 and 1.", "p = clip(p, 1e-7, 1 - 1e-7)",
       "The KL stops growing where q is rare, which is where it matters.",
       *(_kl(partial(_both_clamped, eps)) for eps in FIRM))
