"""Mistakes of the policy-gradient loss and of the Huber loss of the values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import DOUBLE, Family, Value, exp_within
from ppocore.conformance.mistakes.loss_advantages import normalised
from ppocore.conformance.mistakes.loss_parts import GRADIENT, HUBER, every, graft
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import huber_value_loss, policy_gradient_loss, reduce
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    each,
    lift,
    maximum,
    mean,
    stop,
    total,
)

CATALOGUE = Catalogue()
POLICY, VALUE = Family(CATALOGUE, GRADIENT), Family(CATALOGUE, HUBER)


# The policy gradient.


def _terms(make: Callable[[Inputs], Array]) -> Value:
    """The loss of other terms."""
    return lambda x, c: -reduce(make(x), x.valid, c)


def _seeing(change: Callable[[Inputs], Inputs]) -> Value:
    """The loss of other inputs."""
    return lambda x, c: policy_gradient_loss(change(x), c)["loss"]


def _right(x: Inputs, c: Choices) -> Real:
    loss: Real = policy_gradient_loss(x, c)["loss"]
    return loss


def _centred(x: Inputs) -> Inputs:
    return x.but(advantages=x.advantages - mean(x.advantages[x.valid])) if x.valid.any() else x


def _shifted(step: int, x: Inputs) -> Inputs:
    return x.but(advantages=np.roll(x.advantages, step, axis=-1))


def _every_pair(x: Inputs, c: Choices) -> Real:
    terms = np.multiply.outer(x.log_prob[x.valid], x.advantages[x.valid])
    return -reduce(terms, every(terms), c)


def _of_ratio(x: Inputs, c: Choices) -> Real:
    """exp(log_prob - stop(log_prob)) A: the value of an on-policy surrogate, the right gradient."""
    value = -reduce(each(lambda a: a, x.advantages), x.valid, c)
    return graft(value, _right(x, c))


def _row_weights(x: Inputs, c: Choices) -> Real:
    """Each row's advantages added up, and every token weighed by the sum."""
    if x.advantages.ndim < 2:
        return -reduce(x.log_prob * total(x.advantages[x.valid]), x.valid, c)
    sums = np.array([total(row[m]) for row, m in zip(x.advantages, x.valid, strict=True)], dtype=object)
    return -reduce(x.log_prob * sums[:, None], x.valid, c)


POLICY.add("probability-for-log-probability", "The probability stands in place of its logarithm.",
           "-mean(e^log_prob A)", "Rare actions hardly move, however good they were.",
           _terms(lambda x: exp_within(x.log_prob, DOUBLE) * x.advantages))
POLICY.add("ratio-for-log-probability", "The loss is that of a ratio of 1.", "-mean(e^(lp - stop(lp)) A)",
           "The gradient is right and the value is minus the mean advantage: another loss, named another way.",
           _of_ratio)
POLICY.add("advantages-forgotten", "The advantages do not enter.", "-mean(log_prob)",
           "Whatever was done is made more likely: imitation of itself.",
           _seeing(lambda x: x.but(advantages=each(lambda _: ONE, x.advantages))))
POLICY.add("advantages-without-sign", "The sizes of the advantages are used.", "-mean(log_prob |A|)",
           "Bad actions are reinforced.", _seeing(lambda x: x.but(advantages=each(abs, x.advantages))))
POLICY.add("negative-advantages-dropped", "Negative advantages count as 0.", "-mean(log_prob max(A, 0))",
           "Nothing is ever unlearned.", _seeing(lambda x: x.but(advantages=maximum(x.advantages, ZERO))))
POLICY.add("advantages-normalised", "The advantages are normalised inside the loss.", "(A - mean(A)) / (std(A) + 1e-8)",
           "Whoever normalises before the call does it twice.", _seeing(partial(normalised, ddof1=False)),
           _seeing(partial(normalised, ddof1=True)))
POLICY.add("advantages-centred", "The mean advantage is subtracted.", "-mean(log_prob (A - mean(A)))",
           "A baseline that was not asked for, and one that depends on the sample.", _seeing(_centred))
POLICY.add("every-pair-averaged", "(B, 1) meets (B,): every log-probability is weighed by every advantage.",
           "mean over i and j of log_prob[i] A[j], which is -mean(log_prob) mean(A)",
           "Which action earned what is lost: the policy learns from the mean advantage alone.", _every_pair,
           seen=("RLinf #1568", "automl/Mighty #126"))
POLICY.add("advantages-added-up", "Each sample is weighed by the sum of all advantages.", "-mean(log_prob sum(A))",
           "The whole trajectory is credited to every action.", _row_weights)
POLICY.add("advantages-shifted", "Log-probabilities and advantages are paired one place apart.",
           "log_prob[i] A[i + 1]", "Each action is paid for by its neighbour.",
           *(_seeing(partial(_shifted, step)) for step in (-1, 1)))
POLICY.add("in-bits", "The logarithm has base two.", "-mean(log2(p) A)", "The step is larger by 1 / log 2.",
           lambda x, c: _right(x, c) / lift(2).log())
POLICY.add("halved", "The loss is half of what it should be.", "-mean(log_prob A) / 2",
           "The policy learns at half the rate that was asked for.", lambda x, c: _right(x, c) / 2)
POLICY.add("detached", "The value is right, but no gradient flows into the log-probabilities.",
           "-mean(stop_gradient(log_prob) A)", "The policy never learns.", lambda x, c: stop(_right(x, c)))


# The Huber loss.


def _cost(make: Callable[[Real, Real], Real]) -> Value:
    """The loss of another function of the error and of delta."""
    return lambda x, c: reduce(each(make, x.values - x.returns, x.delta), x.valid, c)


def _sloped(make: Callable[[Real, Real], Real]) -> Value:
    """The right value with the slope of another function."""
    wrong = _cost(make)
    return lambda x, c: graft(_huber_loss(x, c), wrong(x, c))


def _huber_loss(x: Inputs, c: Choices) -> Real:
    loss: Real = huber_value_loss(x, c)["loss"]
    return loss


def _beyond(error: Real, delta: Real) -> bool:
    return abs(error.value) > delta.value


def _piecewise(near: Callable[[Real, Real], Real], far: Callable[[Real, Real], Real]) -> Value:
    """Another function on either side of delta."""
    return _cost(lambda e, delta: far(e, delta) if _beyond(e, delta) else near(e, delta))


def _half_square(e: Real, delta: Real) -> Real:
    return e * e / 2


def _linear(e: Real, delta: Real) -> Real:
    return delta * (abs(e) - delta / 2)


def _pseudo(e: Real, delta: Real) -> Real:
    scaled = e / delta
    return delta * delta * ((ONE + scaled * scaled).sqrt() - ONE)


def _log_cosh(e: Real, delta: Real) -> Real:
    """log cosh e by |e| + log(1 + e^-2|e|) - log 2."""
    size = abs(e)
    return size + (ONE + (-(size + size)).exp()).log() - lift(2).log()


VALUE.add("smooth-l1", "The smooth L1 loss is used: Huber's divided by delta.",
          "e^2 / (2 delta) if |e| < delta else |e| - delta / 2",
          "The same where delta is 1; elsewhere the value function learns at another rate.",
          lambda x, c: _huber_loss(x, c) / x.delta, seen=("torch.nn.SmoothL1Loss beside torch.nn.HuberLoss",))
VALUE.add("delta-ignored", "delta is 1, whatever is asked for.", "e^2 / 2 if |e| <= 1 else |e| - 1/2",
          "delta has no effect.", lambda x, c: _huber_loss(x.but(delta=ONE), c),
          seen=("torchrl 0.14.1 (smooth_l1, no parameter)",))
VALUE.add("never-linear", "The error is half its square everywhere.", "mean(e^2 / 2)",
          "Outliers have the gradient that delta was to bound.", _cost(_half_square))
VALUE.add("squared-error", "The error is its square everywhere.", "mean(e^2)",
          "Outliers have the gradient that delta was to bound.", _cost(lambda e, delta: e * e))
VALUE.add("never-quadratic", "The error is linear everywhere.", "mean(delta (|e| - delta / 2))",
          "Small errors are pushed as hard as large ones, and a perfect critic has a negative loss.", _cost(_linear))
VALUE.add("absolute-error", "The absolute error is used.", "mean(|e|)", "Values become medians of the returns.",
          _cost(lambda e, delta: abs(e) if e.value else e * e))
VALUE.add("pieces-exchanged", "The two pieces stand on the wrong sides.",
          "delta (|e| - delta / 2) if |e| <= delta else e^2 / 2", "Outliers are squared, small errors are not.",
          _piecewise(_linear, _half_square))
VALUE.add("half-missing-near", "The quadratic piece lacks its half.",
          "e^2 if |e| <= delta else delta (|e| - delta / 2)",
          "The loss jumps at delta, and small errors weigh twice.", _piecewise(lambda e, delta: e * e, _linear))
VALUE.add("doubled", "The loss is twice what it should be.", "e^2 if |e| <= delta else delta (2 |e| - delta)",
          "The value function learns at twice the rate that was asked for.", lambda x, c: _huber_loss(x, c) * 2)
VALUE.add("halved", "The loss is half of what it should be.", "h(e) / 2", "A factor 1/2 that h already has.",
          lambda x, c: _huber_loss(x, c) / 2)
VALUE.add("offset-missing-far", "The linear piece lacks its offset.", "delta |e| if |e| > delta",
          "The loss jumps at delta; the gradient is right.", _piecewise(_half_square, lambda e, delta: delta * abs(e)))
VALUE.add("offset-not-halved", "The linear piece subtracts all of delta.", "delta (|e| - delta) if |e| > delta",
          "The loss jumps at delta; the gradient is right.",
          _piecewise(_half_square, lambda e, delta: delta * (abs(e) - delta)))
VALUE.add("slope-one-far", "The linear piece has slope 1.", "|e| - delta / 2 if |e| > delta",
          "Loss and gradient jump at delta.", _piecewise(_half_square, lambda e, delta: abs(e) - delta / 2))
VALUE.add("error-clipped", "The error is clipped to [-delta, delta] and squared.", "mean(clip(e, -delta, delta)^2 / 2)",
          "Values that are off by more than delta get no gradient at all.",
          _piecewise(_half_square, lambda e, delta: delta * delta / 2))
VALUE.add("gradient-not-clipped", "The value is right; the gradient is that of the square.", "e / n everywhere",
          "Outliers have the gradient that delta was to bound.", _sloped(_half_square))
VALUE.add("gradient-zero-far", "The value is right; beyond delta there is no gradient.", "0 if |e| > delta",
          "The worst values are not corrected.",
          _sloped(lambda e, delta: ZERO if _beyond(e, delta) else _half_square(e, delta)))
VALUE.add("gradient-doubled", "The value is right; its gradient is twice its derivative.",
          "2 clip(e, -delta, delta) / n", "Gradient and loss belong to different conventions.",
          lambda x, c: graft(_huber_loss(x, c), _huber_loss(x, c) * 2))
VALUE.add("pseudo-huber", "The pseudo-Huber loss is used.", "delta^2 (sqrt(1 + (e / delta)^2) - 1)",
          "Close to Huber's nowhere but at 0 and far away.", _cost(_pseudo),
          seen=("Charbonnier et al. 1994 (by design)",))
VALUE.add("log-cosh", "log cosh e is used.", "mean(log(cosh(e)))", "delta has no effect.", _cost(_log_cosh))
VALUE.add("mean-before-the-error", "Errors are averaged first.", "h(mean(e))",
          "Errors cancel each other: values need only be right on average.",
          lambda x, c: _of_mean_error(x))
VALUE.add("every-pair-averaged", "Values of shape (B, 1) meet returns of shape (B,).",
          "mean over i and j of h(v[i] - R[j])", "Every value is drawn to the middle of all returns.",
          lambda x, c: _of_pairs(x, c), seen=("RLinf #1568", "automl/Mighty #126"))
VALUE.add("returns-shifted", "Values and returns are paired one place apart.", "v[i] - R[i + 1]",
          "Each value is fitted to the return of its neighbour.",
          *(partial(lambda step, x, c: _huber_loss(x.but(returns=np.roll(x.returns, step, axis=-1)), c), step)
            for step in (-1, 1)), seen=("huggingface/trl #44",))
VALUE.add("detached", "The value is right, but no gradient flows into the values.", "h(stop_gradient(v) - R)",
          "The value function never learns.", lambda x, c: stop(_huber_loss(x, c)))


def _of_mean_error(x: Inputs) -> Real:
    e = mean((x.values - x.returns)[x.valid])
    return _linear(e, x.delta) if _beyond(e, x.delta) else _half_square(e, x.delta)


def _of_pairs(x: Inputs, c: Choices) -> Real:
    n = int(x.valid.sum())
    y = x.but(values=np.repeat(x.values[x.valid], n), returns=np.tile(x.returns[x.valid], n), mask=None)
    return _huber_loss(y, c)
