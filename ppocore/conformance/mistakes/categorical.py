"""Mistakes of categorical log-probabilities and entropies, with and without masked actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import DOUBLE, Family, Value, exp_within, softplus
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import categorical_entropy, categorical_log_prob, log_softmax, rowwise
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
    maximum,
    mean,
    total,
    where,
)

CATALOGUE = Catalogue()
LOG_PROB = Family(CATALOGUE, "categorical_log_prob")
ENTROPY = Family(CATALOGUE, "categorical_entropy")
Table = Callable[[Inputs], Array]
"""A (B, A) table that stands where log p belongs."""

NOTHING = lift("-Infinity")
NAN = lift("NaN")
EPSILONS = ("1e-8", "1e-10", "1e-12", "1e-7", "1e-6", "1e-5", "1e-4")


def _legal(x: Inputs) -> Array:
    allowed = x.get("action_mask")
    return np.ones(x.logits.shape, dtype=bool) if allowed is None else np.asarray(allowed)


def _table(x: Inputs) -> Array:
    """log p."""
    return log_softmax(x.logits, x.get("action_mask"))


def _p(x: Inputs) -> Array:
    return where(_legal(x), exp(_table(x)), ZERO)


def _chosen(table: Array, x: Inputs) -> Array:
    return table[np.arange(len(table)), x.actions]


def _minus_p_log_p(log_p: Real) -> Real:
    """-p log p, 0 at p = 0."""
    return ZERO if log_p.value == NOTHING.value else -(log_p.exp() * log_p)


def _largest(table: Array) -> Array:
    return np.array([max(row, key=lambda v: v.value) for row in table], dtype=object)


def _entropy(table: Array) -> Array:
    return rowwise(each(_minus_p_log_p, table))


def _both(name: str, says: str, wrong: str, matters: str, *tables: Table, seen: tuple[str, ...] = ()) -> None:
    """A mistake in the table of log p, entered for both operations."""

    def chosen(table: Table) -> Value:
        return lambda x, c: _chosen(table(x), x)

    def entropy(table: Table) -> Value:
        return lambda x, c: _entropy(table(x))

    LOG_PROB.add(name, says, wrong, matters, *(chosen(table) for table in tables), seen=seen)
    ENTROPY.add(name, says, wrong, matters, *(entropy(table) for table in tables), seen=seen)


def _over_the_illegal(empty: Real, x: Inputs) -> Array:
    """log p over illegal actions; a row without any is NaN, or counts as impossible."""
    if "action_mask" not in x.passed:
        return _table(x)
    rows = [log_softmax(z[None], ~m[None])[0] if not m.all() else each(lambda _: empty, z)
            for z, m in zip(x.logits, x.action_mask, strict=True)]
    return np.array(rows, dtype=object)


def _swapped_fill(x: Inputs) -> Array:
    """Legal logits replaced by a large negative number: a row without illegal actions becomes uniform."""
    if "action_mask" not in x.passed:
        return _table(x)
    return log_softmax(where(x.action_mask, lift(-(10**9)), x.logits))


def _lowered(by: int, x: Inputs) -> Array:
    return log_softmax(where(_legal(x), x.logits, x.logits - lift(by)))


def _filled(number: int, x: Inputs) -> Array:
    return log_softmax(where(_legal(x), x.logits, lift(number)))


def _blocked(table: Array, x: Inputs) -> Array:
    return where(_legal(x), table, NOTHING)


def _log_sigmoids(x: Inputs) -> Array:
    return _blocked(-each(softplus, -x.logits), x)


def _columns(x: Inputs) -> Array:
    """log softmax over the rows; a column without a legal entry stays empty."""
    legal = _legal(x)
    columns = [log_softmax(z[None], m[None])[0] if m.any() else each(lambda _: NOTHING, z)
               for z, m in zip(x.logits.T, legal.T, strict=True)]
    return np.array(columns, dtype=object).T


def _raw_sums(x: Inputs) -> Array:
    """sum exp(z) of each row, as code has it that does not shift."""
    return rowwise(where(_legal(x), exp_within(x.logits, DOUBLE), ZERO))[:, None]


def _unshifted(x: Inputs) -> Array:
    """log(exp(z) / sum exp(z)); both formats overflow on the same logits."""
    return log(where(_legal(x), exp_within(x.logits, DOUBLE), ZERO) / _raw_sums(x))


def _unshifted_sum(x: Inputs) -> Array:
    return _blocked(x.logits - log(_raw_sums(x)), x)


_both("mask-ignored", "Illegal actions take part in the softmax.", "log softmax(logits), mask or not",
      "Probability is lost to actions that cannot be taken.", lambda x: log_softmax(x.logits))
_both("mask-inverted", "Legal actions are the ones that are masked.", "where(action_mask, -inf, logits)",
      "Actions that were taken get probability 0.", partial(_over_the_illegal, NAN),
      partial(_over_the_illegal, NOTHING), _swapped_fill)
_both("mask-too-weak", "Illegal logits are lowered, or replaced by a number, and keep some probability.",
      "logits + (action_mask - 1) * 10; where(action_mask, logits, -10)",
      "Logits have no scale of their own: what is small for one state is large for another.",
      *(partial(_lowered, by) for by in (1, 2, 5, 10, 20)),
      *(partial(_filled, number) for number in (-1, -5, -10, -20)),
      seen=("sb3-contrib #302",))
_both("mask-multiplied-into-logits", "Illegal logits become 0.", "logits * action_mask",
      "A logit of 0 is an ordinary one: illegal actions keep probability.", partial(_filled, 0))
_both("softmax-twice", "softmax is taken of probabilities.", "log_softmax(softmax(logits))",
      "All distributions become nearly uniform.", lambda x: log_softmax(_p(x)))
_both("softmax-over-batch", "softmax runs over the rows.", "log_softmax(logits, axis=0)",
      "States compete with each other instead of actions.", _columns)
_both("sigmoid-for-softmax", "Every action gets a sigmoid of its own.", "log(sigmoid(logits))",
      "The probabilities do not add up to 1.", _log_sigmoids)
_both("logits-as-log-probs", "The logits are used as if they were normalised.", "logits[actions]",
      "Right only where log_softmax was already taken; a constant in the logits changes it.",
      lambda x: _blocked(x.logits, x))
_both("exponential-missing", "The logits are divided by their sum, without exp.", "log(logits / sum(logits))",
      "Negative logits have no logarithm, and samples come from softmax.",
      lambda x: log(x.logits / rowwise(where(_legal(x), x.logits, ZERO))[:, None]),
      seen=("PaddlePaddle/Paddle #54733", "PaddlePaddle/Paddle #43971"))


def _picked(formula: Callable[[Array, Inputs], Any]) -> Value:
    """A formula of the table of log p."""
    return lambda x, c: formula(_table(x), x)


def _right(x: Inputs, c: Choices) -> Array:
    log_prob: Array = categorical_log_prob(x, c)["log_prob"]
    return log_prob


def _at(actions: Callable[[Inputs, int], Any]) -> Value:
    return lambda x, c: _table(x)[np.arange(len(x.actions)), actions(x, x.logits.shape[1])]


def _log_plus(eps: str, x: Inputs, c: Choices) -> Array:
    return log(exp(_right(x, c)) + constant(eps))


def _log_clamped(eps: str, upper: bool, x: Inputs, c: Choices) -> Array:
    return log(clip(exp(_right(x, c)), constant(eps), 1 - constant(eps) if upper else ONE))


LOG_PROB.add("probability-returned", "The probability is returned, not its logarithm.",
             "softmax(logits)[actions]", "Ratios are formed from differences of logarithms.",
             lambda x, c: exp(_right(x, c)))
LOG_PROB.add("negated", "Minus the log-probability is returned.", "-log p(a): the cross-entropy",
             "The ratio becomes old over new.", lambda x, c: -_right(x, c))
LOG_PROB.add("most-likely-action", "The largest log-probability is returned, whatever action was taken.",
             "max(log p)", "The action taken has no influence.",
             _picked(lambda t, x: _largest(t)))
LOG_PROB.add("index-shifted", "The neighbouring action is scored.", "log p[a - 1] or log p[a + 1]",
             "Actions counted from 1 in one place and from 0 in another.", _at(lambda x, n: x.actions - 1),
             _at(lambda x, n: (x.actions + 1) % n), _at(lambda x, n: np.minimum(x.actions + 1, n - 1)),
             _at(lambda x, n: np.maximum(x.actions - 1, 0)))
LOG_PROB.add("action-not-selected", "All log-probabilities are returned.", "log_softmax(logits)",
             "(B, A) broadcasts where (B,) was meant.", _picked(lambda t, x: t))
LOG_PROB.add("every-row-with-every-action", "Indexing takes the actions of all rows for each row.",
             "log_softmax(logits)[:, actions]", "(B, B) numbers, of which only the diagonal means anything.",
             _picked(lambda t, x: t[:, x.actions]), _picked(lambda t, x: t[:, x.actions].T))
LOG_PROB.add("averaged-over-actions", "The log-probabilities of all actions are averaged.",
             "mean(log_softmax(logits))", "The action taken has no influence.",
             _picked(lambda t, x: rowwise(where(_legal(x), t, ZERO)) / t.shape[1]),
             _picked(lambda t, x: rowwise(where(_legal(x), t, ZERO)) / _legal(x).sum(axis=1)))
LOG_PROB.add("one-hot-mean", "The log-probability is picked by a one-hot product and averaged over actions.",
             "mean(one_hot(a) * log_softmax(logits))", "Too small by the number of actions.",
             lambda x, c: _right(x, c) / x.logits.shape[1])
LOG_PROB.add("reduced-over-batch", "Rows are averaged or added up.",
             "mean(log p(a)): the loss of a classifier", "Every sample needs a ratio of its own.",
             lambda x, c: mean(_right(x, c)), lambda x, c: total(_right(x, c)),
             lambda x, c: -mean(_right(x, c)))
LOG_PROB.add("in-bits", "The logarithm has base 2.", "log2(p)", "exp of a difference is then no ratio.",
             lambda x, c: _right(x, c) / lift(2).log())
LOG_PROB.add("epsilon-in-logarithm", "A small number is added to the probability.",
             "log(softmax(logits) + 1e-8)", "The ratio of rare actions is wrong, and its gradient gone.",
             *(partial(_log_plus, eps) for eps in EPSILONS))
LOG_PROB.add("probability-clamped", "The probability is kept away from 0 (and 1).",
             "log(clip(p, 1e-7, 1 - 1e-7))", "The ratio of rare actions is wrong, and its gradient gone.",
             *(partial(_log_clamped, eps, upper)
               for eps in (*EPSILONS, str(2.0**-23), "1e-3") for upper in (False, True)))
LOG_PROB.add("unshifted-exponent", "exp is taken of the logits as they come.", "log(exp(z) / sum(exp(z)))",
             "Logits of 1000 give inf/inf, although a constant in them means nothing.",
             lambda x, c: _chosen(_unshifted(x), x), lambda x, c: _chosen(_unshifted_sum(x), x))


def _h(x: Inputs, c: Choices) -> Array:
    entropy: Array = categorical_entropy(x, c)["entropy"]
    return entropy


def _live(x: Inputs, term: Callable[[Array], Array]) -> Array:
    """A term of log p, added up over legal actions."""
    return np.array([total(term(row[m])) for row, m in zip(_table(x), _legal(x), strict=True)], dtype=object)


def _plus(eps: str, x: Inputs, c: Choices) -> Array:
    return _live(x, lambda v: -(exp(v) * log(exp(v) + constant(eps))))


def _clamped(eps: str, everywhere: bool, x: Inputs, c: Choices) -> Array:
    p = maximum(_p(x), constant(eps))
    return -rowwise((p if everywhere else _p(x)) * log(p))


def _naive(table: Table) -> Value:
    """-sum p log p with nothing guarded: 0 log 0 is NaN."""
    return lambda x, c: -rowwise(exp(table(x)) * table(x))


def _unrenormalised(x: Inputs, c: Choices) -> Array:
    everything = log_softmax(x.logits)
    return _entropy(_blocked(everything, x))


ENTROPY.add("minus-missing", "The minus is missing.", "sum p log p", "Exploration is punished.",
            lambda x, c: -_h(x, c), seen=("rlworkgroup/garage #628",))
ENTROPY.add("in-bits", "The logarithm has base 2.", "-sum p log2(p)", "Coefficients are meant for nats.",
            lambda x, c: _h(x, c) / lift(2).log())
ENTROPY.add("averaged-over-actions", "Actions are averaged and not added up.", "-mean(p log p)",
            "Too small by the number of actions.", lambda x, c: _h(x, c) / x.logits.shape[1],
            lambda x, c: _h(x, c) / _legal(x).sum(axis=1))
ENTROPY.add("not-summed", "One number per action is returned.", "-p log p",
            "(B, A) broadcasts where (B,) was meant.", lambda x, c: each(_minus_p_log_p, _table(x)))
ENTROPY.add("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all B",
            "A sum grows with the batch; neither is one number per state.",
            lambda x, c: mean(_h(x, c)), lambda x, c: total(_h(x, c)), seen=("noahfarr/rlx #3",))
ENTROPY.add("perplexity", "exp of the entropy is returned.", "exp(-sum p log p)",
            "The number of actions, so to speak, and not its logarithm.", lambda x, c: exp(_h(x, c)))
ENTROPY.add("normalized", "The entropy is divided by its largest possible value.", "H / log(A)",
            "Another scale for every number of actions.",
            lambda x, c: _h(x, c) / lift(x.logits.shape[1]).log(),
            lambda x, c: _h(x, c) / each(lambda n: lift(int(n)).log(), _legal(x).sum(axis=1)))
ENTROPY.add("partition-missing", "The logits are weighted, without their log-sum-exp.", "-sum p z",
            "A constant in the logits changes it.",
            lambda x, c: -rowwise(where(_legal(x), _p(x) * where(_legal(x), x.logits, ZERO), ZERO)))
ENTROPY.add("weights-missing", "The log-probabilities are not weighted by p.", "-sum log p or -mean log p",
            "It grows without bound as the policy becomes certain.",
            lambda x, c: _live(x, lambda v: -v), lambda x, c: _live(x, lambda v: -v) / _legal(x).sum(axis=1),
            lambda x, c: _live(x, lambda v: -v) / x.logits.shape[1])
ENTROPY.add("logarithm-missing", "The probability stands where its logarithm belongs.", "1 - sum p^2",
            "Gini's index, which never exceeds 1.",
            lambda x, c: 1 - _live(x, lambda v: exp(v) * exp(v)),
            lambda x, c: _live(x, lambda v: -exp(v) * exp(v)))
ENTROPY.add("most-likely-action-only", "Only the most likely action enters.", "-log(max p) or -max p log(max p)",
            "Uniform over n gives log n, everything else something too small.",
            lambda x, c: -_largest(_table(x)), lambda x, c: each(_minus_p_log_p, _largest(_table(x))))
ENTROPY.add("epsilon-in-logarithm", "A small number is added to the probability.", "-sum p log(p + 1e-8)",
            "Slightly negative where the policy is certain, and never exact.",
            *(partial(_plus, eps) for eps in EPSILONS))
ENTROPY.add("probabilities-clamped", "Probabilities are kept above a small number.", "p = maximum(p, 1e-8)",
            "Impossible actions count as possible.",
            *(partial(_clamped, eps, everywhere) for eps in (*EPSILONS, str(2.0**-23))
              for everywhere in (True, False)))
ENTROPY.add("not-renormalized", "Illegal actions are left out of the sum, but keep their probability.",
            "-sum over legal of p log p, p = softmax(logits)", "Legal probabilities do not add up to 1.",
            _unrenormalised, seen=("JuliaReinforcementLearning #917",))
ENTROPY.add("zero-times-infinity", "0 log 0 is computed for illegal actions.", "p * log(p) at p = 0",
            "The whole loss is NaN as soon as one action is illegal.", _naive(_table),
            seen=("JuliaReinforcementLearning #917",
                  "sb3-contrib #81"))
ENTROPY.add("unshifted-exponent", "exp is taken of the logits as they come.", "p = exp(z) / sum(exp(z))",
            "Logits of 1000 give inf/inf, although a constant in them means nothing.",
            lambda x, c: _entropy(_unshifted(x)), lambda x, c: _entropy(_unshifted_sum(x)),
            _naive(_unshifted), _naive(_unshifted_sum))
