r"""The policy losses of PPO and their sum, value and gradient together.  All are minimised.

Everything but the argument of a gradient is a constant: advantages, old log-probabilities and returns are
data.  Batches are (B,), or (B, L) with a mask; `reduction` says how one number is made of them (see
`ppocore.reductions`).  The loss with a KL penalty is in `ppocore.kl_penalty`, the regression of the value
function in `ppocore.value_losses`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, native, ready
from ppocore._kernels import admit, kernel, strict
from ppocore._threads import THREADS, WORTH_IT, own_room, pieces, spread
from ppocore.reductions import CHUNK, LARGEST, RUN, checked_reduction, fold, reduce_samples, tree
from ppocore.value_losses import squared_error_terms

NO_BAND = (np.inf, np.inf, np.inf)
"""The band that no ratio leaves: it turns the clipped objective into the surrogate."""
LARGEST_LOG_RATIO = 700.0
"""Log-ratios from here on are left to the loop that knows about overflow."""
CLIP_HINT = "Did you pass the upper end 1 + epsilon?"


class PolicyLoss(NamedTuple):
    """A loss, and its derivative in log_prob (0 at masked slots)."""

    loss: float
    grad_log_prob: Array


class PPOLoss(NamedTuple):
    """A loss, its derivatives, and its three parts (see `ppo_loss` for how they add up)."""

    loss: float
    grad_log_prob: Array
    grad_values: Array
    grad_entropy: Array
    clip_loss: float
    value_loss: float
    entropy: float


def surrogate_loss(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    advantages: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> PolicyLoss:
    r"""Minus the importance-weighted advantage.

    .. math::

        L = -\operatorname{mean}(r A), \quad r = e^{\log P_\theta - \log P_{\theta'}}, \qquad
        \frac{\partial L}{\partial \log P_\theta} = -r A \cdot \text{weight}

    Parameters
    ----------
    log_prob, old_log_prob, advantages : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the batch becomes one number; the last two need (B, L).

    Returns
    -------
    PolicyLoss
        Named tuple ``(loss, grad_log_prob)``.  Infinite where a used ratio overflows.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, or the
        reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* With ``reduction="trajectory"`` this is the source's -(1/N) sum_n sum_t A r.  At theta =
    theta' the gradient is that of the policy gradient theorem, sample by sample (S7).

    *Accuracy.* u times the same mean of |r A| (|d| + H + 3), d = log_prob - old_log_prob, H at most 19 + log2
    n over n slots (38 + log2 n for sequence_mean).  Derivative: relatively u (|d| + 5).

    *Theorems.* ACC-04, CLIP-06, ONP-01, PG-03, PG-04, PG-05, PG-06, PG-07, PG-08, PG-09, PG-12, PG-13, PG-14, PG-16,
    PG-17.

    References
    ----------
    Schulman et al., Proximal Policy Optimization Algorithms, arXiv:1707.06347, eq. 6.
    Mission rows S7, S8, S9.

    Examples
    --------
    >>> out = surrogate_loss([0, 0], [0, 0], [1, -3])
    >>> print(out.loss, out.grad_log_prob)
    1.0 [-0.5  1.5]
    """
    door = Doorman("surrogate_loss")
    return _policy_loss(door, (log_prob, old_log_prob, advantages), mask, reduction, NO_BAND)


def policy_gradient_loss(
    log_prob: ArrayLike, advantages: ArrayLike, *, mask: ArrayLike | None = None, reduction: str = "mean"
) -> PolicyLoss:
    r"""Minus the advantage-weighted log-probability: its gradient is the on-policy policy gradient.

    .. math::

        L = -\operatorname{mean}(A \log P_\theta), \qquad
        \frac{\partial L}{\partial \log P_\theta} = -A \cdot \text{weight}

    Parameters
    ----------
    log_prob, advantages : array of float, shape (B,), or (B, L) with a mask
        Of the actions taken, by the policy that took them.  Masked slots are not used and may hold anything.
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
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, or the
        reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Only the gradient means something: the value falls where the policy becomes surer of what it
    did, whether that paid off or not.  Right for the data of the policy itself; after the first step on it, use
    `surrogate_loss`, whose gradient is the same there.

    *Accuracy.* u (H + 1) times the same mean of |A log P|, H at most 19 + log2 n over n slots (38 + log2 n for
    sequence_mean).  Derivative: relatively 2 u.

    *Theorems.* ONP-01, ONP-02.

    References
    ----------
    Williams, Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning, 1992.
    Mission rows S1, S2, S6.

    Examples
    --------
    >>> out = policy_gradient_loss([-1, -2], [1, -3])
    >>> print(out.loss, out.grad_log_prob)
    -2.5 [-0.5  1.5]
    """
    door = Doorman("policy_gradient_loss")
    valid, (new, gains) = door.batch(mask, log_prob=log_prob, advantages=advantages)
    how = checked_reduction(door, reduction, valid)
    terms, slopes = np.zeros_like(new), np.zeros_like(new)
    _policy_gradient_loop(new.ravel(), gains.ravel(), terms.ravel(), slopes.ravel())
    objective, weights = reduce_samples(terms, valid, how)
    return PolicyLoss(door.scalar(-objective), door.out(-weights * slopes))


def clip_loss(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    advantages: ArrayLike,
    *,
    clip_eps: float | None = None,
    clip_eps_low: float | None = None,
    clip_eps_high: float | None = None,
    dual_clip: float | None = None,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> PolicyLoss:
    r"""The clipped surrogate.

    .. math::

        L = -\operatorname{mean} \min\big(r A,\;
        \operatorname{clip}(r, 1 - \epsilon_{low}, 1 + \epsilon_{high}) A\big)

    and with a dual clip c, where A < 0, max(that min, c A).  The derivative in log_prob is -r A times the
    sample's weight, except 0 where A > 0 and r > 1 + eps_high, or A < 0 and r < 1 - eps_low (or r > c).

    Parameters
    ----------
    log_prob, old_log_prob, advantages : array of float, shape (B,), or (B, L) with a mask
        Masked slots are not used and may hold anything.
    clip_eps : float in [0, 1]
        Both ends of the band.  Give either this or the two below.
    clip_eps_low, clip_eps_high : float in [0, 1], float >= 0
        The ends of the band one by one.
    dual_clip : float > 1, optional
        Bound c on the ratio that a negative advantage is multiplied by.
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
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, a clip is
        outside its interval, not exactly one of the two forms is given, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The derivative is that of the unclipped term at the ends themselves.  Inside the band the
    two arguments of min are equal.  ``clip_eps=0`` is legal: at r = 1 the gradient is -A.  Clipping removes
    a sample's gradient; it neither bounds the ratio nor pulls it back (S16, S17).

    *Accuracy.* As `surrogate_loss`; a clipped term g A enters with u |g A| (H + 2).  No claim on the
    derivative where the ratio is within 2^-30 of an end.

    *Theorems.* ACC-04, CLIP-06, CLIP-07, CLIP-09, CLIP-13, CLIP-14, FLT-02, LOSS-03, LOSS-04.

    References
    ----------
    arXiv:1707.06347, eq. 7 (the source prints min with four arguments: S14).  Dual clip: Ye et al., Mastering
    Complex Control in MOBA Games, arXiv:1912.09729.  Mission rows S14, S15, S16, S17.

    Examples
    --------
    >>> import numpy as np
    >>> out = clip_loss(np.log([2.0, 2.0]), [0, 0], [1, -1], clip_eps=0.25)
    >>> print(out.loss, out.grad_log_prob)
    0.375 [0. 1.]
    """
    if mask is clip_eps_low is clip_eps_high is dual_clip is None and type(clip_eps) is float and 0 <= clip_eps <= 1:
        result = _small_loss(log_prob, old_log_prob, advantages, (clip_eps, clip_eps, np.inf), reduction)
        if result is not None:
            return result
    door = Doorman("clip_loss")
    low, high = checked_band(door, clip_eps, clip_eps_low, clip_eps_high)
    band = (low, high, _dual(door, dual_clip))
    return _policy_loss(door, (log_prob, old_log_prob, advantages), mask, reduction, band)


def ppo_loss(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    advantages: ArrayLike,
    values: ArrayLike,
    returns: ArrayLike,
    entropy: ArrayLike,
    *,
    clip_eps: float,
    vf_coef: float,
    ent_coef: float,
    dual_clip: float | None = None,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> PPOLoss:
    r"""The clipped loss, the value loss and the entropy bonus in one.

    .. math:: L = L^{clip} + c_v \operatorname{mean}\big((V - R)^2\big) - c_e \operatorname{mean}(H)

    Parameters
    ----------
    log_prob, old_log_prob, advantages, values, returns, entropy : array of float
        Shape (B,), or (B, L) with a mask.  Masked slots are not used and may hold anything.
    clip_eps : float in [0, 1]
    vf_coef : float >= 0
        c_v.  The value loss has no 1/2: codes that have one pass twice this number.
    ent_coef : float
        c_e.
    dual_clip : float > 1, optional
        As in `clip_loss`.
    mask : array of bool, same shape, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How each of the three terms becomes one number.

    Returns
    -------
    PPOLoss
        Named tuple ``(loss, grad_log_prob, grad_values, grad_entropy, clip_loss, value_loss, entropy)``;
        gradients are 0 at masked slots.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, a row of the mask is all False, a
        hyper-parameter is outside its interval, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Nothing is normalised and the value is not clipped: normalise the advantages before
    (`normalize_advantages`), or use `clipped_value_loss` by itself.

    *Accuracy.* Its parts as `clip_loss`, `value_loss` and `masked_mean`; the loss is right to them by their
    coefficients, plus u (c_v L_v + |c_e H| + |c_v L_v + L_clip| + |L|).  grad_values 4 u, grad_entropy 2 u,
    relatively.

    *Theorems.* ACC-04, LOSS-01, LOSS-04.

    References
    ----------
    arXiv:1707.06347, eq. 9.  Mission row S14.

    Examples
    --------
    >>> out = ppo_loss([0], [0], [1], [2], [0], [0.5], clip_eps=0.25, vf_coef=0.5, ent_coef=1)
    >>> print(out.loss, out.grad_log_prob, out.grad_values, out.grad_entropy)
    0.5 [-1.] [2.] [-1.]
    """
    door = Doorman("ppo_loss")
    valid, (new, old, a, v, target, h) = door.batch(
        mask,
        log_prob=log_prob,
        old_log_prob=old_log_prob,
        advantages=advantages,
        values=values,
        returns=returns,
        entropy=entropy,
    )
    eps = door.number("clip_eps", clip_eps, "[0, 1]", CLIP_HINT)
    value_weight = door.number("vf_coef", vf_coef, "[0, inf)")
    entropy_weight = door.number("ent_coef", ent_coef, "(-inf, inf)")
    band = (eps, eps, _dual(door, dual_clip))
    how = checked_reduction(door, reduction, valid)
    policy_loss, grad_log_prob = policy_part(new, old, a, band, valid if mask is not None else None, how)
    errors, error_slopes = squared_error_terms(v, target)
    value_loss, weights = reduce_samples(errors, valid, how)
    bonus = reduce_samples(h, valid, how)[0]
    return PPOLoss(
        door.scalar(value_weight * value_loss + policy_loss - entropy_weight * bonus),
        door.out(grad_log_prob),
        door.out(value_weight * weights * error_slopes),
        door.out(-entropy_weight * weights),
        door.scalar(policy_loss),
        door.scalar(value_loss),
        door.scalar(bonus),
    )


@kernel
def clip_kernel(
    ratio: float, advantage: float, clip_eps_low: float, clip_eps_high: float, dual_clip: float
) -> tuple[float, float]:
    """One sample's clipped objective, and its derivative in log_prob.

    Theorems: ACC-04, CLIP-01, CLIP-02, CLIP-03, CLIP-04, CLIP-05, CLIP-06, CLIP-07, CLIP-08, CLIP-09, CLIP-10,
    CLIP-11, CLIP-12, CLIP-13, CLIP-14, CLIP-15, DIAG-01, FLT-01, FLT-03, IS-15, LOSS-01, LOSS-02, ONP-01, PG-01,
    PG-15, PG-16.
    """
    if advantage > 0 and ratio > 1 + clip_eps_high:
        return (1 + clip_eps_high) * advantage, advantage * 0
    if advantage < 0 and ratio < 1 - clip_eps_low:
        return (1 - clip_eps_low) * advantage, advantage * 0
    if advantage < 0 and ratio > dual_clip:
        return dual_clip * advantage, advantage * 0
    return ratio * advantage, ratio * advantage


@kernel
def policy_gradient_kernel(log_prob: float, advantage: float) -> tuple[float, float]:
    """One sample's A log P, and its derivative in log P.  Theorems: ONP-01, ONP-02."""
    return log_prob * advantage, advantage


@kernel
def _policy_gradient_loop(log_prob: Floats, advantages: Floats, terms: Floats, slopes: Floats) -> None:
    for i in range(len(log_prob)):
        terms[i], slopes[i] = policy_gradient_kernel(log_prob[i], advantages[i])


@kernel
def _clip_loop(
    log_prob: Floats,
    old_log_prob: Floats,
    advantages: Floats,
    clip_eps_low: float,
    clip_eps_high: float,
    dual_clip: float,
    terms: Floats,
    slopes: Floats,
) -> None:
    for i in range(len(log_prob)):
        # Without an advantage there is no term, even where the ratio overflows (inf * 0).
        if advantages[i] != 0:
            ratio = np.exp(log_prob[i] - old_log_prob[i])
            terms[i], slopes[i] = clip_kernel(ratio, advantages[i], clip_eps_low, clip_eps_high, dual_clip)


@strict
def _log_ratio_loop(log_prob: Floats, old_log_prob: Floats, advantages: Floats, log_ratios: Floats) -> bool:
    """log_prob - old_log_prob in float64; whether all three are of one length, the two finite, and no ratio overflows.

    An advantage that is not finite makes its term, and with it the sum, infinite or NaN.
    """
    if len(log_prob) != len(old_log_prob) or len(log_prob) != len(advantages):
        return False
    wrong = False
    for i in range(len(log_ratios)):
        log_ratios[i] = np.float64(log_prob[i]) - np.float64(old_log_prob[i])
        wrong = wrong | (log_ratios[i] - log_ratios[i] != 0) | (log_ratios[i] > LARGEST_LOG_RATIO)
    return not wrong


@kernel
def _clip_ratio_loop(
    ratios: Floats,
    advantages: Floats,
    clip_eps_low: float,
    clip_eps_high: float,
    dual_clip: float,
    weight: float,
    gradient: Floats,
) -> float:
    """`_clip_loop` where the ratios are known and finite: the sum of the terms, and the slopes times the weight.

    The terms are written over the ratios.
    """
    for i in range(len(ratios)):
        ratios[i], slope = clip_kernel(ratios[i], np.float64(advantages[i]), clip_eps_low, clip_eps_high, dual_clip)
        gradient[i] = weight * slope + 0.0
    return fold(ratios)


@kernel
def _clip_ratio_chunks(
    ratios: Floats,
    advantages: Floats,
    clip_eps_low: float,
    clip_eps_high: float,
    dual_clip: float,
    weight: float,
    gradient: Floats,
    size: int,
    sums: Floats,
) -> None:
    """`_clip_ratio_loop` for several chunks, each with a sum of its own."""
    for c in range(len(sums)):
        i, j = c * size, (c + 1) * size
        sums[c] = _clip_ratio_loop(ratios[i:j], advantages[i:j], clip_eps_low, clip_eps_high, dual_clip, weight,
                                   gradient[i:j])  # fmt: skip


def checked_band(
    door: Doorman, clip_eps: float | None, clip_eps_low: float | None, clip_eps_high: float | None
) -> tuple[float, float]:
    """How far the band reaches below and above 1, from one of the two forms."""
    if clip_eps is not None:
        if clip_eps_low is not None or clip_eps_high is not None:
            raise door.refusal("clip_eps", "comes with clip_eps_low or clip_eps_high", "give one form only")
        both = door.number("clip_eps", clip_eps, "[0, 1]", CLIP_HINT)
        return both, both
    if clip_eps_low is None or clip_eps_high is None:
        missing = "clip_eps_high" if clip_eps_low is not None else "clip_eps"
        if clip_eps_high is not None:
            missing = "clip_eps_low"
        raise door.refusal(missing, "is missing", "give clip_eps, or both clip_eps_low and clip_eps_high")
    low = door.number("clip_eps_low", clip_eps_low, "[0, 1]")
    return low, door.number("clip_eps_high", clip_eps_high, "[0, inf)")


def clipped_objective(
    new: Floats, old: Floats, advantages: Floats, band: tuple[float, float, float]
) -> tuple[Floats, Floats]:
    """Every sample's objective under (eps_low, eps_high, dual_clip), and its derivative in log_prob."""
    terms, slopes = np.zeros_like(new), np.zeros_like(new)
    _clip_loop(new.ravel(), old.ravel(), advantages.ravel(), *band, terms.ravel(), slopes.ravel())
    return terms, slopes


def _policy_loss(
    door: Doorman,
    samples: tuple[Any, Any, Any],
    mask: ArrayLike | None,
    reduction: str,
    band: tuple[float, float, float],
) -> PolicyLoss:
    """The loss of (log_prob, old_log_prob, advantages), in one pass where it is the plain mean over a batch."""
    plain = mask is None and type(reduction) is str and reduction == "mean"
    if plain and ready(samples) and samples[0].ndim == 1:
        result = _mean_policy_loss(*samples, band)
        if result is not None:
            return result
    new, old, advantages = samples
    valid, (new, old, advantages) = door.batch(mask, log_prob=new, old_log_prob=old, advantages=advantages)
    how = checked_reduction(door, reduction, valid)
    loss, gradient = policy_part(new, old, advantages, band, valid if mask is not None else None, how)
    return PolicyLoss(door.scalar(loss), door.out(gradient))


def _small_loss(
    new: Any, old: Any, advantages: Any, band: tuple[float, float, float], reduction: str
) -> PolicyLoss | None:
    """The mean over a batch of one chunk that lies plainly; None where something else has to be done or said."""
    if not native(new, old, advantages) or type(reduction) is not str or reduction != "mean":
        return None
    if not 0 < new.size <= CHUNK:
        return None
    gradient, ratios = np.empty_like(new), np.empty(new.size)
    try:
        total = _chunk(new, old, advantages, band, -1.0 / new.size, ratios, gradient)
    except TypeError:
        if not ready((new, old, advantages)) or new.ndim != 1:
            return None
        admit(_log_ratio_loop, new, old, advantages, ratios)
        total = _chunk(new, old, advantages, band, -1.0 / new.size, ratios, gradient)
    return _rounded(total / new.size, gradient)


def policy_part(
    new: Floats, old: Floats, advantages: Floats, band: tuple[float, float, float], mask: Bools | None, how: str
) -> tuple[float, Floats]:
    """The loss of checked samples and its gradient, in float64; without a mask they are one batch."""
    if mask is None and how == "mean":
        result = _mean_policy_loss(new, old, advantages, band)
        if result is not None:
            return result.loss, result.grad_log_prob.astype(np.float64, copy=False)
    terms, slopes = clipped_objective(new, old, advantages, band)
    objective, weights = reduce_samples(terms, np.ones(new.shape, dtype=bool) if mask is None else mask, how)
    return -objective, -weights * slopes


def _mean_policy_loss(new: Any, old: Any, advantages: Any, band: tuple[float, float, float]) -> PolicyLoss | None:
    """The mean over a batch, chunk by chunk; None where an input is not finite or a ratio overflows."""
    gradient = np.empty_like(new)
    try:
        total = _in_chunks(new, old, advantages, band, gradient)
    except TypeError:  # The first batch of this dtype.
        admit(_log_ratio_loop, new, old, advantages, np.empty(1))
        total = _in_chunks(new, old, advantages, band, gradient)
    return _rounded(total / new.size, gradient)


def _in_chunks(new: Any, old: Any, advantages: Any, band: tuple[float, float, float], gradient: Any) -> float:
    """Write the gradients of a batch, and return the sum of its terms; NaN where something is not finite."""
    size, weight = new.size, -1.0 / new.size

    def work(part: range) -> Floats:
        i, sums = slice(part.start, part.stop), np.empty(len(part))
        ratios = own_room(part.stop - part.start)
        if not _log_ratio_loop(new[i], old[i], advantages[i], ratios):
            return np.full(1, np.nan)
        np.exp(ratios, ratios)
        _clip_ratio_chunks(ratios, advantages[i], *band, weight, gradient[i], part.step, sums)
        return sums

    threads = THREADS if size >= WORTH_IT else 1
    parts = pieces(size, CHUNK, threads, RUN)
    return tree(np.concatenate(spread(work, parts, threads)).tolist())


def _rounded(mean: float, gradient: Any) -> PolicyLoss | None:
    """The loss in the dtype of its gradient; None where it might not be finite there."""
    return PolicyLoss(gradient.dtype.type(-mean + 0.0), gradient) if abs(mean) < LARGEST else None


def _chunk(
    new: Any, old: Any, advantages: Any, band: tuple[float, float, float], weight: float, ratios: Floats, gradient: Any
) -> float:
    """Write the gradients of some samples, and return the sum of their terms; NaN where something is not finite."""
    if not _log_ratio_loop(new, old, advantages, ratios):
        return np.nan
    np.exp(ratios, ratios)
    return _clip_ratio_loop(ratios, advantages, *band, weight, gradient)


def _dual(door: Doorman, dual_clip: float | None) -> float:
    return np.inf if dual_clip is None else door.number("dual_clip", dual_clip, "(1, inf)")
