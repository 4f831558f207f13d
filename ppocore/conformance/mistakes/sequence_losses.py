"""Mistakes of the policy losses for long answers: what a ratio is of, what is held constant, what a weight weighs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family
from ppocore.conformance.mistakes.loss_advantages import normalised
from ppocore.conformance.mistakes.loss_parts import graft, is_masked
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import band, clipped, reduce
from ppocore.conformance.oracle.probability import detached
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    clip,
    each,
    exp,
    maximum,
    mean,
    minimum,
    total,
    where,
)
from ppocore.conformance.oracle.sequence_losses import rollout_weight

CATALOGUE = Catalogue()
GSPO, CISPO, TRUNCATED = (Family(CATALOGUE, name) for name in ("gspo_loss", "cispo_loss", "truncated_is_loss"))
FAMILIES = (GSPO, CISPO, TRUNCATED)
Value = Callable[[Inputs, Choices], Any]


def _loss(family: Family) -> Value:
    """What it should be."""
    return lambda x, c: DEFINITIONS[family.operation](x, c)["loss"]


def _of(family: Family, change: Callable[[Inputs], Inputs]) -> Value:
    """The right loss of other inputs."""
    return lambda x, c: DEFINITIONS[family.operation](change(x), c)["loss"]


def ends(x: Inputs) -> tuple[Any, Any]:
    """The widths of the band below and above 1."""
    low, high = x.get("clip_eps_low"), x.get("clip_eps_high")
    return (x.clip_eps if low is None else low), (x.clip_eps if high is None else high)


def _log_ratios(x: Inputs) -> Array:
    d: Array = x.log_prob - x.old_log_prob
    return d


# What all three can do.


def _negated(family: Family, x: Inputs, c: Choices) -> Real:
    return -DEFINITIONS[family.operation](x, c)["loss"]


def _widths_exchanged(x: Inputs) -> Inputs:
    low, high = ends(x)
    return x.but(clip_eps_low=high, clip_eps_high=low)


def _one_width(which: int, x: Inputs) -> Inputs:
    return x.but(clip_eps_low=ends(x)[which], clip_eps_high=ends(x)[which])


def _everywhere(x: Inputs) -> Inputs:
    return x.but(mask=np.ones(x.log_prob.shape, dtype=bool))


def _kept(rule: Callable[[Array], Array], x: Inputs) -> Inputs:
    """Another mask, where there is one."""
    return x.but(mask=rule(np.asarray(x.mask))) if is_masked(x) else x


def _last_dropped(mask: Array) -> Array:
    """The last valid slot of each row goes, unless it is the only one."""
    later = np.cumsum(mask[..., ::-1], axis=-1)[..., ::-1]
    return mask & ((later > 1) | (mask.sum(axis=-1, keepdims=True) == 1))


def _filled(mask: Array) -> Array:
    return np.asarray(np.cumsum(mask[..., ::-1], axis=-1)[..., ::-1] > 0)


def _inverted(family: Family, x: Inputs, c: Choices) -> Real:
    """The ratio inverted, everything else as it was."""
    if family is GSPO:
        return _answers(lambda d, x: (-mean(d)).exp())(x, c)
    r, a = exp(-_log_ratios(x)), x.advantages
    if family is CISPO:
        return -reduce(detached(clip(r, *band(x, c))) * a * x.log_prob, x.valid, c)
    return -reduce(rollout_weight(x) * minimum(r * a, clip(r, *band(x, c)) * a), x.valid, c)


def _normalised(ddof1: bool, x: Inputs) -> Inputs:
    """Over the rows where each has one advantage, else over the valid slots; a sample alone has no ddof 1."""
    each_slot = np.shape(x.advantages) == np.shape(x.log_prob)
    seen = x if each_slot else x.but(mask=np.ones(np.shape(x.advantages), dtype=bool))
    if ddof1 and int(seen.valid.sum()) < 2:
        return x
    return x.but(advantages=normalised(seen, ddof1=ddof1).advantages)


for _family in FAMILIES:
    _family.add("loss-negated", "The minus sign is missing.", "mean(...), minimised", "The policy unlearns.",
                partial(_negated, _family))
    _family.add("low-and-high-exchanged", "clip_eps_low and clip_eps_high are exchanged.",
                "clip(r, 1 - eps_high, 1 + eps_low)", "Wider below, where it should be wider above.",
                _of(_family, _widths_exchanged))
    _family.add("low-used-for-both-sides", "clip_eps_low is both widths of the band.", "clip(r, 1 - low, 1 + low)",
                "The wider upper side, which keeps rare tokens alive, is not there.",
                _of(_family, partial(_one_width, 0)))
    _family.add("high-used-for-both-sides", "clip_eps_high is both widths of the band.", "clip(r, 1 - high, 1 + high)",
                "The lower side is as wide as the upper one.", _of(_family, partial(_one_width, 1)))
    _family.add("ratio-inverted", "The old policy is divided by the new one.", "exp(old_log_prob - log_prob)",
                "The gradient has the wrong sign.",
                partial(_inverted, _family))
    _family.add("advantages-normalised", "The advantages are normalised inside the loss.",
                "A = (A - mean(A)) / (std(A) + 1e-8)", "Whoever normalises before the call does it twice.",
                *(_of(_family, partial(_normalised, ddof1)) for ddof1 in (False, True)))
    _family.add("mask-ignored", "The mask has no effect.", "sums over all slots",
                "Padding and tool output train the network.",
                _of(_family, _everywhere))
    _family.add("last-valid-slot-dropped", "The last valid slot of each row does not count.", "mask[:, :-1]",
                "The token that ends an answer is never trained.", _of(_family, partial(_kept, _last_dropped)))
    _family.add("holes-in-the-mask-filled", "Masked slots before the last valid one count.",
                "every slot up to the last valid one", "Tool output is trained as if the policy had chosen it.",
                _of(_family, partial(_kept, _filled)))


# GSPO.


def _answers(ratio: Callable[[Array, Inputs], Real]) -> Value:
    """The loss with another ratio of each answer, made of its valid log-ratios."""

    def value(x: Inputs, c: Choices) -> Real:
        s = _ratios(ratio, x)
        return -mean(minimum(s * x.advantages, clip(s, *band(x, c)) * x.advantages))

    return value


def _ratios(ratio: Callable[[Array, Inputs], Real], x: Inputs) -> Array:
    return np.array([ratio(d[m], x) for d, m in zip(_log_ratios(x), x.mask, strict=True)], dtype=object)


def _geometric(d: Array, x: Inputs) -> Real:
    return mean(d).exp()


def _terms(objective: Callable[[Array, Inputs, Choices], Array]) -> Value:
    """The mean over answers of another objective of the right ratio."""
    return lambda x, c: -mean(objective(_ratios(_geometric, x), x, c))


def _held(s: Array, x: Inputs, c: Choices) -> Array:
    return minimum(s * x.advantages, clip(s, *band(x, c)) * x.advantages)


def _by_length(x: Inputs, c: Choices) -> Real:
    lengths = [int(n) for n in np.asarray(x.mask).sum(axis=1)]
    terms = _held(_ratios(_geometric, x), x, c)
    return -(total([term * n for term, n in zip(terms, lengths, strict=True)]) / sum(lengths))


def _of_tokens(rows: bool, x: Inputs, c: Choices) -> Real:
    """PPO's loss: a ratio for every token, all with the advantage of their answer."""
    a = np.array([[v] * x.mask.shape[1] for v in x.advantages], dtype=object)
    r = exp(where(x.mask, _log_ratios(x), ZERO))
    terms = minimum(r * a, clip(r, *band(x, c)) * a)
    if rows:
        return -mean([mean(row[m]) for row, m in zip(terms, x.mask, strict=True)])
    return -mean(terms[x.mask])


def _full_slope(d: Array, x: Inputs) -> Real:
    """The right number, with a slope of s for every token instead of s / |y|."""
    s = _geometric(d, x)
    return graft(s, total(d) * Real(s.value, s.slack))


def _whole_batch(x: Inputs, c: Choices) -> Real:
    pooled = mean(_log_ratios(x)[x.mask]).exp()
    s = np.full(len(x.advantages), pooled, dtype=object)
    return -mean(_held(s, x, c))


def _padded_length(d: Array, x: Inputs) -> Real:
    return (total(d) / int(x.mask.shape[1])).exp()


GSPO.add("token-ratios", "Every token has its own ratio, as in PPO.", "mean over tokens of min(r_t A, clip(r_t) A)",
         "The noise of single tokens, which GSPO is there to average out, is back.", partial(_of_tokens, False),
         partial(_of_tokens, True), seen=("arXiv:2507.18071, section 4.1",))
GSPO.add("length-normalisation-missing", "The log-ratios are added up, not averaged.", "exp(sum of log-ratios)",
         "Long answers are nearly always outside of the band.", _answers(lambda d, x: total(d).exp()),
         seen=("huggingface/trl #5814",))
GSPO.add("mean-of-the-token-ratios", "The ratios of the tokens are averaged, not their logarithms.", "mean(exp(d))",
         "One unlikely token decides about the answer.", _answers(lambda d, x: mean(exp(d))))
GSPO.add("ratio-summed", "The ratios of the tokens are added up.", "sum(exp(d))",
         "At equal policies the ratio is the length.",
         _answers(lambda d, x: total(exp(d))), seen=("unslothai/unsloth-zoo #870",))
GSPO.add("divided-by-the-padded-length", "The sum is divided by the width of the batch.", "exp(sum(d mask) / L)",
         "The more padding, the nearer is every ratio to 1.", _answers(_padded_length))
GSPO.add("gradient-not-divided-by-the-length", "The derivative of the mean is taken for that of the sum.",
         "grad = -s A / B for every token", "Long answers push as many times harder as they have tokens.",
         _answers(_full_slope))
GSPO.add("ratio-detached", "No gradient flows through the ratio.", "s.detach()", "Nothing is learned.",
         _answers(lambda d, x: Real(_geometric(d, x).value, _geometric(d, x).slack)))
GSPO.add("ratio-pooled-over-the-batch", "All answers share one ratio.", "exp(mean of all log-ratios)",
         "The clip acts on the batch as a whole.", _whole_batch)
GSPO.add("rows-summed", "The answers are added up, not averaged.", "-sum over rows",
         "The step grows with the batch.", lambda x, c: -total(_held(_ratios(_geometric, x), x, c)))
GSPO.add("rows-weighted-by-length", "Every token counts alike, so long answers weigh more.",
         "-sum(|y| term) / sum(|y|)", "Long bad answers are punished more than short ones, long good ones paid more.",
         _by_length)
GSPO.add("not-clipped", "The clipped branch is not used.", "s A", "Nothing bounds the step.",
         _terms(lambda s, x, c: s * x.advantages))
GSPO.add("max-of-branches", "The larger of the two branches is taken.", "max(s A, clip(s) A)",
         "The gradient drives the ratio on where it should stop.",
         _terms(lambda s, x, c: maximum(s * x.advantages, clip(s, *band(x, c)) * x.advantages)))
GSPO.add("clipped-branch-alone", "The clipped branch is used without the minimum.", "clip(s) A",
         "An answer that has left the band on the bad side gets no gradient back.",
         _terms(lambda s, x, c: clip(s, *band(x, c)) * x.advantages))
GSPO.add("lower-edge-is-eps", "The lower edge of the band is eps instead of 1 - eps.", "clip(s, eps, 1 + eps)",
         "Bad answers are pushed down much too far.",
         _terms(lambda s, x, c: minimum(s * x.advantages, clip(s, ends(x)[0], band(x, c)[1]) * x.advantages)))
GSPO.add("log-ratio-clipped-at-eps", "The mean log-ratio is clipped to [-eps, eps].", "exp(clip(mean d, -eps, eps))",
         "The band is [exp(-eps), exp(eps)].",
         _terms(lambda s, x, c: minimum(s * x.advantages, exp(clip(each(lambda v: v.log(), s), -ends(x)[0], ends(x)[1]))
                                        * x.advantages)))


# CISPO.


def _weighted(weight: Callable[[Inputs, Choices], Array], *, held: bool = True) -> Value:
    """-mean(w A log_prob) with another weight, held constant or not."""

    def value(x: Inputs, c: Choices) -> Real:
        w = weight(x, c)
        return -reduce((detached(w) if held else w) * x.advantages * x.log_prob, x.valid, c)

    return value


def _r(x: Inputs, c: Choices) -> Array:
    return exp(_log_ratios(x))


def _inside(x: Inputs, c: Choices) -> Array:
    return clip(_r(x, c), *band(x, c))


def _of_rows(x: Inputs, c: Choices) -> Array:
    """The weight of a whole answer at each of its tokens."""
    d = _log_ratios(x)
    if d.ndim == 1:
        return clip(exp(d), *band(x, c))
    rows = [np.full(d.shape[1], mean(row[m]).exp(), dtype=object) for row, m in zip(d, x.valid, strict=True)]
    return clip(np.array(rows, dtype=object), *band(x, c))


def _surrogate(x: Inputs, c: Choices) -> Real:
    return -reduce(clipped(x, c), x.valid, c)


def _cut(x: Inputs, c: Choices) -> Real:
    """The right value; tokens whose ratio PPO would clip have no gradient."""
    low, high = band(x, c)
    r, a = _r(x, c), x.advantages
    gone = ((r > high) & (a > ZERO)) | ((r < low) & (a < ZERO))
    return graft(_loss(CISPO)(x, c), -reduce(where(gone, ZERO, detached(_inside(x, c)) * a * x.log_prob), x.valid, c))


def _dropped(x: Inputs, c: Choices) -> Real:
    """The same with the value left out as well."""
    low, high = band(x, c)
    r, a = _r(x, c), x.advantages
    gone = ((r > high) & (a > ZERO)) | ((r < low) & (a < ZERO))
    return -reduce(where(gone, ZERO, detached(r) * a * x.log_prob), x.valid, c)


CISPO.add("weight-not-detached", "The gradient flows through the weight as well.",
          "clip(r) A log_prob, nothing detached",
          "Inside the band every token has the extra gradient r A log_prob.", _weighted(_inside, held=False))
CISPO.add("log-prob-missing", "The factor log_prob is missing.", "clip(r) A",
          "Clipped tokens have no gradient at all: what CISPO is there to prevent.",
          lambda x, c: -reduce(_inside(x, c) * x.advantages, x.valid, c),
          lambda x, c: -reduce(minimum(_r(x, c), band(x, c)[1]) * x.advantages, x.valid, c),
          seen=("allenai/open-instruct #1264",))
CISPO.add("not-clipped", "The weight is not clipped.", "r A log_prob", "One token can outweigh the whole batch.",
          _weighted(_r))
CISPO.add("weight-missing", "There is no weight.", "A log_prob", "Old samples are taken for new ones.",
          _weighted(lambda x, c: _r(x, c) * 0 + 1))
CISPO.add("upper-edge-is-eps", "clip_eps_high is taken for the upper edge itself.", "min(r, eps_high)",
          "With 0.2 every weight is at most a fifth; libraries whose bound is absolute expect another number.",
          _weighted(lambda x, c: minimum(_r(x, c), ends(x)[1])),
          _weighted(lambda x, c: clip(_r(x, c), ends(x)[0], ends(x)[1])), seen=("huggingface/trl epsilon_high",))
CISPO.add("lower-side-not-clipped", "The weight is clipped from above only.", "min(r, 1 + eps_high)",
          "Tokens that have become improbable hardly count.", _weighted(lambda x, c: minimum(_r(x, c), band(x, c)[1])),
          seen=("huggingface/trl", "allenai/open-instruct"))
CISPO.add("upper-side-not-clipped", "The weight is clipped from below only.", "max(r, 1 - eps_low)",
          "One token can outweigh the whole batch.", _weighted(lambda x, c: maximum(_r(x, c), band(x, c)[0])))
CISPO.add("lower-edge-is-eps", "The lower edge of the band is eps instead of 1 - eps.", "clip(r, eps, 1 + eps)",
          "Improbable tokens count for less than they should.",
          _weighted(lambda x, c: clip(_r(x, c), ends(x)[0], band(x, c)[1])))
CISPO.add("clipped-surrogate-instead", "It is PPO's clipped loss.", "min(r A, clip(r) A)",
          "Clipped tokens teach nothing.", _surrogate)
CISPO.add("gradient-cut-outside-the-band", "Tokens that PPO would clip get no gradient.", "mask the clipped tokens",
          "What CISPO is there to keep is gone.", _cut, _dropped)
CISPO.add("ratio-used-twice", "The ratio takes the place of log_prob.", "sg(clip(r)) r A",
          "The gradient has the ratio in it twice.",
          lambda x, c: -reduce(detached(_inside(x, c)) * _r(x, c) * x.advantages, x.valid, c))
CISPO.add("probability-for-its-logarithm", "The probability takes the place of its logarithm.",
          "sg(clip(r)) A exp(log_prob)",
          "Rare tokens teach nothing.",
          lambda x, c: -reduce(detached(_inside(x, c)) * x.advantages * exp(x.log_prob), x.valid, c))
CISPO.add("log-ratio-for-log-prob", "The log-ratio takes the place of log_prob.",
          "sg(clip(r)) A (log_prob - old_log_prob)",
          "The same gradient, another value: two implementations that agree cannot be told apart by their loss.",
          lambda x, c: -reduce(detached(_inside(x, c)) * x.advantages * _log_ratios(x), x.valid, c))
CISPO.add("weight-of-the-answer", "All tokens of an answer share one weight.", "clip(exp(mean of log-ratios))",
          "The weight of one token depends on all the others.", _weighted(_of_rows))
CISPO.add("advantages-clipped-with-the-weight", "The product of weight and advantage is clipped.",
          "clip(r A, 1 - eps, 1 + eps)",
          "Every token is encouraged.",
          lambda x, c: -reduce(detached(clip(_r(x, c) * x.advantages, *band(x, c))) * x.log_prob, x.valid, c))


# Truncated importance sampling.


def _drift(x: Inputs) -> Array:
    d: Array = x.old_log_prob - x.rollout_log_prob
    return d


def _corrected(weight: Callable[[Inputs], Array]) -> Value:
    """-mean(w min(r A, clip(r) A)) with another weight."""
    return lambda x, c: -reduce(weight(x) * clipped(x, c), x.valid, c)


def _objective(objective: Callable[[Inputs, Choices, Array], Array]) -> Value:
    """Another use of the right weight."""
    return lambda x, c: -reduce(objective(x, c, rollout_weight(x)), x.valid, c)


def _in_the_clip(x: Inputs, c: Choices, w: Array) -> Array:
    r = w * exp(_log_ratios(x))
    return minimum(r * x.advantages, clip(r, *band(x, c)) * x.advantages)


def _of_answers(reduce_row: Callable[[Array], Real]) -> Callable[[Inputs], Array]:
    def weight(x: Inputs) -> Array:
        d = _drift(x)
        if d.ndim == 1:
            return minimum(exp(d), x.max_weight)
        rows = [np.full(d.shape[1], reduce_row(row[m]).exp(), dtype=object) for row, m in zip(d, x.valid, strict=True)]
        return minimum(np.array(rows, dtype=object), x.max_weight)

    return weight


def _both_sides(x: Inputs) -> Array:
    first = x.max_weight if x.max_weight.value > 1 else 1 / x.max_weight
    return clip(exp(_drift(x)), 1 / first, first)


def _normalised_weights(x: Inputs, c: Choices) -> Real:
    w = rollout_weight(x)
    return -reduce(w * clipped(x, c), x.valid, c) / mean(w[x.valid])


def _of_branches(pick: Any, free: bool, x: Inputs, c: Choices, w: Array) -> Array:
    """The weight at one branch of the minimum alone."""
    r = exp(_log_ratios(x))
    branches = r * x.advantages, clip(r, *band(x, c)) * x.advantages
    return pick(w * branches[0], branches[1]) if free else pick(branches[0], w * branches[1])


def _of_rollout(x: Inputs) -> Inputs:
    return x.but(old_log_prob=x.rollout_log_prob)


def _current(x: Inputs, *, held: bool) -> Array:
    w = minimum(exp(x.log_prob - x.rollout_log_prob), x.max_weight)
    return detached(w) if held else w


TRUNCATED.add("weight-missing", "There is no weight.", "min(r A, clip(r) A)",
              "What the sampler favours is learned too much, what it avoids too little.", _corrected(lambda x: ONE))
TRUNCATED.add("weight-inverted", "The sampler's probability is divided by the trainer's.",
              "min(exp(rollout_log_prob - old_log_prob), c)", "The difference is doubled instead of corrected.",
              _corrected(lambda x: minimum(exp(-_drift(x)), x.max_weight)))
TRUNCATED.add("weight-not-truncated", "The weight has no bound.", "exp(old_log_prob - rollout_log_prob)",
              "One token can outweigh the whole batch.", _corrected(lambda x: exp(_drift(x))))
TRUNCATED.add("weight-inside-the-clip", "The weight is multiplied into the ratio that is clipped.",
              "min(w r A, clip(w r) A)", "The band is around the sampler, not around the old policy.",
              _objective(_in_the_clip))
TRUNCATED.add("weight-on-one-branch", "One branch of the minimum has no weight.", "min(w r A, clip(r) A)",
              "The two branches differ inside the band.",
              *(_objective(partial(_of_branches, minimum, free)) for free in (True, False)))
TRUNCATED.add("ratio-against-the-sampler", "The sampler's log-probabilities are the old ones.",
              "r = exp(log_prob - rollout_log_prob), no weight",
              "The clip is centred on the sampler, and what differs between two programs counts as a step.",
              lambda x, c: -reduce(clipped(_of_rollout(x), c), x.valid, c), seen=("verl bypass_mode",))
TRUNCATED.add("corrected-twice", "The ratio is taken against the sampler, and weighted all the same.",
              "w min(r A, clip(r) A), r = exp(log_prob - rollout_log_prob)", "The difference is counted twice.",
              lambda x, c: -reduce(rollout_weight(x) * clipped(_of_rollout(x), c), x.valid, c))
TRUNCATED.add("weight-from-the-current-policy", "The weight is that of the policy being trained.",
              "min(exp(log_prob - rollout_log_prob), c)", "The ratio of new and old is in it twice.",
              *(_corrected(partial(_current, held=held)) for held in (True, False)))
TRUNCATED.add("masked-instead-of-truncated", "Tokens whose weight is above the bound are dropped.", "w = 0 where w > c",
              "What the sampler underrates most is never learned.",
              _corrected(lambda x: where(exp(_drift(x)) > x.max_weight, ZERO, exp(_drift(x)))),
              seen=("verl rollout correction by masking",))
TRUNCATED.add("truncated-on-both-sides", "The weight has a lower bound as well.", "clip(w, 1 / c, c)",
              "Tokens that the trainer would hardly choose count too much.", _corrected(_both_sides))
TRUNCATED.add("largest-for-smallest", "The bound is a lower one.", "max(w, c)", "Every token counts at least c times.",
              _corrected(lambda x: maximum(exp(_drift(x)), x.max_weight)))
TRUNCATED.add("bound-on-the-log-weight", "The bound is applied to the logarithm.", "exp(min(log w, c))",
              "A bound of 2 lets weights of 7 through.", _corrected(lambda x: exp(minimum(_drift(x), x.max_weight))))
TRUNCATED.add("weight-of-the-answer", "All tokens of an answer share one weight.",
              "exp(sum, or mean, of old - rollout)",
              "Another estimator: products of many ratios are nearly all at the bound, or nearly 0.",
              _corrected(_of_answers(total)), _corrected(_of_answers(mean)), seen=("huggingface/trl #5814",))
TRUNCATED.add("weights-normalised", "The weights are divided by their mean.", "w / mean(w)",
              "The same token counts differently in another batch.", _normalised_weights)
TRUNCATED.add("weight-used-twice", "The weight is applied in the advantages and in the loss.",
              "w^2 min(r A, clip(r) A)",
              "The difference is corrected beyond what it is.", _objective(lambda x, c, w: w * w * clipped(x, c)))
TRUNCATED.add("not-clipped", "The clipped branch is not used.", "w r A", "Nothing bounds the step.",
              _objective(lambda x, c, w: w * _r(x, c) * x.advantages))
TRUNCATED.add("max-of-branches", "The larger of the two branches is taken.", "w max(r A, clip(r) A)",
              "The gradient drives the ratio on where it should stop.",
              _objective(lambda x, c, w: w * maximum(_r(x, c) * x.advantages, _inside(x, c) * x.advantages)))
TRUNCATED.add("clipped-branch-alone", "The clipped branch is used without the minimum.", "w clip(r) A",
              "A token that has left the band on the bad side gets no gradient back.",
              _objective(lambda x, c, w: w * _inside(x, c) * x.advantages))
TRUNCATED.add("lower-edge-is-eps", "The lower edge of the band is eps instead of 1 - eps.", "clip(r, eps, 1 + eps)",
              "Bad actions are pushed down much too far.",
              _objective(lambda x, c, w: w * minimum(_r(x, c) * x.advantages,
                                                     clip(_r(x, c), ends(x)[0], band(x, c)[1]) * x.advantages)))


# Means that only (B, L) batches tell apart.


def _terms_of(family: Family, x: Inputs, c: Choices) -> Array:
    if family is CISPO:
        return -(detached(_inside(x, c)) * x.advantages * x.log_prob)
    return -(rollout_weight(x) * clipped(x, c))


def _row_means(family: Family, x: Inputs, c: Choices) -> Real:
    terms = _terms_of(family, x, c)
    if terms.ndim == 1:
        return reduce(terms, x.valid, c)
    return mean([mean(row[m]) for row, m in zip(terms, x.valid, strict=True)])


def _by_width(family: Family, x: Inputs, c: Choices) -> Real:
    terms = _terms_of(family, x, c)
    return total(terms[x.valid]) / int(terms.shape[-1]) if terms.ndim > 1 else reduce(terms, x.valid, c)


def _slots_of_padding(family: Family, x: Inputs, c: Choices) -> Real:
    terms = _terms_of(family, x, c)
    return total(terms) / int(x.valid.sum())


for _family in (CISPO, TRUNCATED):
    _family.add("mean-of-row-means", "Each row is averaged by itself, then the rows are averaged.",
                "mean over rows of the mean over the tokens of the row", "A token of a short row counts more.",
                partial(_row_means, _family), seen=("verl #906", "OpenRLHF #1249"))
    _family.add("divided-by-the-padded-length", "The sum over all rows is divided by the width of the batch.",
                "sum(terms) / L", "Twice the rows give twice the loss, and more padding a smaller one.",
                partial(_by_width, _family), seen=("verl #3741",))
    _family.add("masked-slots-in-the-sum", "The sum runs over all slots, and is divided by the number of valid ones.",
                "sum(terms) / sum(mask)", "Padding trains the network.", partial(_slots_of_padding, _family))
