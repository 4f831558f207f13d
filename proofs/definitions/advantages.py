"""TD errors, generalized advantage estimates and returns: sums over the steps of one episode.

Arrays are (T, N) lists of rows, time first; the functions called ``..._column`` take one environment's T numbers.
An episode of a column ends at a step that is terminated or truncated, or with the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from proofs.definitions.numbers import (
    ZERO,
    Nested,
    Number,
    ball,
    each,
    flat,
    mean,
    rational,
    solve,
    sqrt,
    total,
    variance,
)

Column = list[Any]
STD_EPS = Fraction(1, 10**8)


def last_step(terminated: Column, truncated: Column, t: int) -> int:
    """The last step of the episode that step t belongs to."""
    steps = range(t, len(terminated))
    return next((k for k in steps if terminated[k] or truncated[k]), len(terminated) - 1)


def td_error(reward: Number, value: Number, next_value: Number, terminated: bool, gamma: Number) -> Number:
    r"""delta = r + gamma V(s') - V(s), with V(s') = 0 after the end (arXiv:1506.02438, section 3)."""
    return reward - value if terminated else reward + gamma * next_value - value


def td_errors_column(
    rewards: Column, values: Column, next_values: Column, terminated: Column, gamma: Number
) -> Column:
    """delta_t of every step (arXiv:1506.02438, section 3)."""
    steps = zip(rewards, values, next_values, terminated, strict=True)
    return [td_error(*step, gamma) for step in steps]


def gae_column(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column,
    gamma: Number, gae_lambda: Number,
) -> Column:
    r"""A_t = sum_{k=t}^{e} (gamma lambda)^{k-t} delta_k, e the episode's last step (arXiv:1506.02438, eq. 16)."""
    delta = td_errors_column(rewards, values, next_values, terminated, gamma)
    powers = [(gamma * gae_lambda) ** lag for lag in range(len(delta))]
    ends = [last_step(terminated, truncated, t) for t in range(len(delta))]
    return [total([powers[k - t] * delta[k] for k in range(t, e + 1)]) for t, e in enumerate(ends)]


def gae_column_by_products(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column,
    gamma: Number, gae_lambda: Number,
) -> Column:
    r"""A_t = sum_{k=t}^{T-1} (prod_{j=t}^{k-1} gamma lambda (1 - c_j)) delta_k, c_j = 1 at the end of an episode."""
    delta = td_errors_column(rewards, values, next_values, terminated, gamma)
    goes_on = [0 if terminated[j] or truncated[j] else 1 for j in range(len(delta))]
    advantages = []
    for t in range(len(delta)):
        weight, terms = gamma**0, []
        for k in range(t, len(delta)):
            terms.append(weight * delta[k])
            weight = weight * gamma * gae_lambda * goes_on[k]
        advantages.append(total(terms))
    return advantages


def gae_column_by_mixture(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column,
    gamma: Number, gae_lambda: Number,
) -> Column:
    r"""A_t = (1-lambda) sum_{n<N} lambda^{n-1} A_t^{(n)} + lambda^{N-1} A_t^{(N)}, N steps left in the episode.

    (arXiv:1506.02438, eqs. 11-16.)  Holds where the next value of a step within an episode is the value of the
    step after it.
    """
    def n_step(t: int, n: int) -> Number:
        """r_t + ... + gamma^{n-1} r_{t+n-1} + gamma^n V' - V_t."""
        gains = [gamma**i * rewards[t + i] for i in range(n)]
        if not terminated[t + n - 1]:
            gains.append(gamma**n * next_values[t + n - 1])
        return total(gains) - values[t]

    advantages = []
    for t in range(len(rewards)):
        left = last_step(terminated, truncated, t) - t + 1
        terms = [(1 - gae_lambda) * gae_lambda ** (n - 1) * n_step(t, n) for n in range(1, left)]
        advantages.append(total([*terms, gae_lambda ** (left - 1) * n_step(t, left)]))
    return advantages


def gae_column_by_elimination(
    rewards: Column, values: Column, next_values: Column, terminated: Column, truncated: Column,
    gamma: Number, gae_lambda: Number,
) -> Column:
    r"""The A with (I - gamma lambda M) A = delta, where M_{t,t+1} = 1 if the episode goes on after step t."""
    delta = td_errors_column(rewards, values, next_values, terminated, gamma)
    return solve(_chain(terminated, truncated, gamma * gae_lambda), delta)


def returns_column(
    rewards: Column, next_values: Column, terminated: Column, truncated: Column, gamma: Number
) -> Column:
    r"""G_t = sum_{k=t}^{e} gamma^{k-t} r_k + gamma^{e-t+1} V(s_{e+1}), without V where step e terminated."""
    returns = []
    for t in range(len(rewards)):
        e = last_step(terminated, truncated, t)
        terms = [gamma ** (k - t) * rewards[k] for k in range(t, e + 1)]
        if not terminated[e]:
            terms.append(gamma ** (e - t + 1) * next_values[e])
        returns.append(total(terms))
    return returns


def returns_column_by_elimination(
    rewards: Column, next_values: Column, terminated: Column, truncated: Column, gamma: Number
) -> Column:
    r"""The G with (I - gamma M) G = r + gamma b, b_t = V(s_{t+1}) where the sum is cut without termination."""
    cut = [c or t == len(rewards) - 1 for t, c in enumerate(truncated)]
    bootstraps = [not ended and c for ended, c in zip(terminated, cut, strict=True)]
    right = [r + gamma * v if b else r for r, v, b in zip(rewards, next_values, bootstraps, strict=True)]
    return solve(_chain(terminated, truncated, gamma), right)


def _chain(terminated: Column, truncated: Column, factor: Number) -> list[Column]:
    """I - factor M."""
    size = len(terminated)
    matrix = [[factor * 0 + (1 if i == j else 0) for j in range(size)] for i in range(size)]
    for t in range(size - 1):
        if not terminated[t] and not truncated[t]:
            matrix[t][t + 1] = -factor
    return matrix


def _by_column(column: Callable[..., Column], *arrays: Nested, **scalars: Number) -> Nested:
    """A function of one environment, applied to each column of (T, N) arrays."""
    columns = zip(*(zip(*rational(array), strict=True) for array in arrays), strict=True)
    numbers = {name: rational(value) for name, value in scalars.items()}
    results = [column(*map(list, one), **numbers) for one in columns]
    return [list(row) for row in zip(*results, strict=True)]


def td_errors(
    rewards: Nested, values: Nested, next_values: Nested, terminated: Nested, truncated: Nested, *, gamma: Number
) -> dict[str, Nested]:
    """r + gamma V' - V; a truncated step keeps its V'."""
    return {"td_errors": _by_column(td_errors_column, rewards, values, next_values, terminated, gamma=gamma)}


def td_errors_as_one_step(
    rewards: Nested, values: Nested, next_values: Nested, terminated: Nested, truncated: Nested, *, gamma: Number
) -> dict[str, Nested]:
    """The estimate of the advantage with lambda = 0, by the mixture of n-step advantages."""
    arrays = (rewards, values, next_values, terminated, truncated)
    return {"td_errors": _by_column(gae_column_by_mixture, *arrays, gamma=gamma, gae_lambda=0)}


def _gae(column: Callable[..., Column]) -> Callable[..., dict[str, Nested]]:
    def gae(
        rewards: Nested, values: Nested, next_values: Nested, terminated: Nested, truncated: Nested, *,
        gamma: Number, gae_lambda: Number,
    ) -> dict[str, Nested]:
        arrays = (rewards, values, next_values, terminated, truncated)
        advantages = _by_column(column, *arrays, gamma=gamma, gae_lambda=gae_lambda)
        return {"advantages": advantages, "returns": each(lambda a, v: a + v, advantages, rational(values))}

    gae.__doc__ = column.__doc__
    return gae


gae = _gae(gae_column)
gae_by_products = _gae(gae_column_by_products)
gae_by_mixture = _gae(gae_column_by_mixture)
gae_by_elimination = _gae(gae_column_by_elimination)


def discounted_returns(
    rewards: Nested, next_values: Nested, terminated: Nested, truncated: Nested, *, gamma: Number
) -> dict[str, Nested]:
    """Discounted rewards to the end of the episode, and the discounted value where it was cut."""
    return {"returns": _by_column(returns_column, rewards, next_values, terminated, truncated, gamma=gamma)}


def discounted_returns_by_elimination(
    rewards: Nested, next_values: Nested, terminated: Nested, truncated: Nested, *, gamma: Number
) -> dict[str, Nested]:
    """The same by a linear system."""
    arrays = (rewards, next_values, terminated, truncated)
    return {"returns": _by_column(returns_column_by_elimination, *arrays, gamma=gamma)}


def token_gae_row(rewards: Column, values: Column, mask: Column, gamma: Number, gae_lambda: Number) -> Column:
    r"""A_i = sum_{k>=i} (gamma lambda)^{k-i} delta_k over the valid tokens of a row, the value after the last one 0.

    (arXiv:1506.02438, eq. 16.)  0 at masked tokens.
    """
    tokens = [t for t, valid in enumerate(mask) if valid]
    following = [*(values[t] for t in tokens[1:]), 0]
    delta = [rewards[t] + gamma * after - values[t] for t, after in zip(tokens, following, strict=True)]
    powers = [(gamma * gae_lambda) ** lag for lag in range(len(tokens))]
    advantages: Column = [ZERO] * len(mask)
    for i, t in enumerate(tokens):
        advantages[t] = total([powers[k - i] * delta[k] for k in range(i, len(tokens))])
    return advantages


def token_gae_row_compressed(
    rewards: Column, values: Column, mask: Column, gamma: Number, gae_lambda: Number
) -> Column:
    """The valid tokens alone are an episode that terminates; its advantages are put back into their places."""
    tokens = [t for t, valid in enumerate(mask) if valid]
    r, v = [rewards[t] for t in tokens], [values[t] for t in tokens]
    terminated = [t == tokens[-1] for t in tokens]
    episode = gae_column_by_mixture(r, v, [*v[1:], None], terminated, [False] * len(r), gamma, gae_lambda)
    places = dict(zip(tokens, episode, strict=True))
    return [places.get(t, ZERO) for t in range(len(mask))]


def _token_gae(row: Callable[..., Column]) -> Callable[..., dict[str, Nested]]:
    def token_gae(
        rewards: Nested, values: Nested, mask: Nested, *, gamma: Number, gae_lambda: Number
    ) -> dict[str, Nested]:
        v, scalars = rational(values), (rational(gamma), rational(gae_lambda))
        advantages = [row(*line, *scalars) for line in zip(rational(rewards), v, mask, strict=True)]
        returns = [
            [a + x if valid else ZERO for a, x, valid in zip(*line, strict=True)]
            for line in zip(advantages, v, mask, strict=True)
        ]
        return {"advantages": advantages, "returns": returns}

    token_gae.__doc__ = row.__doc__
    return token_gae


token_gae = _token_gae(token_gae_row)
token_gae_compressed = _token_gae(token_gae_row_compressed)


def normalize_advantages(advantages: Nested, *, mask: Nested = None) -> dict[str, Nested]:
    """(A - mean) / (std + 1e-8) over the valid entries, std with ddof 0 (arXiv:2005.12729); 0 at masked slots."""
    return _normalized(advantages, mask, variance)


def normalize_advantages_by_pairs(advantages: Nested, *, mask: Nested = None) -> dict[str, Nested]:
    """The same with the variance as half the mean squared difference of all pairs."""
    return _normalized(advantages, mask, variance_by_pairs)


def variance_by_pairs(terms: Column) -> Number:
    r"""(1 / 2 n^2) sum_{i,j} (x_i - x_j)^2."""
    return mean([(x - y) * (x - y) for x in terms for y in terms]) / 2


def _normalized(advantages: Nested, mask: Nested, spread: Callable[[Column], Number]) -> dict[str, Nested]:
    chosen = each(lambda a: a, rational(advantages), mask=mask)
    valid = list(flat(chosen))
    centre, scale = mean(valid), sqrt(spread(valid)) + ball(STD_EPS)
    return {"advantages": each(lambda a: ZERO if a is None else ball(a - centre) / scale, chosen)}
