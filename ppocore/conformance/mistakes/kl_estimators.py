"""Mistakes of the KL estimators k1, k2, k3 and of the adaptive KL coefficient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import FORMATS, Family, Format, Value, exp_within, held
from ppocore.conformance.oracle.advantages import moments
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import adapt_kl_coef, log_ratio
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
    minimum,
    total,
    where,
)

CATALOGUE = Catalogue()
Term = Callable[[Array], Array]


def _k1(d: Array) -> Array:
    return -d


def _k2(d: Array) -> Array:
    return d * d / 2


def _k3(d: Array) -> Array:
    return exp(d) - ONE - d


def _d(x: Inputs, c: Choices) -> Array:
    """The log-ratios of the valid entries."""
    return log_ratio(x, c)[x.valid]


def _blanked(x: Inputs, c: Choices, term: Term) -> Array:
    """The terms, 0 where masked."""
    return where(x.valid, term(log_ratio(x, c)), ZERO)


def _masks(family: Family, term: Term) -> None:
    """What can go wrong between the terms and their mean."""

    def with_eps(eps: str, always: bool) -> Value:
        def value(x: Inputs, c: Choices) -> Any:
            d = _d(x, c)
            return total(term(d)) / (len(d) + constant(eps)) if always or "mask" in x.passed else mean(term(d))

        return value

    family.add("mask-ignored", "Masked entries count.", "mean over all slots, mask or not",
               "Padding is counted as experience.", lambda x, c: mean(term(log_ratio(x, c))),
               seen=("natolambert/rlhf-book #216", "TRL policy/approxkl"))
    family.add("all-slots-counted", "Masked terms are zeroed, but the divisor counts every slot.",
               "sum(kl * mask) / B", "The more padding, the smaller the KL.",
               lambda x, c: mean(_blanked(x, c, term)), seen=("trlx policy/approx_kl",))
    family.add("mask-inverted", "The entries that are masked out are the ones averaged.", "mean(kl[~mask])",
               "Only padding is measured.",
               lambda x, c: mean(term(log_ratio(x, c))[~x.valid if "mask" in x.passed else x.valid]))
    family.add("mask-as-length", "The mask is read as a length: the first entries are taken.",
               "mean(kl[:mask.sum()])", "Right only when what counts stands in front.",
               lambda x, c: mean(term(log_ratio(x, c))[: int(x.valid.sum())]))
    family.add("sum-for-mean", "The terms are added up and not averaged.", "sum(kl)",
               "It grows with the batch, so no threshold fits it.", lambda x, c: total(term(_d(x, c))))
    family.add("mean-missing", "One number per sample is returned.", "kl, without the mean",
               "Whoever compares it with a target gets an array of answers.",
               lambda x, c: term(_d(x, c)), lambda x, c: _blanked(x, c, term))
    family.add("epsilon-in-count", "A small number is added to the count.", "sum(kl * mask) / (mask.sum() + 1e-8)",
               "Never exact, and it hides that nothing was valid.",
               *(with_eps(eps, always) for eps in ("1e-8", "1e-6", "1e-5") for always in (False, True)),
               seen=("verl masked_mean",))


def _exponents(family: Family, of: Callable[[Array, Array], Array]) -> None:
    """What can go wrong in the ratio; `of(r, log_r)` is the term written with the ratio and its logarithm."""

    def quotient(limits: Format, x: Inputs, c: Choices) -> Real:
        valid = x.valid
        r = exp_within(x.log_prob[valid], limits) / exp_within(x.old_log_prob[valid], limits)
        return mean(of(r, log(r)))

    def ratio_plus(eps: str, x: Inputs, c: Choices) -> Real:
        r = exp(_d(x, c))
        return mean(of(r, log(r + constant(eps))))

    def probabilities_plus(eps: str, x: Inputs, c: Choices) -> Real:
        new, old = (exp(a[x.valid]) + constant(eps) for a in (x.log_prob, x.old_log_prob))
        return mean(of(new / old, log(new) - log(old)))

    def reweighted(limits: Format, x: Inputs, c: Choices) -> Real:
        d = _d(x, c)
        return mean(each(lambda v: held(v, limits), exp(d) * of(exp(d), d)))

    def reweighted_minus(limits: Format, x: Inputs, c: Choices) -> Real:
        return -reweighted(limits, x, c)

    epsilons = ("1e-8", "1e-7", "1e-6", "1e-5", "1e-10", "1e-12")
    family.add("quotient-of-exponentials", "Both probabilities are formed before they are divided.",
               "r = exp(log_prob) / exp(old_log_prob)",
               "0/0 as soon as a log-probability leaves the range of exp.",
               *(partial(quotient, limits) for limits in FORMATS))
    family.add("epsilon-in-logarithm", "A small number is added inside the logarithm.", "log(r + 1e-7)",
               "The KL of policies far apart is cut off, and nothing is exact.",
               *(partial(ratio_plus, eps) for eps in epsilons),
               *(partial(probabilities_plus, eps) for eps in epsilons), seen=("sbx approx_kl",))
    family.add("reweighted", "Each term is multiplied by its ratio.", "mean(r * kl)",
               "That estimates under the new policy what was drawn from the old.",
               *(partial(form, limits) for form in (reweighted, reweighted_minus) for limits in FORMATS))


def _named(family: Family, other: str, term: Term) -> None:
    family.add(f"{other}-instead", f"The estimator is {other}.", {"k1": "mean(-d)", "k2": "mean(d^2 / 2)",
               "k3": "mean(e^d - 1 - d)"}[other], "Another estimator: other bias, other variance, other gradient.",
               lambda x, c: mean(term(_d(x, c))), seen=("huggingface/trl #1180",))


def _chi_square(half: bool, limits: Format, x: Inputs, c: Choices) -> Real:
    gap = exp(_d(x, c)) - ONE
    squares = mean(each(lambda v: held(v, limits), gap * gap))
    return squares / 2 if half else squares


K1, K2, K3 = (Family(CATALOGUE, f"kl_k{i}") for i in (1, 2, 3))
_masks(K1, _k1)
_masks(K2, _k2)
_masks(K3, _k3)
_exponents(K1, lambda r, log_r: -log_r)
_exponents(K2, lambda r, log_r: log_r * log_r / 2)
_exponents(K3, lambda r, log_r: r - ONE - log_r)
for family in (K2, K3):
    _named(family, "k1", _k1)
for family in (K1, K3):
    _named(family, "k2", _k2)
for family in (K1, K2):
    _named(family, "k3", _k3)

K1.add("sign-flipped", "The log-ratio has the wrong sign.", "mean(log_prob - old_log_prob)",
       "Its expectation is -KL(old, new): early stopping never triggers, or always.",
       lambda x, c: mean(_d(x, c)), seen=("huggingface/trl #168",))
K1.add("minus-mean-ratio", "Minus the ratio is averaged, not minus its logarithm.", "mean(-r)",
       "Equal policies give -1.", lambda x, c: mean(-exp(_d(x, c))), seen=("OpenRLHF feeb0283",))
K1.add("logarithm-of-mean-ratio", "The mean is taken before the logarithm.", "-log(mean(r))",
       "E[r] is 1, so it estimates 0 whatever the policies.", lambda x, c: -mean(exp(_d(x, c))).log())
K1.add("absolute-value", "The absolute value of each log-ratio is averaged.", "mean(abs(d))",
       "Always positive, far above the KL where policies are near.",
       lambda x, c: mean(each(abs, _d(x, c))), seen=("huggingface/trl #1180",))
K1.add("floored-at-zero", "Negative values are replaced by 0.", "maximum(-d, 0)",
       "Single terms may be negative; cutting them off biases the mean.",
       lambda x, c: mean(maximum(-_d(x, c), ZERO)), lambda x, c: maximum(mean(-_d(x, c)), ZERO).item())
K1.add("in-bits", "The logarithm has base 2.", "mean(-d) / log(2)", "Targets are in nats.",
       lambda x, c: mean(-_d(x, c)) / lift(2).log())
K1.add("halved", "The mean is multiplied by 1/2.", "mean(-d) / 2", "The 1/2 belongs to k2.",
       lambda x, c: mean(-_d(x, c)) / 2)

K2.add("half-missing", "The factor 1/2 is missing.", "mean(d^2)", "Twice the KL.",
       lambda x, c: mean(_d(x, c) * _d(x, c)))
K2.add("halved-twice", "The factor 1/2 is applied twice.", "mean(d^2) / 4", "Half the KL.",
       lambda x, c: mean(_k2(_d(x, c))) / 2)
K2.add("ratio-minus-one", "The ratio less one is squared, not the log-ratio.", "mean((r - 1)^2) / 2",
       "A chi-square distance: equal to second order only, and it explodes where r is large.",
       *(partial(_chi_square, half, limits) for half in (True, False) for limits in FORMATS))
K2.add("square-of-mean", "The mean is squared, not each log-ratio.", "mean(d)^2 / 2",
       "Log-ratios of opposite sign cancel.", lambda x, c: mean(_d(x, c)) * mean(_d(x, c)) / 2)
K2.add("variance", "The mean log-ratio is subtracted first.", "var(d) / 2",
       "A common shift of the log-ratios is not seen.", lambda x, c: moments(_d(x, c))[1] / 2)
K2.add("root-mean-square", "The root is taken at the end.", "sqrt(mean(d^2))",
       "Not a KL: linear in the distance.",
       lambda x, c: mean(_d(x, c) * _d(x, c)).sqrt(), lambda x, c: mean(_k2(_d(x, c))).sqrt())
K2.add("square-missing", "The log-ratio is halved and not squared.", "mean(d) / 2", "The sign of d survives.",
       lambda x, c: mean(_d(x, c)) / 2, lambda x, c: mean(each(abs, _d(x, c))) / 2)

K3.add("sign-flipped", "The log-ratio has the wrong sign.", "mean(e^-d - 1 + d)",
       "With actions from the old policy this estimates neither KL.",
       lambda x, c: mean(_k3(-_d(x, c))), seen=("huggingface/trl #3240", "OpenRLHF #476", "THUDM/slime #483"))
K3.add("one-not-subtracted", "The 1 is not subtracted.", "mean(e^d - d)", "Equal policies give 1.",
       lambda x, c: mean(exp(_d(x, c)) - _d(x, c)))
K3.add("log-ratio-missing", "The log-ratio is not subtracted.", "mean(e^d - 1)",
       "Its expectation is 0 whatever the policies.", lambda x, c: mean(exp(_d(x, c)) - ONE))
K3.add("log-ratio-added", "The log-ratio is added instead of subtracted.", "mean(e^d - 1 + d)",
       "Its expectation is -KL.", lambda x, c: mean(exp(_d(x, c)) - ONE + _d(x, c)))
K3.add("negated", "The result has the wrong sign.", "mean(1 + d - e^d)", "The penalty becomes a reward.",
       lambda x, c: -mean(_k3(_d(x, c))))
K3.add("clamped", "Each term is cut off.", "clip(e^d - 1 - d, -10, 10)",
       "Where the policies are far apart the value stops growing and the gradient is 0.",
       *(partial(lambda top, x, c: mean(clip(_k3(_d(x, c)), lift(-top), lift(top))), top)
         for top in (10, 1, 5, 20, 100)),
       seen=("verl low_var_kl", "OpenRLHF compute_approx_kl", "THUDM/slime low_var_kl"))
K3.add("mean-before-exponential", "The mean log-ratio is taken first.", "e^m - 1 - m, m = mean(d)",
       "Log-ratios of opposite sign cancel.", lambda x, c: (mean(_d(x, c)).exp() - 1) - mean(_d(x, c)))
K3.add("logarithm-of-mean-ratio", "The ratios are averaged before the logarithm.",
       "m - 1 - log(m), m = mean(r)", "E[r] is 1, so it estimates 0 whatever the policies.",
       lambda x, c: mean(exp(_d(x, c))) - 1 - mean(exp(_d(x, c))).log())
K3.add("halved", "The mean is multiplied by 1/2.", "mean(e^d - 1 - d) / 2", "The 1/2 belongs to k2.",
       lambda x, c: mean(_k3(_d(x, c))) / 2)


SHARES = ("1", "0.5", "0.2", "0.1", "0.01", "0.001", "1e-4", *(str(2**k / 10_000) for k in range(4, 11)))
"""n / horizon, with the usual horizon of 10,000 and batches of 16 to 1,024 among them."""

ADAPT = Family(CATALOGUE, "adapt_kl_coef")


def _rule(high: str, low: str, up: str, down: str) -> Value:
    """kl_coef times `up` above `high` targets, divided by `down` below target / `low`."""
    def value(x: Inputs, c: Choices) -> Any:
        if x.kl > x.target_kl * lift(high):
            return x.kl_coef * lift(up)
        return x.kl_coef / lift(down) if x.kl < x.target_kl / lift(low) else x.kl_coef

    return value


def _known(x: Inputs, c: Choices) -> Real:
    new = adapt_kl_coef(x, c)["kl_coef"]
    assert isinstance(new, Real)
    return new


def _inverted(x: Inputs, c: Choices) -> Real:
    new = _known(x, c)
    return x.kl_coef if new is x.kl_coef else x.kl_coef / (new / x.kl_coef)


def _controlled(share: str, x: Inputs, c: Choices) -> Any:
    error = clip(x.kl / x.target_kl - 1, lift("-0.2"), constant("0.2")).item()
    return x.kl_coef * (1 + error * constant(share))


def _added(rate: str, floored: bool, x: Inputs, c: Choices) -> Any:
    moved = x.kl_coef + constant(rate) * (x.kl - x.target_kl)
    return maximum(moved, ZERO).item() if floored else moved


def _learning_rate_rule(x: Inputs, c: Choices) -> Any:
    if x.kl > x.target_kl * lift(2):
        return x.kl_coef / lift("1.5")
    return x.kl_coef * lift("1.5") if lift(0) < x.kl < x.target_kl / lift(2) else x.kl_coef


def _one_sided(x: Inputs, c: Choices) -> Any:
    return x.kl_coef * lift(2) if x.kl > x.target_kl else x.kl_coef / lift(2)


def _targetless(x: Inputs, c: Choices) -> Real:
    return _known(x.but(target_kl=ONE), c)


ADAPT.add("inverted", "The coefficient falls when the KL is too large, and rises when it is too small.",
          "kl > 1.5 target: kl_coef / 2", "The penalty vanishes when it is needed.", _inverted)
ADAPT.add("thresholds-swapped", "The lower threshold raises the coefficient, the upper one lowers it.",
          "kl > target / 1.5: x2; kl < 1.5 target: /2", "Near its target the coefficient is moved, never left alone.",
          lambda x, c: x.kl_coef * 2 if x.kl > x.target_kl / lift("1.5") else x.kl_coef / 2,
          lambda x, c: x.kl_coef / 2 if x.kl < x.target_kl * lift("1.5") else x.kl_coef * 2)
ADAPT.add("never-lowered", "The coefficient can only rise.", "no branch for kl < target / 1.5",
          "One noisy batch stops learning for good.", lambda x, c: maximum(_known(x, c), x.kl_coef).item())
ADAPT.add("never-raised", "The coefficient can only fall.", "no branch for kl > 1.5 target",
          "Nothing holds the policy back.", lambda x, c: minimum(_known(x, c), x.kl_coef).item())
ADAPT.add("never-changed", "The coefficient is returned as it came.", "return kl_coef",
          "The adaptation is not connected.", lambda x, c: x.kl_coef)
ADAPT.add("thresholds-two-and-half", "It acts outside [target / 2, 2 target], with factor 2.",
          "kl > 2 target: x2; kl < target / 2: /2", "Neither the rule of the paper nor that of RLlib.",
          _rule("2", "2", "2", "2"))
ADAPT.add("factor-one-and-a-half", "It moves by 1.5 instead of 2.",
          "kl > 1.5 target: x1.5; kl < target / 1.5: /1.5",
          "The threshold of the paper was taken for its factor.", _rule("1.5", "1.5", "1.5", "1.5"))
ADAPT.add("mixed-thresholds", "One threshold is 1.5, the other 2.",
          "kl > 1.5 target: x2; kl < target / 2: /2", "The coefficient drifts to one side.",
          _rule("1.5", "2", "2", "2"), _rule("2", "1.5", "2", "2"))
ADAPT.add("mixed-factors", "It moves up and down by different factors.",
          "kl > 1.5 target: x2; kl < target / 1.5: /1.5", "The coefficient drifts to one side.",
          _rule("1.5", "1.5", "2", "1.5"), _rule("1.5", "1.5", "1.5", "2"))
ADAPT.add("no-dead-zone", "It acts on every difference from the target.", "kl > target: x2; else: /2",
          "The coefficient never comes to rest.", _rule("1", "1", "2", "2"), _one_sided)
ADAPT.add("proportional", "The coefficient is multiplied by kl / target.", "kl_coef * kl / target",
          "A KL of 0 sets it to 0, from where it never returns.", lambda x, c: x.kl_coef * x.kl / x.target_kl)
ADAPT.add("proportional-controller",
          "It moves by a clipped share of the error, as in fine-tuning from preferences.",
          "kl_coef * (1 + clip(kl / target - 1, -0.2, 0.2) * n / horizon)",
          "Another controller: it takes thousands of samples to double.",
          *(partial(_controlled, share) for share in SHARES),
          seen=("lm-human-preferences", "verl", "OpenRLHF"))
ADAPT.add("additive", "A multiple of the error is added.", "kl_coef + rate * (kl - target)",
          "A dual ascent whose step depends on the units of the KL; the coefficient can turn negative.",
          *(partial(_added, rate, floored) for rate in ("1", "0.1", "0.01", "0.001") for floored in (False, True)))
ADAPT.add("target-forgotten", "The KL is compared with the factors, not with multiples of the target.",
          "kl > 1.5: x2; kl < 1 / 1.5: /2", "Every small KL halves the coefficient.", _targetless)
ADAPT.add("learning-rate-rule", "The rule for the learning rate is applied to the coefficient.",
          "kl > 2 target: /1.5; kl < target / 2: x1.5",
          "A learning rate must fall where a penalty must rise.", _learning_rate_rule)
