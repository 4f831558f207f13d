r"""Advantages of completions, compared with the other completions of their prompt: no value function is needed.

Rewards are (P, G): one row for each of P prompts, with one reward for each of the G completions that were sampled
for it.  What a completion earns is measured against its own row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats

STD_EPS = 1e-8


def grpo_advantages(rewards: ArrayLike) -> Array:
    r"""Rewards normalised within their group, as GRPO does it.

    .. math:: A_{pi} = \frac{r_{pi} - \operatorname{mean}_j r_{pj}}{\operatorname{std}_j r_{pj} + 10^{-8}}

    Parameters
    ----------
    rewards : array of float, shape (P, G)
        One row per prompt, one column per completion; G >= 2.

    Returns
    -------
    array of float, shape (P, G)
        The advantages A.

    Raises
    ------
    ValueError
        If the shape is not (P, G) with P >= 1 and G >= 2, or an entry is not finite.
    TypeError
        If the dtype is wrong.

    Notes
    -----
    *Conventions.* The standard deviation divides by G (ddof 0); the 1e-8 is added outside the root.  A row of
    equal rewards gives 0.  A factor on all rewards changes nothing but what the 1e-8 does: easy and hard prompts
    weigh the same (`dr_grpo_advantages` leaves the division out).

    *Accuracy.* As `normalize_advantages`, row by row.

    *Theorems.* ACC-21, GRP-01.

    References
    ----------
    Shao et al., DeepSeekMath, arXiv:2402.03300, section 4.1.2.  Mission row S0.

    Examples
    --------
    >>> grpo_advantages([[1, 3], [2, 2]]).round(6)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    door = Doorman("grpo_advantages")
    gaps = _gaps(_groups(door, rewards))
    variances = _row_sums(gaps * gaps) / gaps.shape[1]
    return door.out(gaps / (np.sqrt(variances) + STD_EPS)[:, None])


def rloo_advantages(rewards: ArrayLike) -> Array:
    r"""Each reward minus the mean of the others of its group (REINFORCE leave-one-out).

    .. math:: A_{pi} = r_{pi} - \frac{1}{G - 1} \sum_{j \ne i} r_{pj}

    Parameters
    ----------
    rewards : array of float, shape (P, G)
        One row per prompt, one column per completion; G >= 2.

    Returns
    -------
    array of float, shape (P, G)
        The advantages A.

    Raises
    ------
    ValueError
        If the shape is not (P, G) with P >= 1 and G >= 2, or an entry is not finite.
    TypeError
        If the dtype is wrong.

    Notes
    -----
    *Conventions.* The baseline of a completion does not depend on it, so it leaves the policy gradient unbiased.
    G / (G - 1) times `dr_grpo_advantages`.

    *Accuracy.* u ((h + 1) mean|r| + |r - mean|) G / (G - 1) + 2 u |A| with the sizes of the row, h at most 18 +
    log2 G.

    *Theorems.* ACC-21, GRP-02, GRP-03.

    References
    ----------
    Kool, van Hoof, Welling, Buy 4 REINFORCE Samples, Get a Baseline for Free, 2019.  Ahmadian et al.,
    arXiv:2402.14740.  Mission row S0.

    Examples
    --------
    >>> rloo_advantages([[1, 2, 6]])
    array([[-3. , -1.5,  4.5]])
    """
    door = Doorman("rloo_advantages")
    r = _groups(door, rewards)
    group = r.shape[1]
    return door.out(_gaps(r) * (group / (group - 1)))


def dr_grpo_advantages(rewards: ArrayLike) -> Array:
    r"""Each reward minus the mean of its group, without a division by the spread.

    .. math:: A_{pi} = r_{pi} - \operatorname{mean}_j r_{pj}

    Parameters
    ----------
    rewards : array of float, shape (P, G)
        One row per prompt, one column per completion; G >= 2.

    Returns
    -------
    array of float, shape (P, G)
        The advantages A.

    Raises
    ------
    ValueError
        If the shape is not (P, G) with P >= 1 and G >= 2, or an entry is not finite.
    TypeError
        If the dtype is wrong.

    Notes
    -----
    *Conventions.* The mean holds the reward itself, which shrinks every advantage by (G - 1) / G against
    `rloo_advantages`: the direction of the policy gradient is the same.

    *Accuracy.* u ((h + 1) mean|r| + |A|) with the sizes of the row, h at most 18 + log2 G.

    *Theorems.* ACC-21, GRP-02, GRP-03.

    References
    ----------
    Liu et al., Understanding R1-Zero-Like Training, arXiv:2503.20783.  Mission row S0.

    Examples
    --------
    >>> dr_grpo_advantages([[1, 2, 6]])
    array([[-2., -1.,  3.]])
    """
    door = Doorman("dr_grpo_advantages")
    return door.out(_gaps(_groups(door, rewards)))


def _groups(door: Doorman, rewards: ArrayLike) -> Floats:
    """The rewards, at least two of them in a row."""
    r = door.floats("rewards", rewards, "P G")
    if r.shape[1] < 2:
        raise door.refusal("rewards", f"has shape {r.shape}", "every prompt needs at least 2 completions")
    return r


def _gaps(rewards: Floats) -> Floats:
    """Every reward minus the mean of its row."""
    gaps: Floats = rewards - (_row_sums(rewards) / rewards.shape[1])[:, None]
    return gaps


def _row_sums(x: Floats) -> Floats:
    """The second half of every row added to the first until one is left, as `ppocore.reductions.fold` does."""
    count = x.shape[1]
    sums = x.copy()
    while count > 1:
        half = (count + 1) >> 1
        sums[:, : count - half] += sums[:, half:count]
        count = half
    total: Floats = sums[:, 0]
    return total
