"""Mistakes in ppo_loss: how its three terms are made and added."""

from __future__ import annotations

from collections.abc import Callable

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.loss_parts import (
    PPO,
    every,
    objective,
    policy_term,
    ratio,
    whole,
)
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.losses import reduce, scale
from ppocore.conformance.oracle.probability import detached
from ppocore.conformance.oracle.reals import Real, clip, maximum, total

CATALOGUE = Catalogue()


def _ppo_parts(x: Inputs, c: Choices) -> tuple[Real, Real, Real]:
    """Policy loss, value loss and mean entropy, without coefficients."""
    error = x.values - x.returns
    value = scale(c) * reduce(error * error, every(error), c)
    return policy_term(PPO, x, c), value, reduce(x.entropy, every(x.entropy), c)


PPOSum = Callable[[Real, Real, Real, Inputs], Real]


def _ppo_mistake(name: str, says: str, wrong: str, matters: str, seen: tuple[str, ...] = ()
                 ) -> Callable[[PPOSum], PPOSum]:
    """A wrong sum of policy loss, value loss and entropy."""

    def entered(add: PPOSum) -> PPOSum:
        def formula(x: Inputs, c: Choices) -> Outputs:
            return {"loss": add(*_ppo_parts(x, c), x)}

        CATALOGUE.enter(f"{PPO}/{name}", says=says, wrong=wrong, matters=matters, seen=seen)(formula)
        return add

    return entered


_ppo_mistake("entropy-added",
             "The entropy bonus has the sign of a penalty.",
             "clip_loss + vf_coef value_loss + ent_coef mean(entropy)",
             "The policy is driven to be deterministic.",
             ("PKU-Alignment/omnisafe #133", "pukkapies/dl-imperial-maths #8", "nebuly-ai/optimate #247",
              "LuEE-C/PPO-Keras #4", "vwxyzjn/cleanrl a5a04ec6"),
             )(lambda p, v, h, x: p + x.vf_coef * v + x.ent_coef * h)
_ppo_mistake("entropy-missing",
             "The entropy term is left out.",
             "clip_loss + vf_coef value_loss",
             "ent_coef has no effect.")(lambda p, v, h, x: p + x.vf_coef * v)
_ppo_mistake("entropy-detached",
             "The value is right, but no gradient flows through the entropy.",
             "ent_coef stop_gradient(mean(entropy))",
             "The bonus is reported and has no effect.",
             )(lambda p, v, h, x: p + x.vf_coef * v - x.ent_coef * Real(h.value, h.slack))
_ppo_mistake("entropy-summed",
             "The entropy is summed over the batch, the other terms averaged.",
             "... - ent_coef sum(entropy)",
             "The bonus grows with the batch size.",
             ("noahfarr/rlx #3",))(lambda p, v, h, x: p + x.vf_coef * v - x.ent_coef * total(x.entropy))
_ppo_mistake("entropy-coef-ignored",
             "The entropy is subtracted without its coefficient.",
             "clip_loss + vf_coef value_loss - mean(entropy)",
             "The bonus drowns the other terms.")(lambda p, v, h, x: p + x.vf_coef * v - h)
_ppo_mistake("entropy-under-the-value-coefficient",
             "The value coefficient multiplies the entropy term as well.",
             "clip_loss + vf_coef (value_loss - ent_coef mean(entropy))",
             "With vf_coef = 0.5 the bonus is half of what was asked for.",
             )(lambda p, v, h, x: p + x.vf_coef * (v - x.ent_coef * h))
_ppo_mistake("entropy-inside-the-value-loss",
             "The entropy is subtracted inside the value term, with vf_coef for its coefficient.",
             "clip_loss + vf_coef (value_loss - mean(entropy))",
             "ent_coef has no effect.")(lambda p, v, h, x: p + x.vf_coef * (v - h))
_ppo_mistake("coefficients-exchanged",
             "vf_coef and ent_coef are exchanged.",
             "clip_loss + ent_coef value_loss - vf_coef mean(entropy)",
             "With the usual values the entropy bonus is fifty times too strong.",
             )(lambda p, v, h, x: p + x.ent_coef * v - x.vf_coef * h)
_ppo_mistake("value-coef-ignored",
             "The value loss is added without its coefficient.",
             "clip_loss + value_loss - ent_coef mean(entropy)",
             "The value function dominates what it shares with the policy.",
             )(lambda p, v, h, x: p + v - x.ent_coef * h)
_ppo_mistake("value-missing",
             "The value term is left out.",
             "clip_loss - ent_coef mean(entropy)",
             "The value function does not learn.")(lambda p, v, h, x: p - x.ent_coef * h)
_ppo_mistake("value-summed",
             "The squared errors are summed over the batch, the other terms averaged.",
             "... + vf_coef sum((v - R)^2)",
             "The value term grows with the batch size.",
             )(lambda p, v, h, x: p + x.vf_coef * (v * _count(x)) - x.ent_coef * h)
_ppo_mistake("policy-summed",
             "The policy term is summed over the batch, the other terms averaged.",
             "-sum(min(r A, clip(r) A)) + ...",
             "The policy term grows with the batch size.",
             )(lambda p, v, h, x: p * _count(x) + x.vf_coef * v - x.ent_coef * h)
_ppo_mistake("policy-negated",
             "The policy term has the wrong sign.",
             "mean(min(r A, clip(r) A)) + ...",
             "The policy unlearns, while the value function learns.",
             )(lambda p, v, h, x: -p + x.vf_coef * v - x.ent_coef * h)
_ppo_mistake("policy-missing",
             "The policy term is left out.",
             "vf_coef value_loss - ent_coef mean(entropy)",
             "Nothing but the entropy moves the policy.")(lambda p, v, h, x: x.vf_coef * v - x.ent_coef * h)


def _count(x: Inputs) -> int:
    return int(x.entropy.size)


def _ppo_rows(name: str, says: str, wrong: str, matters: str) -> Callable[[Formula], Formula]:
    return CATALOGUE.enter(f"{PPO}/{name}", says=says, wrong=wrong, matters=matters)


@_ppo_rows("entropy-estimated-from-log-prob",
           "The entropy is estimated by -log_prob of the actions taken; the entropy that was passed is"
           " ignored.",
           "... - ent_coef mean(-log_prob)",
           "An estimate with another gradient: it discourages whatever was done.")
def _estimated_entropy(x: Inputs, c: Choices) -> Outputs:
    policy, value, _ = _ppo_parts(x, c)
    return {"loss": policy + x.vf_coef * value + x.ent_coef * reduce(x.log_prob, every(x.log_prob), c)}


def _recomputed(*, detach: bool) -> Formula:
    def formula(x: Inputs, c: Choices) -> Outputs:
        values = detached(x.values) if detach else x.values
        y = x.but(advantages=x.returns - values)
        return whole(PPO, x, c, -reduce(objective(PPO, y, c, ratio(y, c)), y.valid, c))

    return formula


_ppo_rows("advantages-recomputed",
          "The advantages that were passed are ignored; returns - values is used.",
          "A = returns - values",
          "From the second step on, the advantages change with the value function, and may send gradients"
          " into it.",
          )(_recomputed(detach=True))
CATALOGUE.variant(f"{PPO}/advantages-recomputed")(_recomputed(detach=False))


def _value_clipped(x: Inputs, c: Choices) -> Outputs:
    policy, _, entropy = _ppo_parts(x, c)
    error = clip(x.values - x.returns, -x.clip_eps, x.clip_eps)
    value = scale(c) * reduce(error * error, every(error), c)
    return {"loss": policy + x.vf_coef * value - x.ent_coef * entropy}


def _value_clipped_around_zero(x: Inputs, c: Choices) -> Outputs:
    policy, _, entropy = _ppo_parts(x, c)
    gap, far = x.values - x.returns, clip(x.values, -x.clip_eps, x.clip_eps) - x.returns
    value = scale(c) * reduce(maximum(gap * gap, far * far), every(gap), c)
    return {"loss": policy + x.vf_coef * value - x.ent_coef * entropy}


_ppo_rows("value-clipped-with-clip-eps",
          "The value term is clipped with the clip_eps of the ratio, though there are no old values to clip"
          " around.",
          "... + vf_coef mean(clip(v - R, -clip_eps, clip_eps)^2)",
          "A width for ratios bounds values of any scale.")(_value_clipped)
CATALOGUE.variant(f"{PPO}/value-clipped-with-clip-eps")(_value_clipped_around_zero)
