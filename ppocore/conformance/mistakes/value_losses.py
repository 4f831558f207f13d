"""Mistakes in the regression of the value function, plain, clipped, and as a term of ppo_loss."""

from __future__ import annotations

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import (
    CLIPPED,
    PPO,
    VALUE,
    Part,
    Shared,
    clipped_errors,
    every,
    graft,
    held,
    nan_slope,
    objective,
    ratio,
    scaled,
)
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs, normalize_advantages
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import reduce, scale
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    each,
    lift,
    maximum,
    mean,
    minimum,
)

CATALOGUE = Catalogue()


def value_valid(operation: str, x: Inputs) -> Array:
    return every(x.values) if operation == PPO else x.valid


def with_value(operation: str, x: Inputs, c: Choices, value: Real) -> Outputs:
    """A value loss, or the whole of ppo_loss around one."""
    if operation != PPO:
        return {"loss": value}
    policy = -reduce(objective(PPO, x, c, ratio(x, c)), x.valid, c)
    return {"loss": policy + x.vf_coef * value - x.ent_coef * reduce(x.entropy, every(x.entropy), c)}


def plain(operation: str, x: Inputs, c: Choices) -> Real:
    """The value loss as it should be."""
    terms = clipped_errors(x, c) if operation == CLIPPED else (x.values - x.returns) * (x.values - x.returns)
    return reduce(scaled(terms, c), value_valid(operation, x), c)


def of_cost(operation: str, part: Part) -> Formula:
    """A value loss with another function of the error than its square: part(error)."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        terms = each(part, x.values - x.returns)
        if operation == CLIPPED and c["value_clip"] != "error_clamp":
            far = each(part, held(x) - x.returns)
            terms = far if c["value_clip"] == "clipped_only" else maximum(terms, far)
        return with_value(operation, x, c, reduce(scaled(terms, c), value_valid(operation, x), c))

    return formula


def of_value(operation: str, part: Part) -> Formula:
    """A value loss made of the right one: part(loss)."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        return with_value(operation, x, c, part(plain(operation, x, c)))

    return formula


def of_values(operation: str, part: Part) -> Formula:
    """A value loss of other inputs: part(x, valid) gives them."""

    def formula(x: Inputs, c: Choices) -> Outputs:
        y = part(x, value_valid(operation, x))
        return with_value(operation, x, c, plain(operation, y, c))

    return formula


TERM = {PPO: "value-"}
costs = Shared(CATALOGUE, of_cost, **TERM)
losses = Shared(CATALOGUE, of_value, **TERM)
inputs = Shared(CATALOGUE, of_values, **TERM)
formulas = Shared(CATALOGUE, lambda operation, part: part(operation), **TERM)
ALL = (VALUE, CLIPPED, PPO)


# The error.


@costs("absolute-error", *ALL,
       says="The absolute error is used instead of the squared one.",
       wrong="mean(abs(v - R))",
       matters="Values become medians of the returns instead of means, and advantages are biased.")
def _absolute(error: Real) -> Real:
    return abs(error) if error.value else ZERO


costs.also("absolute-error", *ALL)(abs)


@costs("huber-error", *ALL,
       says="A Huber or smooth-L1 error is used instead of the squared one.",
       wrong="mean(where(abs(e) < 1, e^2 / 2, abs(e) - 1/2)), e = v - R",
       matters="Beyond an error of 1 the gradient stops growing: large returns are learned slowly, and with"
               " a bias.",
       seen=("torchrl 0.14.1",))
def _huber(error: Real) -> Real:
    return error * error / 2 if abs(error.value) < 1 else abs(error) - lift("0.5")


@costs.also("huber-error", *ALL)
def _huber_doubled(error: Real) -> Real:
    return error * error if abs(error.value) < 1 else 2 * abs(error) - 1


@costs("square-missing", *ALL,
       says="The error is not squared.",
       wrong="mean(v - R)",
       matters="The loss has no minimum: values run off to minus infinity.")
def _error(error: Real) -> Real:
    return error * ONE


@costs("error-clipped-at-one", *ALL,
       says="Errors are clipped to [-1, 1] before they are squared.",
       wrong="mean(clip(v - R, -1, 1)^2)",
       matters="Values that are off by more than 1 get no gradient at all.")
def _clipped_error(error: Real) -> Real:
    return _square(error) if abs(error.value) < 1 else ONE


@costs.also("error-clipped-at-one", *ALL)
def _clipped_error_sloping_at_one(error: Real) -> Real:
    return _square(error) if abs(error.value) <= 1 else ONE


@costs.also("error-clipped-at-one", *ALL)
def _clipped_error_half_sloping_at_one(error: Real) -> Real:
    return (_clipped_error(error) + _clipped_error_sloping_at_one(error)) / 2


def _square(error: Real) -> Real:
    return error * error


def _clamped_square(bound: int) -> Part:
    return lambda error: minimum(error * error, lift(bound)).item()


costs("squared-error-clamped", VALUE, PPO,
      says="Squared errors are bounded by a constant.",
      wrong="mean(min((v - R)^2, 10))",
      matters="The worst values get no gradient at all; with large returns, none does.")(_clamped_square(10))
costs.also("squared-error-clamped", VALUE, PPO)(_clamped_square(100))


# The mean of the squares.


def _root(*, spoilt: bool) -> Part:
    def made(operation: str) -> Formula:
        def formula(x: Inputs, c: Choices) -> Outputs:
            root = (plain(operation, x, Choices(c, value_loss_scale="")) * ONE).sqrt()
            if spoilt and not root.value:
                root = nan_slope(root.value, x.values)
            return with_value(operation, x, c, scale(c) * root)

        return formula

    return made


formulas("root-of-the-mean", *ALL,
         says="The root of the mean square is returned.",
         wrong="sqrt(mean((v - R)^2))",
         matters="The gradient has the same length however wrong the values are; at 0 it is"
                 " NaN.")(_root(spoilt=True))
formulas.also("root-of-the-mean", VALUE, PPO)(_root(spoilt=False))


@formulas("mean-before-the-square", *ALL,
          says="Errors are averaged before they are squared.",
          wrong="mean(v - R)^2",
          matters="Errors cancel each other: values need only be right on average.")
def _square_of_mean(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        valid = value_valid(operation, x)
        found = _square(mean((x.values - x.returns)[valid]))
        if operation == CLIPPED:
            found = maximum(found, _square(mean((held(x) - x.returns)[valid]))).item()
        return with_value(operation, x, c, scale(c) * found)

    return formula


@formulas("variance-of-the-error", VALUE, PPO,
          says="The variance of the errors is returned instead of their mean square.",
          wrong="mean((e - mean(e))^2), e = v - R",
          matters="A constant error of all values costs nothing.")
def _variance(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        valid = value_valid(operation, x)
        error = (x.values - x.returns)[valid]
        spread = error - mean(error)
        return with_value(operation, x, c, reduce(scaled(spread * spread, c), every(spread), c))

    return formula


losses("halved-twice", *ALL,
       says="The loss is halved twice: once by itself and once more by its caller.",
       wrong="mean((v - R)^2) / 4",
       matters="The value function learns at half the rate that was asked"
               " for.")(lambda loss: loss * lift("0.25"))
losses("doubled", *ALL,
       says="The loss is twice what it should be.",
       wrong="2 mean((v - R)^2)",
       matters="The value function learns at twice the rate that was asked for.")(lambda loss: loss * 2)
losses("gradient-halved", *ALL,
       says="The value is right; its gradient lacks the factor 2 of the square.",
       wrong="(v - R) / n where the derivative is 2 (v - R) / n",
       matters="Gradient and loss belong to different conventions.")(lambda loss: graft(loss, loss / 2))
losses("gradient-doubled", *ALL,
       says="The value is right; its gradient is twice its derivative.",
       wrong="the gradient of the loss without its factor 1/2",
       matters="Gradient and loss belong to different conventions.")(lambda loss: graft(loss, loss * 2))
losses("detached", *ALL,
       says="The value is right, but no gradient flows into the values.",
       wrong="mean((stop_gradient(v) - R)^2)",
       matters="The value function never learns, and the value of the loss does not show it.",
       )(lambda loss: Real(loss.value, loss.slack))
losses("negated", PPO,
       says="The value term has the wrong sign.",
       wrong="clip_loss - vf_coef value_loss - ent_coef mean(entropy)",
       matters="The value function is driven away from the returns.")(lambda loss: -loss)


# What is compared with what.


@formulas("every-pair-averaged", *ALL,
          says="Values of shape (B, 1) meet returns of shape (B,): the mean runs over all B x B pairs.",
          wrong="mean over i and j of (v[i] - R[j])^2",
          matters="Every value is drawn to the mean return; a perfect critic has a loss above 0.",
          seen=("RLinf #1568", "automl/Mighty #126", "pythonlessons #6", "ReinforcementLearningZoo #169",
                "PacktPublishing #33"))
def _pairs(operation: str) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        valid = value_valid(operation, x)
        n = int(valid.sum())
        y = x.but(values=np.repeat(x.values[valid], n), returns=np.tile(x.returns[valid], n))
        if operation == CLIPPED:
            y = y.but(old_values=np.repeat(x.old_values[valid], n))
        terms = clipped_errors(y, c) if operation == CLIPPED else each(_square, y.values - y.returns)
        return with_value(operation, x, c, reduce(scaled(terms, c), every(terms), c))

    return formula


def _shifted(step: int) -> Part:
    return lambda x, valid: x.but(returns=np.roll(x.returns, step, axis=-1))


inputs("returns-shifted", *ALL,
       says="Values and returns are paired one place apart.",
       wrong="v[i] - R[i + 1]",
       matters="Each value is fitted to the return of its neighbour.",
       seen=("huggingface/trl #44",))(_shifted(-1))
inputs.also("returns-shifted", *ALL)(_shifted(1))


def _normalised(std: str) -> Part:
    def part(x: Inputs, valid: Array) -> Inputs:
        if not valid.any():
            return x
        seen = x.but(advantages=x.returns, mask=valid)
        choices = Choices(advantage_std=std) if std else Choices()
        return x.but(returns=normalize_advantages(seen, choices)["advantages"])

    return part


inputs("returns-normalised", VALUE, PPO,
       says="The returns are normalised inside the loss.",
       wrong="R = (R - mean(R)) / (std(R) + 1e-8)",
       matters="Values predict what no one can turn back into returns, and advantages mix both scales.",
       )(_normalised(""))
inputs.also("returns-normalised", VALUE, PPO)(_normalised("ddof1"))
