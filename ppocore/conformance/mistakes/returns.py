"""Mistakes of value targets and discounted returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.oracle.advantages import (
    Outputs,
    backward,
    discounted_returns,
    following,
    gae,
    inside,
    moments,
    plan,
    zeros,
)
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, constant, where

CATALOGUE = Catalogue()


def _returns_only(name: str, says: str, wrong: str, matters: str, formula: Any, *seen: str) -> None:
    """A mistake in the value targets beside right advantages."""

    def wrong_returns(x: Inputs, c: Choices) -> Outputs:
        right = gae(x, c)
        return {"advantages": right["advantages"], "returns": formula(x, right["advantages"])}

    CATALOGUE.enter(f"gae/{name}", says=says, wrong=wrong, matters=matters, seen=seen)(wrong_returns)


def _whitened(advantages: Array) -> Array:
    centre, variance = moments(advantages)
    return (advantages - centre) / (variance.sqrt() + constant("1e-8"))


_returns_only("returns-from-stale-advantages", "The value targets are built from an advantage array not yet filled.",
              "returns = 0 + v", "The critic is trained on its own output.", lambda x, a: zeros(a.shape) + x.values,
              "vwxyzjn/cleanrl #337")
_returns_only("returns-from-normalized-advantages", "The value targets are built from normalised advantages.",
              "returns = v + (A - mean) / (std + 1e-8)", "Targets lose the scale of the rewards.",
              lambda x, a: _whitened(a) + x.values, "opendilab/DI-engine 4723a633d")
_returns_only("returns-are-advantages", "The value targets lack the value.", "returns = A",
              "The critic learns to predict advantages.", lambda x, a: a)
_returns_only("returns-subtract-values", "The value is subtracted from the advantages.", "returns = A - v",
              "The critic runs away from its targets.", lambda x, a: a - x.values)
_returns_only("returns-are-rewards-to-go", "The value targets are discounted sums of rewards.",
              "returns = G_t, not A_t + V(s_t)", "gae_lambda has no say in what the critic learns.",
              lambda x, a: discounted_returns(x, Choices())["returns"], "openai/spinningup (by design)")
_returns_only("returns-one-row-too-many", "The value targets have one row more than the rollout.",
              "returns = A + v over T + 1 values", "Targets and predictions are paired wrongly or not at all.",
              lambda x, a: np.concatenate([a + x.values, x.next_values[-1:]]), "tensorflow/agents 81323cd0")


@CATALOGUE.variant("gae/returns-from-normalized-advantages")
def _normalized_first(x: Inputs, c: Choices) -> Outputs:
    """Advantages are overwritten by the normalised ones before the targets are built."""
    white = _whitened(gae(x, c)["advantages"])
    return {"advantages": white, "returns": white + x.values}


@CATALOGUE.enter("gae/normalized", says="The advantages come back normalised.",
                 wrong="A = (A - mean) / (std + 1e-8)",
                 matters="Normalised again per minibatch, and useless for value targets.",
                 seen=("skrl compute_gae", "verl compute_gae_advantage_return (by design)"))
def _normalized(x: Inputs, c: Choices) -> Outputs:
    right = gae(x, c)
    return {"advantages": _whitened(right["advantages"]), "returns": right["returns"]}


@CATALOGUE.variant("gae/normalized")
def _normalized_ddof1(x: Inputs, c: Choices) -> Outputs:
    right = gae(x, c)
    centre, variance = moments(right["advantages"], ddof=1 if right["advantages"].size > 1 else 0)
    white = (right["advantages"] - centre) / (variance.sqrt() + constant("1e-8"))
    return {"advantages": white, "returns": right["returns"]}


@CATALOGUE.enter("gae/returns-in-place-of-advantages", says="The value targets are returned as advantages.",
                 wrong="A_t + V(s_t)", matters="No baseline is left in the policy gradient.")
def _targets(x: Inputs, c: Choices) -> Outputs:
    targets = gae(x, c)["advantages"] + x.values
    return {"advantages": targets, "returns": targets}


@CATALOGUE.enter("gae/lambda-return-leaks-past-the-end",
                 says="In the lambda-return the end stops the bootstrap but not the mixed-in later return.",
                 wrong="G_t = r_t + gamma (lambda G_{t+1} + (1 - lambda) V_{t+1} (1 - done_t))",
                 matters="Returns of the next episode flow into this one.", seen=("vwxyzjn/cleanrl #494",))
def _lambda_return(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    after = where(p.keep, p.after * (1 - x.gae_lambda), where(inside(p.keep.shape), p.after * (1 - x.gae_lambda),
                                                            p.after))
    targets = backward(x.rewards + x.gamma * after, x.gamma * x.gae_lambda, inside(p.keep.shape))
    return {"advantages": targets - x.values, "returns": targets}


@CATALOGUE.variant("gae/lambda-return-leaks-past-the-end")
def _lambda_return_seeded(x: Inputs, c: Choices) -> Outputs:
    """The same, with V(s_T) as the seed of the recursion."""
    after = where(x.terminated, ZERO, following(x) * (1 - x.gae_lambda))
    everywhere = np.ones(x.terminated.shape, dtype=bool)
    targets = backward(x.rewards + x.gamma * after, x.gamma * x.gae_lambda, everywhere, x.next_values[-1])
    return {"advantages": targets - x.values, "returns": targets}


@CATALOGUE.enter("discounted_returns/reset-after-use",
                 says="Going backwards, the running return is reset at an end after it was used.",
                 wrong="G = r + gamma G; store; if done: G = 0",
                 matters="The last step sees the next episode, and its reward is lost to the steps before it.",
                 seen=("nikhilbarhate99/PPO-PyTorch #8",))
def _reset_after(x: Inputs, c: Choices) -> Outputs:
    last = ~inside(x.terminated.shape)
    return _resetting(x, where(last & ~x.terminated, x.rewards + x.gamma * x.next_values, x.rewards))


@CATALOGUE.variant("discounted_returns/reset-after-use")
def _reset_after_from_zero(x: Inputs, c: Choices) -> Outputs:
    return _resetting(x, x.rewards + ZERO)


def _resetting(x: Inputs, steps: Array) -> Outputs:
    ends = x.terminated | x.truncated
    out, carry = np.empty_like(steps), zeros(steps.shape[1:])
    for t in range(len(steps) - 1, -1, -1):
        out[t] = steps[t] + x.gamma * carry
        carry = where(ends[t], ZERO, out[t])
    return {"returns": out}


def _returns_like(name: str, says: str, wrong: str, matters: str, formula: Any) -> None:
    CATALOGUE.enter(f"discounted_returns/{name}", says=says, wrong=wrong, matters=matters)(formula)


_returns_like("undiscounted", "gamma is not applied.", "G_t = r_t + G_{t+1}", "Far rewards count in full.",
              lambda x, c: discounted_returns(x.but(gamma=constant("1")), c))
_returns_like("immediate-reward-only", "Only the immediate reward is returned.", "G_t = r_t",
              "Nothing that comes later counts.", lambda x, c: {"returns": x.rewards + ZERO})
_returns_like("discounts-the-first-reward", "The first reward is discounted too.", "G_t = gamma (r_t + G_{t+1})",
              "Every return is too small by a factor gamma.",
              lambda x, c: {"returns": x.gamma * discounted_returns(x, c)["returns"]})
_returns_like("bootstrap-not-discounted", "The bootstrap value is added without gamma.", "G_{T-1} = r + V(s_T)",
              "The end of every rollout is worth too much.",
              lambda x, c: discounted_returns(x.but(next_values=x.next_values / x.gamma) if x.gamma.value else x, c))
