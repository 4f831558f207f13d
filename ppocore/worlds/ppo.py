r"""PPO in a finite world, told twice: with expectations, so that the curve has no noise, and with samples.

Both take the same steps on a softmax table of logits (S, A); the sampled one replaces the sums over states and actions
by means over episodes that it plays, and must come to the same as those grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax

from ppocore._arrays import Bools, Doorman, Floats, Ints
from ppocore.advantages import gae
from ppocore.losses import clip_loss, surrogate_loss
from ppocore.worlds.exact import exact_policy_gradient, exact_values
from ppocore.worlds.shift import Divergence, exact_clipped_objective, exact_kl, exact_surrogate
from ppocore.worlds.world import World

ALGOS = ("on-policy", "surrogate", "kl", "clip")


class Run(NamedTuple):
    """What came out of a training."""

    logits: Floats
    """Of the last policy, shape (S, A)."""
    objectives: Floats
    """J of the first policy and after every update, exact, shape (num_updates + 1,)."""
    kls: Floats
    """KL(old, new) of every update, per discounted visit of the old policy, shape (num_updates,)."""


class Settings(NamedTuple):
    """One choice of everything that both ways of training share.

    ``algo``: "on-policy" (S1: one step per batch), "surrogate" (S9), "kl" (S13, with `kl_coef`), "clip" (S14, with
    `clip_eps`).  Steps are plain gradient ascent of `learning_rate`.
    """

    algo: str
    num_updates: int
    num_epochs: int
    learning_rate: float
    clip_eps: float = 0.2
    kl_coef: float = 1.0


class _Episodes(NamedTuple):
    """N episodes, padded to the longest: all of shape (T, N)."""

    states: Ints
    actions: Ints
    rewards: Floats
    terminated: Bools
    played: Bools


def exact_ppo(world: World, settings: Settings, *, logits: ArrayLike | None = None) -> Run:
    r"""Train with expectations in place of samples, from exact advantages.

    .. math:: z \leftarrow z + \eta\, \nabla_z L_{old}(\operatorname{softmax} z), \quad L \text{ exact}

    Parameters
    ----------
    world : World
    settings : Settings
    logits : array of float, shape (S, A), optional
        Where to start; left out, the uniform policy.

    Returns
    -------
    Run
        Named tuple ``(logits, objectives, kls)``.

    Raises
    ------
    ValueError
        If a setting is outside its interval, or the logits do not fit the world.

    Notes
    -----
    *Conventions.* Visits are discounted (gamma^t), so that the first step of every update follows the gradient of J.

    *Accuracy.* As `exact_values`.

    *Theorems.* PG-04, PG-06, PG-17.

    References
    ----------
    Schulman et al., arXiv:1707.06347, algorithm 1, with expectations.  Mission rows S1, S9, S13, S14.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> run = exact_ppo(two_arm_bandit(), Settings("clip", num_updates=20, num_epochs=5, learning_rate=1.0))
    >>> run.objectives[-1] > 0.95
    np.True_
    """
    return _trained("exact_ppo", world, settings, logits, lambda table: _exact_ascent(world, table, settings))


def sampled_ppo(
    world: World,
    settings: Settings,
    *,
    num_episodes: int,
    gae_lambda: float,
    seed: int,
    logits: ArrayLike | None = None,
) -> Run:
    r"""The same training from episodes that are played, with the shipped GAE and losses.

    .. math:: L = \frac1N \sum_n \sum_t \gamma^t \min(r A, \operatorname{clip}(r) A), \quad A = \text{GAE with exact } V

    Parameters
    ----------
    world : World
    settings : Settings
    num_episodes : int >= 1
        N, played anew for every update.
    gae_lambda : float in [0, 1]
    seed : int
    logits : array of float, shape (S, A), optional

    Returns
    -------
    Run
        Named tuple ``(logits, objectives, kls)``; objectives and KL are exact, of the policies that were found.

    Raises
    ------
    ValueError
        If a setting is outside its interval, or an episode has not ended after 100,000 steps.

    Notes
    -----
    *Conventions.* The KL term of "kl" is the exact one, as in `exact_ppo`.

    *Accuracy.* Its distance to `exact_ppo` falls as one over the square root of `num_episodes`.

    References
    ----------
    Schulman et al., arXiv:1707.06347, algorithm 1.  Mission rows S1, S2, S9, S13, S14.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> settings = Settings("clip", num_updates=20, num_epochs=5, learning_rate=1.0)
    >>> sampled_ppo(two_arm_bandit(), settings, num_episodes=200, gae_lambda=0.95, seed=1).objectives[-1] > 0.9
    np.True_
    """
    door = Doorman("sampled_ppo")
    count, lam = door.whole("num_episodes", num_episodes, 1), door.number("gae_lambda", gae_lambda, "[0, 1]")
    rng = np.random.default_rng(seed)

    def ascent(table: Floats) -> Callable[[Floats], Floats]:
        policy = softmax(table, axis=1)
        return _sampled_ascent(world, policy, settings, _play(world, policy, count, rng), lam)

    return _trained("sampled_ppo", world, settings, logits, ascent)


def _trained(
    function: str,
    world: World,
    settings: Settings,
    logits: ArrayLike | None,
    ascent_from: Callable[[Floats], Callable[[Floats], Floats]],
) -> Run:
    """Updates, each of several steps along the direction that belongs to its first policy."""
    updates, epochs = _checked(function, settings)
    shape = (world.num_states, world.num_actions)
    table = np.zeros(shape) if logits is None else _fitting(function, logits, shape)
    objectives = [exact_values(world, softmax(table, axis=1)).objective]
    kls = []
    for _ in range(updates):
        direction, old = ascent_from(table), softmax(table, axis=1)
        for _ in range(epochs):
            table = table + settings.learning_rate * direction(table)
        new = softmax(table, axis=1)
        objectives.append(exact_values(world, new).objective)
        kls.append(_kl(world, new, old).kl)
    return Run(table, np.array(objectives), np.array(kls))


def _exact_ascent(world: World, start: Floats, settings: Settings) -> Callable[[Floats], Floats]:
    old = softmax(start, axis=1)

    def direction(table: Floats) -> Floats:
        new = softmax(table, axis=1)
        if settings.algo == "on-policy":
            return exact_policy_gradient(world, new, discount_states=True)
        if settings.algo == "clip":
            return exact_clipped_objective(
                world, new, old, clip_eps=settings.clip_eps, discount_states=True
            ).grad_logits
        gradient = exact_surrogate(world, new, old, discount_states=True).grad_logits
        if settings.algo == "kl":
            gradient = gradient - settings.kl_coef * _kl(world, new, old).grad_logits
        return gradient

    return direction


def _sampled_ascent(
    world: World, old: Floats, settings: Settings, episodes: _Episodes, gae_lambda: float
) -> Callable[[Floats], Floats]:
    values = np.where(episodes.played, exact_values(world, old).values[episodes.states], 0.0)
    advantages = gae(
        episodes.rewards, values, np.vstack([values[1:], values[-1:] * 0]), episodes.terminated,
        np.zeros_like(episodes.terminated), gamma=world.gamma, gae_lambda=gae_lambda,
    ).advantages  # fmt: skip
    times = np.arange(len(values))[:, None]
    weighted = (world.gamma**times * advantages)[episodes.played]
    states, actions = episodes.states[episodes.played], episodes.actions[episodes.played]
    per_episode = len(states) / values.shape[1]
    old_log_prob = np.log(old[states, actions])

    def direction(table: Floats) -> Floats:
        new, log_prob = softmax(table, axis=1), log_softmax(table, axis=1)[states, actions]
        if settings.algo == "clip":
            slopes = clip_loss(log_prob, old_log_prob, weighted, clip_eps=settings.clip_eps).grad_log_prob
        else:
            slopes = surrogate_loss(log_prob, old_log_prob, weighted).grad_log_prob
        pulls = np.zeros_like(table)
        np.add.at(pulls, (states, actions), -per_episode * slopes)
        gradient: Floats = pulls - new * pulls.sum(axis=1, keepdims=True)
        if settings.algo == "kl":
            gradient = gradient - settings.kl_coef * _kl(world, new, old).grad_logits
        return gradient

    return direction


def _kl(world: World, new: Floats, old: Floats) -> Divergence:
    return exact_kl(world, new, old, direction="old_new", gamma=world.gamma)


def _play(world: World, policy: Floats, count: int, rng: np.random.Generator, longest: int = 100_000) -> _Episodes:
    """Episodes side by side, until the last has ended."""
    states = rng.choice(world.num_states, size=count, p=world.initial / world.initial.sum())
    played = np.ones(count, dtype=bool)
    rows: list[tuple[Ints, Ints, Floats, Bools, Bools]] = []
    while played.any():
        if len(rows) == longest:
            raise Doorman("sampled_ppo").refusal(
                "world", f"has an episode of over {longest} steps", "it must have a time limit (with_time_limit)"
            )
        actions = _drawn(policy[states], rng)
        outcomes = _drawn(world.chances[states, actions], rng)
        cell = states, actions, outcomes
        ended = world.terminated[cell] | ~played
        rows.append((states, actions, np.where(played, world.rewards[cell], 0.0), ended, played))
        states, played = np.where(ended, states, world.successors[cell]), ~ended
    return _Episodes(*(np.array(column) for column in zip(*rows, strict=True)))


def _drawn(chances: Floats, rng: np.random.Generator) -> Ints:
    """One index per row, with the chances of the row."""
    thresholds = chances.cumsum(axis=1)
    return np.asarray((rng.random((len(chances), 1)) * thresholds[:, -1:] >= thresholds).sum(axis=1))


def _checked(function: str, settings: Settings) -> tuple[int, int]:
    door = Doorman(function)
    algo = door.option("algo", settings.algo, ALGOS)
    door.number("learning_rate", settings.learning_rate, "(0, inf)")
    door.number("clip_eps", settings.clip_eps, "[0, 1]")
    door.number("kl_coef", settings.kl_coef, "[0, inf)")
    updates = door.whole("num_updates", settings.num_updates, 0)
    epochs = door.whole("num_epochs", settings.num_epochs, 1)
    if algo == "on-policy" and epochs != 1:
        raise door.refusal("num_epochs", f"is {epochs}", "on-policy training takes one step per batch: it must be 1")
    return updates, epochs


def _fitting(function: str, logits: ArrayLike, shape: tuple[int, int]) -> Floats:
    door = Doorman(function)
    table = door.floats("logits", logits, "S A")
    if table.shape != shape:
        raise door.refusal("logits", f"has shape {table.shape}", f"it must have shape {shape}, that of the world")
    return table
