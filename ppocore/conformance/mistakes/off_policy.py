"""Mistakes of truncated and of per-decision importance sampling."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import FORMATS, Family, Format, Value, exp_within
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.off_policy import gain
from ppocore.conformance.oracle.probability import weights
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    each,
    exp,
    lift,
    maximum,
    mean,
    minimum,
    total,
    where,
)

CATALOGUE = Catalogue()
CUT = Family(CATALOGUE, "truncated_importance_estimate")


def _cut(x: Inputs) -> Array:
    """The weights as they should be."""
    return minimum(weights(x), x.max_weight)


def _of_weights(weigh: Callable[[Inputs], Array]) -> Value:
    """The estimate with other weights."""
    return lambda x, c: mean(weigh(x) * x.fx)


def _dropped(x: Inputs) -> Array:
    w = weights(x)
    return where(w > x.max_weight, ZERO, w)


def _rejected(x: Inputs, c: Choices) -> Real:
    w = weights(x)
    kept = np.asarray(w <= x.max_weight, dtype=bool)
    return mean((w * x.fx)[kept]) if kept.any() else ZERO


def _cut_after_normalising(x: Inputs) -> Array:
    w = weights(x)
    return minimum(w / mean(w), x.max_weight)


def _cut_quotient(limits: Format, x: Inputs) -> Array:
    return minimum(exp_within(x.log_p, limits) / exp_within(x.log_q, limits), x.max_weight)


CUT.add("not-truncated", "No weight is cut.", "mean(w fx)", "The variance is what the cap was for.",
        _of_weights(weights))
CUT.add("maximum-for-minimum", "Small weights are raised to the cap and large ones are kept.", "maximum(w, max_weight)",
        "The largest weights, which make the variance, stay as they are.",
        _of_weights(lambda x: maximum(weights(x), x.max_weight)))
CUT.add("large-weights-dropped", "A weight above the cap becomes 0.", "where(w > max_weight, 0, w)",
        "The samples that the target likes best do not count at all: masking, not truncation.",
        _of_weights(_dropped), seen=("NVIDIA-NeMo/RL (IcePop, by design)",))
CUT.add("mean-over-kept-samples", "Samples above the cap are left out, and of the mean's count as well.",
        "mean((w fx)[w <= max_weight])", "Rejection instead of truncation: another bias.", _rejected)
CUT.add("product-truncated", "The cap is applied to w f.", "mean(minimum(w fx, max_weight))",
        "Large f is cut even where its weight is 1, and negative f never is.",
        lambda x, c: mean(minimum(weights(x) * x.fx, x.max_weight)))
CUT.add("log-weight-truncated", "The cap is applied to the log-weight.", "exp(minimum(log_p - log_q, max_weight))",
        "The cap becomes e^max_weight.", _of_weights(lambda x: exp(minimum(x.log_p - x.log_q, x.max_weight))))
CUT.add("cut-from-below-as-well", "Weights are kept inside [1 / max_weight, max_weight].",
        "clip(w, 1 / max_weight, max_weight)", "Samples that the target all but excludes count.",
        _of_weights(lambda x: minimum(maximum(weights(x), ONE / x.max_weight), x.max_weight)))
CUT.add("cap-is-one", "The cap is 1, whatever max_weight says.", "minimum(w, 1)", "max_weight has no effect.",
        _of_weights(lambda x: minimum(weights(x), ONE)), seen=("rlax leaky_vtrace (its default)",))
CUT.add("cap-is-root-n", "The cap is the square root of the number of samples.", "minimum(w, sqrt(n))",
        "Right for asymptotics, but max_weight has no effect.",
        _of_weights(lambda x: minimum(weights(x), lift(len(x.fx)).sqrt())), seen=("Ionides 2008, section 2",))
CUT.add("cut-after-normalising", "The weights are divided by their mean before they are cut.",
        "minimum(w / mean(w), max_weight)", "What is cut depends on the other samples of the batch.",
        _of_weights(_cut_after_normalising))
CUT.add("self-normalized", "The estimate is divided by the sum of the cut weights.", "sum(w fx) / sum(w)",
        "Another estimator: the bias of the cap no longer has the size that its theory says.",
        lambda x, c: total(_cut(x) * x.fx) / total(_cut(x)))
CUT.add("sum-for-mean", "The terms are added up and not averaged.", "sum(minimum(w, max_weight) fx)",
        "It grows with the number of samples.", lambda x, c: total(_cut(x) * x.fx))
CUT.add("product-of-means", "Weights and fx are averaged apart.", "mean(minimum(w, max_weight)) mean(fx)",
        "How they go together is what the weights are for.", lambda x, c: mean(_cut(x)) * mean(x.fx))
CUT.add("weights-inverted", "The weights are q over p.", "minimum(exp(log_q - log_p), max_weight)",
        "The estimate is of neither expectation.",
        _of_weights(lambda x: minimum(exp(x.log_q - x.log_p), x.max_weight)))
CUT.add("log-weights-as-weights", "The log-weights are used without exp.", "minimum(log_p - log_q, max_weight) fx",
        "Equal distributions get weight 0.", _of_weights(lambda x: minimum(x.log_p - x.log_q, x.max_weight)))
CUT.add("weights-forgotten", "fx is averaged without weights.", "mean(fx)",
        "The expectation under q is taken for that under p.", _of_weights(lambda x: each(lambda _: ONE, x.fx)))
CUT.add("quotient-of-exponentials", "Both densities are formed before they are divided.", "exp(log_p) / exp(log_q)",
        "0/0 or inf/inf when log-densities carry a large constant.",
        *(_of_weights(partial(_cut_quotient, limits)) for limits in FORMATS))


PER_DECISION = Family(CATALOGUE, "per_decision_importance_estimate")
Weigh = Callable[[Array], Any]
"""From the log-ratios of the valid steps of one row to the weight of each step's reward."""


def _rows(x: Inputs) -> list[tuple[Array, Array]]:
    """Log-ratios and rewards of the valid steps of every row."""
    return [((new - old)[m], r[m]) for new, old, r, m in
            zip(x.log_prob, x.old_log_prob, x.rewards, x.mask, strict=True)]


def _discounts(x: Inputs, n: int) -> Array:
    out = np.empty(n, dtype=object)
    discount = ONE
    for k in range(n):
        out[k] = discount
        discount = discount * x.gamma
    return out


def _walk(d: Array) -> Array:
    """d_0 + ... + d_k of every step."""
    out, walked = np.empty(len(d), dtype=object), ZERO
    for k, step in enumerate(d):
        walked = walked + step
        out[k] = walked
    return out


def _weighing(weigh: Weigh) -> Value:
    """The estimate with another weight of each reward."""
    def value(x: Inputs, c: Choices) -> Real:
        terms = [total(_discounts(x, len(r)) * weigh(d) * r) for d, r in _rows(x)]
        return total(terms) / len(terms)

    return value


def _reading(read: Callable[[Inputs], Inputs]) -> Value:
    """The estimate of other inputs."""
    def value(x: Inputs, c: Choices) -> Real:
        y = read(x)
        return total([gain(d, r, y.gamma) for d, r in _rows(y)]) / len(y.mask)

    return value


def _gains(x: Inputs) -> list[Real]:
    return [gain(d, r, x.gamma) for d, r in _rows(x)]


def _whole(d: Array) -> Array:
    return each(lambda _: total(d).exp(), d)


def _short(d: Array) -> Array:
    return np.concatenate([[ONE], exp(_walk(d)[:-1])])


def _suffix(d: Array) -> Array:
    return exp(_walk(d[::-1])[::-1])


def _geometric(d: Array) -> Array:
    return np.array([(walked / (k + 1)).exp() for k, walked in enumerate(_walk(d))], dtype=object)


def _traces(d: Array) -> Array:
    """The running product of ratios cut at 1."""
    out, trace = np.empty(len(d), dtype=object), ONE
    for k, step in enumerate(d):
        trace = trace * minimum(step.exp(), ONE).item()
        out[k] = trace
    return out


def _slot_discounts(x: Inputs, c: Choices) -> Real:
    """gamma^t with t the slot, masked or not."""
    discounts = _discounts(x, x.mask.shape[1])
    terms = [total(discounts[m] * exp(_walk((new - old)[m])) * r[m]) for new, old, r, m in
             zip(x.log_prob, x.old_log_prob, x.rewards, x.mask, strict=True)]
    return total(terms) / len(terms)


def _unmasked_ratios(x: Inputs, c: Choices) -> Real:
    """Ratios of masked steps stay in the product; their rewards do not count."""
    terms = []
    for new, old, r, m in zip(x.log_prob, x.old_log_prob, x.rewards, x.mask, strict=True):
        terms.append(total(_discounts(x, int(m.sum())) * exp(_walk(new - old))[m] * r[m]))
    return total(terms) / len(terms)


def _unmasked_ratios_and_time(x: Inputs, c: Choices) -> Real:
    return gain_sum(x.but(rewards=where(x.mask, x.rewards, ZERO), mask=np.ones_like(x.mask)))


def gain_sum(x: Inputs) -> Real:
    return total(_gains(x)) / len(x.mask)


def _unmasked_rewards(x: Inputs, c: Choices) -> Real:
    """Masked steps have ratio 1 and take time, and their rewards count."""
    same = where(x.mask, x.log_prob - x.old_log_prob, ZERO)
    return gain_sum(x.but(log_prob=same, old_log_prob=each(lambda _: ZERO, same), mask=np.ones_like(x.mask)))


def _weighted(x: Inputs, c: Choices) -> Real:
    """Every step's weights divided by their mean over the rows that reach it."""
    rows = _rows(x)
    longest = max(len(d) for d, _ in rows)
    walks, terms = [exp(_walk(d)) for d, _ in rows], []
    for k, discount in enumerate(_discounts(x, longest)):
        there = [(w[k], r[k]) for w, (_, r) in zip(walks, rows, strict=True) if len(w) > k]
        terms.append(discount * total([w * r for w, r in there]) / total([w for w, _ in there]))
    return total(terms)


def _across_rows(x: Inputs, c: Choices) -> Real:
    """One product over the whole flattened batch."""
    rows = _rows(x)
    walked = exp(_walk(np.concatenate([d for d, _ in rows])))
    starts = np.cumsum([0, *(len(d) for d, _ in rows)])
    terms = [total(_discounts(x, len(r)) * walked[starts[i]:starts[i + 1]] * r) for i, (_, r) in enumerate(rows)]
    return total(terms) / len(rows)


def _down_the_batch(x: Inputs, c: Choices) -> Real:
    """The product runs over the rows of each column."""
    d = where(x.mask, x.log_prob - x.old_log_prob, ZERO)
    weight = np.array([exp(_walk(column)) for column in d.T], dtype=object).T
    terms = [total(_discounts(x, int(m.sum())) * w[m] * r[m])
             for w, r, m in zip(weight, x.rewards, x.mask, strict=True)]
    return total(terms) / len(terms)


PER_DECISION.add("per-step-ratios", "A reward is weighed by the ratio of its own step alone.", "gamma^t r_t exp(d_t)",
                 "Unbiased for problems of one step only: the states come from the old policy.", _weighing(exp))
PER_DECISION.add("whole-trajectory-weight", "Every reward is weighed by the product over the whole trajectory.",
                 "exp(sum of all d) sum of gamma^t r_t",
                 "Unbiased, but decisions taken after a reward add nothing but variance.", _weighing(_whole))
PER_DECISION.add("product-one-step-short", "The product stops before the reward's own step.",
                 "r_t exp(sum of d before t)", "The action that earned the reward is not corrected for.",
                 _weighing(_short))
PER_DECISION.add("product-of-later-steps", "The product runs from the reward's step to the end.",
                 "r_t exp(sum of d from t on)", "A cumulative sum in the wrong direction.", _weighing(_suffix))
PER_DECISION.add("product-down-the-batch", "The cumulative product runs over rows instead of steps.",
                 "cumsum(d, axis=0)", "Trajectories weigh each other.", _down_the_batch)
PER_DECISION.add("product-across-trajectories", "The cumulative product is not restarted at the next trajectory.",
                 "cumsum(d.reshape(-1))", "Each trajectory carries the weights of all before it.", _across_rows)
PER_DECISION.add("geometric-mean", "The product is replaced by its geometric mean.", "exp(mean of d up to t)",
                 "Less variance, but an estimate of no policy's return.", _weighing(_geometric),
                 seen=("GSPO sequence ratios (by design)",))
PER_DECISION.add("traces-cut-at-one", "Every ratio is cut at 1 before it is multiplied in.",
                 "prod min(1, exp(d_k))", "The traces of V-trace: biased low.", _weighing(_traces))
PER_DECISION.add("log-ratios-as-weights", "The summed log-ratio is used without exp.", "r_t (sum of d up to t)",
                 "Equal policies have weight 0.", _weighing(_walk))
PER_DECISION.add("ratios-inverted", "The ratios are old over new.", "exp(-sum of d)",
                 "What the new policy does more often counts less.", _weighing(lambda d: exp(-_walk(d))))
PER_DECISION.add("weights-forgotten", "The rewards are not weighed.", "mean over rows of sum of gamma^t r_t",
                 "The return of the old policy.", _weighing(lambda d: each(lambda _: ONE, d)))
PER_DECISION.add("undiscounted", "gamma is not applied.", "r_t exp(sum of d)", "Far rewards count in full.",
                 _reading(lambda x: x.but(gamma=ONE)))
PER_DECISION.add("discounts-the-first-reward", "The first reward is discounted too.", "gamma^(t + 1)",
                 "Every estimate is too small by a factor gamma.", lambda x, c: x.gamma * gain_sum(x))
PER_DECISION.add("masked-steps-take-time", "The discount counts masked slots as steps.", "gamma^t, t the slot",
                 "Padding on the left makes returns smaller.", _slot_discounts)
PER_DECISION.add("masked-ratios-in-the-product", "The ratios of masked steps stay in the product.",
                 "cumsum(d) without the mask", "Tool output and padding weigh the rewards after them.",
                 _unmasked_ratios, _unmasked_ratios_and_time)
PER_DECISION.add("masked-rewards-counted", "Rewards of masked slots count.", "sum over all slots of the row",
                 "Padding is paid.", _unmasked_rewards)
PER_DECISION.add("mask-ignored", "The mask has no effect.", "every slot is a step", "Padding is a part of the episode.",
                 _reading(lambda x: x.but(mask=np.ones_like(x.mask))))
PER_DECISION.add("sum-over-rows", "The rows are added up and not averaged.", "sum over rows",
                 "It grows with the number of trajectories.", lambda x, c: total(_gains(x)))
PER_DECISION.add("mean-over-steps", "The sum is divided by the number of valid steps.", "sum / sum(mask)",
                 "A mean reward per step, not the return of a trajectory.",
                 lambda x, c: total(_gains(x)) / int(x.mask.sum()))
PER_DECISION.add("row-means", "Each row is averaged over its steps.", "mean over rows of mean over steps",
                 "Long trajectories count as much as short ones: no return.",
                 lambda x, c: mean([g / len(r) for g, (_, r) in zip(_gains(x), _rows(x), strict=True)]))
PER_DECISION.add("weighted-per-step", "The weights of each step are divided by their sum over the rows.",
                 "sum of w r / sum of w at every step", "The weighted estimator: biased, though consistent.", _weighted,
                 seen=("Thomas 2015, section 3.8 (by design)",))
