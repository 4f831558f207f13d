r"""The policy loss that holds the new policy near the old one by a KL penalty, with its gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, Ints
from ppocore.distributions import chosen_log_prob, log_softmax
from ppocore.divergences import categorical_kl_rows, prob_difference
from ppocore.losses import NO_BAND, clipped_objective
from ppocore.reductions import checked_reduction, reduce_samples


class _Rows(NamedTuple):
    """One row per sample: shapes (S,), (S, A), (S, A), (S, A), (S,), (S,)."""

    valid: Bools
    legal: Bools
    logits: Floats
    old_logits: Floats
    actions: Ints
    advantages: Floats


class KLPenaltyLoss(NamedTuple):
    """A loss, its derivative in the logits, and its two parts: ``loss = surrogate_loss + kl_coef kl``."""

    loss: float
    grad_logits: Array
    surrogate_loss: float
    kl: float


def kl_penalty_loss(
    logits: ArrayLike,
    old_logits: ArrayLike,
    actions: ArrayLike,
    advantages: ArrayLike,
    *,
    kl_coef: float,
    action_mask: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> KLPenaltyLoss:
    r"""The surrogate with a penalty on the exact KL divergence from the old policy.

    .. math::

        L = -\operatorname{mean}(r A) + \beta \operatorname{mean}\big(KL(\pi_{old}, \pi)\big), \qquad
        \frac{\partial L}{\partial z_j} = \text{weight} \cdot \big(-r A\, (1[j = a] - \pi_j) + \beta\,
        (\pi_j - \pi_{old,j})\big)

    Parameters
    ----------
    logits, old_logits : array of float, shape (B, A), or (B, L, A) with a mask
        Of the policy being trained, and of the one that collected the data.
    actions : array of int, shape (B,) or (B, L)
        Each in [0, A) and legal.
    advantages : array of float, shape (B,) or (B, L)
    kl_coef : float >= 0
        beta.
    action_mask : array of bool, shape of the logits, optional
        True where the action is legal; every row needs one.
    mask : array of bool, shape of the actions, optional
        True where the slot is valid; every row needs one valid slot.
    reduction : {"mean", "sum", "mean_over_all_slots", "trajectory", "sequence_mean"}
        How the surrogate becomes one number.  The KL term is always the mean over valid slots.

    Returns
    -------
    KLPenaltyLoss
        Named tuple ``(loss, grad_logits, surrogate_loss, kl)``; the gradient is 0 at masked slots and
        masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a used entry is not finite, an action is illegal, a row of a mask is
        all False, `kl_coef` is negative, or the reduction does not fit.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* KL(old, new), as the PPO paper; the source leaves the direction open (S12).  Its
    -(1/N) sum sum A r + beta KL is ``reduction="trajectory"``; under ``"mean"`` the same optimum has
    beta N / sum_n T_n.  A fixed beta is passed as it is; for an adaptive one see `adapt_kl_coef`.

    *Accuracy.* The surrogate: u times its mean of |r A| (E_d + H + 3), E_d of `categorical_kl` at the action
    taken; the KL as `categorical_kl` and one mean more; the loss is right to both together.

    *Theorems.* ACC-08, LOSS-02, LOSS-05, PG-15.

    References
    ----------
    arXiv:1707.06347, eq. 8.  Mission rows S12, S13.

    Examples
    --------
    >>> out = kl_penalty_loss([[0, 0]], [[0, 0]], [0], [2], kl_coef=1)
    >>> print(out.loss, out.grad_logits)
    -2.0 [[-1.  1.]]
    """
    door = Doorman("kl_penalty_loss")
    shape, rows = _policy_rows(door, logits, old_logits, actions, advantages, action_mask, mask)
    beta = door.number("kl_coef", kl_coef, "[0, inf)")
    how = checked_reduction(door, reduction, rows.valid.reshape(shape))
    log_p, log_old = log_softmax(rows.logits, rows.legal), log_softmax(rows.old_logits, rows.legal)
    log_prob, score = chosen_log_prob(log_p, rows.actions)
    old_log_prob, _ = chosen_log_prob(log_old, rows.actions)
    terms, slopes = clipped_objective(log_prob, old_log_prob, rows.advantages, NO_BAND)
    objective, weights = reduce_samples(terms.reshape(shape), rows.valid.reshape(shape), how)
    kl_rows = np.where(rows.valid, categorical_kl_rows(log_old, log_p, rows.legal), 0.0)
    kl, kl_weights = reduce_samples(kl_rows, rows.valid, "mean")
    push = -(weights.ravel() * slopes)[:, None] * score
    pull = beta * kl_weights[:, None] * prob_difference(log_old, log_p, rows.legal)
    grad_logits = (push + pull).reshape(*shape, -1)
    return KLPenaltyLoss(
        door.scalar(beta * kl - objective), door.out(grad_logits), door.scalar(-objective), door.scalar(kl)
    )


def _policy_rows(
    door: Doorman,
    logits: ArrayLike,
    old_logits: ArrayLike,
    actions: ArrayLike,
    advantages: ArrayLike,
    action_mask: ArrayLike | None,
    mask: ArrayLike | None,
) -> tuple[tuple[int, ...], _Rows]:
    """The shape (B,) or (B, L) of the batch, and its samples one below the other."""
    valid, (a,) = door.batch(mask, advantages=advantages)
    axes = "B L" if valid.ndim == 2 else "B"
    used = valid[..., None]
    if action_mask is None:
        new = door.floats("logits", logits, f"{axes} A", used=used)
        legal = door.legal_actions(None, f"{axes} A", new.shape)
    else:
        legal = door.legal_actions(action_mask, f"{axes} A", (), used=valid)
        used = used & legal
        new = door.floats("logits", logits, f"{axes} A", used=used)
    old = door.floats("old_logits", old_logits, f"{axes} A", used=used)
    chosen = door.actions("actions", actions, axes, legal, used=valid)
    flat = (-1, new.shape[-1])
    return valid.shape, _Rows(
        valid.ravel(), legal.reshape(flat), new.reshape(flat), old.reshape(flat), chosen.ravel(), a.ravel()
    )
