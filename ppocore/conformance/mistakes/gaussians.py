"""Mistakes of log-densities and entropies of diagonal Gaussians, squashed by tanh or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import DOUBLE, SINGLE, Family, Value, exp_within, softplus
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import TWO_PI, gaussian_entropy, gaussian_terms, rowwise
from ppocore.conformance.oracle.reals import (
    ONE,
    ZERO,
    Array,
    Real,
    clip,
    constant,
    each,
    exp,
    lift,
    log,
    maximum,
    mean,
    total,
)

CATALOGUE = Catalogue()
PLAIN = Family(CATALOGUE, "gaussian_log_prob")
SQUASHED = Family(CATALOGUE, "squashed_gaussian_log_prob")
ENTROPY = Family(CATALOGUE, "gaussian_entropy")
Terms = Callable[[Inputs], Any]
"""(B, D) terms; `actions` is the point at which the Gaussian is evaluated."""


def half_log_two_pi() -> Real:
    """log(2 pi) / 2."""
    return TWO_PI.log() / 2


def _score(x: Inputs, std: Any = None) -> Any:
    """(a - m) / s."""
    return (x.actions - x.mean) / (exp(x.log_std) if std is None else std)


def _terms(x: Inputs) -> Array:
    return gaussian_terms(x.mean, x.log_std, x.actions)


def _with_std(std: Callable[[Array], Any]) -> Terms:
    """The density for another standard deviation."""
    def terms(x: Inputs) -> Any:
        s = std(x.log_std)
        z = _score(x, s)
        return -(z * z) / 2 - log(s) - half_log_two_pi()

    return terms


def _unsquashed(x: Inputs) -> Inputs:
    return x.but(actions=each(lambda a: a.atanh(), x.actions))


def _jacobian(x: Inputs) -> Array:
    return log(1 - x.actions * x.actions)


def _both(name: str, says: str, wrong: str, matters: str, *formulas: Terms, seen: tuple[str, ...] = ()) -> None:
    """A mistake in the Gaussian's own terms, entered for both densities."""

    def plain(terms: Terms) -> Value:
        return lambda x, c: rowwise(terms(x))

    def squashed(terms: Terms) -> Value:
        return lambda x, c: rowwise(terms(_unsquashed(x)) - _jacobian(x))

    PLAIN.add(name, says, wrong, matters, *(plain(f) for f in formulas), seen=seen)
    SQUASHED.add(name, says, wrong, matters, *(squashed(f) for f in formulas), seen=seen)


def _both_ends(name: str, says: str, wrong: str, matters: str, *ends: Callable[[Array], Any],
               seen: tuple[str, ...] = ()) -> None:
    """A mistake in what is done with the (B, D) terms, entered for both densities."""

    def plain(end: Callable[[Array], Any]) -> Value:
        return lambda x, c: end(_terms(x))

    def squashed(end: Callable[[Array], Any]) -> Value:
        return lambda x, c: end(_terms(_unsquashed(x)) - _jacobian(x))

    PLAIN.add(name, says, wrong, matters, *(plain(end) for end in ends), seen=seen)
    SQUASHED.add(name, says, wrong, matters, *(squashed(end) for end in ends), seen=seen)


def _added_to_std(eps: str) -> Terms:
    return _with_std(lambda log_std: exp(log_std) + constant(eps))


def _added_to_variance(eps: str) -> Terms:
    return _with_std(lambda log_std: each(lambda s: (s * s + constant(eps)).sqrt(), exp(log_std)))


def _added_below(eps: str) -> Terms:
    """Only the denominator of the quadratic term is changed."""
    def terms(x: Inputs) -> Any:
        gap, s = x.actions - x.mean, exp(x.log_std)
        return -(gap * gap) / (2 * (s * s + constant(eps))) - x.log_std - half_log_two_pi()

    return terms


def _added_to_scale(eps: str) -> Terms:
    """Only the score is divided by s + eps."""
    def terms(x: Inputs) -> Any:
        z = _score(x, exp(x.log_std) + constant(eps))
        return -(z * z) / 2 - x.log_std - half_log_two_pi()

    return terms


EPSILONS = ("1e-8", "1e-6", "1e-5", "1e-4")
_both("half-on-log-std", "The 1/2 of the constant is applied to log_std as well.",
      "-(z^2) / 2 - (log(2 pi) + log_std) / 2", "The density does not integrate to 1 unless s = 1.",
      lambda x: _terms(x) + x.log_std / 2, seen=("google-research/batch-ppo #13",))
_both("log-std-doubled", "log_std is subtracted twice.", "-(z^2) / 2 - log(s^2) - log(2 pi) / 2",
      "The 1/2 before log s^2 is missing.", lambda x: _terms(x) - x.log_std)
_both("log-std-missing", "log_std is not subtracted.", "-(z^2) / 2 - log(2 pi) / 2",
      "Widening the policy always raises the probability.", lambda x: _terms(x) + x.log_std)
_both("log-std-added", "log_std is added.", "-(z^2) / 2 + log_std - log(2 pi) / 2",
      "The derivative by log_std has the wrong sign.", lambda x: _terms(x) + 2 * x.log_std)
_both("log-std-as-std", "log_std is used as the standard deviation.", "z = (a - m) / log_std",
      "A log_std of 0 divides by 0; a negative one has no logarithm.", _with_std(lambda log_std: log_std),
      lambda x: -(_score(x, x.log_std) ** 2) / 2 - log(each(abs, x.log_std)) - half_log_two_pi())
_both("log-std-as-log-variance", "log_std is read as the logarithm of the variance.", "s^2 = exp(log_std)",
      "Standard deviations come out as their square roots.", lambda x: _terms(x.but(log_std=x.log_std / 2)))
_both("softplus-std", "The standard deviation is softplus(log_std).", "s = log(1 + exp(log_std))",
      "Another parametrisation: log_std is a logarithm.", _with_std(lambda log_std: each(softplus, log_std)))
_both("half-missing", "The quadratic term is not halved.", "-z^2 - log_std - log(2 pi) / 2",
      "The Gaussian has half its variance.", lambda x: _terms(x) - _score(x) * _score(x) / 2)
_both("score-not-squared", "The score is not squared.", "-z / 2 - log_std - log(2 pi) / 2",
      "Actions on one side of the mean seem ever more likely.",
      lambda x: _terms(x) + (_score(x) * _score(x) - _score(x)) / 2,
      lambda x: _terms(x) + (_score(x) * _score(x) - each(abs, _score(x))) / 2)
_both("quadratic-sign-flipped", "The quadratic term is added.", "z^2 / 2 - log_std - log(2 pi) / 2",
      "Actions far from the mean seem more likely.", lambda x: _terms(x) + _score(x) * _score(x))
_both("divided-by-std-once", "The squared distance is divided by s, not by s^2.", "-(a - m)^2 / (2 s)",
      "Right only at standard deviation 1.",
      lambda x: _terms(x) + (_score(x) ** 2 - (x.actions - x.mean) ** 2 / exp(x.log_std)) / 2)
_both("not-divided-by-std", "The distance is not divided by s.", "-(a - m)^2 / 2",
      "Right only at standard deviation 1.",
      lambda x: _terms(x) + (_score(x) ** 2 - (x.actions - x.mean) ** 2) / 2)
_both("constant-missing", "log(2 pi) / 2 is missing.", "-(z^2) / 2 - log_std",
      "Ratios survive; entropies estimated from it, and densities, do not.",
      lambda x: _terms(x) + half_log_two_pi())
_both("constant-not-halved", "log(2 pi) is not halved.", "-(z^2) / 2 - log_std - log(2 pi)",
      "The density integrates to less than 1.", lambda x: _terms(x) - half_log_two_pi())
_both("pi-for-two-pi", "pi stands for 2 pi.", "-(z^2) / 2 - log_std - log(pi) / 2",
      "The density integrates to more than 1.", lambda x: _terms(x) + lift(2).log() / 2)
_both("epsilon-added-to-std", "A small number is added to the standard deviation or the variance.",
      "(a - m)^2 / (2 (s^2 + 1e-8))", "The density of a narrow policy is wrong.",
      *(add(eps) for eps in EPSILONS for add in (_added_to_std, _added_to_variance, _added_below, _added_to_scale)))
_both_ends("averaged-over-dimensions", "Dimensions are averaged and not added up.", "mean over D",
           "Not the density of the action: ratios are too close to 1.",
           lambda t: rowwise(t) / t.shape[1])
_both_ends("not-summed", "One number per dimension is returned.", "terms of shape (B, D)",
           "(B, D) broadcasts against (B,), and each dimension gets a ratio of its own.", lambda t: t,
           seen=("thu-ml/tianshou #40", "ElegantRL #273"))
_both_ends("first-dimension-only", "Only the first dimension is scored.", "log N(a[0])",
           "The other dimensions learn nothing.", lambda t: t[:, 0])
_both_ends("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all",
           "Every sample needs a ratio of its own.", lambda t: total(t), lambda t: mean(t),
           lambda t: mean(rowwise(t)))
_both_ends("density-returned", "The density is returned, not its logarithm.", "prod over D of N(a)",
           "Ratios are formed from differences of logarithms; products underflow.", lambda t: exp(rowwise(t)))
_both_ends("density-of-each-dimension-added",
           "Densities are added up, and the logarithm is taken of the sum.", "log(sum over D of N(a))",
           "Independent dimensions multiply.",
           lambda t: log(rowwise(exp_within(t, DOUBLE))), lambda t: log(rowwise(exp_within(t, SINGLE))),
           lambda t: rowwise(exp(t)))
_both_ends("negated", "Minus the log-density is returned.", "-log N(a)", "The ratio becomes old over new.",
           lambda t: -rowwise(t))
PLAIN.add("constant-once", "The constant is subtracted once, not once per dimension.",
          "sum(...) - log(2 pi) / 2", "Right in one dimension only.",
          lambda x, c: rowwise(_terms(x)) + (x.mean.shape[1] - 1) * half_log_two_pi())
SQUASHED.add("constant-once", "The constant is subtracted once, not once per dimension.",
             "sum(...) - log(2 pi) / 2", "Right in one dimension only.",
             lambda x, c: rowwise(_terms(_unsquashed(x)) - _jacobian(x))
             + (x.mean.shape[1] - 1) * half_log_two_pi())


def _slope(x: Inputs) -> Array:
    """1 - tanh(a)^2."""
    squashed = each(lambda a: a.tanh(), x.actions)
    return 1 - squashed * squashed


def _slope_plus(eps: str) -> Terms:
    return lambda x: log(_slope(x) + constant(eps))


def _lost(unit: float, x: Inputs) -> Array:
    """1 - tanh(a)^2 where tanh(a) rounds to 1."""
    return each(lambda v: v if v.value > unit else ZERO, _slope(x))


PLAIN.add("jacobian-applied", "The correction for a squashed action is subtracted from a Gaussian that is not.",
          "log N(a) - log(1 - tanh(a)^2)", "Not the density of the action that was taken.",
          lambda x, c: rowwise(_terms(x) - log(_slope(x))),
          lambda x, c: rowwise(_terms(x) - log(_slope(x) + constant("1e-6"))),
          lambda x, c: rowwise(_terms(x) - log(_lost(2.0**-53, x))),
          lambda x, c: rowwise(_terms(x) - log(_lost(2.0**-24, x))),
          lambda x, c: rowwise(_terms(x) - _jacobian(x)), seen=("hwang-ua/inac_pytorch #1",))


def _squashed(correction: Terms) -> Value:
    """log N(atanh a) less a correction in terms of the action."""
    return lambda x, c: rowwise(_terms(_unsquashed(x)) - correction(x))


def _log_plus(eps: str) -> Terms:
    return lambda x: log(1 - x.actions * x.actions + constant(eps))


def _clamped(bound: str) -> Value:
    def value(x: Inputs, c: Choices) -> Array:
        held = x.but(actions=clip(x.actions, -constant(bound), constant(bound)))
        return rowwise(_terms(_unsquashed(held)) - _jacobian(held))

    return value


def _clamped_inside(bound: str) -> Value:
    def value(x: Inputs, c: Choices) -> Array:
        held = x.but(actions=clip(x.actions, -constant(bound), constant(bound)))
        return rowwise(_terms(_unsquashed(held)) - _jacobian(x))

    return value


def _doubled(x: Inputs) -> Inputs:
    inner = _unsquashed(x).actions
    return x.but(actions=inner + inner)


SQUASHED.add("jacobian-missing", "The change of variables is left out.", "log N(atanh a)",
             "No density of the action; near the bounds it is off by orders of magnitude.",
             _squashed(lambda x: each(lambda _: ZERO, x.actions)))
SQUASHED.add("jacobian-sign-flipped", "The Jacobian is added.", "log N(atanh a) + log(1 - a^2)",
             "Off by twice the Jacobian; actions near the bounds seem impossible.",
             _squashed(lambda x: -_jacobian(x)))
SQUASHED.add("squashed-twice-in-jacobian", "The Jacobian squashes the action once more.",
             "log(1 - tanh(a)^2)", "The density of the action does not integrate to 1.",
             _squashed(lambda x: _jacobian(x.but(actions=each(lambda a: a.tanh(), x.actions)))),
             *(_squashed(_slope_plus(eps)) for eps in ("1e-6", "1e-7", "1e-8")),
             seen=("boyu-ai/Hands-on-RL #44",))
SQUASHED.add("jacobian-of-unsquashed", "The Jacobian takes atanh(a) for the action.", "log(1 - atanh(a)^2)",
             "NaN as soon as |a| > 0.76.", _squashed(lambda x: _jacobian(_unsquashed(x))))
SQUASHED.add("square-missing-in-jacobian", "The action is not squared in the Jacobian.", "log(1 - a)",
             "Positive and negative actions are treated differently.",
             _squashed(lambda x: log(1 - x.actions)), _squashed(lambda x: log(1 - each(abs, x.actions))))
SQUASHED.add("jacobian-scaled", "The Jacobian is doubled or halved.", "2 log(1 - a^2)",
             "The square was applied twice, or taken out of the logarithm once too often.",
             _squashed(lambda x: 2 * _jacobian(x)), _squashed(lambda x: _jacobian(x) / 2))
SQUASHED.add("epsilon-in-jacobian", "A small number is added inside the logarithm.", "log(1 - a^2 + 1e-6)",
             "Near the bounds, where a squashed policy spends its time, density and gradient are wrong.",
             *(_squashed(_log_plus(eps)) for eps in ("1e-6", "1e-8", "1e-7", "1e-5", "1e-4", "1e-3", "1e-10")))
SQUASHED.add("gaussian-at-action", "The Gaussian is evaluated at the action, not at atanh of it.",
             "log N(a) - log(1 - a^2)", "Rollout and update disagree on what was done.",
             lambda x, c: rowwise(_terms(x) - _jacobian(x)))
SQUASHED.add("not-squashed", "The action is scored by the Gaussian itself.", "log N(a)",
             "The squashing is forgotten altogether.", lambda x, c: rowwise(_terms(x)))
SQUASHED.add("squashed-again", "tanh is applied to the action once more.", "log N(tanh(a)) - log(1 - a^2)",
             "tanh was meant to be undone.",
             lambda x, c: rowwise(_terms(x.but(actions=each(lambda a: a.tanh(), x.actions))) - _jacobian(x)))
SQUASHED.add("atanh-without-half", "The 1/2 of atanh is missing.", "u = log((1 + a) / (1 - a))",
             "Twice the action before squashing.", lambda x, c: rowwise(_terms(_doubled(x)) - _jacobian(x)))
SQUASHED.add("mean-squashed", "The mean is squashed too.", "log N(atanh a; tanh(m), s) - log(1 - a^2)",
             "The mean belongs to the variable before squashing.",
             lambda x, c: rowwise(_terms(_unsquashed(x).but(mean=each(lambda m: m.tanh(), x.mean)))
                                  - _jacobian(x)))
SQUASHED.add("jacobian-averaged", "The Jacobian is averaged over dimensions.",
             "sum log N - mean log(1 - a^2)", "Right in one dimension only.",
             lambda x, c: rowwise(_terms(_unsquashed(x))) - rowwise(_jacobian(x)) / x.mean.shape[1])
SQUASHED.add("jacobian-not-summed", "The Jacobian keeps its dimensions.",
             "sum(log N)[:, None] - log(1 - a^2)", "(B, D) numbers where (B,) were meant.",
             lambda x, c: rowwise(_terms(_unsquashed(x)))[:, None] - _jacobian(x))
SQUASHED.add("jacobian-over-batch", "The Jacobian is added up over the batch.",
             "sum log N - sum over all log(1 - a^2)", "Samples change each other's probability.",
             lambda x, c: rowwise(_terms(_unsquashed(x))) - np.asarray(total(_jacobian(x))))
SQUASHED.add("action-clamped", "Actions are moved well inside the bounds first.", "a = clip(a, -0.95, 0.95)",
             "Actions near the bounds get the density of others.",
             *(form(bound) for bound in ("0.9", "0.95", "0.98") for form in (_clamped, _clamped_inside)))


def _h(x: Inputs, c: Choices) -> Array:
    entropy: Array = gaussian_entropy(x, c)["entropy"]
    return entropy


def _each_dimension(x: Inputs) -> Any:
    return x.log_std + (1 + TWO_PI.log()) / 2


def _inside(sign: int, one: int, half: bool) -> Value:
    """log(2 pi + s^2), with or without what else stands around it."""
    def value(x: Inputs, c: Choices) -> Array:
        variance = exp(x.log_std) * exp(x.log_std)
        inner: Any = TWO_PI + variance
        terms = log(inner) + lift(one)
        return rowwise(lift(sign) * (terms / 2 if half else terms))

    return value


def _dimensions(x: Inputs) -> int:
    return int(x.mean.shape[1])


def _product(x: Inputs, c: Choices) -> Array:
    out = each(lambda _: ONE, x.mean[:, 0])
    for column in _each_dimension(x).T:
        out = out * column
    return out


ENTROPY.add("averaged-over-dimensions", "Dimensions are averaged and not added up.", "mean over D",
            "The bonus does not grow with the dimensions it should keep open.",
            lambda x, c: _h(x, c) / _dimensions(x),
            seen=("Unity ml-agents #4538", "DLR-RM/stable-baselines3 fd9e73cf", "google-research/batch-ppo e53b33d"))
ENTROPY.add("not-summed", "One number per dimension is returned.", "terms of shape (B, D)",
            "A mean taken over it later is a mean over dimensions, too.", lambda x, c: _each_dimension(x),
            seen=("ikostrikov 67b0115", "marlbenchmark/on-policy #39", "ray-project/ray #13053"))
ENTROPY.add("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all B",
            "A sum grows with the batch; neither is one number per state.",
            lambda x, c: mean(_h(x, c)), lambda x, c: total(_h(x, c)), lambda x, c: mean(_each_dimension(x)))
ENTROPY.add("constant-once", "The constant is added once, not once per dimension.",
            "(1 + log(2 pi)) / 2 + sum(log_std)", "Right in one dimension only.",
            lambda x, c: _h(x, c) - (_dimensions(x) - 1) * ((1 + TWO_PI.log()) / 2),
            seen=("JuliaReinforcementLearning Zoo #169",))
ENTROPY.add("sum-inside-logarithm", "2 pi and the variance are added where they must be multiplied.",
            "log(2 pi + s^2)", "Nearly constant for narrow policies: no pressure against collapse.",
            *(_inside(sign, one, half) for sign in (1, -1) for one in (1, 0) for half in (True, False)),
            seen=("andrewliao11/pytorch-a3c-mujoco #2",))
ENTROPY.add("constant-not-halved", "The constant is not halved.", "log_std + 1 + log(2 pi)",
            "Too large; the gradient is right.",
            lambda x, c: _h(x, c) + _dimensions(x) * ((1 + TWO_PI.log()) / 2))
ENTROPY.add("one-missing", "The 1 in the constant is missing.", "log_std + log(2 pi) / 2",
            "Too small by 1/2 per dimension.", lambda x, c: _h(x, c) - _dimensions(x) * lift("0.5"))
ENTROPY.add("one-not-halved", "The 1 in the constant is not halved.", "log_std + 1 + log(2 pi) / 2",
            "Too large by 1/2 per dimension.", lambda x, c: _h(x, c) + _dimensions(x) * lift("0.5"))
ENTROPY.add("two-pi-missing", "log(2 pi) is missing from the constant.", "log_std + 1/2",
            "Too small by 0.92 per dimension.", lambda x, c: _h(x, c) - _dimensions(x) * half_log_two_pi())
ENTROPY.add("pi-for-two-pi", "pi stands for 2 pi.", "log_std + (1 + log(pi)) / 2",
            "Too small by 0.35 per dimension.", lambda x, c: _h(x, c) - _dimensions(x) * (lift(2).log() / 2))
ENTROPY.add("constant-missing", "Only log_std is added up.", "sum(log_std)",
            "Negative for ordinary policies.",
            lambda x, c: rowwise(x.log_std))
ENTROPY.add("log-std-halved", "log_std is halved: read as the logarithm of the variance.",
            "(log_std + 1 + log(2 pi)) / 2", "Half the pressure against collapse.",
            lambda x, c: _h(x, c) - rowwise(x.log_std / 2))
ENTROPY.add("log-std-doubled", "log_std is counted twice.", "log(s^2) + (1 + log(2 pi)) / 2",
            "The 1/2 before log s^2 is missing.", lambda x, c: _h(x, c) + rowwise(x.log_std))
ENTROPY.add("log-std-subtracted", "log_std is subtracted.", "-log_std + (1 + log(2 pi)) / 2",
            "The bonus makes the policy narrower.", lambda x, c: _h(x, c) - 2 * rowwise(x.log_std))
ENTROPY.add("log-std-missing", "log_std does not enter.", "D (1 + log(2 pi)) / 2",
            "A constant has no gradient: no bonus at all.", lambda x, c: _h(x, c) - rowwise(x.log_std))
ENTROPY.add("std-for-log-std", "The standard deviation itself is added.", "s + (1 + log(2 pi)) / 2",
            "The logarithm is missing.", lambda x, c: _h(x, c) - rowwise(x.log_std) + rowwise(exp(x.log_std)))
ENTROPY.add("log-std-as-std", "log_std is used as the standard deviation.",
            "log(log_std) + (1 + log(2 pi)) / 2", "NaN for every s < 1.",
            lambda x, c: rowwise(log(x.log_std) + (1 + TWO_PI.log()) / 2))
ENTROPY.add("softplus-std", "The standard deviation is softplus(log_std).", "s = log(1 + exp(log_std))",
            "Another parametrisation: log_std is a logarithm.",
            lambda x, c: rowwise(log(each(softplus, x.log_std)) + (1 + TWO_PI.log()) / 2))
ENTROPY.add("negated", "The sign is wrong.", "-H", "Exploration is punished.", lambda x, c: -_h(x, c))
ENTROPY.add("kept-positive", "softplus or max(H, 0) keeps the entropy positive.",
            "log(1 + exp(H)); maximum(H, 0)",
            "The entropy of a narrow Gaussian is negative; there the gradient fades or stops.",
            lambda x, c: each(softplus, _h(x, c)), lambda x, c: rowwise(each(softplus, _each_dimension(x))),
            lambda x, c: maximum(_h(x, c), ZERO), lambda x, c: rowwise(maximum(_each_dimension(x), ZERO)),
            seen=("rlworkgroup/garage #276", "rlworkgroup/garage #442"))
ENTROPY.add("in-bits", "The logarithm has base 2.", "H / log(2)", "Coefficients are meant for nats.",
            lambda x, c: _h(x, c) / lift(2).log())
ENTROPY.add("multiplied-over-dimensions", "The entropies of the dimensions are multiplied.", "prod over D",
            "Entropies of independent dimensions add up.", _product)
