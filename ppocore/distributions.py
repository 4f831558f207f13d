r"""Policies over actions: log-probabilities and entropies, each with its gradient.

Categorical rows may carry an action mask: a masked action has probability 0, its logit is never used.
Gaussians have a diagonal covariance; ``log_std`` is the natural log of the standard deviation.  The
tanh-Gaussian lives in `ppocore.squashed`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, Ints, ready
from ppocore._kernels import kernel
from ppocore._tiles import by_rows
from ppocore.softmax_rows import chosen_and_entropy_rows, chosen_rows, entropy_rows

HALF_LOG_TWO_PI = 0.9189385332046728
LOG_STD_INTERVAL = "[-300, 300]"
"""Where the square of a standard deviation and of its inverse are float64 numbers."""
LARGEST_LOG_STD = 300.0


class CategoricalLogProb(NamedTuple):
    """log pi(a), shape (B,), and its derivative in the logits, shape (B, A)."""

    log_prob: Array
    grad_logits: Array


class CategoricalEntropy(NamedTuple):
    """Entropy in nats, shape (B,), and its derivative in the logits, shape (B, A)."""

    entropy: Array
    grad_logits: Array


class CategoricalLogProbAndEntropy(NamedTuple):
    """log pi(a) and entropy, shape (B,), and the derivative of each in the logits, shape (B, A)."""

    log_prob: Array
    entropy: Array
    log_prob_grad_logits: Array
    entropy_grad_logits: Array


class GaussianLogProb(NamedTuple):
    """Log-density summed over D, shape (B,), and its derivatives, shape (B, D)."""

    log_prob: Array
    grad_mean: Array
    grad_log_std: Array
    grad_actions: Array


class GaussianEntropy(NamedTuple):
    """Entropy in nats summed over D, shape (B,), and its derivatives, shape (B, D)."""

    entropy: Array
    grad_mean: Array
    grad_log_std: Array


def categorical_log_prob(
    logits: ArrayLike, actions: ArrayLike, *, action_mask: ArrayLike | None = None
) -> CategoricalLogProb:
    r"""Log-probability of the action taken, under a softmax of the logits.

    .. math::

        \log \pi_a = z_a - \log \sum_{j\,\text{legal}} e^{z_j}, \qquad
        \frac{\partial \log\pi_a}{\partial z_j} = 1[j = a] - \pi_j

    Parameters
    ----------
    logits : array of float, shape (B, A)
        Any common offset per row is fine.  Logits of masked actions are not used.
    actions : array of int, shape (B,)
        Each in [0, A) and legal.
    action_mask : array of bool, shape (B, A), optional
        True where the action is legal; every row needs one.

    Returns
    -------
    CategoricalLogProb
        Named tuple ``(log_prob, grad_logits)``; the gradient is 0 at masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a legal logit is not finite, an action is illegal, or a row of the
        mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* With s = -log pi and A legal actions, log pi_a is right to u E_a, E_a = 3 s_a plus the sum of
    pi_i (s_i + A) over all actions but the likeliest: 0 where the policy is sure.  Derivatives: u pi_j (E_j +
    2), and u (pi_a E_a + 2 (1 - pi_a)) at the action taken.

    *Theorems.* ACC-06, CAT-01, CAT-02, CAT-04, CAT-06, PG-02.

    References
    ----------
    Mission rows S6, S8 (grad log f = grad f / f), S10.

    Examples
    --------
    The pupil of S10, who plays with probability 1/5:

    >>> import numpy as np
    >>> out = categorical_log_prob(np.log([[1.0, 4.0]]), [0])
    >>> np.exp(out.log_prob).round(12), out.grad_logits.round(12)
    (array([0.2]), array([[ 0.8, -0.8]]))
    """
    door = Doorman("categorical_log_prob")
    if _plain_rows(logits, action_mask) and _plain_actions(actions, logits, action_mask):
        quick = CategoricalLogProb(np.empty(len(actions), logits.dtype), np.empty_like(logits))
        if chosen_rows(logits, action_mask, actions, *quick):
            return quick
    z, legal = _rows(door, logits, action_mask)
    chosen = door.actions("actions", actions, "B", legal)
    log_prob, grad_logits = np.empty(len(z)), np.empty_like(z)
    chosen_rows(z, legal, chosen, log_prob, grad_logits)
    return CategoricalLogProb(door.out(log_prob), door.out(grad_logits))


def categorical_entropy(logits: ArrayLike, *, action_mask: ArrayLike | None = None) -> CategoricalEntropy:
    r"""Entropy of a softmax of the logits, in nats.

    .. math::

        H = -\sum_{j\,\text{legal}} \pi_j \log \pi_j, \qquad
        \frac{\partial H}{\partial z_j} = -\pi_j (\log \pi_j + H)

    Parameters
    ----------
    logits : array of float, shape (B, A)
        Logits of masked actions are not used.
    action_mask : array of bool, shape (B, A), optional
        True where the action is legal; every row needs one.

    Returns
    -------
    CategoricalEntropy
        Named tuple ``(entropy, grad_logits)``; the gradient is 0 at masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a legal logit is not finite, or a row of the mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* No term is negative, so nothing cancels.  With s, E of `categorical_log_prob` and h at most 18
    + log2 A: u E_H, E_H the sum of pi_j (s_j (E_j + h + 3) + E_j); derivative u pi_j (E_j + E_H + |s_j - H|
    (E_j + 4)).

    *Theorems.* ACC-06, CAT-03, CAT-05.

    References
    ----------
    Mission row S12 (regularisation towards the uniform policy).

    Examples
    --------
    >>> categorical_entropy([[5.0, 5.0]]).entropy.round(8)  # log 2
    array([0.69314718])
    """
    door = Doorman("categorical_entropy")
    if _plain_rows(logits, action_mask):
        quick = CategoricalEntropy(np.empty(len(logits), logits.dtype), np.empty_like(logits))
        if entropy_rows(logits, action_mask, *quick):
            return quick
    z, legal = _rows(door, logits, action_mask)
    entropy, grad_logits = np.empty(len(z)), np.empty_like(z)
    entropy_rows(z, legal, entropy, grad_logits)
    return CategoricalEntropy(door.out(entropy), door.out(grad_logits))


def categorical_log_prob_and_entropy(
    logits: ArrayLike, actions: ArrayLike, *, action_mask: ArrayLike | None = None
) -> CategoricalLogProbAndEntropy:
    r"""What `categorical_log_prob` and `categorical_entropy` say, bit for bit, from one softmax.

    .. math::
        \log \pi_a, \quad H = -\sum_{j\,\text{legal}} \pi_j \log \pi_j, \quad
        \frac{\partial \log\pi_a}{\partial z_j} = 1[j = a] - \pi_j, \quad
        \frac{\partial H}{\partial z_j} = -\pi_j (\log \pi_j + H)

    Parameters
    ----------
    logits : array of float, shape (B, A)
        Any common offset per row is fine.  Logits of masked actions are not used.
    actions : array of int, shape (B,)
        Each in [0, A) and legal.
    action_mask : array of bool, shape (B, A), optional
        True where the action is legal; every row needs one.

    Returns
    -------
    CategoricalLogProbAndEntropy
        Named tuple ``(log_prob, entropy, log_prob_grad_logits, entropy_grad_logits)``; the gradients are 0 at
        masked actions.

    Raises
    ------
    ValueError
        If shapes differ or are empty, a legal logit is not finite, an action is illegal, or a row of the
        mask is all False.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* For losses with an entropy bonus: their gradient in the logits is grad_log_prob times the one
    and grad_entropy times the other (`ppo_loss`).  The exponentials, most of the work, are taken once.

    *Accuracy.* As `categorical_log_prob` and `categorical_entropy`.

    *Theorems.* ACC-06, CAT-02, CAT-03.

    References
    ----------
    Mission rows S6, S8 (grad log f = grad f / f), S12.

    Examples
    --------
    >>> out = categorical_log_prob_and_entropy([[5.0, 5.0]], [0])
    >>> out.log_prob.round(8), out.entropy.round(8), out.log_prob_grad_logits
    (array([-0.69314718]), array([0.69314718]), array([[ 0.5, -0.5]]))
    """
    door = Doorman("categorical_log_prob_and_entropy")
    if _plain_rows(logits, action_mask) and _plain_actions(actions, logits, action_mask):
        # One block for the derivatives: large ones of their own would be fetched from the system in every call.
        quick = CategoricalLogProbAndEntropy(
            np.empty(len(actions), logits.dtype), np.empty(len(actions), logits.dtype),
            *np.empty((2, *logits.shape), logits.dtype),
        )  # fmt: skip
        if chosen_and_entropy_rows(logits, action_mask, actions, *quick):
            return quick
    z, legal = _rows(door, logits, action_mask)
    chosen = door.actions("actions", actions, "B", legal)
    log_prob, entropy, by_log_prob, by_entropy = np.empty(len(z)), np.empty(len(z)), np.empty_like(z), np.empty_like(z)
    chosen_and_entropy_rows(z, legal, chosen, log_prob, entropy, by_log_prob, by_entropy)
    return CategoricalLogProbAndEntropy(*(door.out(x) for x in (log_prob, entropy, by_log_prob, by_entropy)))


def gaussian_log_prob(mean: ArrayLike, log_std: ArrayLike, actions: ArrayLike) -> GaussianLogProb:
    r"""Log-density of the actions under independent normals, summed over their dimensions.

    .. math::

        \log p = \sum_d \Big( -\tfrac12 z_d^2 - \log s_d - \tfrac12 \log 2\pi \Big),
        \qquad z = (a - m) / s

    with derivatives z/s in the mean, z^2 - 1 in log s, and -z/s in the action.

    Parameters
    ----------
    mean, log_std, actions : array of float, shape (B, D)
        ``log_std`` is the natural log of the standard deviation, within [-300, 300].

    Returns
    -------
    GaussianLogProb
        Named tuple ``(log_prob, grad_mean, grad_log_std, grad_actions)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or ``log_std`` is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* u times the sum over d of (D + 10) z^2 / 2 + (D + 1) (|log s| + 0.92).  Derivatives: 7 u |z| /
    s, and u (10 z^2 + 1) in log s.

    *Theorems.* ACC-09, GAU-01.

    References
    ----------
    Mission row S6.

    Examples
    --------
    >>> out = gaussian_log_prob([[1.0]], [[0.0]], [[3.0]])
    >>> out.grad_mean, out.grad_log_std
    (array([[2.]]), array([[3.]]))
    """
    given: tuple[Any, ...] = (mean, log_std, actions)
    if ready(given, anyhow=True) and given[0].ndim == 2:
        result, fine = gaussian_rows(*given)
        if fine:
            return result
    # Something has to be converted, or refused, or overflows.
    door = Doorman("gaussian_log_prob")
    m = door.floats("mean", mean, "B D")
    s = door.floats("log_std", log_std, "B D", interval=LOG_STD_INTERVAL)
    a = door.floats("actions", actions, "B D")
    result, _ = gaussian_rows(m, s, a)
    return GaussianLogProb(*map(door.out, result))


def gaussian_entropy(mean: ArrayLike, log_std: ArrayLike) -> GaussianEntropy:
    r"""Entropy of independent normals, summed over their dimensions, in nats.

    .. math:: H = \sum_d \Big( \log s_d + \tfrac12 \log 2\pi + \tfrac12 \Big)

    with derivative 0 in the mean and 1 in log s.

    Parameters
    ----------
    mean, log_std : array of float, shape (B, D)
        ``log_std`` is the natural log of the standard deviation, within [-300, 300].

    Returns
    -------
    GaussianEntropy
        Named tuple ``(entropy, grad_mean, grad_log_std)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or ``log_std`` is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* A differential entropy: it may be negative.

    *Accuracy.* u times the sum over d of (h + 1) |log s + 1.42| + 2.84, h at most 18 + log2 D.  The
    derivatives are exact.

    *Theorems.* ACC-09, GAU-02.

    References
    ----------
    Mission row S12.

    Examples
    --------
    >>> gaussian_entropy([[7.0]], [[0.5]]).entropy.round(8)
    array([1.91893853])
    """
    door = Doorman("gaussian_entropy")
    m = door.floats("mean", mean, "B D")
    s = door.floats("log_std", log_std, "B D", interval=LOG_STD_INTERVAL)
    entropy = (s + (HALF_LOG_TWO_PI + 0.5)).sum(axis=1)
    return GaussianEntropy(door.out(entropy), door.out(np.zeros_like(m)), door.out(np.ones_like(s)))


def log_softmax(logits: Floats, legal: Bools) -> Floats:
    """Log-probabilities of every action, row by row; -inf for illegal ones.  Unchecked."""
    log_probs = np.full(logits.shape, -np.inf)
    _log_softmax_rows(logits, legal, log_probs)
    return log_probs


def chosen_log_prob(log_probs: Floats, actions: Ints) -> tuple[Floats, Floats]:
    """Entry `actions` of every row, and its derivative in the logits.  Unchecked."""
    rows = np.arange(len(actions))
    grad_logits = -np.exp(log_probs)
    # 1 - pi_a as an expm1 keeps its digits where the policy is nearly sure of the action.
    grad_logits[rows, actions] = -np.expm1(log_probs[rows, actions])
    return log_probs[rows, actions], grad_logits


def gaussian_rows(mean: Any, log_std: Any, actions: Any) -> tuple[GaussianLogProb, bool]:
    """Log-density of every row and its derivatives; whether all inputs are in their intervals and no gap overflows."""
    dtype, shape = mean.dtype, mean.shape
    result = GaussianLogProb(np.empty(len(mean), dtype), *np.empty((3, *shape), dtype))

    def work(rows: slice, given: Any, room: Any) -> bool:
        fine = _negated(given[1], room[0])
        np.exp(room[0], room[0])
        return _gaussian_log_prob_rows(*given, *room, *(x[rows] for x in result)) and fine

    return result, by_rows((mean, log_std, actions), 2, work)


@kernel
def log_softmax_kernel(logits: Floats, legal: Bools, log_probs: Floats) -> None:
    """One row.  The largest logit is left out of the sum, so that log1p keeps the small rest.

    Theorems: ACC-06, CAT-01, CAT-02, CAT-04, CAT-06, FLT-02, LOSS-01.
    """
    top = -1
    for j in range(len(logits)):
        if legal[j] and (top < 0 or logits[j] > logits[top]):
            top = j
    rest = logits[top] * 0
    for j in range(len(logits)):
        if legal[j] and j != top:
            rest = rest + np.exp(logits[j] - logits[top])
    log_total = np.log1p(rest)
    for j in range(len(logits)):
        if legal[j]:
            log_probs[j] = logits[j] - logits[top] - log_total


@kernel
def gaussian_log_prob_kernel(mean: float, log_std: float, action: float) -> tuple[float, float, float]:
    """One dimension: log-density, and its derivatives in the mean and in log_std.

    Theorems: ACC-09, FLT-02, GAU-01, GAU-04, PG-02.
    """
    return gaussian_terms_kernel(mean, log_std, action, np.exp(-log_std), HALF_LOG_TWO_PI)


@kernel
def gaussian_terms_kernel(
    mean: float, log_std: float, action: float, inverse_std: float, half_log_two_pi: float
) -> tuple[float, float, float]:
    """The same where 1 / s is known.  Theorems: ACC-09, GAU-01."""
    z = (action - mean) * inverse_std
    return -(z * z) / 2 - log_std - half_log_two_pi, z * inverse_std, z * z - 1


@kernel
def _log_softmax_rows(logits: Floats, legal: Bools, log_probs: Floats) -> None:
    for b in range(logits.shape[0]):
        log_softmax_kernel(logits[b], legal[b], log_probs[b])


@kernel
def _negated(log_std: Floats, negated: Floats) -> bool:
    """-log s; whether all of them are in their interval."""
    logs, wrong = log_std.reshape(log_std.size), False
    for i in range(len(logs)):
        negated[i] = -np.float64(logs[i])
        wrong = wrong | (not (negated[i] >= -LARGEST_LOG_STD)) | (not (negated[i] <= LARGEST_LOG_STD))
    return not wrong


@kernel
def _gaussian_log_prob_rows(
    mean: Floats,
    log_std: Floats,
    actions: Floats,
    inverse_stds: Floats,
    terms: Floats,
    log_prob: Floats,
    grad_mean: Floats,
    grad_log_std: Floats,
    grad_actions: Floats,
) -> bool:
    """Log-density of every row and its derivatives; whether every action less its mean is finite.

    Each array has a loop of its own: one that wrote to several would not become vector instructions.
    """
    size, wrong = mean.size, False
    m, s, a, inv, h = mean.reshape(size), log_std.reshape(size), actions.reshape(size), inverse_stds, HALF_LOG_TWO_PI
    by_mean, by_log_std, by_action = grad_mean.reshape(size), grad_log_std.reshape(size), grad_actions.reshape(size)
    for i in range(size):
        mi, ai = np.float64(m[i]), np.float64(a[i])
        terms[i] = gaussian_terms_kernel(mi, np.float64(s[i]), ai, inv[i], h)[0]
        wrong = wrong | ((ai - mi) - (ai - mi) != 0)
    for i in range(size):
        # Adding 0 turns -0 into 0.
        by_mean[i] = gaussian_terms_kernel(np.float64(m[i]), 0.0, np.float64(a[i]), inv[i], h)[1] + 0.0
    for i in range(size):
        by_log_std[i] = gaussian_terms_kernel(np.float64(m[i]), 0.0, np.float64(a[i]), inv[i], h)[2]
    for i in range(size):
        by_action[i] = 0.0 - gaussian_terms_kernel(np.float64(m[i]), 0.0, np.float64(a[i]), inv[i], h)[1]
    for b in range(len(log_prob)):
        total = 0.0
        for i in range(b * mean.shape[1], (b + 1) * mean.shape[1]):
            total = total + terms[i]
        log_prob[b] = total
    return not wrong


def _plain_rows(logits: Any, action_mask: Any) -> TypeGuard[Array]:
    """Whether kernels may read logits (B, A) and their mask as they are."""
    return ready((logits,), () if action_mask is None else (action_mask,)) and logits.ndim == 2


def _plain_actions(actions: Any, logits: Array, action_mask: Any) -> TypeGuard[Ints]:
    """Whether kernels may read the actions as they are, each of them an action that there is and that is legal."""
    if type(actions) is not np.ndarray or actions.dtype != np.int64 or actions.shape != logits.shape[:1]:
        return False
    if not actions.flags.carray or actions.min() < 0 or actions.max() >= logits.shape[1]:
        return False
    return action_mask is None or bool(np.take_along_axis(action_mask, actions[:, None], axis=1).all())


def _rows(door: Doorman, logits: ArrayLike, action_mask: ArrayLike | None) -> tuple[Floats, Bools]:
    if action_mask is None:
        z = door.floats("logits", logits, "B A")
        return z, door.legal_actions(None, "B A", z.shape)
    legal = door.legal_actions(action_mask, "B A", ())
    return door.floats("logits", logits, "B A", used=legal), legal
