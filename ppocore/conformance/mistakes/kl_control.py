"""Mistakes of the coefficient that is moved in proportion to the error of the KL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family
from ppocore.conformance.oracle.groups import relative_error
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import adapt_kl_coef
from ppocore.conformance.oracle.reals import ONE, ZERO, Real, clip, constant, lift

CATALOGUE = Catalogue()
CONTROL = Family(CATALOGUE, "adapt_kl_coef_proportional")


def held(error: Real, bound: str = "0.2") -> Real:
    found: Real = clip(error, -constant(bound), constant(bound)).item()
    return found


def share(x: Inputs) -> Real:
    """batch_steps / horizon."""
    return lift(x.batch_steps) / lift(x.horizon)


def _moved(step: Callable[[Inputs], Real]) -> Callable[[Inputs, Choices], Real]:
    """beta times 1 plus a step."""
    return lambda x, c: x.kl_coef * (1 + step(x))


def _inverse_error(x: Inputs) -> Real:
    """target / kl - 1, held; a KL of 0 is infinitely far off."""
    return held(x.target_kl / x.kl - lift(1)) if x.kl.value else constant("0.2")


def _step_within(bound: str, x: Inputs) -> Real:
    return held(relative_error(x), bound) * share(x)


def _upwards(error: Real) -> Real:
    return error if error > ZERO else ZERO


CONTROL.add("error-not-clipped", "The relative error is not clipped.", "1 + (kl / target - 1) batch / horizon",
            "One wild batch throws the coefficient far off.", _moved(lambda x: relative_error(x) * share(x)))
CONTROL.add("clipped-at-another-width", "The relative error is clipped at 1, 0.5 or 0.1.",
            "clip(kl / target - 1, -1, 1)", "The coefficient moves several times faster, or slower.",
            *(_moved(partial(_step_within, bound)) for bound in ("1", "0.5", "0.1")))
CONTROL.add("step-clipped", "The step is clipped, not the error.", "clip((kl / target - 1) batch / horizon, -0.2, 0.2)",
            "With a batch far shorter than the horizon nothing is ever clipped.",
            _moved(lambda x: held(relative_error(x) * share(x))))
CONTROL.add("sign-flipped", "The coefficient falls when the KL is too large.",
            "1 - clip(kl / target - 1) batch / horizon",
            "The farther the policy is, the less it is held.", _moved(lambda x: -(held(relative_error(x)) * share(x))))
CONTROL.add("absolute-error", "The error is not divided by the target.", "clip(kl - target, -0.2, 0.2)",
            "With a target of 0.01 the coefficient hardly moves; with one of 6 it always moves by the most.",
            _moved(lambda x: held(x.kl - x.target_kl) * share(x)))
CONTROL.add("quotient-inverted", "The target is divided by the KL.", "clip(target / kl - 1, -0.2, 0.2)",
            "The coefficient falls when the KL is too large.",
            _moved(lambda x: _inverse_error(x) * share(x)), _moved(lambda x: -(_inverse_error(x) * share(x))))
CONTROL.add("one-not-subtracted", "The 1 is not subtracted from the quotient.", "clip(kl / target, -0.2, 0.2)",
            "The coefficient grows at its target, and nearly everywhere.",
            _moved(lambda x: held(x.kl / x.target_kl) * share(x)))
CONTROL.add("horizon-ignored", "Every batch takes the whole step.", "1 + clip(kl / target - 1)",
            "The coefficient follows the noise of single batches.", _moved(lambda x: held(relative_error(x))))
CONTROL.add("batch-ignored", "The size of the batch has no effect.", "1 + clip(kl / target - 1) / horizon",
            "The coefficient hardly moves.", _moved(lambda x: held(relative_error(x)) / lift(x.horizon)))
CONTROL.add("share-inverted", "The horizon is divided by the batch.", "horizon / batch_steps",
            "The coefficient jumps, and may become negative.", _moved(lambda x: held(relative_error(x)) / share(x)))
CONTROL.add("share-rounded-down", "The share of the horizon is divided as whole numbers are.", "batch_steps // horizon",
            "As long as a batch is shorter than the horizon, the coefficient never moves.",
            _moved(lambda x: held(relative_error(x)) * lift(x.batch_steps // x.horizon if x.horizon else 0)))
CONTROL.add("added", "The step is added to the coefficient.", "kl_coef + clip(kl / target - 1) batch / horizon",
            "A small coefficient is overwhelmed, or becomes negative.",
            lambda x, c: x.kl_coef + held(relative_error(x)) * share(x))
CONTROL.add("exponential", "The coefficient is multiplied by the exponential of the step.",
            "kl_coef exp(clip(kl / target - 1) batch / horizon)", "Nearly the same, and never quite.",
            lambda x, c: x.kl_coef * (held(relative_error(x)) * share(x)).exp())
CONTROL.add("logarithmic-error", "The error is the logarithm of the quotient.", "clip(log(kl / target), -0.2, 0.2)",
            "Nearly the same near the target; an estimate below 0 has no logarithm.",
            _moved(lambda x: held((x.kl / x.target_kl).log() if x.kl > ZERO else -ONE) * share(x)),
            _moved(lambda x: (held((x.kl / x.target_kl).log()) if x.kl > ZERO else lift("NaN")) * share(x)))
CONTROL.add("never-lowered", "The coefficient only grows.", "1 + max(error, 0) batch / horizon",
            "A policy that hardly moves is held for ever.",
            _moved(lambda x: _upwards(held(relative_error(x))) * share(x)))
CONTROL.add("never-raised", "The coefficient only falls.", "1 + min(error, 0) batch / horizon",
            "A policy that runs away is never held.",
            _moved(lambda x: -(_upwards(-held(relative_error(x))) * share(x))))
CONTROL.add("threshold-rule", "The coefficient is doubled or halved, as in PPO.",
            "x2 above 1.5 target, /2 below target / 1.5",
            "Between the thresholds nothing moves; beyond them everything does, in one batch.",
            lambda x, c: adapt_kl_coef(x, c)["kl_coef"])
CONTROL.add("never-changed", "The coefficient stays what it is.", "return kl_coef", "Nothing is adapted.",
            lambda x, c: x.kl_coef)
