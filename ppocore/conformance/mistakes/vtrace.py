"""Mistakes of V-trace: in the weights, in the traces, in the targets that the advantages look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family
from ppocore.conformance.oracle.advantages import Outputs, Plan, errors, inside, plan, rows_after, zeros
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.off_policy import clipped_ratios, corrections, following_targets, gains, vtrace
from ppocore.conformance.oracle.reals import ONE, ZERO, Array, each, exp, minimum, where

CATALOGUE = Catalogue()
V = Family(CATALOGUE, "vtrace")
Weigh = Callable[[Inputs], tuple[Array, Array]]
"""From the inputs to rho and c."""


def _weighing(weigh: Weigh) -> Any:
    """V-trace with other weights."""
    return lambda x, c: _with(x, plan(x, c), *weigh(x))


def _with(x: Inputs, p: Plan, rho: Array, trace: Array, **parts: Any) -> Outputs:
    """V-trace from rho and c, and perhaps with other steps, another rate, or other weights of the advantages."""
    steps = parts.get("steps", rho * errors(x, p))
    returns = x.values + corrections(x, p, steps, parts.get("rate", x.gamma * trace))
    ahead = parts["ahead"](returns) if "ahead" in parts else following_targets(p, returns)
    return {"returns": returns, "advantages": gains(x, p, parts.get("weight", rho), ahead)}


def _ratios(x: Inputs) -> Array:
    return exp(x.log_prob - x.old_log_prob)


def _ones(x: Inputs) -> Array:
    return each(lambda _: ONE, x.log_prob)


def _part(make: Callable[[Inputs, Plan, Array, Array], dict[str, Any]]) -> Any:
    """V-trace with some part replaced."""
    def value(x: Inputs, c: Choices) -> Outputs:
        p, (rho, trace) = plan(x, c), clipped_ratios(x)
        return _with(x, p, rho, trace, **make(x, p, rho, trace))

    return value


def _advantages(make: Callable[[Inputs, Plan, Array, Array], Array]) -> Any:
    """Right targets, other advantages: make(x, plan, rho, returns)."""
    def value(x: Inputs, c: Choices) -> Outputs:
        right = vtrace(x, c)
        p, (rho, _) = plan(x, c), clipped_ratios(x)
        return {"returns": right["returns"], "advantages": make(x, p, rho, right["returns"])}

    return value


def _cumulative(x: Inputs) -> tuple[Array, Array]:
    """The clip applied to the product of the ratios so far."""
    ratios, out = _ratios(x), np.empty(x.log_prob.shape, dtype=object)
    running = ratios[0] * ONE
    for t in range(len(ratios)):
        if t:
            running = where((x.terminated | x.truncated)[t - 1], ratios[t], running * ratios[t])
        out[t] = running
    return minimum(out, x.rho_clip), x.gae_lambda * minimum(_ratios(x), x.c_clip)


def _ahead(array: Array, last: Any) -> Array:
    """Each row in the place of the one before it."""
    return np.concatenate([array[1:], np.broadcast_to(np.asarray(last, dtype=object), array[:1].shape)])


# The weights.

V.add("rho-not-clipped", "The weight of the TD error is not clipped.", "rho = e^d",
      "The variance that V-trace bounds is back.",
      _weighing(lambda x: (_ratios(x), clipped_ratios(x)[1])))
V.add("c-not-clipped", "The weights of the traces are not clipped.", "c = gae_lambda e^d",
      "Products of ratios explode over a long rollout.",
      _weighing(lambda x: (clipped_ratios(x)[0], x.gae_lambda * _ratios(x))))
V.add("not-clipped", "No weight is clipped.", "rho = e^d, c = gae_lambda e^d",
      "Plain importance sampling, with all its variance.", _weighing(lambda x: (_ratios(x), x.gae_lambda * _ratios(x))))
V.add("clips-exchanged", "rho_clip and c_clip are exchanged.",
      "rho = min(c_clip, e^d), c = gae_lambda min(rho_clip, e^d)",
      "Another policy's value function is learned; tests whose clips are equal cannot see it.",
      _weighing(lambda x: clipped_ratios(x.but(rho_clip=x.c_clip, c_clip=x.rho_clip))))
V.add("c-clipped-with-rho-clip", "The traces use rho_clip.", "c = gae_lambda min(rho_clip, e^d)",
      "c_clip has no effect.", _weighing(lambda x: clipped_ratios(x.but(c_clip=x.rho_clip))),
      seen=("rlax vtrace_test.py lets it pass (field notes)",))
V.add("clips-fixed-at-one", "Both clips are 1, whatever is asked for.", "rho = min(1, e^d), c = gae_lambda min(1, e^d)",
      "rho_clip and c_clip have no effect.", _weighing(lambda x: clipped_ratios(x.but(rho_clip=ONE, c_clip=ONE))),
      seen=("rlax vtrace_test.py lets it pass (field notes)",))
V.add("rho-clip-fixed-at-one", "The TD errors are clipped at 1, whatever is asked for.", "rho = min(1, e^d)",
      "rho_clip has no effect.", _weighing(lambda x: clipped_ratios(x.but(rho_clip=ONE))))
V.add("floor-for-cap", "The weights are cut from below.", "max(rho_clip, e^d)",
      "Small weights are raised and large ones, which make the variance, are kept.",
      _weighing(lambda x: (where(_ratios(x) > x.rho_clip, _ratios(x), x.rho_clip),
                           x.gae_lambda * where(_ratios(x) > x.c_clip, _ratios(x), x.c_clip))))
V.add("ratios-inverted", "The ratios are old over new.", "e^(old_log_prob - log_prob)",
      "What the new policy does more often counts less.",
      _weighing(lambda x: clipped_ratios(x.but(log_prob=x.old_log_prob, old_log_prob=x.log_prob))))
V.add("log-ratios-as-weights", "The log-ratios are used without exp.", "min(rho_clip, d)",
      "On the policy's own data every weight is 0.",
      _weighing(lambda x: (minimum(x.log_prob - x.old_log_prob, x.rho_clip),
                           x.gae_lambda * minimum(x.log_prob - x.old_log_prob, x.c_clip))))
V.add("log-ratios-clipped", "The clips are applied to the log-ratios.", "e^min(rho_clip, d)",
      "A clip of 1 becomes one of e.",
      _weighing(lambda x: (exp(minimum(x.log_prob - x.old_log_prob, x.rho_clip)),
                           x.gae_lambda * exp(minimum(x.log_prob - x.old_log_prob, x.c_clip)))))
V.add("weights-forgotten", "Nothing is weighed: every ratio counts as 1.", "rho = 1, c = gae_lambda",
      "The targets of GAE, for the policy that collected the data.",
      _weighing(lambda x: (_ones(x), x.gae_lambda * _ones(x))))
V.add("c-is-lambda", "The traces are cut by gae_lambda alone.", "c = gae_lambda",
      "Credit flows along actions that the new policy would not take.",
      _weighing(lambda x: (clipped_ratios(x)[0], x.gae_lambda * _ones(x))),
      seen=("trfl vtrace_ops_test.py lets it pass",))
V.add("cumulative-ratios", "rho is clipped from the product of all ratios so far.", "rho_t = min(rho_clip, prod e^d)",
      "The traces already carry that product: it counts twice.", _weighing(_cumulative))
V.add("no-lambda", "gae_lambda does not enter.", "c = min(c_clip, e^d)", "Always the longest traces.",
      _weighing(lambda x: clipped_ratios(x.but(gae_lambda=ONE))))
V.add("lambda-on-rho", "gae_lambda multiplies the TD errors as well.", "rho = gae_lambda min(rho_clip, e^d)",
      "Even one-step targets shrink.",
      _weighing(lambda x: (x.gae_lambda * clipped_ratios(x)[0], clipped_ratios(x)[1])))
V.add("rho-squared", "The TD error is weighed twice.", "x_t = rho_t delta_t + ..., delta_t weighed already",
      "Steps of weight below 1 hardly count.", _part(lambda x, p, rho, _: {"steps": rho * (rho * errors(x, p))}))
V.add("delta-not-weighed", "The TD error is not weighed.", "delta_t = r_t + gamma V'_t - v_t",
      "The value function of the old policy is learned.", _part(lambda x, p, rho, _: {"steps": errors(x, p)}))

# The recursion.

V.add("no-gamma-in-recursion", "gamma does not enter the recursion.", "x_t = delta_t + c_t x_{t+1}",
      "Later corrections weigh too much.", _part(lambda x, p, rho, trace: {"rate": trace * ONE}))
V.add("trace-of-the-next-step", "The trace is read one step late.", "x_t = delta_t + gamma c_{t+1} x_{t+1}",
      "A step is weighed by what happened after it.",
      _part(lambda x, p, rho, trace: {"rate": x.gamma * _ahead(trace, ZERO)}), seen=("trfl vtrace_ops_test.py",))
V.add("one-step-only", "Nothing is accumulated.", "x_t = delta_t", "gae_lambda and c_clip have no effect.",
      _part(lambda x, p, rho, _: {"rate": ZERO}))
V.add("recursion-never-cut", "The bootstrap stops at the end of an episode, the recursion does not.",
      "x_t = delta_t + gamma c_t x_{t+1}, whatever ended", "Corrections of the next episode flow into this one.",
      lambda x, c: _with(x, _endless(x, c), *clipped_ratios(x)),
      _part(lambda x, p, rho, trace: _uncut(x, p, rho, trace)))
V.add("terminal-state-bootstrapped", "The value after a terminal step is counted.",
      "delta_t = rho_t (r_t + gamma V_{t+1} - v_t) also where terminated", "Failing is worth as much as going on.",
      lambda x, c: _with(x, _bootstrapped(x, c, x.next_values), *clipped_ratios(x)),
      lambda x, c: _with(x, _bootstrapped(x, c, rows_after(x)), *clipped_ratios(x)))
V.add("no-bootstrap-at-the-end", "The value after the last step of the rollout is taken as 0.", "V'_{T-1} = 0",
      "The length of the rollout becomes a hidden time limit.", lambda x, c: vtrace(_ended(x), c))
V.add("done-read-one-step-late", "The end of an episode is read one step late.", "done[t + 1] at step t",
      "The last step of an episode takes its value from the next one.",
      lambda x, c: vtrace(x.but(terminated=_later(x.terminated), truncated=_later(x.truncated),
                                next_values=rows_after(x)), c))
V.add("wrong-time-axis", "The recursion runs along the environments instead of time.", "(N, T) read as (T, N)",
      "Environments are mixed up with time.", lambda x, c: _turned(x, c), seen=("pytorch/rl #2087 (gae)",))
V.add("time-reversed", "The recursion runs forward in time.", "x_t = delta_t + gamma c_t x_{t-1}",
      "The past is credited with the future's name.", lambda x, c: _forward(x, c))

# What comes back.

V.add("corrections-returned", "The value is not added to the correction.", "returns = x",
      "The critic is trained towards differences.",
      lambda x, c: vtrace(x, c) | {"returns": vtrace(x, c)["returns"] - x.values})
V.add("values-added-twice", "The value is added twice.", "returns = 2 v + x", "Targets run away.",
      lambda x, c: vtrace(x, c) | {"returns": vtrace(x, c)["returns"] + x.values})
V.add("advantage-not-weighed", "The advantage lacks its weight.", "r_t + gamma v'_{t+1} - v_t",
      "The policy gradient is that of the old policy's data.",
      _advantages(lambda x, p, rho, returns: gains(x, p, _ones(x), following_targets(p, returns))))
V.add("advantage-weight-not-clipped", "The advantage is weighed by the ratio itself.",
      "e^d (r_t + gamma v'_{t+1} - v_t)", "The variance of the policy gradient is unbounded.",
      _advantages(lambda x, p, rho, returns: gains(x, p, _ratios(x), following_targets(p, returns))))
V.add("advantage-weighed-by-c", "The advantage is weighed by the trace.", "c_t (r_t + gamma v'_{t+1} - v_t)",
      "gae_lambda scales the policy gradient.",
      _advantages(lambda x, p, rho, returns: gains(x, p, clipped_ratios(x)[1], following_targets(p, returns))))
V.add("advantage-weight-at-one", "The weight of the advantage is clipped at 1, whatever is asked for.",
      "min(1, e^d) (r_t + gamma v'_{t+1} - v_t)", "rho_clip rules the targets only.",
      _advantages(lambda x, p, rho, returns: gains(x, p, minimum(_ratios(x), ONE), following_targets(p, returns))),
      seen=("rlax vtrace_test.py lets it pass (field notes)",))
V.add("advantage-from-values", "The advantage bootstraps from V and not from the target v.",
      "rho_t (r_t + gamma V'_t - v_t)", "A one-step advantage: what comes later counts only through the critic.",
      _advantages(lambda x, p, rho, returns: gains(x, p, rho, p.after)))
V.add("advantage-is-the-correction", "The advantage is the target less the value.", "v_t - V(s_t)",
      "The trace of the step itself is weighed in: not the advantage of the paper.",
      _advantages(lambda x, p, rho, returns: returns - x.values))
V.add("advantage-of-the-target", "The target of the step itself stands in place of V(s_t).",
      "rho_t (r_t + gamma v'_{t+1} - v_t)", "No baseline is subtracted but the estimate itself.",
      _advantages(lambda x, p, rho, returns: rho * (p.rewards + x.gamma * following_targets(p, returns) - returns)))
V.add("advantage-mixes-target-and-value", "The advantage bootstraps from a mixture of target and value.",
      "q' = gae_lambda v'_{t+1} + (1 - gae_lambda) V'_t", "Another estimator wherever gae_lambda < 1.",
      _advantages(lambda x, p, rho, returns: gains(x, p, rho, _mixed(x, p, returns))),
      seen=("rlax vtrace_td_error_and_advantage (by design)",))
V.add("advantage-reads-the-next-episode", "At a time limit the advantage takes the next row's target.",
      "v_{t+1} across the boundary", "A state is worth what the next episode happens to earn.",
      _advantages(lambda x, p, rho, returns: gains(x, p, rho, _across(x, p, returns))),
      seen=("pytorch/rl #4209",))


def _endless(x: Inputs, c: Choices) -> Plan:
    p = plan(x, c)
    return Plan(p.rewards, p.after, inside(p.keep.shape), p.drop)


def _uncut(x: Inputs, p: Plan, rho: Array, trace: Array) -> dict[str, Any]:
    """Only the corrections run on; the advantages stop where they should."""
    endless = Plan(p.rewards, p.after, inside(p.keep.shape), p.drop)
    return {"steps": corrections(x, endless, rho * errors(x, p), x.gamma * trace), "rate": ZERO}


def _bootstrapped(x: Inputs, c: Choices, after: Array) -> Plan:
    p = plan(x, c)
    return Plan(p.rewards, after, p.keep, p.drop)


def _ended(x: Inputs) -> Inputs:
    terminated = x.terminated.copy()
    terminated[-1] = True
    return x.but(terminated=terminated)


def _later(flags: Array) -> Array:
    return np.concatenate([flags[1:], np.zeros_like(flags[:1])])


def _turned(x: Inputs, c: Choices) -> Outputs:
    turned = {n: v.T for n, v in x._values.items() if isinstance(v, np.ndarray) and v.ndim == 2}
    return {name: value.T for name, value in vtrace(x.but(**turned), c).items()}


def _forward(x: Inputs, c: Choices) -> Outputs:
    p, (rho, trace) = plan(x, c), clipped_ratios(x)
    ends = (x.terminated | x.truncated)[:-1]
    keep = np.concatenate([np.zeros_like(p.keep[:1]), ~ends])[::-1]
    turned = Plan(p.rewards, p.after, keep, p.drop[::-1])
    returns = x.values + corrections(x, turned, (rho * errors(x, p))[::-1], (x.gamma * trace)[::-1])[::-1]
    return {"returns": returns, "advantages": gains(x, p, rho, following_targets(p, returns))}


def _mixed(x: Inputs, p: Plan, returns: Array) -> Array:
    ahead = following_targets(p, returns)
    return where(p.keep, x.gae_lambda * ahead + (1 - x.gae_lambda) * p.after, p.after)


def _across(x: Inputs, p: Plan, returns: Array) -> Array:
    """The next row's target wherever there is one and the step did not terminate."""
    return where(inside(p.keep.shape) & ~x.terminated, _ahead(returns, zeros(returns.shape[1:])), p.after)
