"""Mistakes in the ratio, the same in every policy loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import (
    CLIP,
    KL,
    NAN,
    PPO,
    RATIO,
    SURROGATE,
    Part,
    Shared,
    graft,
    nan_slope,
    objective,
    of_objective,
    of_ratio,
    overflowing,
    ratio,
)
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import detached, log_ratio
from ppocore.conformance.oracle.reals import (
    ONE,
    TWO,
    ZERO,
    Array,
    Real,
    clip,
    constant,
    each,
    exp,
    lift,
    mean,
    minimum,
    stop,
    total,
)

CATALOGUE = Catalogue()
ratios = Shared(CATALOGUE, of_ratio)
objectives = Shared(CATALOGUE, of_objective)
singles = Shared(CATALOGUE, lambda operation, part: overflowing(of_objective(operation, part)))


@ratios("ratio-inverted", *RATIO,
        says="The ratio is old over new instead of new over old.",
        wrong="exp(old_log_prob - log_prob)",
        matters="The derivative of the ratio has the other sign: the policy moves against the advantages.")
def _inverted(x: Inputs, c: Choices) -> Array:
    return exp(-log_ratio(x, c))


@ratios("exp-missing", *RATIO,
        says="The difference of the log-probabilities stands where their ratio belongs.",
        wrong="r = log_prob - old_log_prob",
        matters="Equal policies have ratio 0 instead of 1, far outside of every band.")
def _no_exp(x: Inputs, c: Choices) -> Array:
    return log_ratio(x, c)


@ratios("ratio-linearised", *RATIO,
        says="The ratio is replaced by its first-order expansion.",
        wrong="r = 1 + log_prob - old_log_prob",
        matters="Right near equal policies only; farther away it even becomes negative.")
def _linear(x: Inputs, c: Choices) -> Array:
    return 1 + log_ratio(x, c)


@ratios("probability-difference", *RATIO,
        says="Probabilities are subtracted instead of divided.",
        wrong="r = exp(log_prob) - exp(old_log_prob)",
        matters="Rare actions get almost no weight, and equal policies none at all.")
def _difference(x: Inputs, c: Choices) -> Array:
    return exp(x.log_prob) - exp(x.old_log_prob)


@ratios("old-policy-ignored", *RATIO,
        says="The new probability is not divided by the old one.",
        wrong="r = exp(log_prob)",
        matters="Actions that are drawn often count twice; at equal policies the gradient is wrong already.")
def _new_only(x: Inputs, c: Choices) -> Array:
    return exp(x.log_prob)


@ratios("log-prob-for-ratio", *RATIO,
        says="The log-probability itself stands where the ratio belongs.",
        wrong="r = log_prob",
        matters="That is the plain policy gradient: it is right for one step only, and a clip makes no sense"
                " of it.")
def _log_prob(x: Inputs, c: Choices) -> Array:
    return x.log_prob * ONE


@objectives("log-probs-divided", *RATIO,
            says="The log-probabilities are divided instead of subtracted.",
            wrong="r = log_prob / old_log_prob",
            matters="The more probable an action becomes, the smaller its ratio: the gradient points"
                    " backwards.")
def _quotient(operation: str, x: Inputs, c: Choices) -> Array:
    r = each(_divided, x.log_prob, x.old_log_prob)
    terms = objective(operation, x, c, r)
    return each(_slope_of_division, terms, r * x.advantages, x.advantages, x.log_prob, x.old_log_prob)


def _divided(p: Real, q: Real) -> Real:
    return p / q if q.value else p * lift("Infinity")


def _slope_of_division(term: Real, unclipped: Real, advantage: Real, p: Real, q: Real) -> Real:
    """By zero: A / 0, whatever the quotient is; 0 / 0 where the clip has taken over."""
    if q.value:
        return term
    if term.value.is_nan():
        return graft(term, p * (stop(advantage) * lift("Infinity"))) if p.parents is not None else term
    return term if term.value == unclipped.value else nan_slope(term.value, p)


@objectives("ratio-underflows", SURROGATE, CLIP, PPO,
            says="Probabilities are divided; where both are too small for the format, that is 0 / 0.",
            wrong="r = exp(log_prob) / exp(old_log_prob)",
            matters="Log-probabilities of many action dimensions reach -800, and the loss is NaN.")
def _zero_by_zero(operation: str, x: Inputs, c: Choices) -> Array:
    r = each(lambda d, old: NAN if old < lift(-746) else d.exp(), log_ratio(x, c), x.old_log_prob)
    return objective(operation, x, c, r)


def _padded(eps: str, *, both: bool) -> Part:
    """p / (p0 + eps), or (p + eps) / (p0 + eps)."""

    def part(x: Inputs, c: Choices) -> Array:
        small = constant(eps)
        return (exp(x.log_prob) + (small if both else ZERO)) / (exp(x.old_log_prob) + small)

    return part


ratios("epsilon-in-the-ratio", *RATIO,
       says="A small number is added to the probabilities before they are divided.",
       wrong="r = p / (p_old + 1e-10), or exp(log(p + 1e-10) - log(p_old + 1e-10))",
       matters="Improbable actions have ratio 0 or 1 whatever the policies are, and so has every action with"
               " many"
               " dimensions.")(_padded("1e-10", both=False))
for _eps in ("1e-10", "1e-8", "1e-7", "1e-6", "1e-5"):
    for _both in (False, True):
        if _both or _eps != "1e-10":
            ratios.also("epsilon-in-the-ratio", *RATIO)(_padded(_eps, both=_both))


@ratios("ratio-detached", *RATIO,
        says="The value is right, but no gradient flows through the ratio.",
        wrong="r = stop_gradient(exp(log_prob - old_log_prob))",
        matters="The policy never learns from its advantages, and the value of the loss does not show it.")
def _detached(x: Inputs, c: Choices) -> Array:
    return detached(ratio(x, c))


@ratios("old-policy-is-the-current-one", *RATIO,
        says="The old log-probability is taken from the current policy, so every ratio is 1.",
        wrong="r = exp(log_prob - stop_gradient(log_prob))",
        matters="From the second step on the same data nothing corrects for the changed policy, and no clip"
                " acts.",
        seen=("higgsfield-ai/higgsfield #20", "tensorforce #312", "abhisheksuran/Reinforcement_Learning #4",
              "ElegantRL #243"))
def _always_one(x: Inputs, c: Choices) -> Array:
    return exp(x.log_prob - detached(x.log_prob))


@ratios("gradient-without-the-ratio", *RATIO,
        says="The value is right; its gradient lacks the factor r that differentiating exp leaves.",
        wrong="-A / n where the derivative is -r A / n",
        matters="A derivation by hand that forgets the chain rule: right at ratio 1 and nowhere else.")
def _no_chain_rule(x: Inputs, c: Choices) -> Array:
    d = log_ratio(x, c)
    return detached(exp(d)) + (d - detached(d))


def _rolled(step: int) -> Part:
    def part(x: Inputs, c: Choices) -> Array:
        return exp(x.log_prob - np.roll(x.old_log_prob, step, axis=-1))

    return part


ratios("log-probs-shifted", *RATIO,
       says="New and old log-probabilities are paired one place apart.",
       wrong="exp(log_prob[i] - old_log_prob[i + 1])",
       matters="Each ratio compares two different actions; equal policies do not have ratio 1.",
       seen=("PrimeIntellect-ai/prime-rl #1525",))(_rolled(-1))
ratios.also("log-probs-shifted", *RATIO)(_rolled(1))


def _shared_by_rows(terms: Array, valid: Array, pool: Callable[[Array], Real]) -> Array:
    """In every slot of a row, one number made of its valid slots; a flat batch as it is."""
    out = terms.copy()
    if terms.ndim > 1:
        for i, (row, m) in enumerate(zip(terms, valid, strict=True)):
            out[i, :] = pool(row[m])
    return out


@ratios("ratio-averaged-over-the-row", SURROGATE, CLIP,
        says="All tokens of a row share one ratio, made of the mean of their log-ratios.",
        wrong="r = exp(mean over the row of log_prob - old_log_prob)",
        matters="That is another algorithm: no token can be clipped without all the others of its row.",
        seen=("PrimeIntellect-ai/prime-rl #1044", "OpenRLHF 1b23ecf0"))
def _geometric(x: Inputs, c: Choices) -> Array:
    return exp(_shared_by_rows(log_ratio(x, c), x.valid, mean))


@ratios("ratio-multiplied-over-the-row", SURROGATE, CLIP,
        says="All tokens of a row share one ratio, that of the whole sequence.",
        wrong="r = exp(sum over the row of log_prob - old_log_prob)",
        matters="Small changes of each token multiply: long rows are clipped almost always.",
        seen=("huggingface/trl #5814",))
def _sequence(x: Inputs, c: Choices) -> Array:
    return exp(_shared_by_rows(log_ratio(x, c), x.valid, total))


@ratios("ratio-summed-over-the-row", SURROGATE, CLIP,
        says="All tokens of a row share the sum of their ratios.",
        wrong="r = sum over the row of exp(log_prob - old_log_prob)",
        matters="Equal policies have a ratio as large as the row is long.",
        seen=("unslothai/unsloth-zoo #870",))
def _sum_of_ratios(x: Inputs, c: Choices) -> Array:
    return _shared_by_rows(ratio(x, c), x.valid, total)


def _pooled(pool: Callable[[Array], Real]) -> Part:
    def part(x: Inputs, c: Choices) -> Array:
        d = log_ratio(x, c)
        return np.full(d.shape, pool(d[x.valid]).exp(), dtype=object)

    return part


ratios("ratio-pooled-over-the-batch", *RATIO,
       says="The log-ratios are added up, or averaged, over the whole batch before exp.",
       wrong="r = exp(sum of log_prob - old_log_prob)",
       matters="A reduction over the wrong axis: one number serves as the ratio of every"
               " sample.")(_pooled(total))
ratios.also("ratio-pooled-over-the-batch", *RATIO)(_pooled(mean))


@ratios("log-ratio-centred", *RATIO,
        says="The batch mean is subtracted from the log-ratios.",
        wrong="d = d - mean(d); r = exp(d)",
        matters="What one sample counts depends on all others, and on padding if that is in the mean.",
        seen=("MakazhanAlpamys/Soup #723",))
def _centred(x: Inputs, c: Choices) -> Array:
    d = log_ratio(x, c)
    return exp(d - mean(d))


@ratios.also("log-ratio-centred", SURROGATE, CLIP)
def _centred_valid(x: Inputs, c: Choices) -> Array:
    d = log_ratio(x, c)
    return exp(d - mean(d[x.valid]))


def _clipped_anyway(eps: str, *, one_sided: bool) -> Part:
    def part(operation: str, x: Inputs, c: Choices) -> Array:
        r = ratio(x, c)
        inside = clip(r, 1 - constant(eps), 1 + constant(eps)) * x.advantages
        return minimum(r * x.advantages, inside) if one_sided else inside

    return part


objectives("hidden-clip", SURROGATE, KL,
           says="The ratio is clipped although this loss has no clip.",
           wrong="min(r A, clip(r, 0.8, 1.2) A)",
           matters="Outside of a hidden band there is no gradient, and the caller cannot tell.",
           )(_clipped_anyway("0.2", one_sided=True))
for _eps, _one_sided in (("0.2", False), ("0.1", True), ("0.1", False), ("0.3", True), ("0.3", False)):
    objectives.also("hidden-clip", SURROGATE, KL)(_clipped_anyway(_eps, one_sided=_one_sided))


@objectives("weighted-log-prob", SURROGATE, KL,
            says="The score-function form is returned: its gradient is right, its value is not the"
                 " surrogate.",
            wrong="-mean(stop_gradient(r) A log_prob)",
            matters="The number that is logged and compared means nothing: it moves with the scale of"
                    " log_prob.")
def _score_function(operation: str, x: Inputs, c: Choices) -> Array:
    return detached(ratio(x, c)) * x.advantages * x.log_prob


@singles.also("ratio-used-twice", SURROGATE, CLIP, PPO)
@objectives("ratio-used-twice", SURROGATE, CLIP, PPO,
            says="The finished objective is multiplied by the ratio, or a capped one, once more.",
            wrong="-mean(w min(r A, clip(r) A)), w = exp(log_prob - old_log_prob)",
            matters="A weight for the mismatch of two samplers is made of other log-probabilities than the"
                    " ratio is.",
            seen=("verl #2953", "OpenRLHF #1098", "allenai/open-instruct #1650",
                  "PrimeIntellect-ai/prime-rl #1300"))
def _weighted(operation: str, x: Inputs, c: Choices) -> Array:
    r = ratio(x, c)
    return detached(r) * objective(operation, x, c, r)


@singles.also("ratio-used-twice", SURROGATE, CLIP, PPO)
@objectives.also("ratio-used-twice", SURROGATE, CLIP, PPO)
def _weighted_with_gradient(operation: str, x: Inputs, c: Choices) -> Array:
    r = ratio(x, c)
    return r * objective(operation, x, c, r)


@objectives.also("ratio-used-twice", SURROGATE, CLIP, PPO)
def _weight_capped(operation: str, x: Inputs, c: Choices) -> Array:
    r = ratio(x, c)
    return detached(minimum(r, TWO)) * objective(operation, x, c, r)
