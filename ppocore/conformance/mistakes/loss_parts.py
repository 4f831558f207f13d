"""The losses cut into the parts where code goes wrong: a mistake is one part, and serves every loss."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import band, huber_terms, reduce, value_loss
from ppocore.conformance.oracle.probability import log_ratio, log_softmax, table_kl
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    clip,
    each,
    exp,
    gradient,
    lift,
    maximum,
    minimum,
    stop,
    where,
)

SURROGATE, CLIP, KL, PPO = "surrogate_loss", "clip_loss", "kl_penalty_loss", "ppo_loss"
VALUE, CLIPPED = "value_loss", "clipped_value_loss"
GRADIENT, HUBER = "policy_gradient_loss", "huber_value_loss"
EVERY = (GRADIENT, HUBER, SURROGATE, CLIP, KL, VALUE, CLIPPED, PPO)
RATIO = (SURROGATE, CLIP, KL, PPO)
MASKED = (GRADIENT, HUBER, SURROGATE, CLIP, VALUE, CLIPPED)

NAN = Real(Decimal("NaN"))

Part = Callable[..., Any]
P = TypeVar("P", bound=Part)


class Shared:
    """Enters one wrong part under the same name for several operations."""

    def __init__(self, catalogue: Catalogue, make: Callable[[str, Part], Formula], **prefixes: str) -> None:
        self._catalogue, self._make, self._prefixes = catalogue, make, prefixes

    def __call__(
        self, name: str, *operations: str, says: str, wrong: str, matters: str, seen: tuple[str, ...] = ()
    ) -> Callable[[P], P]:
        """Enter `operation/name` for each of the operations."""

        def entered(part: P) -> P:
            for operation in operations:
                enter = self._catalogue.enter(self._slug(operation, name), says=says, wrong=wrong,
                                              matters=matters, seen=seen)
                enter(self._make(operation, part))
            return part

        return entered

    def also(self, name: str, *operations: str) -> Callable[[P], P]:
        """Another formula for a mistake already entered."""

        def entered(part: P) -> P:
            for operation in operations:
                self._catalogue.variant(self._slug(operation, name))(self._make(operation, part))
            return part

        return entered

    def _slug(self, operation: str, name: str) -> str:
        return f"{operation}/{self._prefixes.get(operation, '')}{name}"


# Numbers with a derivative that is not their own.


def graft(value: Real, slope: Real) -> Real:
    """The number `value` with the derivatives of `slope`."""
    return Real(value.value, value.slack, ((slope, ONE),)) if slope.parents is not None else stop(value)


def nan_slope(value: Decimal, by: Any) -> Real:
    """A number whose derivative by each of `by` is NaN."""
    nodes = np.asarray(by, dtype=object).reshape(-1)
    return Real(value, 0.0, tuple((node, NAN) for node in nodes if node.parents is not None) or None)


# Policy losses: a ratio, an objective made of it, a mean, and the other terms.


def policy_inputs(operation: str, x: Inputs) -> Inputs:
    """The inputs with log_prob and old_log_prob, which a KL-penalty loss has to gather."""
    if operation != KL:
        return x
    rows = np.arange(len(x.logits))
    new, old = log_softmax(x.logits)[rows, x.actions], log_softmax(x.old_logits)[rows, x.actions]
    return x.but(log_prob=new, old_log_prob=old, mask=np.ones(len(rows), dtype=bool))


def ratio(x: Inputs, c: Choices) -> Array:
    return exp(log_ratio(x, c))


def penalty(x: Inputs, c: Choices) -> Array:
    """The exact KL of each row."""
    new, old = log_softmax(x.logits), log_softmax(x.old_logits)
    return table_kl(new, old) if c["kl_direction"] == "new_old" else table_kl(old, new)


def every(array: Array) -> Array:
    """The mask that hides nothing."""
    return np.ones(array.shape, dtype=bool)


def whole(operation: str, x: Inputs, c: Choices, policy: Real) -> Outputs:
    """The loss of an operation whose policy term is this."""
    if operation == PPO:
        bonus = x.ent_coef * reduce(x.entropy, every(x.entropy), c)
        return {"loss": policy + x.vf_coef * value_loss(x, c)["loss"] - bonus}
    if operation == KL:
        kl = penalty(x, c)
        return {"loss": policy + x.kl_coef * reduce(kl, every(kl), c)}
    return {"loss": policy}


def floored(objective: Array, x: Inputs, c: Choices) -> Array:
    """The dual clip, where there is one."""
    bound = x.get("dual_clip") or c.number("dual_clip")
    if bound is None:
        return objective
    return where(x.advantages < ZERO, maximum(objective, bound * x.advantages), objective)


def objective(operation: str, x: Inputs, c: Choices, r: Array) -> Array:
    """r A, or what the clip makes of it; NaN in a ratio or an advantage reaches value and derivative."""
    if operation in (SURROGATE, KL):
        terms = r * x.advantages
    else:
        low, high = band(x, c)
        terms = floored(minimum(r * x.advantages, clip(r, low, high) * x.advantages), x, c)
    return each(_with_nan, terms, r, x.advantages, x.log_prob)


def _with_nan(term: Real, r: Real, advantage: Real, log_prob: Real) -> Real:
    lost = r.value.is_nan() or advantage.value.is_nan()
    return nan_slope(NAN.value, log_prob) if lost else term


def policy_term(operation: str, x: Inputs, c: Choices) -> Real:
    """The policy term as it should be."""
    x = policy_inputs(operation, x)
    return -reduce(objective(operation, x, c, ratio(x, c)), x.valid, c)


def of_ratio(operation: str, part: Part) -> Formula:
    """A loss with another ratio: part(x, c) gives it."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        x = policy_inputs(operation, x)
        return whole(operation, x, c, -reduce(objective(operation, x, c, part(x, c)), x.valid, c))

    return formula


def of_inputs(operation: str, part: Part) -> Formula:
    """A policy loss of other inputs: part(x, c) gives them."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        changed = part(policy_inputs(operation, x), c)
        terms = objective(operation, changed, c, ratio(changed, c))
        return whole(operation, x, c, -reduce(terms, changed.valid, c))

    return formula


def of_objective(operation: str, part: Part) -> Formula:
    """A policy loss with another objective: part(operation, x, c) gives its term of each sample."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        x = policy_inputs(operation, x)
        return whole(operation, x, c, -reduce(part(operation, x, c), x.valid, c))

    return formula


def of_terms(operation: str, part: Part) -> Formula:
    """A policy loss with another objective, whichever loss it is: part(x, c)."""
    return of_objective(operation, lambda operation, x, c: part(x, c))


def of_slope(operation: str, part: Part) -> Formula:
    """A policy loss of the right value whose derivative is that of another objective: part(x, c)."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        x = policy_inputs(operation, x)
        slope = -reduce(part(x, c), x.valid, c)
        return whole(operation, x, c, graft(policy_term(operation, x, c), slope))

    return formula


# Losses of any kind: terms of each slot and a mean.


def squared_errors(x: Inputs) -> Array:
    gap: Array = x.values - x.returns
    return gap * gap


def held(x: Inputs) -> Array:
    """The value that has moved by at most value_clip_eps."""
    value: Array = x.old_values + clip(x.values - x.old_values, -x.value_clip_eps, x.value_clip_eps)
    return value


def clipped_errors(x: Inputs, c: Choices) -> Array:
    """The terms of clipped_value_loss."""
    far = held(x) - x.returns
    if c["value_clip"] == "error_clamp":
        return clip(squared_errors(x), ZERO, x.value_clip_eps)
    return far * far if c["value_clip"] == "clipped_only" else maximum(squared_errors(x), far * far)


def scaled(x: Array, c: Choices) -> Array:
    """Halved under `value_loss_scale = half`."""
    return x * lift("0.5") if c["value_loss_scale"] == "half" else x


PLAIN: dict[str, Callable[[Inputs], Array]] = {
    GRADIENT: lambda x: -(x.log_prob * x.advantages),
    HUBER: huber_terms,
}
"""Losses without a ratio, a clip or a convention but the mean."""


def addends(operation: str, x: Inputs, c: Choices) -> list[Array]:
    """What a loss is the mean of: one array of terms a slot for each of its terms."""
    if operation == VALUE:
        return [scaled(squared_errors(x), c)]
    if operation == CLIPPED:
        return [scaled(clipped_errors(x, c), c)]
    if operation in PLAIN:
        return [PLAIN[operation](x)]
    x = policy_inputs(operation, x)
    policy = -objective(operation, x, c, ratio(x, c))
    if operation == KL:
        return [policy, x.kl_coef * penalty(x, c)]
    if operation == PPO:
        return [policy, x.vf_coef * scaled(squared_errors(x), c), -(x.ent_coef * x.entropy)]
    return [policy]


def valid_slots(operation: str, x: Inputs) -> Array:
    return policy_inputs(operation, x).valid


def of_mean(operation: str, part: Part) -> Formula:
    """A loss with another mean: part(terms, valid, c) gives it."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        valid = valid_slots(operation, x)
        means = [part(terms, valid, c) for terms in addends(operation, x, c)]
        return {"loss": sum(means[1:], means[0])}

    return formula


def is_masked(x: Inputs) -> bool:
    """True if the function was handed a mask."""
    return "mask" in x.passed and x.get("mask") is not None


def of_mask(operation: str, part: Part) -> Formula:
    """A loss with another mask: part(mask) gives it."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        y = x.but(mask=part(np.asarray(x.mask))) if is_masked(x) else x
        (terms,) = addends(operation, y, c)
        return {"loss": reduce(terms, y.valid, c)}

    return formula


def right(operation: str, x: Inputs, c: Choices) -> Real:
    """The loss as it should be."""
    valid = valid_slots(operation, x)
    means = [reduce(terms, valid, c) for terms in addends(operation, x, c)]
    return sum(means[1:], means[0])


def overflowing(formula: Formula, variable: str = "log_prob") -> Formula:
    """What the formula gives in float32, where numbers end at 3.4e38."""

    def formula32(x: Inputs, c: Choices) -> Outputs:
        loss = formula(x, c)["loss"]
        slopes = gradient(loss, getattr(x, variable))
        return {"loss": _single(loss), f"grad_{variable}": each(_single, slopes)}

    return formula32


def _single(x: Real) -> Real:
    beyond = x.value.is_finite() and abs(x.value) > Decimal("3.4028235e38")
    return Real(Decimal("Infinity").copy_sign(x.value)) if beyond else x
