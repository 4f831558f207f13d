"""Mistakes in kl_penalty_loss: its KL, its softmax, and how the terms are added."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import (
    KL,
    every,
    graft,
    penalty,
    policy_inputs,
    policy_term,
    ratio,
    right,
)
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import reduce
from ppocore.conformance.oracle.probability import detached, log_ratio, log_softmax, rowwise, table_kl
from ppocore.conformance.oracle.reals import ONE, Array, Real, constant, each, exp, mean, total

CATALOGUE = Catalogue()


def _kl(x: Inputs, c: Choices) -> Real:
    rows = penalty(x, c)
    return reduce(rows, every(rows), c)


Sum = Callable[[Real, Real, Real], Real]


def _kl_mistake(name: str, says: str, wrong: str, matters: str, seen: tuple[str, ...] = ()
                ) -> Callable[[Sum], Sum]:
    """A wrong sum of surrogate loss, coefficient and mean KL."""

    def entered(add: Sum) -> Sum:
        def formula(x: Inputs, c: Choices) -> Outputs:
            return {"loss": add(policy_term(KL, x, c), x.kl_coef, _kl(x, c))}

        CATALOGUE.enter(f"{KL}/{name}", says=says, wrong=wrong, matters=matters, seen=seen)(formula)
        return add

    return entered


_kl_mistake("kl-subtracted",
            "The KL term is subtracted from a loss that is minimised.",
            "-mean(r A) - kl_coef mean(KL)",
            "The policy is driven away from the old one, the more so the larger kl_coef is.",
            ("verl-project/verl #179", "qiancheng0/ToolRL #52", "RAGEN #58"))(lambda s, b, kl: s - b * kl)
_kl_mistake("kl-missing",
            "The KL term is 0: it is left out, or both of its distributions are the new one.",
            "-mean(r A) + kl_coef KL(new, new)",
            "Nothing bounds the step.",
            ("pytorch/rl #1922",))(lambda s, b, kl: s)
_kl_mistake("kl-detached",
            "The value is right, but no gradient flows through the KL.",
            "kl_coef stop_gradient(mean(KL))",
            "The penalty is reported and has no effect.")(lambda s, b, kl: s + b * Real(kl.value, kl.slack))
_kl_mistake("kl-coef-ignored",
            "The KL is added without its coefficient.",
            "-mean(r A) + mean(KL)",
            "No controller can adapt the penalty.")(lambda s, b, kl: s + kl)
_kl_mistake("kl-coef-squared",
            "The coefficient of the KL is applied twice.",
            "-mean(r A) + kl_coef^2 mean(KL)",
            "Small coefficients vanish.")(lambda s, b, kl: s + b * b * kl)
_kl_mistake("kl-coef-on-the-surrogate",
            "The coefficient multiplies the surrogate instead of the KL.",
            "-kl_coef mean(r A) + mean(KL)",
            "What is meant to strengthen the penalty weakens it.")(lambda s, b, kl: b * s + kl)
_kl_mistake("kl-coef-on-both-terms",
            "The coefficient multiplies the whole loss.",
            "kl_coef (-mean(r A) + mean(KL))",
            "The balance of the two terms cannot be set.")(lambda s, b, kl: b * (s + kl))
_kl_mistake("surrogate-negated",
            "The surrogate has the wrong sign.",
            "mean(r A) + kl_coef mean(KL)",
            "The policy unlearns.")(lambda s, b, kl: b * kl - s)
_kl_mistake("surrogate-missing",
            "The loss is the KL term alone.",
            "kl_coef mean(KL)",
            "Nothing is learned.")(lambda s, b, kl: b * kl)
_kl_mistake("kl-squared",
            "The mean KL is squared.",
            "-mean(r A) + kl_coef mean(KL)^2",
            "Near the old policy the penalty has no force.")(lambda s, b, kl: s + b * kl * kl)
_kl_mistake("kl-halved",
            "The KL term is halved.",
            "-mean(r A) + kl_coef mean(KL) / 2",
            "The KL that a controller aims at is reached with another"
            " coefficient.")(lambda s, b, kl: s + b * kl / 2)
_kl_mistake("kl-in-bits",
            "The KL is computed with logarithms to base 2.",
            "sum p_old (log2 p_old - log2 p)",
            "A target of 0.01 nats is read as one of 0.01 bits.",
            )(lambda s, b, kl: s + b * kl / constant("2").log())


def _kl_rows(name: str, says: str, wrong: str, matters: str) -> Callable[[Formula], Formula]:
    return CATALOGUE.enter(f"{KL}/{name}", says=says, wrong=wrong, matters=matters)


Term = Callable[[Inputs, Choices], Real]


def _penalised(term: Term) -> Formula:
    """The surrogate plus another penalty."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        return {"loss": policy_term(KL, x, c) + x.kl_coef * term(x, c)}

    return formula


_kl_rows("kl-summed-over-the-batch",
         "The KL is summed over the rows, the surrogate averaged.",
         "-mean(r A) + kl_coef sum(KL)",
         "The penalty grows with the batch size.")(_penalised(lambda x, c: total(penalty(x, c))))
_kl_rows("kl-averaged-over-actions",
         "The KL is averaged over the actions instead of summed.",
         "-mean(r A) + kl_coef mean over rows and actions",
         "The penalty shrinks with the number of actions.",
         )(_penalised(lambda x, c: _kl(x, c) / x.logits.shape[1]))
_kl_rows("largest-kl",
         "The largest KL of the batch is used instead of the mean.",
         "-mean(r A) + kl_coef max(KL)",
         "One row decides, and only its gradient counts.",
         )(_penalised(lambda x, c: max(penalty(x, c), key=lambda kl: kl.value)))


def _tables(x: Inputs) -> tuple[Array, Array]:
    return log_softmax(x.logits), log_softmax(x.old_logits)


def _symmetric(x: Inputs, c: Choices) -> Real:
    new, old = _tables(x)
    return reduce(table_kl(new, old) + table_kl(old, new), np.ones(len(new), dtype=bool), c)


_kl_rows("kl-symmetric",
         "The KL is taken in both directions, added or averaged.",
         "(KL(old, new) + KL(new, old)) / 2",
         "Neither the trust region of the paper nor its reverse.",
         )(_penalised(lambda x, c: _symmetric(x, c) / 2))
CATALOGUE.variant(f"{KL}/kl-symmetric")(_penalised(_symmetric))


def _cross_entropy(x: Inputs, c: Choices) -> Real:
    new, old = _tables(x)
    return reduce(rowwise(-(exp(old) * new)), np.ones(len(new), dtype=bool), c)


_kl_rows("cross-entropy-for-kl",
         "The cross-entropy is used instead of the KL.",
         "-sum p_old log p",
         "The gradient is that of the KL, but the value does not vanish at equal policies, and misleads a"
         " controller.",
         )(_penalised(_cross_entropy))


def _entropy(x: Inputs, c: Choices) -> Real:
    new, _ = _tables(x)
    return reduce(rowwise(-(exp(new) * new)), np.ones(len(new), dtype=bool), c)


_kl_rows("entropy-for-kl",
         "The entropy of the new policy stands where the KL belongs.",
         "-mean(r A) - kl_coef mean(H(new))",
         "The policy is drawn to the uniform one, not to the old one.",
         )(_penalised(lambda x, c: -_entropy(x, c)))
CATALOGUE.variant(f"{KL}/entropy-for-kl")(_penalised(_entropy))


def _sampled(of_log_ratio: Callable[[Array], Array]) -> Formula:
    def term(x: Inputs, c: Choices) -> Real:
        y = policy_inputs(KL, x)
        return reduce(of_log_ratio(log_ratio(y, c)), y.valid, c)

    return _penalised(term)


_kl_rows("kl-of-taken-actions-k1",
         "The KL is estimated by -log r of the actions taken.",
         "-mean(r A) + kl_coef mean(old_log_prob - log_prob)",
         "A noisy estimate that can be negative; its gradient is not that of the KL.")(_sampled(lambda d: -d))
CATALOGUE.variant(f"{KL}/kl-of-taken-actions-k1")(_sampled(lambda d: d * ONE))
_kl_rows("kl-of-taken-actions-k2",
         "The KL is estimated by (log r)^2 / 2 of the actions taken.",
         "-mean(r A) + kl_coef mean((log_prob - old_log_prob)^2 / 2)",
         "Actions that were not drawn are not held back.")(_sampled(lambda d: d * d / 2))
_kl_rows("kl-of-taken-actions-k3",
         "The KL is estimated by r - 1 - log r, or its mirror image, of the actions taken.",
         "-mean(r A) + kl_coef mean(r - 1 - log r)",
         "Actions that were not drawn are not held back.")(_sampled(lambda d: exp(d) - 1 - d))
CATALOGUE.variant(f"{KL}/kl-of-taken-actions-k3")(_sampled(lambda d: exp(-d) - 1 + d))
_kl_rows("kl-weights-missing",
         "The log-ratios of all actions are averaged or added up without their probabilities.",
         "mean or sum over actions of log p_old - log p",
         "Actions that are never drawn count as much as the likely ones.",
         )(_penalised(lambda x, c: mean(_tables(x)[1] - _tables(x)[0])))
CATALOGUE.variant(f"{KL}/kl-weights-missing")(
    _penalised(lambda x, c: mean(_tables(x)[1] - _tables(x)[0]) * x.logits.shape[1]))

_LARGEST = Decimal("1.7976931348623157e308")


def _raw_exp(x: Array) -> Array:
    """exp that overflows like float64; float32 does so on no other case."""
    return each(_exp_or_infinity, x)


def _exp_or_infinity(v: Real) -> Real:
    result = v.exp()
    if result.value <= _LARGEST:
        return result
    infinity = Real(Decimal("Infinity"))
    return Real(infinity.value, 0.0, None if v.parents is None else ((v, infinity),))


def _unnormalised(*, in_ratio: bool, in_kl: bool) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        rows = np.arange(len(x.logits))
        policy, kl = policy_term(KL, x, c), _kl(x, c)
        if in_ratio:
            d = (x.logits - x.old_logits)[rows, x.actions]
            policy = -reduce(_raw_exp(d) * x.advantages, np.ones(len(rows), dtype=bool), c)
        if in_kl:
            p, q = (x.logits, x.old_logits) if c["kl_direction"] == "new_old" else (x.old_logits, x.logits)
            kl = reduce(rowwise(_raw_exp(p) * (p - q)), np.ones(len(rows), dtype=bool), c)
        return {"loss": policy + x.kl_coef * kl}

    return formula


_kl_rows("logits-taken-as-log-probabilities",
         "The logits are used without log_softmax, in the ratio, in the KL, or in both.",
         "exp(logits[actions] - old_logits[actions])",
         "A constant added to the logits changes the loss; gradients do not sum to 0 over the actions.",
         )(_unnormalised(in_ratio=True, in_kl=True))
CATALOGUE.variant(f"{KL}/logits-taken-as-log-probabilities")(_unnormalised(in_ratio=True, in_kl=False))
CATALOGUE.variant(f"{KL}/logits-taken-as-log-probabilities")(_unnormalised(in_ratio=False, in_kl=True))


@_kl_rows("softmax-over-the-batch",
          "The softmax runs over the rows instead of the actions.",
          "log_softmax(logits, axis=0)",
          "Probabilities of one action in all states add up to 1.")
def _wrong_axis(x: Inputs, c: Choices) -> Outputs:
    rows = np.arange(len(x.logits))
    new, old = log_softmax(x.logits.T).T, log_softmax(x.old_logits.T).T
    y = x.but(log_prob=new[rows, x.actions], old_log_prob=old[rows, x.actions])
    kl = table_kl(new, old) if c["kl_direction"] == "new_old" else table_kl(old, new)
    policy = -reduce(ratio(y, c) * x.advantages, every(rows), c)
    return {"loss": policy + x.kl_coef * reduce(kl, every(rows), c)}


@_kl_rows("actions-of-every-row",
          "Indexing picks the actions of all rows in every row.",
          "log_prob[:, actions], of shape (B, B)",
          "The mean runs over all pairs: a row is credited with the advantages of others.")
def _indexed(x: Inputs, c: Choices) -> Outputs:
    new, old = (table[:, x.actions] for table in _tables(x))
    r = ratio(x.but(log_prob=new, old_log_prob=old), c)
    terms = r * x.advantages
    return {"loss": -reduce(terms.reshape(-1), np.ones(terms.size, dtype=bool), c) + x.kl_coef * _kl(x, c)}


def _slope_of_taken(*, in_kl: bool) -> Formula:
    """Gradients that forget that every logit moves every probability of its row."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        new, old = _tables(x)
        slope = x.but(log_prob=_pinned(new, x.logits), old_log_prob=old)
        rows = np.arange(len(new))
        y = slope.but(log_prob=slope.log_prob[rows, x.actions], old_log_prob=old[rows, x.actions])
        policy = -reduce(ratio(y, c) * x.advantages, every(rows), c)
        table = slope.log_prob if in_kl else new
        kl = table_kl(table, old) if c["kl_direction"] == "new_old" else table_kl(old, table)
        return {"loss": graft(right(KL, x, c), policy + x.kl_coef * reduce(kl, every(rows), c))}

    return formula


def _pinned(table: Array, logits: Array) -> Array:
    """Log-probabilities each of which moves with its own logit alone."""
    return detached(table) + (logits - detached(logits))


_kl_rows("softmax-derivative-of-the-taken-action-alone",
         "The value is right; its gradient lacks the term -p of the derivative of log_softmax.",
         "d log p[a] / d logits = onehot(a)",
         "Gradients do not sum to 0 over the actions: what is not taken is not pushed down.",
         )(_slope_of_taken(in_kl=False))
CATALOGUE.variant(f"{KL}/softmax-derivative-of-the-taken-action-alone")(_slope_of_taken(in_kl=True))
