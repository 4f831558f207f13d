"""Mistakes of TD errors, GAE and returns: ends read at the wrong step, values read from the wrong place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.returns import CATALOGUE as RETURNS
from ppocore.conformance.mistakes.tokens import CATALOGUE as TOKENS
from ppocore.conformance.oracle.advantages import (
    Outputs,
    Plan,
    backward,
    discounted_returns,
    errors,
    following,
    gae,
    inside,
    plan,
    rows_after,
    td_errors,
    zeros,
)
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, constant, where

CATALOGUE = Catalogue()
CATALOGUE.mistakes.update(TOKENS.mistakes)
CATALOGUE.mistakes.update(RETURNS.mistakes)

BOTH = ("td_errors", "gae")
RECURSIVE = ("gae", "discounted_returns")
ALL = ("td_errors", "gae", "discounted_returns")
DEFINITIONS = {"td_errors": td_errors, "gae": gae, "discounted_returns": discounted_returns}


def under(operations: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The slugs of one mistake in several operations."""
    return tuple(f"{operation}/{name}" for operation in operations)


def answer(x: Inputs, p: Plan, rate: Any = None, **parts: Any) -> Outputs:
    """Every output of the family from a plan; each operation takes its own."""
    delta = parts.get("delta", errors(x, p))
    if "gae_lambda" not in x._values:
        return {"td_errors": delta}
    advantages = backward(delta, x.gamma * x.gae_lambda if rate is None else rate, p.keep,
                          parts.get("seed", ZERO))
    return {"advantages": advantages, "returns": advantages + x.values}


def reread(x: Inputs, c: Choices, **flags: Array) -> Outputs:
    """The definition with other flags."""
    seen = x.but(**flags)
    if "values" not in x._values:
        return discounted_returns(seen, c)
    seen = seen.but(next_values=following(x))
    return gae(seen, c) if "gae_lambda" in x._values else td_errors(seen, c)


def later(flags: Array, last: Array) -> Array:
    """The flag of the next step in place of this one's."""
    return np.concatenate([flags[1:], last[None]])


def earlier(flags: Array) -> Array:
    """The flag of the step before in place of this one's."""
    return np.concatenate([np.zeros_like(flags[:1]), flags[:-1]])


@CATALOGUE.enter(
    *under(ALL, "done-read-one-step-late"),
    says="The end of an episode is read one step late: step t looks at the flag of step t + 1.",
    wrong="nonterminal_t = 1 - done[t + 1]",
    matters="The last step of an episode takes its value from the next episode, and the one before it is cut off.",
    seen=("hill-a/stable-baselines #385", "stable-baselines3 0.7.0", "rlevo #342"),
)
def _late(x: Inputs, c: Choices) -> Outputs:
    never = np.zeros_like(x.terminated[-1])
    return reread(x, c, terminated=later(x.terminated, never), truncated=later(x.truncated, never))


@CATALOGUE.variant(*under(ALL, "done-read-one-step-late"))
def _late_last_kept(x: Inputs, c: Choices) -> Outputs:
    return reread(x, c, terminated=later(x.terminated, x.terminated[-1]),
                  truncated=later(x.truncated, x.truncated[-1]))


@CATALOGUE.variant(*under(BOTH, "done-read-one-step-late"))
def _late_next_row(x: Inputs, c: Choices) -> Outputs:
    """The value used is the next row's, even where next_values is handed over."""
    never = np.zeros_like(x.terminated[-1])
    flags = {"terminated": later(x.terminated, never), "truncated": later(x.truncated, never)}
    return DEFINITIONS[_operation(x)](x.but(next_values=rows_after(x), **flags), c)


@CATALOGUE.variant(*under(BOTH, "done-read-one-step-late"))
def _late_next_row_last_kept(x: Inputs, c: Choices) -> Outputs:
    flags = {"terminated": later(x.terminated, x.terminated[-1]), "truncated": later(x.truncated, x.truncated[-1])}
    return DEFINITIONS[_operation(x)](x.but(next_values=rows_after(x), **flags), c)


@CATALOGUE.variant(*under(BOTH, "done-read-one-step-late"))
def _late_wrapped(x: Inputs, c: Choices) -> Outputs:
    """np.roll(done, -1): the last row is given the first one's flag."""
    flags = {"terminated": later(x.terminated, x.terminated[0]), "truncated": later(x.truncated, x.truncated[0])}
    return DEFINITIONS[_operation(x)](x.but(next_values=rows_after(x), **flags), c)


@CATALOGUE.variant("discounted_returns/done-read-one-step-late")
def _late_wrapped_returns(x: Inputs, c: Choices) -> Outputs:
    flags = {"terminated": later(x.terminated, x.terminated[0]), "truncated": later(x.truncated, x.truncated[0])}
    return discounted_returns(x.but(**flags), c)


def _shifted_parts(x: Inputs, c: Choices, shifted: Any, bootstrap: bool) -> Outputs:
    """Only the bootstrap, or only the recursion, reads shifted flags."""
    p = plan(x, c)
    if bootstrap:
        after = where(shifted(x.terminated), ZERO, following(x))
        return answer(x, Plan(p.rewards, after, p.keep, p.drop))
    keep = inside(p.keep.shape) & ~shifted(x.terminated | x.truncated)
    return answer(x, Plan(p.rewards, p.after, keep, p.drop))


def _late_padded(flags: Array) -> Array:
    return later(flags, np.zeros_like(flags[-1]))


def _late_repeated(flags: Array) -> Array:
    return later(flags, flags[-1])


for _shift in (_late_padded, _late_repeated):
    CATALOGUE.variant(*under(BOTH, "done-read-one-step-late"))(
        lambda x, c, s=_shift: _shifted_parts(x, c, s, True))  # type: ignore[misc]

CATALOGUE.enter(
    "gae/recursion-cut-one-step-late", says="The recursion is cut by the flag of step t + 1 instead of step t's.",
    wrong="A_t = delta_t + gamma lambda (1 - done[t + 1]) A_{t+1}",
    matters="The reward of the last step never reaches the steps before it, and the next episode's does.",
    seen=("AechPro/rlgym-ppo #23",),
)(lambda x, c: _shifted_parts(x, c, _late_padded, False))
CATALOGUE.variant("gae/recursion-cut-one-step-late")(lambda x, c: _shifted_parts(x, c, _late_repeated, False))

CATALOGUE.enter(
    *under(ALL, "done-read-one-step-early"),
    says="The end of an episode is read one step early: step t looks at the flag of step t - 1.",
    wrong="nonterminal_t = 1 - done[t - 1]",
    matters="Every episode loses its first step instead of its last, and leaks into the one before.",
    seen=("luchris429/purejaxrl a9e996e", "instadeepai/Mava 606a82448"),
)(lambda x, c: reread(x, c, terminated=earlier(x.terminated), truncated=earlier(x.truncated)))
CATALOGUE.variant(*under(BOTH, "done-read-one-step-early"))(lambda x, c: _shifted_parts(x, c, earlier, True))


def _starts(x: Inputs, last: Array) -> Inputs:
    """Episode starts in the place of episode ends."""
    ends = np.concatenate([x.episode_starts[:-1], last[None]])
    seen = x.but(terminated=ends, truncated=np.zeros_like(ends))
    return seen.but(next_values=rows_after(x)) if "values" in x._values else seen


@CATALOGUE.variant(*under(ALL, "done-read-one-step-early"))
def _starts_as_ends(x: Inputs, c: Choices) -> Outputs:
    return DEFINITIONS[_operation(x)](_starts(x, x.episode_starts[-1]), c)


@CATALOGUE.variant(*under(ALL, "done-read-one-step-early"))
def _starts_as_ends_but_the_last(x: Inputs, c: Choices) -> Outputs:
    return DEFINITIONS[_operation(x)](_starts(x, x.last_dones), c)


@CATALOGUE.variant(*under(ALL, "done-read-one-step-early"))
def _early_wrapped(x: Inputs, c: Choices) -> Outputs:
    """np.roll(done, 1)."""
    flags = {"terminated": np.roll(x.terminated, 1, axis=0), "truncated": np.roll(x.truncated, 1, axis=0)}
    seen = x.but(next_values=rows_after(x)) if "values" in x._values else x
    return DEFINITIONS[_operation(x)](seen.but(**flags), c)


CATALOGUE.enter(
    "gae/recursion-cut-one-step-early", says="The recursion is cut by the flag of step t - 1 instead of step t's.",
    wrong="A_t = delta_t + gamma lambda (1 - done[t - 1]) A_{t+1}",
    matters="Advantages leak across episode ends and stop one step into the next episode.",
)(lambda x, c: _shifted_parts(x, c, earlier, False))


@CATALOGUE.enter(
    *under(ALL, "terminated-flag-on-two-steps"),
    says="The step before the last one of an episode is treated as terminal too.",
    wrong="nonterminal_t = (1 - done[t]) (1 - done[t + 1])",
    matters="The value target of the state before the end is its bare reward.",
    seen=("ray-project/ray #57683", "ray-project/ray #57895", "ray-project/ray #59958"),
)
def _two_steps(x: Inputs, c: Choices) -> Outputs:
    return reread(x, c, terminated=x.terminated | _late_padded(x.terminated))


@CATALOGUE.variant(*under(BOTH, "terminated-flag-on-two-steps"))
def _two_steps_bootstrap_only(x: Inputs, c: Choices) -> Outputs:
    return _shifted_parts(x, c, lambda flags: flags | _late_padded(flags), True)


@CATALOGUE.variant("gae/terminated-flag-on-two-steps")
def _two_steps_lambda_return(x: Inputs, c: Choices) -> Outputs:
    """As a lambda-return: the value is zeroed where it is bootstrapped from, not where it is mixed in."""
    p = plan(x, c)
    last_but_one = _late_padded(x.terminated) & p.keep
    return answer(x, Plan(p.rewards, where(last_but_one, x.gae_lambda * p.after, p.after), p.keep, p.drop))


@CATALOGUE.enter(
    *under(RECURSIVE, "ends-ignored"),
    says="Episode ends are ignored: the rollout is treated as one long episode.",
    wrong="A_t = delta_t + gamma lambda A_{t+1}, delta_t = r_t + gamma V_{t+1} - V_t at every step",
    matters="Rewards of later episodes are credited to earlier ones.",
    seen=("vietnh1009/Super-mario-bros-PPO #21", "nikhilbarhate99/PPO-PyTorch #8"),
)
def _ends_ignored(x: Inputs, c: Choices) -> Outputs:
    never = np.zeros_like(x.terminated)
    return reread(x, c, terminated=never, truncated=never)


@CATALOGUE.variant("gae/ends-ignored")
def _ends_ignored_rows(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, rows_after(x), inside(p.keep.shape), p.drop))


@CATALOGUE.variant("discounted_returns/ends-ignored")
def _ends_ignored_from_zero(x: Inputs, c: Choices) -> Outputs:
    """One sum over the whole buffer, nothing after it."""
    return {"returns": backward(x.rewards, x.gamma, inside(x.rewards.shape))}


@CATALOGUE.enter(
    "gae/recursion-never-cut", says="The bootstrap stops at episode ends, the recursion does not.",
    wrong="A_t = delta_t + gamma lambda A_{t+1}, whatever ended",
    matters="Advantages of the next episode flow into this one.",
    seen=("vietnh1009/Super-mario-bros-PPO #21",),
)
def _never_cut(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, p.after, inside(p.keep.shape), p.drop))


@CATALOGUE.enter(
    "gae/time-limit-zeroes-the-bootstrap-and-leaks",
    says="At a time limit the bootstrap is cut, and the recursion is not.",
    wrong="delta_t = r_t + gamma V_{t+1} (1 - done_t) - V_t; A_t = delta_t + gamma lambda (1 - terminated_t) A_{t+1}",
    matters="Each mask stands where the other belongs.", seen=("Toni-SM/skrl #449",),
)
def _masks_exchanged(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    ends = x.terminated | x.truncated
    return answer(x, Plan(p.rewards, where(ends, ZERO, p.after), inside(ends.shape) & ~x.terminated, p.drop))


@CATALOGUE.enter(
    "gae/rewards-of-the-next-row",
    says="Rewards and flags are read from the next row, and the last row is left at 0.",
    wrong="delta_t = r_{t+1} + gamma V_{t+1} (1 - done_{t+1}) - V_t, A_{T-1} = 0",
    matters="Right only where the buffer stores rewards one row later.", seen=("PufferAI/PufferLib c_gae",),
)
def _next_row(x: Inputs, c: Choices) -> Outputs:
    inner = inside(x.terminated.shape)
    alive = inner & ~_late_padded(x.terminated | x.truncated)
    rewards = np.concatenate([x.rewards[1:], x.rewards[-1:]])
    delta = where(inner, rewards + x.gamma * where(alive, rows_after(x), ZERO) - x.values, ZERO)
    return answer(x, Plan(rewards, rewards, alive, ~inner), delta=delta)


@CATALOGUE.enter(
    *under(BOTH, "terminal-state-bootstrapped"),
    says="The value after a terminal step is counted: the recursion is cut, the bootstrap is not.",
    wrong="delta_t = r_t + gamma V_{t+1} - V_t also where terminated",
    matters="Failing is worth as much as going on.",
    seen=("ray-project/ray #57683",),
)
def _terminal_bootstrapped(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, following(x), p.keep, p.drop))


@CATALOGUE.variant(*under(BOTH, "terminal-state-bootstrapped"))
def _terminal_bootstrapped_rows(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, rows_after(x), p.keep, p.drop))


@CATALOGUE.enter(
    *under(ALL, "truncation-overrides-termination"),
    says="A step that is both terminated and truncated is bootstrapped.",
    wrong="V'_t = 0 only if terminated and not truncated",
    matters="An episode that really ended on its last allowed step is given a future.",
    seen=("skrl 2.1.1 with time_limit_bootstrap",),
)
def _truncation_first(x: Inputs, c: Choices) -> Outputs:
    return reread(x, c, terminated=x.terminated & ~x.truncated)


@CATALOGUE.enter(
    "gae/bootstraps-from-reset-observation",
    says="At a time limit the value of the next episode's first observation is used.",
    wrong="V'_t = V(obs[t + 1]) where truncated, the observation after the reset",
    matters="What a state is worth depends on where the next episode happens to start.",
    seen=("pytorch/rl b28e4a462", "Toni-SM/skrl #224"),
)
def _reset_observation(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, where(x.terminated, ZERO, rows_after(x)), p.keep, p.drop))


@CATALOGUE.enter(
    *under(BOTH, "bootstraps-from-last-acted-observation"),
    says="The rollout is bootstrapped from V of the last observation acted on, not of the one after it.",
    wrong="V'_{T-1} = V(s_{T-1})",
    matters="Every advantage near the end of every rollout is off by gamma (V(s_T) - V(s_{T-1})).",
    seen=("DLR-RM/stable-baselines3 #185",),
)
def _last_acted(x: Inputs, c: Choices) -> Outputs:
    stale = np.concatenate([x.next_values[:-1], x.values[-1:]])
    return DEFINITIONS["gae" if "gae_lambda" in x._values else "td_errors"](x.but(next_values=stale), c)


@CATALOGUE.enter(
    *under(ALL, "no-bootstrap-at-the-end"),
    says="The rollout is not bootstrapped: the value after its last step is taken as 0.",
    wrong="V'_{T-1} = 0",
    matters="The length of the rollout becomes a hidden time limit.",
)
def _no_bootstrap(x: Inputs, c: Choices) -> Outputs:
    ended = x.terminated.copy()
    ended[-1] = True
    return DEFINITIONS[_operation(x)](x.but(terminated=ended), c)


def _operation(x: Inputs) -> str:
    if "values" not in x._values:
        return "discounted_returns"
    return "gae" if "gae_lambda" in x._values else "td_errors"


@CATALOGUE.enter(
    "gae/carry-zeroed-after-the-end",
    says="The mask is applied a second time to the carry, so an episode's last advantage reaches nobody.",
    wrong="carry = A_t (1 - done_t), handed to t - 1",
    matters="A reward at the end of an episode is never credited to the steps that led there.",
    seen=("alessiodm/drl-zh #13",),
)
def _carry_zeroed(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    ends = x.terminated | x.truncated
    blocked = later(ends, np.zeros_like(ends[-1]))
    return answer(x, Plan(p.rewards, p.after, p.keep & ~blocked, p.drop))


@CATALOGUE.enter(
    "gae/bootstrap-counted-twice",
    says="The bootstrap value is both inside the last TD error and the seed of the recursion.",
    wrong="A_T = V(s_T) instead of 0",
    matters="Advantages carry an extra (gamma lambda)^(T-t) V(s_T).",
    seen=("simonsays1980/rl-triton #4",),
)
def _seeded(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    keep = p.keep | ~inside(p.keep.shape)
    seed = where(x.terminated[-1] | x.truncated[-1], ZERO, x.next_values[-1])
    return answer(x, Plan(p.rewards, p.after, keep, p.drop), seed=seed)


@CATALOGUE.enter(
    "gae/no-lambda", says="gae_lambda does not enter the recursion.",
    wrong="A_t = delta_t + gamma A_{t+1}",
    matters="Always the Monte-Carlo advantage, with all its variance.",
    seen=("google-research/batch-ppo 60f2e9c",),
)
def _no_lambda(x: Inputs, c: Choices) -> Outputs:
    return answer(x, plan(x, c), x.gamma)


@CATALOGUE.enter("gae/no-gamma-in-recursion", says="gamma does not enter the recursion.",
                 wrong="A_t = delta_t + lambda A_{t+1}", matters="Later TD errors weigh too much.")
def _no_gamma(x: Inputs, c: Choices) -> Outputs:
    return answer(x, plan(x, c), x.gae_lambda)


@CATALOGUE.enter("gae/decay-squared", says="gamma enters the recursion twice.",
                 wrong="A_t = delta_t + gamma^2 lambda A_{t+1}", matters="Credit fades too fast.")
def _gamma_twice(x: Inputs, c: Choices) -> Outputs:
    return answer(x, plan(x, c), x.gamma * x.gamma * x.gae_lambda)


@CATALOGUE.enter("gae/lambda-complement", says="gae_lambda and 1 - gae_lambda are exchanged.",
                 wrong="A_t = delta_t + gamma (1 - lambda) A_{t+1}",
                 matters="lambda = 0.95 behaves like 0.05.")
def _complement(x: Inputs, c: Choices) -> Outputs:
    return answer(x, plan(x, c), x.gamma * (1 - x.gae_lambda))


@CATALOGUE.enter("gae/recursion-undecayed", says="The recursion is a plain sum of TD errors.",
                 wrong="A_t = delta_t + A_{t+1}", matters="Neither gamma nor lambda discounts what comes later.")
def _undecayed(x: Inputs, c: Choices) -> Outputs:
    return answer(x, plan(x, c), constant("1"))


@CATALOGUE.enter("gae/one-step-only", says="Only the TD error is returned; nothing is accumulated.",
                 wrong="A_t = delta_t", matters="gae_lambda has no effect: always lambda = 0.")
def _one_step(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, p.after, np.zeros_like(p.keep), p.drop))


@CATALOGUE.enter("gae/immediate-reward-only", says="The advantage is the immediate reward less the value.",
                 wrong="A_t = r_t - V(s_t)", matters="A sparse reward at the end teaches nothing to earlier steps.",
                 seen=("natolambert/rlhf-book #216",))
def _immediate(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, Plan(p.rewards, zeros(p.after.shape), np.zeros_like(p.keep), p.drop))


@CATALOGUE.enter(*under(BOTH, "value-not-subtracted"), says="The baseline V(s_t) is missing from the TD error.",
                 wrong="delta_t = r_t + gamma V_{t+1}", matters="The advantage is no advantage.")
def _no_baseline(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=p.rewards + x.gamma * p.after)


@CATALOGUE.enter(*under(BOTH, "sign-flipped"), says="The TD error has the opposite sign.",
                 wrong="delta_t = V(s_t) - r_t - gamma V_{t+1}", matters="The policy learns to do its worst.")
def _negated(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=-errors(x, p))


@CATALOGUE.enter(*under(BOTH, "bootstrap-not-discounted"), says="gamma is missing from the TD error.",
                 wrong="delta_t = r_t + V_{t+1} - V_t", matters="Values of successors weigh too much.")
def _undiscounted(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=p.rewards + p.after - x.values)


@CATALOGUE.enter(*under(BOTH, "gamma-on-the-value"), says="gamma multiplies V(s_t) instead of V(s_{t+1}).",
                 wrong="delta_t = r_t + V_{t+1} - gamma V_t", matters="Even a perfect critic gives wrong advantages.")
def _gamma_on_value(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=p.rewards + p.after - x.gamma * x.values)


@CATALOGUE.enter(*under(BOTH, "gamma-on-the-reward"), says="gamma multiplies the reward as well.",
                 wrong="delta_t = gamma (r_t + V_{t+1}) - V_t", matters="The critic is trained to another scale.")
def _gamma_on_reward(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=x.gamma * (p.rewards + p.after) - x.values)


@CATALOGUE.enter(*under(ALL, "reward-masked-at-the-end"), says="The reward of a terminal step is masked away.",
                 wrong="delta_t = (1 - done_t) (r_t + gamma V_{t+1}) - V_t",
                 matters="The reward for reaching the goal is the one that is lost.")
def _reward_masked(x: Inputs, c: Choices) -> Outputs:
    return DEFINITIONS[_operation(x)](x.but(rewards=where(x.terminated, ZERO, x.rewards)), c)


@CATALOGUE.variant(*under(ALL, "reward-masked-at-the-end"))
def _reward_masked_at_any_end(x: Inputs, c: Choices) -> Outputs:
    ends = x.terminated | x.truncated
    return DEFINITIONS[_operation(x)](x.but(rewards=where(ends, ZERO, x.rewards)), c)


@CATALOGUE.enter(*under(BOTH, "delta-masked-at-the-end"), says="The whole TD error of a terminal step is masked away.",
                 wrong="delta_t = (1 - done_t) (r_t + gamma V_{t+1} - V_t)",
                 matters="The last step of every episode teaches nothing.")
def _delta_masked(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=where(x.terminated, ZERO, errors(x, p)))


@CATALOGUE.variant(*under(BOTH, "delta-masked-at-the-end"))
def _delta_masked_at_any_end(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    return answer(x, p, delta=where(x.terminated | x.truncated, ZERO, errors(x, p)))


@CATALOGUE.enter("gae/last-row-zero", says="The last row is left at 0.",
                 wrong="for t in reversed(range(T - 1)); A_{T-1} = 0",
                 matters="One step of every rollout has no advantage and breaks the chain before it.",
                 seen=("PufferAI/PufferLib c_gae (with its own layout)",))
def _last_row_zero(x: Inputs, c: Choices) -> Outputs:
    p = plan(x, c)
    delta = errors(x, p)
    delta[-1] = ZERO
    return answer(x, p, delta=delta)


@CATALOGUE.enter(*under(RECURSIVE, "wrong-time-axis"),
                 says="The recursion runs along the environments instead of time.",
                 wrong="arrays of shape (N, T) read as (T, N)", matters="Environments are mixed up with time.",
                 seen=("vwxyzjn/cleanrl #83", "pytorch/rl #2087"))
def _transposed(x: Inputs, c: Choices) -> Outputs:
    turned = {n: v.T for n, v in x._values.items() if isinstance(v, np.ndarray) and v.ndim == 2}
    y = x.but(**turned)
    outputs = DEFINITIONS[_operation(x)](y, c)
    return {name: value.T for name, value in outputs.items()}


@CATALOGUE.enter(*under(RECURSIVE, "axes-flattened"), says="Time and environments are flattened into one long axis.",
                 wrong="rewards.reshape(-1) treated as one rollout",
                 matters="Each step is followed by another environment's.", seen=("pytorch/rl #2089",))
def _flattened(x: Inputs, c: Choices) -> Outputs:
    shape = x.rewards.shape
    flat = {n: v.reshape(-1, 1) for n, v in x._values.items() if isinstance(v, np.ndarray) and v.ndim == 2}
    outputs = DEFINITIONS[_operation(x)](x.but(**flat), c)
    return {name: value.reshape(shape) for name, value in outputs.items()}


@CATALOGUE.variant(*under(RECURSIVE, "axes-flattened"))
def _flattened_by_environment(x: Inputs, c: Choices) -> Outputs:
    """Environment after environment, one bootstrap at the very end."""
    flat = {n: v.T.reshape(-1, 1) for n, v in x._values.items() if isinstance(v, np.ndarray) and v.ndim == 2}
    outputs = DEFINITIONS[_operation(x)](x.but(**flat), c)
    return {name: value.reshape(x.rewards.T.shape).T for name, value in outputs.items()}


@CATALOGUE.enter(*under(RECURSIVE, "time-reversed"), says="The recursion runs forward in time.",
                 wrong="A_t = delta_t + gamma lambda A_{t-1}",
                 matters="The past is credited with the future's name.")
def _forward(x: Inputs, c: Choices) -> Outputs:
    if _operation(x) == "discounted_returns":
        ends = earlier(x.terminated | x.truncated)[::-1] | ~inside(x.terminated.shape)
        return {"returns": backward(x.rewards[::-1], x.gamma, ~ends)[::-1]}
    p = plan(x, c)
    keep = ~(earlier(x.terminated | x.truncated)[::-1] | ~inside(p.keep.shape))
    advantages = backward(errors(x, p)[::-1], x.gamma * x.gae_lambda, keep)[::-1]
    return {"advantages": advantages, "returns": advantages + x.values}
