"""V-trace: sums of weighted TD errors over the steps of one episode (arXiv:1802.01561).

Arrays are (T, N) lists of rows, time first; the functions called ``..._column`` take one environment's T numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions.advantages import Column, last_step, td_errors_column
from proofs.definitions.numbers import Nested, Number, ball, exp, minimum, product, solve, total

Targets = Callable[..., Column]


def targets_column(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column, rho: Column,
    trace: Column, gamma: Number,
) -> Column:
    r"""v_t = V(s_t) + sum_{k=t}^{e} gamma^{k-t} (prod_{i=t}^{k-1} c_i) rho_k delta_k, e the last step (eq. 1)."""
    delta = td_errors_column(rewards, values, next_values, terminated, gamma)
    out = []
    for t in range(len(rewards)):
        steps = range(t, last_step(terminated, truncated, t) + 1)
        out.append(values[t] + total([gamma ** (k - t) * product(trace[t:k]) * rho[k] * delta[k] for k in steps]))
    return out


def targets_column_by_elimination(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column, rho: Column,
    trace: Column, gamma: Number,
) -> Column:
    r"""The v with v_t - gamma c_t v_{t+1} = V_t + rho_t delta_t - gamma c_t V_{t+1} within an episode (remark 1)."""
    size = len(rewards)
    delta = td_errors_column(rewards, values, next_values, terminated, gamma)
    matrix = [[gamma * 0 + (1 if i == j else 0) for j in range(size)] for i in range(size)]
    right = [v + weight * error for v, weight, error in zip(values, rho, delta, strict=True)]
    for t in range(size - 1):
        if not terminated[t] and not truncated[t]:
            matrix[t][t + 1] = -(gamma * trace[t])
            right[t] = right[t] - gamma * trace[t] * values[t + 1]
    return solve(matrix, right)


def advantages_column(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column, rho: Column,
    targets: Column, gamma: Number,
) -> Column:
    r"""rho_t (r_t + gamma v_{t+1} - V(s_t)) (section 4.2); at the end of an episode its V(s_{t+1}), 0 if terminated."""
    out = []
    for t in range(len(rewards)):
        ends = terminated[t] or truncated[t] or t == len(rewards) - 1
        ahead = next_values[t] if ends else targets[t + 1]
        gain = rewards[t] if terminated[t] else rewards[t] + gamma * ahead
        out.append(rho[t] * (gain - values[t]))
    return out


def _ratio(new: Number, old: Number) -> Number:
    return exp(new - old)


def _quotient(new: Number, old: Number) -> Number:
    return exp(new) / exp(old)


def _vtrace(targets: Targets, ratio: Callable[[Number, Number], Number]) -> Callable[..., dict[str, Nested]]:
    def vtrace(
        log_prob: Nested, old_log_prob: Nested, rewards: Nested, values: Nested, next_values: Nested,
        terminated: Nested, truncated: Nested, *, gamma: Number, gae_lambda: Number, rho_clip: Number, c_clip: Number,
    ) -> dict[str, Nested]:
        discount, decay, most, longest = ball([gamma, gae_lambda, rho_clip, c_clip])
        arrays = (log_prob, old_log_prob, rewards, values, next_values, terminated, truncated)
        returns, advantages = [], []
        for new, old, r, v, after, ended, cut in zip(*(zip(*rows, strict=True) for rows in arrays), strict=True):
            ratios = [ratio(*pair) for pair in zip(ball([*new]), ball([*old]), strict=True)]
            rho = [minimum(w, most) for w in ratios]
            trace = [decay * minimum(w, longest) for w in ratios]
            episode: tuple[Any, ...] = (ball([*r]), ball([*v]), ball([*after]), ended, cut, rho)
            returns.append(targets(*episode, trace, discount))
            advantages.append(advantages_column(*episode, returns[-1], discount))
        return {"returns": _by_time(returns), "advantages": _by_time(advantages)}

    vtrace.__doc__ = targets.__doc__
    return vtrace


def _by_time(columns: list[Column]) -> Nested:
    return [list(row) for row in zip(*columns, strict=True)]


vtrace = _vtrace(targets_column, _ratio)
vtrace_by_elimination = _vtrace(targets_column_by_elimination, _quotient)
