"""Policy losses for long answers, to be minimised; at a kink as in `proofs.definitions.losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions.duals import Dual
from proofs.definitions.losses import clip_objective, clip_objective_by_sign
from proofs.definitions.numbers import (
    Nested,
    Number,
    ball,
    clip,
    each,
    exp,
    log,
    maximum,
    mean,
    minimum,
    product,
    rational,
    with_gradients,
)
from proofs.definitions.reductions import reduced


def _band(clip_eps: Number | None, low: Number | None, high: Number | None) -> list[Number]:
    ends = [clip_eps if low is None else low, clip_eps if high is None else high]
    return list(ball(rational(ends)))


def constant(x: Number) -> Number:
    """The same number, without derivatives."""
    return x.value if isinstance(x, Dual) else x


def mean_ratio(new: list[Any], old: list[Any]) -> Number:
    """exp of the mean log-ratio (arXiv:2507.18071, eq. 7)."""
    return exp(mean([n - o for n, o in zip(new, old, strict=True)]))


def mean_ratio_of_roots(new: list[Any], old: list[Any]) -> Number:
    """The geometric mean of the ratios: a product of their |y|-th roots."""
    return product([exp((n - o) / len(new)) for n, o in zip(new, old, strict=True)])


def _gspo(ratio: Callable[..., Number], objective: Callable[..., Number]) -> Callable[..., dict[str, Nested]]:
    def gspo_loss(
        log_prob: Nested, old_log_prob: Nested, advantages: list[Any], mask: Nested, *, clip_eps: Number | None = None,
        clip_eps_low: Number | None = None, clip_eps_high: Number | None = None,
    ) -> dict[str, Nested]:
        """-mean over rows of min(s A, clip(s, 1 - eps_low, 1 + eps_high) A) (arXiv:2507.18071, eq. 5)."""
        band, old = _band(clip_eps, clip_eps_low, clip_eps_high), ball(old_log_prob)

        def formula(log_prob: Nested) -> Number:
            rows = zip(log_prob, old, mask, strict=True)
            ratios = [ratio(*([v for v, use in zip(part, m, strict=True) if use] for part in (new, before)))
                      for new, before, m in rows]
            return -mean([objective(s, a, *band) for s, a in zip(ratios, ball(advantages), strict=True)])

        return with_gradients("loss", formula, log_prob=ball(log_prob))

    return gspo_loss


gspo_loss = _gspo(mean_ratio, clip_objective)
gspo_loss_by_roots = _gspo(mean_ratio_of_roots, clip_objective_by_sign)


def cispo_loss(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, clip_eps: Number | None = None,
    clip_eps_low: Number | None = None, clip_eps_high: Number | None = None, mask: Nested = None,
    reduction: str = "mean",
) -> dict[str, Nested]:
    """-mean(w A log_prob), w = clip(r, 1 - eps_low, 1 + eps_high) held constant (arXiv:2506.13585, eq. 4-5)."""
    low, high = _band(clip_eps, clip_eps_low, clip_eps_high)

    def term(new: Number, old: Number, advantage: Number) -> Number:
        return constant(clip(exp(new - old), 1 - low, 1 + high)) * advantage * new

    def formula(log_prob: Nested) -> Number:
        return -reduced(each(term, log_prob, ball(old_log_prob), ball(advantages), mask=mask), reduction)

    return with_gradients("loss", formula, log_prob=ball(log_prob))


def cispo_loss_by_hand(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, clip_eps: Number | None = None,
    clip_eps_low: Number | None = None, clip_eps_high: Number | None = None, mask: Nested = None,
    reduction: str = "mean",
) -> dict[str, Nested]:
    """The weights as a table of their own: a loss that is linear in log_prob, clipped in log space."""
    low, high = _band(clip_eps, clip_eps_low, clip_eps_high)
    floor = log(1 - low) if low != 1 else None

    def weight(new: Number, old: Number) -> Number:
        d = minimum(new - old, log(1 + high))
        return exp(d if floor is None else maximum(d, floor))

    weights = each(weight, ball(log_prob), ball(old_log_prob), mask=mask)

    def formula(log_prob: Nested) -> Number:
        terms = each(lambda new, w, a: new * w * a, log_prob, weights, ball(advantages), mask=mask)
        return -reduced(terms, reduction)

    return with_gradients("loss", formula, log_prob=ball(log_prob))


def _truncated(objective: Callable[..., Number], *, inside: bool) -> Callable[..., dict[str, Nested]]:
    def truncated_is_loss(
        log_prob: Nested, old_log_prob: Nested, rollout_log_prob: Nested, advantages: Nested, *, max_weight: Number,
        clip_eps: Number | None = None, clip_eps_low: Number | None = None, clip_eps_high: Number | None = None,
        mask: Nested = None, reduction: str = "mean",
    ) -> dict[str, Nested]:
        """-mean(w min(r A, clip(r) A)), w = min(e^{old_log_prob - rollout_log_prob}, c) (Yao et al., 2025)."""
        band, bound = _band(clip_eps, clip_eps_low, clip_eps_high), ball(rational(max_weight))

        def term(new: Number, old: Number, sampled: Number, advantage: Number) -> Number:
            w = minimum(exp(old - sampled), bound)
            if inside:
                return objective(exp(new - old), w * advantage, *band)
            return w * objective(exp(new - old), advantage, *band)

        def formula(log_prob: Nested) -> Number:
            arrays = (ball(x) for x in (old_log_prob, rollout_log_prob, advantages))
            return -reduced(each(term, log_prob, *arrays, mask=mask), reduction)

        return with_gradients("loss", formula, log_prob=ball(log_prob))

    return truncated_is_loss


truncated_is_loss = _truncated(clip_objective, inside=False)
truncated_is_loss_at_the_advantage = _truncated(clip_objective_by_sign, inside=True)
