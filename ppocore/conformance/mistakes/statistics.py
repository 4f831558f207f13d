"""Mistakes of reductions, training statistics, gradient clipping, Adam and normalisation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ppocore.conformance.mistakes import moments as running
from ppocore.conformance.mistakes import normalisation, optimisation, reductions
from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.advantages import moments
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import band
from ppocore.conformance.oracle.probability import log_ratio
from ppocore.conformance.oracle.reals import ZERO, Array, Real, each, exp, lift, maximum, mean
from ppocore.conformance.oracle.statistics import clip_fraction, explained_variance, share, variance_floor

CATALOGUE = Catalogue()
for part in (reductions, optimisation, running, normalisation):
    CATALOGUE.mistakes.update(part.CATALOGUE.mistakes)

FRACTION = Family(CATALOGUE, "clip_fraction")
Hits = Callable[[Inputs, Array, Real, Real], Array]
"""Which samples count, from the ratios and the ends of the band."""


def _counted(hits: Hits) -> Value:
    return lambda x, c: share(hits(x, exp(log_ratio(x, c)), *band(x, c)))


def _fraction(x: Inputs, c: Choices) -> Real:
    fraction: Real = clip_fraction(x, c)["fraction"]
    return fraction


def _among(hits: Hits) -> Value:
    """The fraction among samples of positive advantage."""

    def value(x: Inputs, c: Choices) -> Real:
        good = x.advantages > ZERO
        return share(hits(x, exp(log_ratio(x, c)), *band(x, c))[good]) if good.any() else lift("NaN")

    return value


def _not_binding(x: Inputs, r: Array, low: Real, high: Real) -> Array:
    found: Array = ((x.advantages > ZERO) & (r < low)) | ((x.advantages < ZERO) & (r > high))
    return found


def _deviation(r: Array) -> Array:
    return each(abs, r - 1)


FRACTION.add("upper-side-only", "Only ratios above the band count.", "r - 1 > eps",
             "Ratios that fell too far go unnoticed.", _counted(lambda x, r, low, high: r > high))
FRACTION.add("lower-side-only", "Only ratios below the band count.", "r < 1 - eps",
             "Ratios that rose too far go unnoticed.", _counted(lambda x, r, low, high: r < low))
FRACTION.add("inside-counted", "The ratios inside the band are counted.", "|r - 1| <= eps",
             "1 stands for no clipping at all.", lambda x, c: 1 - _fraction(x, c))
FRACTION.add("ratio-not-centred", "The ratio itself is compared with eps.", "r > eps",
             "Nearly everything counts as clipped.", _counted(lambda x, r, low, high: r > x.clip_eps))
FRACTION.add("deviation-squared", "The squared deviation is compared with eps.", "(r - 1)^2 > eps",
             "The band is as wide as the root of eps.",
             _counted(lambda x, r, low, high: _deviation(r) ** 2 > x.clip_eps))
FRACTION.add("band-squared", "The deviation is compared with the square of eps.", "|r - 1| > eps^2",
             "The band is far too narrow.", _counted(lambda x, r, low, high: _deviation(r) > x.clip_eps**2))
FRACTION.add("half-the-band", "The band is taken to be eps wide in all.", "|r - 1| > eps / 2",
             "Too much counts as clipped.", _counted(lambda x, r, low, high: _deviation(r) > x.clip_eps / 2))
FRACTION.add("twice-the-band", "The band is twice as wide.", "|r - 1| > 2 eps",
             "Too little counts as clipped.",
             _counted(lambda x, r, low, high: _deviation(r) > x.clip_eps * 2))
FRACTION.add("ratio-inverted", "The ratio is old over new.", "|1 / r - 1| > eps",
             "The two sides of the band are exchanged.",
             _counted(lambda x, r, low, high: _deviation(1 / r) > x.clip_eps))
FRACTION.add("binding-reversed", "Clips that take no effect are counted instead of those that do.",
             "A > 0 and r < 1 - eps, or A < 0 and r > 1 + eps", "There the gradient is alive.",
             _counted(_not_binding))
FRACTION.add("positive-advantages-only", "Only samples of positive advantage count.",
             "A > 0 and |r - 1| > eps", "Half of the clipping goes unnoticed.",
             _counted(lambda x, r, low, high: (x.advantages > ZERO) & ((r < low) | (r > high))),
             _counted(lambda x, r, low, high: (x.advantages > ZERO) & (r > high)),
             _among(lambda x, r, low, high: (r < low) | (r > high)))
FRACTION.add("negative-advantages-only", "Only samples of negative advantage count.",
             "A < 0 and |r - 1| > eps", "Half of the clipping goes unnoticed.",
             _counted(lambda x, r, low, high: (x.advantages < ZERO) & ((r < low) | (r > high))),
             _counted(lambda x, r, low, high: (x.advantages < ZERO) & (r < low)))
FRACTION.add("log-ratio-one-sided", "Only log-ratios above eps count.", "log r > eps",
             "Ratios that fell too far go unnoticed.",
             lambda x, c: share(log_ratio(x, c) > x.clip_eps))
FRACTION.add("after-clipping", "The ratios are compared after they were clipped.", "|clip(r) - 1| > eps",
             "Always 0.", lambda x, c: ZERO, seen=("verl #6806",))
FRACTION.add("count-returned", "The clipped samples are counted, not averaged.", "sum(|r - 1| > eps)",
             "It grows with the batch.", lambda x, c: _fraction(x, c) * len(x.log_prob))
FRACTION.add("percentage", "The fraction is multiplied by 100.", "100 * mean(|r - 1| > eps)", "1 means 1 %.",
             lambda x, c: _fraction(x, c) * 100)
FRACTION.add("one-number-for-all", "The mean ratio is compared with the band.", "|mean(r) - 1| > eps",
             "Deviations cancel; the result is 0 or 1.",
             lambda x, c: lift(int(abs(mean(exp(log_ratio(x, c))) - 1) > x.clip_eps)))
FRACTION.add("mean-missing", "One flag per sample is returned.", "|r - 1| > eps", "The mean is missing.",
             lambda x, c: each(lambda hit: lift(int(hit)), _deviation(exp(log_ratio(x, c))) > x.clip_eps))


EXPLAINED = Family(CATALOGUE, "explained_variance")


def _variance(values: Array, ddof: int = 0) -> Real:
    return moments(values, ddof)[1]


def _second_moment(values: Array) -> Real:
    return mean(values * values)


def _less(above: Callable[[Inputs], Real], below: Callable[[Inputs], Real]) -> Value:
    """1 - above / below, under the convention `explained_variance`."""
    return lambda x, c: 1 - above(x) / variance_floor(below(x), c)


def _right(x: Inputs, c: Choices) -> Real:
    explained: Real = explained_variance(x, c)["explained_variance"]
    return explained


def _covariance(x: Inputs) -> Real:
    return mean((x.values - mean(x.values)) * (x.returns - mean(x.returns)))


def _correlation(x: Inputs) -> Real:
    return _covariance(x) / (_variance(x.values).sqrt() * _variance(x.returns).sqrt())


def _residual(x: Inputs) -> Real:
    return _variance(x.returns - x.values)


def _spread(x: Inputs) -> Real:
    return _variance(x.returns)


def _ratio(x: Inputs, c: Choices) -> Real:
    return _residual(x) / variance_floor(_spread(x), c)


def _floored(at: int, x: Inputs, c: Choices) -> Real:
    return maximum(_right(x, c), lift(at)).item()


EXPLAINED.add("arguments-exchanged", "Values and returns are exchanged.", "1 - Var(v - R) / Var(v)",
              "A nearly constant critic gets a hugely negative score, whatever it predicts.",
              _less(_residual, lambda x: _variance(x.values)), seen=("DLR-RM/stable-baselines3 #227",))
EXPLAINED.add("mean-not-removed", "The mean squared error stands for the variance of the error.",
              "1 - mean((R - v)^2) / Var(R)", "That is R^2: a constant bias of the critic lowers it.",
              _less(lambda x: _second_moment(x.returns - x.values), _spread))
EXPLAINED.add("nothing-centred", "Neither variance has its mean removed.", "1 - mean((R - v)^2) / mean(R^2)",
              "A critic that knows only the average seems perfect.",
              _less(lambda x: _second_moment(x.returns - x.values), lambda x: _second_moment(x.returns)))
EXPLAINED.add("denominator-not-centred", "The mean square of the returns stands for their variance.",
              "1 - Var(R - v) / mean(R^2)", "With returns far from 0 everything looks explained.",
              _less(_residual, lambda x: _second_moment(x.returns)))
EXPLAINED.add("squared-correlation", "The squared correlation is returned.", "corr(v, R)^2",
              "Blind to scale and to sign: a critic of -R gets 1.",
              lambda x, c: _correlation(x) * _correlation(x))
EXPLAINED.add("correlation", "The correlation is returned.", "corr(v, R)",
              "Blind to the scale of the critic.",
              lambda x, c: _correlation(x))
EXPLAINED.add("unexplained-part", "The ratio is not subtracted from 1.", "Var(R - v) / Var(R)",
              "0 is perfect and 1 is useless.", _ratio)
EXPLAINED.add("sign-flipped", "1 is subtracted from the ratio.", "Var(R - v) / Var(R) - 1", "-1 is perfect.",
              lambda x, c: _ratio(x, c) - 1)
EXPLAINED.add("std-for-variance", "Standard deviations are divided.", "1 - std(R - v) / std(R)",
              "Lower than the explained variance everywhere between 0 and 1.",
              lambda x, c: 1 - _residual(x).sqrt() / variance_floor(_spread(x), c).sqrt())
EXPLAINED.add("ddof-mixed", "One variance divides by n, the other by n - 1.", "1 - Var_1(R - v) / Var_0(R)",
              "Off by n / (n - 1).", _less(lambda x: _variance(x.returns - x.values, 1), _spread),
              _less(_residual, lambda x: _variance(x.returns, 1)))
EXPLAINED.add("variance-of-values", "The variance of the values stands for that of the error.",
              "Var(v) / Var(R)", "A critic of the right spread is perfect, whatever it predicts.",
              lambda x, c: _variance(x.values) / variance_floor(_spread(x), c),
              _less(lambda x: _variance(x.values), _spread))
EXPLAINED.add("regression-slope", "The covariance is divided by a variance.", "Cov(v, R) / Var(R)",
              "That is the slope of a regression.", lambda x, c: _covariance(x) / _spread(x),
              lambda x, c: _covariance(x) / _variance(x.values))
EXPLAINED.add("floored-at-zero", "Negative values become 0.", "max(0, 1 - Var(R - v) / Var(R))",
              "A critic worse than none is not seen.", partial(_floored, 0))
EXPLAINED.add("floored-at-minus-one", "Values below -1 become -1.", "max(-1, 1 - Var(R - v) / Var(R))",
              "How bad a diverging critic is does not show.", partial(_floored, -1))
EXPLAINED.add("sums-added", "Values are added to returns, not subtracted.", "1 - Var(R + v) / Var(R)",
              "A perfect critic gets -3.", _less(lambda x: _variance(x.returns + x.values), _spread))
EXPLAINED.add("percentage", "The result is multiplied by 100.", "100 (1 - Var(R - v) / Var(R))",
              "1 means 1 %.",
              lambda x, c: _right(x, c) * 100)
