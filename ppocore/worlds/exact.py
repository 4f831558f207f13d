r"""What a policy is worth in a finite world, without sampling: linear systems of S equations.

With the policy's chance :math:`P_\pi(s, s')` to go on from s to s', values solve :math:`(I - \gamma P_\pi) V = r_\pi`
and visits solve :math:`(I - \gamma P_\pi^T) d = \mu`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Doorman, Floats
from ppocore.worlds.world import World, checked_policy


class Values(NamedTuple):
    """V (S,), Q (S, A), A = Q - V (S, A), and the expected discounted return J."""

    values: Floats
    action_values: Floats
    advantages: Floats
    objective: float


class Optimum(NamedTuple):
    """A best policy (S, A), deterministic, its values (S,) and its J."""

    policy: Floats
    values: Floats
    objective: float


def exact_values(world: World, policy: ArrayLike) -> Values:
    r"""V, Q and A of a policy, and its expected discounted return.

    .. math::

        V = r_\pi + \gamma P_\pi V, \qquad Q(s, a) = E[r + \gamma V(s')], \qquad A = Q - V, \qquad
        J = \sum_s \mu(s) V(s)

    Parameters
    ----------
    world : World
    policy : array of float, shape (S, A)
        Chances of the actions.

    Returns
    -------
    Values
        Named tuple ``(values, action_values, advantages, objective)``.

    Raises
    ------
    ValueError
        If the policy is no table of distributions for this world, or, with gamma = 1, episodes under it need not end.

    Notes
    -----
    *Accuracy.* Backward stable: a solve by LU with partial pivoting, times the condition of :math:`I - \gamma P_\pi`.

    References
    ----------
    Sutton and Barto, Reinforcement Learning, eq. 3.14.  Mission rows S0, S6.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_values(two_arm_bandit(), [[0.25, 0.75]]).objective
    0.75
    """
    table = checked_policy("exact_values", "policy", policy, world)
    values = _solved(world, table, transposed=False)
    action_values = world.expected_rewards + world.gamma * world.moves @ values
    return Values(values, action_values, action_values - values[:, None], float(world.initial @ values))


def exact_visits(world: World, policy: ArrayLike, *, gamma: float) -> Floats:
    r"""How often each state is visited in an episode, visits at time t counted gamma^t.

    .. math:: d(s) = \sum_t \gamma^t P(s_t = s)

    Parameters
    ----------
    world : World
    policy : array of float, shape (S, A)
    gamma : float in [0, 1]
        1 counts every visit alike, whatever the world's own discount.

    Returns
    -------
    array of float, shape (S,)

    Raises
    ------
    ValueError
        If the policy does not fit, gamma is outside [0, 1], or, with gamma = 1, episodes need not end.

    Notes
    -----
    *Accuracy.* As `exact_values`.

    References
    ----------
    Sutton et al., Policy Gradient Methods, 1999, theorem 1.  Mission row S6.

    Examples
    --------
    >>> from ppocore.worlds import chain
    >>> exact_visits(chain(3), [[0.0, 1.0]] * 3, gamma=1.0)
    array([1., 1., 1.])
    """
    discount = Doorman("exact_visits").number("gamma", gamma, "[0, 1]")
    table = checked_policy("exact_visits", "policy", policy, world)
    return _solved(world, table, transposed=True, gamma=discount)


def exact_policy_gradient(world: World, policy: ArrayLike, *, discount_states: bool) -> Floats:
    r"""Gradient of J in the logits of a softmax table, and the form of it that leaves gamma^t out.

    .. math:: \partial J / \partial z_{sa} = d(s)\, \pi(a|s)\, A(s, a)

    Parameters
    ----------
    world : World
    policy : array of float, shape (S, A)
        softmax(z) row by row.
    discount_states : bool
        True weights a visit at time t by gamma^t: the gradient of J.  False counts visits alike, as the source and
        most code do: for gamma < 1 the gradient of nothing.

    Returns
    -------
    array of float, shape (S, A)

    Raises
    ------
    ValueError
        If the policy does not fit, or episodes need not end where visits are not discounted.

    Notes
    -----
    *Accuracy.* As `exact_values`.

    *Theorems.* PG-04 (the theorem), PG-12 (what is lost without gamma^t).

    References
    ----------
    Sutton et al., Policy Gradient Methods, 1999, theorem 1.  Mission row S6.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_policy_gradient(two_arm_bandit(), [[0.5, 0.5]], discount_states=True)
    array([[-0.25,  0.25]])
    """
    table = checked_policy("exact_policy_gradient", "policy", policy, world)
    visits = exact_visits(world, table, gamma=world.gamma if discount_states else 1.0)
    gradient: Floats = visits[:, None] * table * exact_values(world, table).advantages
    return gradient


def exact_optimum(world: World) -> Optimum:
    r"""A best policy, by policy iteration: greedy against the exact values until nothing is better.

    Parameters
    ----------
    world : World

    Returns
    -------
    Optimum
        Named tuple ``(policy, values, objective)``.

    Raises
    ------
    ValueError
        If gamma = 1 and a policy met on the way need not end its episodes.

    Notes
    -----
    *Conventions.* Among equally good actions the one that is kept is the one already chosen, then the first.

    *Accuracy.* An action is exchanged only for one better by more than the rounding of the values, so that the
    iteration ends: the values are within that rounding of the best.

    References
    ----------
    Howard, Dynamic Programming and Markov Processes, 1960; Puterman, section 6.4.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_optimum(two_arm_bandit()).policy
    array([[0., 1.]])
    """
    # From the uniform policy, under which every world here ends, though some deterministic ones may not.
    uniform = np.full((world.num_states, world.num_actions), 1.0 / world.num_actions)
    found = exact_values(world, uniform)
    chosen = found.action_values.argmax(axis=1)
    while True:
        policy = np.eye(world.num_actions)[chosen]
        found = exact_values(world, policy)
        gain = found.action_values - found.action_values[np.arange(world.num_states), chosen][:, None]
        rounding = 2.0**-40 * max(1.0, float(np.abs(found.action_values).max()))
        better = gain.max(axis=1) > rounding
        if not better.any():
            return Optimum(policy, found.values, found.objective)
        chosen = np.where(better, gain.argmax(axis=1), chosen)


def _solved(world: World, policy: Floats, *, transposed: bool, gamma: float | None = None) -> Floats:
    discount = world.gamma if gamma is None else gamma
    step = np.einsum("sa,san->sn", policy, world.moves)
    if discount == 1.0:
        _require_an_end(step)
    system = np.eye(world.num_states) - discount * step
    given = world.initial if transposed else (policy * world.expected_rewards).sum(axis=1)
    return np.linalg.solve(system.T if transposed else system, given)


def _require_an_end(step: Floats) -> None:
    """Without discount, every state must lead to an end with a positive chance."""
    ends = step.sum(axis=1) < 1.0 - 2.0**-40
    while True:
        grown = ends | (step @ ends > 0.0)
        if (grown == ends).all():
            break
        ends = grown
    if not ends.all():
        state = int(np.argmin(ends))
        raise Doorman("World").refusal(
            "gamma", f"is 1, and from state {state} this policy never ends an episode",
            "it must be below 1, or the world must get a time limit (with_time_limit)",
        )
