r"""What changes when the policy moves away from the one that collected the data: surrogates, their gaps, and KL."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from ppocore._arrays import Doorman, Floats
from ppocore._kernels import kernel
from ppocore.losses import clip_kernel
from ppocore.worlds.exact import exact_values, exact_visits
from ppocore.worlds.world import World, checked_policy


class Surrogate(NamedTuple):
    """An expected objective, to be increased, and its gradient in the logits of the new policy (S, A)."""

    objective: float
    grad_logits: Floats


class Divergence(NamedTuple):
    """Mean KL per visit under the old policy, and its gradient in the logits of the new policy (S, A)."""

    kl: float
    grad_logits: Floats


def exact_surrogate(world: World, policy: ArrayLike, old_policy: ArrayLike, *, discount_states: bool) -> Surrogate:
    r"""The unclipped objective of the source with expectations in place of samples.

    .. math:: L(\pi) = \sum_s d_{old}(s) \sum_a \pi(a|s)\, A_{old}(s, a)

    Parameters
    ----------
    world : World
    policy, old_policy : array of float, shape (S, A)
        softmax(z) row by row, and the policy that collected the data.
    discount_states : bool
        As in `exact_policy_gradient`.

    Returns
    -------
    Surrogate
        Named tuple ``(objective, grad_logits)``.

    Raises
    ------
    ValueError
        If a policy does not fit the world, or episodes need not end where visits are not discounted.

    Notes
    -----
    *Accuracy.* As `exact_values`.

    *Theorems.* PG-06 (at the old policy it has the gradient of J), PG-07 (elsewhere not), PG-13.

    References
    ----------
    Schulman et al., arXiv:1502.05477, eq. 3.  Mission rows S7, S9.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_surrogate(two_arm_bandit(), [[0.25, 0.75]], [[0.5, 0.5]], discount_states=True).objective
    0.25
    """
    new, old, weights, advantages = _compared("exact_surrogate", world, policy, old_policy, discount_states)
    return _in_logits(new, weights, (new * advantages).sum(axis=1), advantages)


def exact_clipped_objective(
    world: World, policy: ArrayLike, old_policy: ArrayLike, *, clip_eps: float, discount_states: bool
) -> Surrogate:
    r"""The clipped objective of the source with expectations in place of samples.

    .. math::

        L(\pi) = \sum_s d_{old}(s) \sum_a \pi_{old}(a|s)\, \min(r A_{old}, \operatorname{clip}(r, 1 - \epsilon,
        1 + \epsilon)\, A_{old}), \qquad r = \pi / \pi_{old}

    Parameters
    ----------
    world : World
    policy, old_policy : array of float, shape (S, A)
    clip_eps : float in [0, 1]
    discount_states : bool
        As in `exact_policy_gradient`.

    Returns
    -------
    Surrogate
        Named tuple ``(objective, grad_logits)``.

    Raises
    ------
    ValueError
        If a policy does not fit the world, clip_eps is outside its interval, or episodes need not end.

    Notes
    -----
    *Conventions.* At a kink the slope of the unclipped side, as `clip_loss`.

    *Accuracy.* As `exact_values`.

    *Theorems.* CLIP-01 to CLIP-15 are about the kernel that is used.

    References
    ----------
    Schulman et al., arXiv:1707.06347, eq. 7.  Mission row S14.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_clipped_objective(two_arm_bandit(), [[0.25, 0.75]], [[0.5, 0.5]], clip_eps=0.25,
    ...                         discount_states=True).objective
    0.125
    """
    width = Doorman("exact_clipped_objective").number("clip_eps", clip_eps, "[0, 1]")
    new, old, weights, advantages = _compared("exact_clipped_objective", world, policy, old_policy, discount_states)
    terms, slopes = np.zeros_like(new), np.zeros_like(new)
    _clip_table(new, old, advantages, width, terms, slopes)
    # A slope is a derivative in log pi(a|s); old * slope = new * A where nothing is clipped.
    through = old * slopes
    gradient = weights[:, None] * (through - new * through.sum(axis=1, keepdims=True))
    return Surrogate(float(weights @ (old * terms).sum(axis=1)), gradient)


def exact_kl(
    world: World, policy: ArrayLike, old_policy: ArrayLike, *, direction: str, gamma: float
) -> Divergence:
    r"""Mean KL of the two policies over the visits of the old one.

    .. math:: \sum_s d(s)\, KL_s \Big/ \sum_s d(s), \qquad d(s) = \sum_t \gamma^t P_{old}(s_t = s)

    Parameters
    ----------
    world : World
    policy, old_policy : array of float, shape (S, A)
    direction : "old_new" or "new_old"
        KL(old, new), as the PPO paper, or KL(new, old).
    gamma : float in [0, 1]
        A visit at time t counts gamma^t; 1 counts visits alike, as a batch of samples does.

    Returns
    -------
    Divergence
        Named tuple ``(kl, grad_logits)``; KL is inf where the first policy takes an action that the second does not,
        and for "new_old" the gradient of that state is then NaN: there is none.

    Raises
    ------
    ValueError
        If a policy does not fit the world, the direction is neither, gamma is outside [0, 1], or, with gamma = 1,
        episodes need not end.

    Notes
    -----
    *Accuracy.* As `exact_values`.

    References
    ----------
    Schulman et al., arXiv:1707.06347, eq. 8.  Mission rows S11, S12, S13.

    Examples
    --------
    >>> from ppocore.worlds import two_arm_bandit
    >>> exact_kl(two_arm_bandit(), [[0.7, 0.3]], [[0.5, 0.5]], direction="old_new",
    ...          gamma=1.0).kl.__round__(4)
    0.0872
    """
    way = Doorman("exact_kl").option("direction", direction, ("old_new", "new_old"))
    new = checked_policy("exact_kl", "policy", policy, world)
    old = checked_policy("exact_kl", "old_policy", old_policy, world)
    visits = exact_visits(world, old, gamma=gamma)
    weights = visits / visits.sum()
    if way == "old_new":
        return Divergence(float(weights @ rel_entr(old, new).sum(axis=1)), weights[:, None] * (new - old))
    rows = rel_entr(new, old).sum(axis=1)
    finite = np.isfinite(rows)[:, None]
    # new log(new / old) entry by entry: 0 where new is 0, as the limit is.
    terms = np.where(finite, rel_entr(new, old), np.nan)
    gradient = weights[:, None] * (terms - new * np.where(finite, rows[:, None], np.nan))
    return Divergence(float(weights @ rows), gradient)


@kernel
def _clip_table(
    new: Floats, old: Floats, advantages: Floats, clip_eps: float, terms: Floats, slopes: Floats
) -> None:
    """Terms and slopes of every state and action; what the old policy never does has weight 0."""
    for s in range(new.shape[0]):
        for a in range(new.shape[1]):
            if old[s, a] > 0:
                terms[s, a], slopes[s, a] = clip_kernel(
                    new[s, a] / old[s, a], advantages[s, a], clip_eps, clip_eps, np.inf
                )


def _compared(
    function: str, world: World, policy: ArrayLike, old_policy: ArrayLike, discount_states: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Both tables, how often the old policy visits each state, and its advantages."""
    new = checked_policy(function, "policy", policy, world)
    old = checked_policy(function, "old_policy", old_policy, world)
    visits = exact_visits(world, old, gamma=world.gamma if discount_states else 1.0)
    return new, old, visits, exact_values(world, old).advantages


def _in_logits(new: Floats, weights: Floats, means: Floats, slopes: Floats) -> Surrogate:
    """From the derivatives in pi(a|s) to those in the logits of a softmax."""
    gradient: Floats = weights[:, None] * new * (slopes - means[:, None])
    return Surrogate(float(weights @ means), gradient)
