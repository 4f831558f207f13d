"""The losses of PPO, to be minimised, and their derivatives as derivatives of the literal formula.

At a kink (a tie of the arguments of min, max or clip) ``grad_...`` is the derivative of the argument written first;
where balls are too wide to exclude a tie it is a ball around both.  The whole set of derivatives at a
kink is the interval between the two slopes that `clip_loss_slopes` and `clipped_value_loss_slopes` return.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions.distributions import probabilities
from proofs.definitions.divergences import kl_row, kl_row_by_cross_entropy
from proofs.definitions.duals import Ray
from proofs.definitions.numbers import (
    Nested,
    Number,
    ball,
    clip,
    each,
    exp,
    less,
    log,
    maximum,
    mean,
    minimum,
    rational,
    total,
    with_gradients,
)
from proofs.definitions.reductions import reduced

Objective = Callable[[Number, Number], Number]


def surrogate_objective(ratio: Number, advantage: Number) -> Number:
    """r A (arXiv:1707.06347, eq. 6)."""
    return ratio * advantage


def clip_objective(
    ratio: Number, advantage: Number, clip_eps_low: Number, clip_eps_high: Number, dual_clip: Number | None = None
) -> Number:
    """min(r A, clip(r, 1 - eps_low, 1 + eps_high) A) (arXiv:1707.06347, eq. 7; S14).

    With a dual clip c, where A < 0, max(that, c A) (arXiv:1912.09729).
    """
    inside = clip(ratio, 1 - clip_eps_low, 1 + clip_eps_high)
    objective = minimum(ratio * advantage, inside * advantage)
    if dual_clip is not None and less(advantage, 0):
        return maximum(objective, dual_clip * advantage)
    return objective


def clip_objective_by_sign(
    ratio: Number, advantage: Number, clip_eps_low: Number, clip_eps_high: Number, dual_clip: Number | None = None
) -> Number:
    """min(r A, g A) with g = 1 + eps_high for A > 0, 1 - eps_low for A < 0: the end that can bind.

    With a dual clip, A < 0 meets max(r, 1 - eps_low) from above: A min(max(r, 1 - eps_low), c).
    """
    if not less(advantage, 0):
        return minimum(ratio * advantage, (1 + clip_eps_high) * advantage)
    held = maximum(ratio, 1 - clip_eps_low)
    return advantage * (held if dual_clip is None else minimum(held, dual_clip))


def _policy_loss(
    objective: Objective, log_prob: Nested, old_log_prob: Nested, advantages: Nested, mask: Nested, reduction: str,
    ratio: Callable[[Number, Number], Number] | None = None,
) -> dict[str, Nested]:
    old, a = ball(old_log_prob), ball(advantages)
    weight = ratio or (lambda new, before: exp(new - before))

    def formula(log_prob: Nested) -> Number:
        terms = each(lambda new, before, gain: objective(weight(new, before), gain), log_prob, old, a, mask=mask)
        return -reduced(terms, reduction)

    return with_gradients("loss", formula, log_prob=ball(log_prob))


def surrogate_loss(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, mask: Nested = None, reduction: str = "mean"
) -> dict[str, Nested]:
    r"""-mean(r A), r = e^{log_prob - old_log_prob} (arXiv:1707.06347, eq. 6; S9)."""
    return _policy_loss(surrogate_objective, log_prob, old_log_prob, advantages, mask, reduction)


def surrogate_loss_of_probabilities(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, mask: Nested = None, reduction: str = "mean"
) -> dict[str, Nested]:
    r"""-mean(A P_theta / P_theta') (S7)."""
    def quotient(new: Number, old: Number) -> Number:
        return exp(new) / exp(old)

    return _policy_loss(surrogate_objective, log_prob, old_log_prob, advantages, mask, reduction, quotient)


def policy_gradient_loss(
    log_prob: Nested, advantages: Nested, *, mask: Nested = None, reduction: str = "mean"
) -> dict[str, Nested]:
    r"""-mean(A log P_theta), A constant (Williams 1992; S2, S6)."""
    a = rational(advantages)
    return with_gradients(
        "loss", lambda log_prob: -reduced(each(lambda new, gain: new * gain, log_prob, a, mask=mask), reduction),
        log_prob=rational(log_prob),
    )


def policy_gradient_loss_by_polarisation(
    log_prob: Nested, advantages: Nested, *, mask: Nested = None, reduction: str = "mean"
) -> dict[str, Nested]:
    r"""mean((log P - A)^2 - (log P + A)^2) / 4."""
    a = rational(advantages)

    def formula(log_prob: Nested) -> Number:
        apart = reduced(each(lambda new, gain: squared_error(new, gain), log_prob, a, mask=mask), reduction)
        together = reduced(each(lambda new, gain: squared_error(new, -gain), log_prob, a, mask=mask), reduction)
        return (apart - together) / 4

    return with_gradients("loss", formula, log_prob=rational(log_prob))


def _clip(objective: Callable[..., Number]) -> Callable[..., dict[str, Nested]]:
    def clip_loss(
        log_prob: Nested, old_log_prob: Nested, advantages: Nested, *, clip_eps: Number | None = None,
        clip_eps_low: Number | None = None, clip_eps_high: Number | None = None,
        dual_clip: Number | None = None, mask: Nested = None, reduction: str = "mean",
    ) -> dict[str, Nested]:
        low = clip_eps if clip_eps_low is None else clip_eps_low
        high = clip_eps if clip_eps_high is None else clip_eps_high
        band = ball(rational([low, high, dual_clip]))
        return _policy_loss(
            lambda r, a: objective(r, a, *band), log_prob, old_log_prob, advantages, mask, reduction
        )

    clip_loss.__doc__ = f"-mean of {objective.__doc__}"
    return clip_loss


clip_loss, clip_loss_by_sign = _clip(clip_objective), _clip(clip_objective_by_sign)


def clip_loss_slopes(
    ratio: Number, advantage: Number, clip_eps_low: Number, clip_eps_high: Number, dual_clip: Number | None = None
) -> tuple[Number, Number]:
    """Slopes of the clipped objective in log_prob just left and just right of this (rational) ratio.

    r grows with log_prob at the rate r.  Equal wherever there is no kink.
    """
    def slope(direction: int) -> Number:
        here = Ray(rational(ratio), direction)
        result = clip_objective(here, rational(advantage), *map(rational, (clip_eps_low, clip_eps_high, dual_clip)))
        return Ray.of(result).slope * direction * rational(ratio)

    return slope(-1), slope(1)


def _mean_kl(row: Callable[..., Number], old_logits: Nested, logits: Nested) -> Number:
    return mean([row(*pair) for pair in zip(old_logits, logits, strict=True)])


def kl_penalty_loss(
    logits: Nested, old_logits: Nested, actions: list[int], advantages: list[Any], *, kl_coef: Number
) -> dict[str, Nested]:
    r"""-mean(r A) + beta mean(KL(old, new)) (arXiv:1707.06347, eq. 8; S13)."""
    new, old, a, beta = ball(logits), ball(old_logits), ball(advantages), ball(rational(kl_coef))

    def surrogate(logits: Nested) -> Number:
        rows = zip(logits, old, actions, a, strict=True)
        ratios = [(probabilities(z)[taken] / probabilities(before)[taken], gain) for z, before, taken, gain in rows]
        return -mean([r * gain for r, gain in ratios])

    loss = with_gradients(
        "loss", lambda logits: surrogate(logits) + beta * _mean_kl(kl_row, old, logits), logits=new
    )
    return {**loss, "surrogate_loss": surrogate(new), "kl": _mean_kl(kl_row, old, new)}


def kl_penalty_loss_by_hand(
    logits: Nested, old_logits: Nested, actions: list[int], advantages: list[Any], *, kl_coef: Number
) -> dict[str, Nested]:
    r"""dL/dz_j = (-r A (1[j=a] - pi_j) + beta (pi_j - pi_old_j)) / B, and KL as cross-entropy minus entropy."""
    new, old, a, beta = ball(logits), ball(old_logits), ball(advantages), ball(rational(kl_coef))
    losses, slopes = [], []
    for z, before, taken, gain in zip(new, old, actions, a, strict=True):
        pi, pi_old = probabilities(z), probabilities(before)
        weight = exp(log(pi[taken]) - log(pi_old[taken])) * gain
        losses.append(-weight)
        slopes.append([
            (weight * (p - (1 if j == taken else 0)) + beta * (p - q)) / len(new)
            for j, (p, q) in enumerate(zip(pi, pi_old, strict=True))
        ])
    penalty = _mean_kl(kl_row_by_cross_entropy, old, new)
    return {"loss": mean(losses) + beta * penalty, "grad_logits": slopes}


def squared_error(value: Number, target: Number) -> Number:
    """(V - R)^2."""
    return (value - target) * (value - target)


def value_loss(
    values: Nested, returns: Nested, *, mask: Nested = None, reduction: str = "mean"
) -> dict[str, Nested]:
    """mean((V - R)^2), without a factor 1/2 (arXiv:1707.06347, section 5)."""
    target = rational(returns)
    return with_gradients(
        "loss", lambda values: reduced(each(squared_error, values, target, mask=mask), reduction),
        values=rational(values),
    )


def value_loss_by_moments(
    values: Nested, returns: Nested, *, mask: Nested = None, reduction: str = "mean"
) -> dict[str, Nested]:
    """mean(V^2) - 2 mean(V R) + mean(R^2)."""
    target = rational(returns)

    def formula(values: Nested) -> Number:
        squares = reduced(each(lambda v: v * v, values, mask=mask), reduction)
        products = reduced(each(lambda v, t: v * t, values, target, mask=mask), reduction)
        return squares - 2 * products + reduced(each(lambda t: t * t, target, mask=mask), reduction)

    return with_gradients("loss", formula, values=rational(values))


def clipped_value_error(value: Number, target: Number, old_value: Number, value_clip_eps: Number) -> Number:
    """max((V - R)^2, (V_old + clip(V - V_old, -eps, eps) - R)^2) (arXiv:2005.12729, section 3)."""
    held = old_value + clip(value - old_value, -value_clip_eps, value_clip_eps)
    return maximum(squared_error(value, target), squared_error(held, target))


def clipped_value_error_by_distance(
    value: Number, target: Number, old_value: Number, value_clip_eps: Number
) -> Number:
    """The square of the larger of |V - R| and |clip(V, V_old - eps, V_old + eps) - R|."""
    held = clip(value, old_value - value_clip_eps, old_value + value_clip_eps)
    distances = [maximum(x - target, target - x) for x in (value, held)]
    return maximum(*distances) * maximum(*distances)


def _clipped_value(error: Callable[..., Number]) -> Callable[..., dict[str, Nested]]:
    def clipped_value_loss(
        values: Nested, returns: Nested, old_values: Nested, *, value_clip_eps: Number, mask: Nested = None,
        reduction: str = "mean",
    ) -> dict[str, Nested]:
        target, old, eps = rational(returns), rational(old_values), rational(value_clip_eps)

        def formula(values: Nested) -> Number:
            return reduced(each(lambda v, t, o: error(v, t, o, eps), values, target, old, mask=mask), reduction)

        return with_gradients("loss", formula, values=rational(values))

    clipped_value_loss.__doc__ = f"mean of {error.__doc__}"
    return clipped_value_loss


clipped_value_loss = _clipped_value(clipped_value_error)
clipped_value_loss_by_distance = _clipped_value(clipped_value_error_by_distance)


def clipped_value_loss_slopes(
    value: Number, target: Number, old_value: Number, value_clip_eps: Number
) -> tuple[Number, Number]:
    """Slopes of the clipped value error in V, just left and just right of this (rational) V."""
    def slope(direction: int) -> Number:
        here = Ray(rational(value), direction)
        result = clipped_value_error(here, *map(rational, (target, old_value, value_clip_eps)))
        return rational(Ray.of(result).slope * direction)

    return slope(-1), slope(1)


def huber_error(error: Number, delta: Number) -> Number:
    """e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2) (Huber 1964)."""
    size = maximum(error, -error)
    return delta * (size - delta / 2) if less(delta, size) else error * error / 2


def huber_error_by_clipping(error: Number, delta: Number) -> Number:
    """min over x of (e - x)^2 / 2 + delta |x|: the x that is best is e less e clipped to [-delta, delta]."""
    inside = clip(error, -delta, delta)
    rest = error - inside
    return inside * inside / 2 + delta * maximum(rest, -rest)


def _huber(error: Callable[[Number, Number], Number]) -> Callable[..., dict[str, Nested]]:
    def huber_value_loss(
        values: Nested, returns: Nested, *, delta: Number, mask: Nested = None, reduction: str = "mean"
    ) -> dict[str, Nested]:
        target, width = rational(returns), rational(delta)

        def formula(values: Nested) -> Number:
            return reduced(each(lambda v, t: error(v - t, width), values, target, mask=mask), reduction)

        return with_gradients("loss", formula, values=rational(values))

    huber_value_loss.__doc__ = f"mean of {error.__doc__}"
    return huber_value_loss


huber_value_loss = _huber(huber_error)
huber_value_loss_by_clipping = _huber(huber_error_by_clipping)


def ppo_loss(
    log_prob: Nested, old_log_prob: Nested, advantages: Nested, values: Nested, returns: Nested, entropy: Nested,
    *, clip_eps: Number, vf_coef: Number, ent_coef: Number, dual_clip: Number | None = None, mask: Nested = None,
    reduction: str = "mean",
) -> dict[str, Nested]:
    r"""L^clip + c_v mean((V - R)^2) - c_e mean(H) (arXiv:1707.06347, eq. 9)."""
    eps, value_weight, entropy_weight, dual = ball(rational([clip_eps, vf_coef, ent_coef, dual_clip]))
    old, a, target = ball(old_log_prob), ball(advantages), ball(returns)

    def clip_part(log_prob: Nested) -> Number:
        def term(new: Number, before: Number, gain: Number) -> Number:
            return clip_objective(exp(new - before), gain, eps, eps, dual)

        return -reduced(each(term, log_prob, old, a, mask=mask), reduction)

    def value_part(values: Nested) -> Number:
        return reduced(each(squared_error, values, target, mask=mask), reduction)

    def bonus(entropy: Nested) -> Number:
        return reduced(each(lambda h: h, entropy, mask=mask), reduction)

    def formula(log_prob: Nested, values: Nested, entropy: Nested) -> Number:
        return clip_part(log_prob) + value_weight * value_part(values) - entropy_weight * bonus(entropy)

    new, v, h = ball(log_prob), ball(values), ball(entropy)
    parts = {"clip_loss": clip_part(new), "value_loss": value_part(v), "entropy": bonus(h)}
    return {**with_gradients("loss", formula, log_prob=new, values=v, entropy=h), **parts}


def ppo_loss_by_samples(
    log_prob: list[Any], old_log_prob: list[Any], advantages: list[Any], values: list[Any], returns: list[Any],
    entropy: list[Any], *, clip_eps: Number, vf_coef: Number, ent_coef: Number,
) -> dict[str, Nested]:
    """The mean over samples of each sample's whole loss, the clip by the sign of the advantage."""
    eps, value_weight, entropy_weight = ball(rational([clip_eps, vf_coef, ent_coef]))
    old, a, target = ball(old_log_prob), ball(advantages), ball(returns)

    def formula(log_prob: Nested, values: Nested, entropy: Nested) -> Number:
        samples = zip(log_prob, old, a, values, target, entropy, strict=True)
        return total([
            value_weight * (v * v - 2 * v * r + r * r) - clip_objective_by_sign(exp(new) / exp(before), gain, eps, eps)
            - entropy_weight * h
            for new, before, gain, v, r, h in samples
        ]) / len(values)

    return with_gradients(
        "loss", formula, log_prob=ball(log_prob), values=ball(values), entropy=ball(entropy)
    )
