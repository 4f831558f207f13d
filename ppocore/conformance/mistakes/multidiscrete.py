"""Mistakes of policies of several choices at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import DOUBLE, Family, Value, held
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.multidiscrete import heads, terms
from ppocore.conformance.oracle.probability import (
    categorical_entropy,
    categorical_kl,
    categorical_log_prob,
    log_softmax,
    rowwise,
    table_kl,
)
from ppocore.conformance.oracle.reals import Array, each, exp, lift, log, mean, total

CATALOGUE = Catalogue()
LOG_PROB = Family(CATALOGUE, "multidiscrete_log_prob")
ENTROPY = Family(CATALOGUE, "multidiscrete_entropy")
KL = Family(CATALOGUE, "multidiscrete_kl")
RIGHT = {"multidiscrete_log_prob": categorical_log_prob, "multidiscrete_entropy": categorical_entropy,
         "multidiscrete_kl": categorical_kl}
FAMILIES = (LOG_PROB, ENTROPY, KL)


def _ends(name: str, says: str, wrong: str, matters: str, *ends: Callable[[Array], Any],
          seen: tuple[str, ...] = ()) -> None:
    """A mistake in what is done with the (B, K) numbers of the choices, entered for all three."""

    def value(family: Family, end: Callable[[Array], Any]) -> Value:
        return lambda x, c: end(terms(RIGHT[family.operation], x, c))

    for family in FAMILIES:
        family.add(name, says, wrong, matters, *(value(family, end) for end in ends), seen=seen)


def _asked(name: str, says: str, wrong: str, matters: str, change: Callable[[Inputs], Inputs],
           seen: tuple[str, ...] = ()) -> None:
    """A mistake in where the choices lie, entered for all three."""

    def value(family: Family) -> Value:
        return lambda x, c: rowwise(terms(RIGHT[family.operation], change(x), c))

    for family in FAMILIES:
        family.add(name, says, wrong, matters, value(family), seen=seen)


def _equal_parts(x: Inputs) -> Inputs:
    """As many columns for each choice as `numpy.array_split` gives; an index beyond them is clamped."""
    count, width = len(x.nvec), x.logits.shape[1]
    sizes = [width // count + (k < width % count) for k in range(count)]
    actions = x.get("actions")
    changes = {} if actions is None else {"actions": np.minimum(actions, np.array(sizes) - 1)}
    return x.but(nvec=sizes, **changes)


def _every(logits: Array, x: Inputs) -> Array:
    """log softmax over the columns of all choices together."""
    return log_softmax(logits, x.get("action_mask"))


def _offsets(x: Inputs) -> Any:
    return np.cumsum([0, *x.nvec[:-1]])


def _picked(table: Array, columns: Any) -> Array:
    return table[np.arange(len(table))[:, None], columns]


_ends("not-summed", "One number per choice is returned.", "terms of shape (B, K)",
      "(B, K) broadcasts against (B,), and each choice gets a ratio of its own.", lambda t: t,
      seen=("thu-ml/tianshou #40",))
_ends("averaged-over-choices", "Choices are averaged and not added up.", "mean over k",
      "Choices are made together: log-probabilities add up. Ratios are too close to 1.",
      lambda t: rowwise(t) / t.shape[1])
_ends("first-choice-only", "Only the first choice counts.", "terms[:, 0]", "The other choices learn nothing.",
      lambda t: t[:, 0])
_ends("last-choice-only", "Only the last choice counts: the sum is overwritten in the loop.", "terms[:, -1]",
      "The other choices learn nothing.", lambda t: t[:, -1])
_ends("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all",
      "Every sample needs a number of its own.", lambda t: total(t), lambda t: mean(t), lambda t: mean(rowwise(t)))
_ends("negated", "The result has the wrong sign.", "the sum of cross-entropies",
      "A loss is returned where its negative was asked for, or the reverse.", lambda t: -rowwise(t))
_ends("in-bits", "The logarithm has base 2.", "log2(p)", "Coefficients and ratios are meant for nats.",
      lambda t: rowwise(t) / lift(2).log())
_asked("split-into-equal-parts", "The columns are split into equal parts, whatever nvec says.",
       "array_split(logits, len(nvec), axis=1)",
       "Right for choices of equal size only; otherwise logits of one choice are read as another's.", _equal_parts,
       seen=("Denys88/rl_games #361 (masks)",))


LOG_PROB.add("one-softmax-for-all", "The choices compete in one softmax.", "log_softmax(logits)[offset + a]",
             "Probabilities of different choices take from each other.",
             lambda x, c: rowwise(_picked(_every(x.logits, x), x.actions + _offsets(x))))
LOG_PROB.add("offsets-missing", "Actions index the row of all choices without the offset of their own.",
             "log p[a_k] for every k", "All choices are scored by the probabilities of the first.",
             lambda x, c: rowwise(_picked(np.concatenate(
                 [log_softmax(h.logits, h.get("action_mask")) for h in heads(x)], axis=1),
                 np.minimum(x.actions, x.logits.shape[1] - 1))))
LOG_PROB.add("logits-as-log-probs", "The logits are used as if they were normalised.", "sum logits[offset + a]",
             "A constant in the logits changes it.",
             lambda x, c: rowwise(_picked(x.logits, x.actions + _offsets(x))))
LOG_PROB.add("probability-returned", "The probability is returned, not its logarithm.", "prod p_k[a_k]",
             "Ratios are formed from differences of logarithms.",
             lambda x, c: exp(rowwise(terms(categorical_log_prob, x, c))))
LOG_PROB.add("probabilities-added", "Probabilities are added up in place of their logarithms.",
             "sum p_k[a_k] or its logarithm", "Independent choices multiply.",
             lambda x, c: rowwise(exp(terms(categorical_log_prob, x, c))),
             lambda x, c: log(rowwise(exp(terms(categorical_log_prob, x, c)))))
LOG_PROB.add("choices-reversed", "Actions are matched with the choices in reverse.", "a_k with the logits of K - 1 - k",
             "Right for symmetric policies only.",
             lambda x, c: rowwise(terms(categorical_log_prob, x.but(actions=np.minimum(
                 x.actions[:, ::-1], np.array(x.nvec) - 1)), c)))
LOG_PROB.add("mask-ignored", "Illegal actions take part in the softmax.", "log softmax(logits), mask or not",
             "Probability is lost to actions that cannot be taken.",
             lambda x, c: rowwise(terms(categorical_log_prob, x.but(action_mask=None), c)))


def _of_tables(formula: Callable[[Array, Any], Any]) -> Value:
    """A formula of log p and of what is legal, added up over choices."""

    def value(x: Inputs, c: Choices) -> Any:
        found = [formula(log_softmax(h.logits, h.get("action_mask")), _legal(h)) for h in heads(x)]
        return rowwise(np.stack(found, axis=1))

    return value


def _legal(x: Inputs) -> Any:
    allowed = x.get("action_mask")
    return np.ones(x.logits.shape, dtype=bool) if allowed is None else np.asarray(allowed)


def _live(term: Callable[[Array], Array]) -> Callable[[Array, Any], Any]:
    """A term of log p, added up over legal actions."""
    return lambda table, legal: np.array(
        [total(term(row[m])) for row, m in zip(table, legal, strict=True)], dtype=object)


def _unguarded(x: Inputs, c: Choices) -> Array:
    """-sum p log p over all columns; 0 log 0 is NaN where a choice lies far below the others."""
    p = each(lambda v: held(v.exp(), DOUBLE), _every(x.logits, x))
    return -rowwise(p * log(p))


ENTROPY.add("one-softmax-for-all", "The choices compete in one softmax.", "H(softmax(logits))",
            "Probabilities of different choices take from each other.",
            lambda x, c: categorical_entropy(x, c)["entropy"], _unguarded)
ENTROPY.add("mask-ignored", "Illegal actions take part in the softmax.", "H(softmax(logits)), mask or not",
            "The bonus pays for actions that cannot be taken.",
            lambda x, c: rowwise(terms(categorical_entropy, x.but(action_mask=None), c)))
ENTROPY.add("weights-missing", "The log-probabilities are not weighted by p.", "-sum log p",
            "It grows without bound as the policy becomes certain.", _of_tables(_live(lambda v: -v)))
ENTROPY.add("logarithm-missing", "The probability stands where its logarithm belongs.", "sum over k of 1 - sum p^2",
            "Gini's index, which never exceeds the number of choices.",
            _of_tables(_live(lambda v: exp(v) * (1 - exp(v)))))
ENTROPY.add("perplexity", "exp of the entropy is returned.", "exp(H)", "The number of actions, so to speak.",
            lambda x, c: exp(rowwise(terms(categorical_entropy, x, c))))
ENTROPY.add("multiplied-over-choices", "Entropies are multiplied.", "prod over k of H_k",
            "Probabilities multiply, entropies add up; one certain choice makes it 0.",
            lambda x, c: _product(terms(categorical_entropy, x, c)))


def _product(t: Array) -> Array:
    out = t[:, 0]
    for column in t.T[1:]:
        out = out * column
    return out


def _swapped(x: Inputs) -> Inputs:
    return x.but(logits=x.other_logits, other_logits=x.logits)


def _forwards(x: Inputs, c: Choices) -> Array:
    return rowwise(terms(categorical_kl, x, c))


def _both(formula: Callable[[Array, Array], Any]) -> Value:
    """A formula of log p and log q of one choice, added up over choices."""

    def value(x: Inputs, c: Choices) -> Any:
        found = [formula(log_softmax(h.logits), log_softmax(h.other_logits)) for h in heads(x)]
        return rowwise(np.stack(found, axis=1))

    return value


KL.add("arguments-swapped", "The other KL: KL(other_logits, logits).", "sum q (log q - log p)",
       "The KL is not symmetric; the penalty acts where the wrong policy has mass.",
       lambda x, c: _forwards(_swapped(x), c), seen=("vwxyzjn/cleanrl 7dc0baef",))
KL.add("one-softmax-for-all", "The choices compete in one softmax.", "KL(softmax(logits), softmax(other_logits))",
       "Probabilities of different choices take from each other.",
       lambda x, c: table_kl(log_softmax(x.logits), log_softmax(x.other_logits)))
KL.add("weighted-by-other", "The difference of logs is weighted by the other distribution.", "sum q (log p - log q)",
       "That is minus the other KL: negative.", lambda x, c: -_forwards(_swapped(x), c))
KL.add("cross-entropy", "The entropy of the first distribution is not subtracted.", "-sum p log q",
       "Equal distributions do not give 0.", _both(lambda p, q: -rowwise(exp(p) * q)))
KL.add("symmetrised", "Both directions are added or averaged.", "(KL(p, q) + KL(q, p)) / 2",
       "Jeffreys' divergence; the bound of PPO is for one direction.",
       lambda x, c: (_forwards(x, c) + _forwards(_swapped(x), c)) / 2,
       lambda x, c: _forwards(x, c) + _forwards(_swapped(x), c))
KL.add("squared-difference", "Squared differences are added up.", "sum (p - q)^2", "A distance, but no KL.",
       _both(lambda p, q: rowwise((exp(p) - exp(q)) * (exp(p) - exp(q)))))
KL.add("partition-missing", "The logits are subtracted without their log-sum-exp.", "sum p (z - z')",
       "A constant in the logits changes it, and it can be negative.",
       lambda x, c: rowwise(np.stack([rowwise(exp(log_softmax(h.logits)) * (h.logits - h.other_logits))
                                      for h in heads(x)], axis=1)))
