r"""Policy losses for long answers, value and gradient together: ratios of whole answers, and weights held constant.

They differ from `clip_loss` in what is clipped and in what a clipped token still teaches.  All are minimised, and
everything but log_prob is a constant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Doorman, Floats
from ppocore._kernels import kernel
from ppocore.losses import PolicyLoss, checked_band, clipped_objective, policy_part
from ppocore.reductions import checked_reduction, reduce_samples


def gspo_loss(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    advantages: ArrayLike,
    mask: ArrayLike,
    *,
    clip_eps: float | None = None,
    clip_eps_low: float | None = None,
    clip_eps_high: float | None = None,
) -> PolicyLoss:
    r"""The clipped surrogate of whole answers, whose ratio is the geometric mean of the ratios of their tokens.

    .. math::

        s_b &= \exp\Big(\frac{1}{|y_b|} \sum_t m_{bt} (\log P_\theta - \log P_{\theta'})_{bt}\Big) \\
        L &= -\frac1B \sum_b \min\big(s_b A_b,\;
        \operatorname{clip}(s_b, 1 - \epsilon_{low}, 1 + \epsilon_{high}) A_b\big)

    The derivative in log_prob of a valid token is -s A / (|y| B), except 0 where A > 0 and s > 1 + eps_high, or A < 0
    and s < 1 - eps_low.

    Parameters
    ----------
    log_prob, old_log_prob : array of float, shape (B, L)
        Masked slots are not used and may hold anything.
    advantages : array of float, shape (B,)
        One number per answer.
    mask : array of bool, shape (B, L)
        True at valid tokens; every row needs one.
    clip_eps : float in [0, 1]
        Both ends of the band.  Give either this or the two below.
    clip_eps_low, clip_eps_high : float in [0, 1], float >= 0
        The ends of the band one by one; the paper uses 3e-4 and 4e-4.

    Returns
    -------
    PolicyLoss
        Named tuple ``(loss, grad_log_prob)``; the gradient is 0 at masked slots.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, a clip is outside
        its interval, or not exactly one of the two forms is given.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Answers weigh the same, however long they are.  For answers of one token this is `clip_loss`
    with its mask.

    *Accuracy.* With e = (h + 2) mean|d| over the tokens of an answer, d = log_prob - old_log_prob, h at most 18 + log2
    L: u times the mean of |s A| (e + H + 3), at a clipped answer |g A| (H + 2), H at most 19 + log2 B.  Derivative:
    relatively u (e + 5); no claim where s is within 2^-30 of an end.

    *Theorems.* ACC-22, SEQ-01.

    References
    ----------
    Zheng et al., Group Sequence Policy Optimization, arXiv:2507.18071, eq. 5-7.  Mission rows S7, S14.

    Examples
    --------
    >>> out = gspo_loss([[-1, -2], [-1, 0]], [[-1, -2], [-1, 0]], [1, -3], [[True, True], [True, False]], clip_eps=0.25)
    >>> print(out.loss, out.grad_log_prob)
    1.0 [[-0.25 -0.25]
     [ 1.5   0.  ]]
    """
    door = Doorman("gspo_loss")
    valid = door.valid_rows(mask, "B L")
    new = door.floats("log_prob", log_prob, "B L", used=valid)
    old = door.floats("old_log_prob", old_log_prob, "B L", used=valid)
    a = door.floats("advantages", advantages, "B")
    low, high = checked_band(door, clip_eps, clip_eps_low, clip_eps_high)
    lengths, count = valid.sum(axis=1), len(a)
    log_ratios = (new - old).sum(axis=1) / lengths
    terms, slopes = clipped_objective(log_ratios, np.zeros_like(log_ratios), a, (low, high, np.inf))
    weights = valid / (lengths * count)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        loss = -(terms.sum() / count)
    return PolicyLoss(door.scalar(loss), door.out(-weights * slopes[:, None]))


def cispo_loss(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    advantages: ArrayLike,
    *,
    clip_eps: float | None = None,
    clip_eps_low: float | None = None,
    clip_eps_high: float | None = None,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> PolicyLoss:
    r"""The policy gradient with clipped importance weights: every token keeps its gradient.

    .. math::

        L = -\operatorname{mean}\big(\operatorname{sg}(w)\, A \log P_\theta\big), \quad
        w = \operatorname{clip}(r, 1 - \epsilon_{low}, 1 + \epsilon_{high}), \qquad
        \frac{\partial L}{\partial \log P_\theta} = -w A \cdot \text{weight}

    where sg holds its argument constant.

    Parameters
    ----------
    log_prob, old_log_prob, advantages : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    clip_eps : float in [0, 1]
        Both ends of the band.  Give either this or the two below.
    clip_eps_low, clip_eps_high : float in [0, 1], float >= 0
        The ends of the band one by one, measured from 1: an upper bound of 5 on the weight is ``clip_eps_high=4``,
        and no lower bound is ``clip_eps_low=1``.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the batch becomes one number; the last two need (B, L).

    Returns
    -------
    PolicyLoss
        Named tuple ``(loss, grad_log_prob)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, a clip is outside
        its interval, not exactly one of the two forms is given, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The loss is a handle for its gradient; its value says nothing about the policy.  Within the band
    the gradient is that of `surrogate_loss`.

    *Accuracy.* With d = log_prob - old_log_prob: u times the same mean of |w A log_prob| (|d| + H + 4), without |d|
    where the weight is clipped; H as in `clip_loss`.  Derivative: relatively u (|d| + 5).

    *Theorems.* ACC-22, SEQ-02.

    References
    ----------
    MiniMax, MiniMax-M1, arXiv:2506.13585, eq. 4-5.  Mission rows S7, S14.

    Examples
    --------
    >>> import numpy as np
    >>> out = cispo_loss(np.log([0.5, 0.5]), np.log([0.5, 0.125]), [1, 1], clip_eps=0.25)
    >>> print(out.grad_log_prob)
    [-0.5   -0.625]
    """
    door = Doorman("cispo_loss")
    valid, (new, old, a) = door.batch(mask, log_prob=log_prob, old_log_prob=old_log_prob, advantages=advantages)
    low, high = checked_band(door, clip_eps, clip_eps_low, clip_eps_high)
    how = checked_reduction(door, reduction, valid)
    terms, slopes = np.zeros_like(new), np.zeros_like(new)
    _cispo_loop(new.ravel(), old.ravel(), a.ravel(), low, high, terms.ravel(), slopes.ravel())
    objective, weights = reduce_samples(terms, valid, how)
    return PolicyLoss(door.scalar(-objective), door.out(-weights * slopes))


def truncated_is_loss(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    rollout_log_prob: ArrayLike,
    advantages: ArrayLike,
    *,
    max_weight: float,
    clip_eps: float | None = None,
    clip_eps_low: float | None = None,
    clip_eps_high: float | None = None,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> PolicyLoss:
    r"""The clipped surrogate, corrected for samples that another program than the trainer has drawn.

    .. math::

        L &= -\operatorname{mean}\Big(w \min\big(r A,
        \operatorname{clip}(r, 1 - \epsilon_{low}, 1 + \epsilon_{high}) A\big)\Big) \\
        w &= \min\big(e^{\log P_{\theta'} - \log P_{rollout}}, c\big), \qquad r = e^{\log P_\theta - \log P_{\theta'}}

    The derivative in log_prob is that of `clip_loss`, times w.

    Parameters
    ----------
    log_prob, old_log_prob, rollout_log_prob, advantages : array of float, shape (B,), or (B, L) with a mask
        Of the policy being trained; of the policy before the update, by the trainer; and of the same policy by the
        program that sampled.  Masked slots are not used and may hold anything.
    max_weight : float > 0
        c: no weight is larger.
    clip_eps : float in [0, 1]
        Both ends of the band.  Give either this or the two below.
    clip_eps_low, clip_eps_high : float in [0, 1], float >= 0
        The ends of the band one by one.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the batch becomes one number; the last two need (B, L).

    Returns
    -------
    PolicyLoss
        Named tuple ``(loss, grad_log_prob)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, a clip or
        `max_weight` is outside its interval, not exactly one of the two forms is given, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Two ratios that are easily confused: r is of new and old and is clipped, w is of old and rollout and
    is truncated from above only.  w is no function of the policy being trained.  Where all w are 1, this is
    `clip_loss`.

    *Accuracy.* As `clip_loss`, with u (|old_log_prob - rollout_log_prob| + 3) of every term more, u where truncated.

    *Theorems.* ACC-22, SEQ-03.

    References
    ----------
    Yao et al., Your Efficient RL Framework Secretly Brings You Off-Policy RL Training, 2025.  Ionides, Truncated
    Importance Sampling, 2008.  Mission rows S7, S10, S14.

    Examples
    --------
    >>> import numpy as np
    >>> out = truncated_is_loss([0, 0], [0, 0], -np.log([1.5, 8.0]), [1, 1], max_weight=2, clip_eps=0.25)
    >>> print(out.loss, out.grad_log_prob)
    -1.75 [-0.75 -1.  ]
    """
    door = Doorman("truncated_is_loss")
    valid, (new, old, rollout, a) = door.batch(
        mask,
        log_prob=log_prob,
        old_log_prob=old_log_prob,
        rollout_log_prob=rollout_log_prob,
        advantages=advantages,
    )
    bound = door.number("max_weight", max_weight, "(0, inf)")
    low, high = checked_band(door, clip_eps, clip_eps_low, clip_eps_high)
    how = checked_reduction(door, reduction, valid)
    with np.errstate(over="ignore"):
        weighted = np.minimum(np.exp(old - rollout), bound) * a
    # A weight is never negative, so it may as well stand at the advantage: SEQ-03.
    band = (low, high, np.inf)
    loss, gradient = policy_part(new, old, weighted, band, valid if mask is not None else None, how)
    return PolicyLoss(door.scalar(loss), door.out(gradient))


@kernel
def cispo_kernel(
    ratio: float, advantage: float, log_prob: float, clip_eps_low: float, clip_eps_high: float
) -> tuple[float, float]:
    """One sample's objective, and its derivative in log_prob with the weight held.  Theorems: ACC-22, SEQ-02."""
    weight = ratio
    if ratio > 1 + clip_eps_high:
        weight = 1 + clip_eps_high
    elif ratio < 1 - clip_eps_low:
        weight = 1 - clip_eps_low
    return weight * advantage * log_prob, weight * advantage


@kernel
def _cispo_loop(
    log_prob: Floats,
    old_log_prob: Floats,
    advantages: Floats,
    clip_eps_low: float,
    clip_eps_high: float,
    terms: Floats,
    slopes: Floats,
) -> None:
    for i in range(len(log_prob)):
        ratio = np.exp(log_prob[i] - old_log_prob[i])
        terms[i], slopes[i] = cispo_kernel(ratio, advantages[i], log_prob[i], clip_eps_low, clip_eps_high)
