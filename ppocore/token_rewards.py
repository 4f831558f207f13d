r"""Rewards of tokens, made of one score per answer and a penalty on the distance to a reference policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats
from ppocore._kernels import kernel


def kl_reward(
    scores: ArrayLike, log_prob: ArrayLike, ref_log_prob: ArrayLike, mask: ArrayLike, *, kl_coef: float
) -> Array:
    r"""The KL penalty of every token as a reward, and the score of the answer at its last token.

    .. math::

        R_{bt} = -\beta\, (\log \pi_{bt} - \log \pi^{ref}_{bt}) + \begin{cases} s_b & t \text{ is the last valid token
        of row } b \\ 0 & \text{otherwise} \end{cases}

    Parameters
    ----------
    scores : array of float, shape (B,)
        One number per answer, from a reward model or a verifier.
    log_prob, ref_log_prob : array of float, shape (B, L)
        Of the tokens under the policy that wrote them, and under the reference.  Masked slots are not used and may
        hold anything.
    mask : array of bool, shape (B, L)
        True at valid tokens; every row needs one.
    kl_coef : float >= 0
        beta.

    Returns
    -------
    array of float, shape (B, L)
        The rewards R, 0 at masked slots.

    Raises
    ------
    ValueError
        If shapes differ, an axis is empty, a used entry is not finite, a row of the mask is all False, or `kl_coef`
        is negative.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The penalty is k1 token by token: a row adds up to its score minus beta times the log-ratio of the
    whole answer.  The log-probabilities are constants: a reward is not differentiated.

    *Accuracy.* u (2 |beta (log_prob - ref_log_prob)|), at the last token plus u |R|.

    *Theorems.* ACC-23, REW-01.

    References
    ----------
    Ziegler et al., Fine-Tuning Language Models from Human Preferences, arXiv:1909.08593, eq. 2.  Ouyang et al.,
    arXiv:2203.02155, section 3.5.  Mission row S12.

    Examples
    --------
    >>> kl_reward([1], [[-1, -2, 0]], [[-2, -1.5, 0]], [[True, True, False]], kl_coef=0.5)
    array([[-0.5 ,  1.25,  0.  ]])
    """
    door = Doorman("kl_reward")
    valid = door.valid_rows(mask, "B L")
    s = door.floats("scores", scores, "B")
    new = door.floats("log_prob", log_prob, "B L", used=valid)
    ref = door.floats("ref_log_prob", ref_log_prob, "B L", used=valid)
    beta = door.number("kl_coef", kl_coef, "[0, inf)")
    rewards = np.zeros_like(new)
    _kl_reward_loop(s, new, ref, valid, beta, rewards)
    return door.out(rewards)


@kernel
def kl_reward_kernel(log_prob: float, ref_log_prob: float, kl_coef: float) -> float:
    """The reward of one token without a score.  Theorems: ACC-23, REW-01."""
    return -(kl_coef * (log_prob - ref_log_prob))


@kernel
def _kl_reward_loop(
    scores: Floats, log_prob: Floats, ref_log_prob: Floats, valid: Bools, kl_coef: float, rewards: Floats
) -> None:
    for b in range(log_prob.shape[0]):
        ended = False
        for t in range(log_prob.shape[1] - 1, -1, -1):
            if valid[b, t]:
                rewards[b, t] = kl_reward_kernel(log_prob[b, t], ref_log_prob[b, t], kl_coef)
                if not ended:
                    rewards[b, t] = rewards[b, t] + scores[b]
                ended = True
