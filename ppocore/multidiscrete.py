r"""Policies over several choices at once: independent categoricals on consecutive slices of one row of logits.

`nvec` lists how many actions each choice has, as Gymnasium's ``MultiDiscrete`` does; the logits of choice k are the
columns from ``sum(nvec[:k])`` on.  Every slice is a categorical of `ppocore.distributions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, Ints
from ppocore.divergences import kl_rows
from ppocore.softmax_rows import chosen_rows, entropy_rows


class MultiDiscreteLogProb(NamedTuple):
    """log pi(a) summed over the choices, shape (B,), and its derivative in the logits, shape (B, sum of nvec)."""

    log_prob: Array
    grad_logits: Array


class MultiDiscreteEntropy(NamedTuple):
    """Entropy in nats summed over the choices, shape (B,), and its derivative, shape (B, sum of nvec)."""

    entropy: Array
    grad_logits: Array


class MultiDiscreteKL(NamedTuple):
    """KL(logits, other_logits) in nats summed over the choices, shape (B,), and its derivatives."""

    kl: Array
    grad_logits: Array
    grad_other_logits: Array


def multidiscrete_log_prob(
    logits: ArrayLike, actions: ArrayLike, nvec: Sequence[int], *, action_mask: ArrayLike | None = None
) -> MultiDiscreteLogProb:
    r"""Log-probability of the actions taken, one per choice, summed over the choices.

    .. math::

        \log \pi = \sum_k \log \operatorname{softmax}(z^{(k)})_{a_k}, \qquad
        \frac{\partial \log\pi}{\partial z^{(k)}_j} = 1[j = a_k] - \pi^{(k)}_j

    Parameters
    ----------
    logits : array of float, shape (B, S) with S the sum of nvec
        Logits of masked actions are not used.
    actions : array of int, shape (B, K)
        Entry k in [0, nvec[k]) and legal.
    nvec : sequence of K ints
        Number of actions of each choice, at least 1.
    action_mask : array of bool, shape (B, S), optional
        True where the action is legal; every choice of every row needs one.

    Returns
    -------
    MultiDiscreteLogProb
        Named tuple ``(log_prob, grad_logits)``; the gradient is 0 at masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, nvec does not add up, a legal logit is not finite, an action is illegal, or
        a choice has no legal action.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* The sum over the choices of what `categorical_log_prob` has, and u (K - 1) |log pi| for adding them
    up.  Derivatives as there.

    *Theorems.* ACC-32, MUL-01.

    References
    ----------
    Mission rows S6, S8.

    Examples
    --------
    A coin and a die:

    >>> out = multidiscrete_log_prob([[0.0] * 8], [[1, 5]], [2, 6])
    >>> print(out.log_prob.round(8))  # log 1/12
    [-2.48490665]
    """
    door = Doorman("multidiscrete_log_prob")
    z, sizes, legal = _rows(door, logits, nvec, action_mask)
    taken = door.choices("actions", actions, "B N", sizes)
    if action_mask is not None:
        _require_legal(door, taken, sizes, legal)
    log_prob, grad_logits = np.zeros(len(z)), np.empty_like(z)
    for k, part in enumerate(_slices(sizes)):
        head = np.ascontiguousarray(legal[:, part])
        own, slopes = np.empty(len(z)), np.empty(head.shape)
        chosen_rows(np.ascontiguousarray(z[:, part]), head, np.ascontiguousarray(taken[:, k]), own, slopes)
        log_prob, grad_logits[:, part] = log_prob + own, slopes
    return MultiDiscreteLogProb(door.out(log_prob), door.out(grad_logits))


def multidiscrete_entropy(
    logits: ArrayLike, nvec: Sequence[int], *, action_mask: ArrayLike | None = None
) -> MultiDiscreteEntropy:
    r"""Entropy of independent categoricals, summed over the choices, in nats.

    .. math::

        H = -\sum_k \sum_j \pi^{(k)}_j \log \pi^{(k)}_j, \qquad
        \frac{\partial H}{\partial z^{(k)}_j} = -\pi^{(k)}_j (\log \pi^{(k)}_j + H^{(k)})

    Parameters
    ----------
    logits : array of float, shape (B, S) with S the sum of nvec
        Logits of masked actions are not used.
    nvec : sequence of K ints
        Number of actions of each choice, at least 1.
    action_mask : array of bool, shape (B, S), optional
        True where the action is legal; every choice of every row needs one.

    Returns
    -------
    MultiDiscreteEntropy
        Named tuple ``(entropy, grad_logits)``; the gradient is 0 at masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, nvec does not add up, a legal logit is not finite, or a choice has no legal
        action.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* The sum over the choices of what `categorical_entropy` has, and u (K - 1) H for adding them up.
    Derivatives as there.

    *Theorems.* ACC-32, MUL-02.

    References
    ----------
    Mission row S12.

    Examples
    --------
    >>> multidiscrete_entropy([[0.0] * 8], [2, 6]).entropy.round(8)  # log 12
    array([2.48490665])
    """
    door = Doorman("multidiscrete_entropy")
    z, sizes, legal = _rows(door, logits, nvec, action_mask)
    entropy, grad_logits = np.zeros(len(z)), np.empty_like(z)
    for part in _slices(sizes):
        head = np.ascontiguousarray(legal[:, part])
        own, slopes = np.empty(len(z)), np.empty(head.shape)
        entropy_rows(np.ascontiguousarray(z[:, part]), head, own, slopes)
        entropy, grad_logits[:, part] = entropy + own, slopes
    return MultiDiscreteEntropy(door.out(entropy), door.out(grad_logits))


def multidiscrete_kl(logits: ArrayLike, other_logits: ArrayLike, nvec: Sequence[int]) -> MultiDiscreteKL:
    r"""KL(p, q) of independent categoricals, p from `logits` and q from `other_logits`, summed over the choices.

    .. math::

        KL = \sum_k \sum_j p^{(k)}_j (\log p^{(k)}_j - \log q^{(k)}_j)

    Parameters
    ----------
    logits, other_logits : array of float, shape (B, S) with S the sum of nvec
        For KL(old, new) pass the old logits first.
    nvec : sequence of K ints
        Number of actions of each choice, at least 1.

    Returns
    -------
    MultiDiscreteKL
        Named tuple ``(kl, grad_logits, grad_other_logits)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, nvec does not add up, or a logit is not finite.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* The direction is the order of the arguments.

    *Accuracy.* The sum over the choices of what `categorical_kl` has, and u (K - 1) KL for adding them up.
    Derivatives as there.

    *Theorems.* ACC-32, MUL-03.

    References
    ----------
    Mission rows S12, S13.

    Examples
    --------
    >>> import numpy as np
    >>> out = multidiscrete_kl(np.log([[0.5, 0.5, 1.0]]), np.log([[0.25, 0.75, 2.0]]), [2, 1])
    >>> out.kl.round(8)
    array([0.14384104])
    """
    door = Doorman("multidiscrete_kl")
    z = door.floats("logits", logits, "B A")
    other = door.floats("other_logits", other_logits, "B A")
    sizes = door.lengths("nvec", nvec, z.shape[1], of="columns of logits")
    kl, grad_logits, grad_other = np.zeros(len(z)), np.empty_like(z), np.empty_like(z)
    own = np.empty(len(z))
    for part in _slices(sizes):
        mine, others = (np.ascontiguousarray(x[:, part]) for x in (z, other))
        kl_rows(mine, others, None, own, grad_logits[:, part], grad_other[:, part])
        kl = kl + own
    return MultiDiscreteKL(door.out(kl), door.out(grad_logits), door.out(grad_other))


def _rows(
    door: Doorman, logits: ArrayLike, nvec: Sequence[int], action_mask: ArrayLike | None
) -> tuple[Floats, Ints, Bools]:
    """Logits, the sizes of the choices, and which actions are legal."""
    if action_mask is None:
        z = door.floats("logits", logits, "B A")
        return z, door.lengths("nvec", nvec, z.shape[1], of="columns of logits"), np.ones(z.shape, dtype=bool)
    legal = door.legal_actions(action_mask, "B A", ())
    z = door.floats("logits", logits, "B A", used=legal)
    sizes = door.lengths("nvec", nvec, z.shape[1], of="columns of logits")
    for k, part in enumerate(_slices(sizes)):
        empty = ~legal[:, part].any(axis=1)
        if empty.any():
            found = f"is all False in the {part.stop - part.start} columns of choice {k}"
            raise door.refusal(f"action_mask[{np.argmax(empty)}]", found, "every choice needs a legal action")
    return z, sizes, legal


def _require_legal(door: Doorman, taken: Ints, sizes: Ints, legal: Bools) -> None:
    """Refuse an action that the mask does not allow; each is one of its choice already."""
    allowed = np.take_along_axis(legal, taken + (np.cumsum(sizes) - sizes), axis=1)
    if not allowed.all():
        k, row = np.argwhere(~allowed.T)[0]
        found = f"is {taken[row, k]}"
        raise door.refusal(f"actions of choice {k}[{row}]", found, "every action must be allowed by action_mask")


def _slices(sizes: Ints) -> Iterator[slice]:
    """The columns of each choice."""
    ends = np.cumsum(sizes)
    return (slice(int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True))
