r"""V-trace: value targets and advantages from the data of another policy.

Time is axis 0, and flags mean what they mean in `ppocore.advantages`.  All results are constants of the losses: no
gradient is meant to flow through them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats
from ppocore._kernels import kernel
from ppocore.advantages import td_error_kernel


class VTrace(NamedTuple):
    """Value targets v_s, and the advantages of the policy gradient that go with them."""

    returns: Array
    advantages: Array


def vtrace(
    log_prob: ArrayLike,
    old_log_prob: ArrayLike,
    rewards: ArrayLike,
    values: ArrayLike,
    next_values: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike,
    *,
    gamma: float,
    gae_lambda: float,
    rho_clip: float,
    c_clip: float,
) -> VTrace:
    r"""V-trace targets of a rollout that another policy collected, and policy-gradient advantages.

    .. math::

        \delta_t &= \rho_t\,(r_t + \gamma\,(1 - \text{terminated}_t)\,V(s_{t+1}) - V(s_t)) \\
        x_t &= \delta_t + \gamma\, c_t\,(1 - \text{end}_t)\,x_{t+1}, \qquad v_t = V(s_t) + x_t \\
        A_t &= \rho_t\,(r_t + \gamma\,(1 - \text{terminated}_t)\,v'_{t+1} - V(s_t))

    with :math:`\rho_t = \min(\bar\rho, e^{d_t})`, :math:`c_t = \lambda \min(\bar c, e^{d_t})`, d the difference of the
    log-probabilities; v' is v within the episode and the value of the final observation where it was cut.

    Parameters
    ----------
    log_prob, old_log_prob : array of float, shape (T, ...)
        Of the actions taken, under the policy being trained and under the one that collected the data.
    rewards, values : array of float, shape (T, ...)
        Reward of transition t, and V(s_t).  Time is axis 0; any trailing shape.
    next_values : array of float, shape (T, ...)
        V of the observation that transition t really led to; at a truncated step the last one of the old
        episode, not the first of the new.  Not used where `terminated`.
    terminated, truncated : array of bool, shape (T, ...)
        Flags of transition t.  The episode ended by itself, or was cut.
    gamma, gae_lambda : float in [0, 1]
    rho_clip : float > 0
        The largest weight of a TD error and of an advantage: it decides whose value function is learned.
    c_clip : float >= 0
        The largest weight in a trace: it decides how fast.

    Returns
    -------
    VTrace
        Named tuple ``(returns, advantages)``, shape (T, ...).

    Raises
    ------
    ValueError
        If shapes differ, an axis is empty, a used entry is not finite, or a scalar is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* One clip for the weight of the TD error and of the advantage (some codes have a third for the
    latter).  The advantage bootstraps from the target v, not from V.  A truncated step bootstraps, a terminated one
    does not; both end the trace.  On the data of the policy itself, with clips of at least 1, the targets are those of
    `gae`.

    *Accuracy.* With S_l = (|r| + gamma |V'| + |V|) rho prod(gamma c) at lag l within the episode, the error of v_t is
    at most u times the sum over l of (|d_l| + 7 + the sum over the steps before of |d| + 6) S_l, plus u |v|; that of
    an advantage rho u ((|d| + 6)(|r| + gamma |v'| + |V|) + gamma E), E the error of v'.

    *Cost.* One backward pass.

    *Theorems.* VTR-01, VTR-02, VTR-03.

    References
    ----------
    Espeholt et al., IMPALA, arXiv:1802.01561, eq. 1 and section 4.2; lambda: remark 2.  Mission rows S0, S5.

    Examples
    --------
    The second action is twice as likely under the new policy; both clips are 1:

    >>> import numpy as np
    >>> out = vtrace(np.log([0.5, 0.5]), np.log([1.0, 0.25]), [1, 1], [0, 0], [0, 4], [False, False], [False, False],
    ...              gamma=0.5, gae_lambda=1, rho_clip=1, c_clip=1)
    >>> out.returns, out.advantages
    (array([1.25, 3.  ]), array([1.25, 3.  ]))
    """
    door = Doorman("vtrace")
    new = door.floats("log_prob", log_prob, "T ...")
    old = door.floats("old_log_prob", old_log_prob, "T ...")
    r = door.floats("rewards", rewards, "T ...")
    v = door.floats("values", values, "T ...")
    ended = door.flags("terminated", terminated, "T ...")
    cut = door.flags("truncated", truncated, "T ...")
    after = door.floats("next_values", next_values, "T ...", used=~ended)
    discount = door.number("gamma", gamma, "[0, 1]")
    decay = door.number("gae_lambda", gae_lambda, "[0, 1]")
    most = door.number("rho_clip", rho_clip, "(0, inf)")
    longest = door.number("c_clip", c_clip, "[0, inf)")
    rho, trace, returns, advantages = (np.empty((len(r), r.size // len(r))) for _ in range(4))
    _clip_loop((new - old).ravel(), most, rho.ravel())
    _clip_loop((new - old).ravel(), longest, trace.ravel())
    flat = rho.shape
    _trace_loop(r.reshape(flat), v.reshape(flat), after.reshape(flat), ended.reshape(flat), cut.reshape(flat), rho,
                decay * trace, discount, returns, advantages)
    return VTrace(door.out(returns.reshape(r.shape)), door.out(advantages.reshape(r.shape)))


@kernel
def clipped_weight_kernel(log_ratio: float, clip: float) -> float:
    """min(e^d, clip).  Theorems: VTR-02."""
    ratio = np.exp(log_ratio)
    if ratio > clip:
        return clip
    return ratio  # type: ignore[no-any-return]


@kernel
def trace_kernel(td_error: float, rho: float, trace: float, later: float, ended: bool, gamma: float) -> float:
    """rho delta + gamma c x', without x' where the episode ended.  Theorems: VTR-01, VTR-02, VTR-03."""
    if ended:
        return rho * td_error
    return rho * td_error + gamma * trace * later


@kernel
def _trace_loop(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    terminated: Bools,
    truncated: Bools,
    rho: Floats,
    trace: Floats,
    gamma: float,
    returns: Floats,
    advantages: Floats,
) -> None:
    """Backwards through time; `returns` holds the corrections x until the end, so that no value cancels."""
    last = rewards.shape[0] - 1
    for t in range(last, -1, -1):
        for n in range(rewards.shape[1]):
            ended = t == last or terminated[t, n] or truncated[t, n]
            later, ahead = next_values[t, n] * 0, next_values[t, n]
            if not ended:
                later, ahead = returns[t + 1, n], values[t + 1, n] + returns[t + 1, n]
            delta = td_error_kernel(rewards[t, n], values[t, n], next_values[t, n], terminated[t, n], gamma)
            returns[t, n] = trace_kernel(delta, rho[t, n], trace[t, n], later, ended, gamma)
            gain = td_error_kernel(rewards[t, n], values[t, n], ahead, terminated[t, n], gamma)
            advantages[t, n] = rho[t, n] * gain
    for t in range(last + 1):
        for n in range(rewards.shape[1]):
            returns[t, n] = values[t, n] + returns[t, n]


@kernel
def _clip_loop(log_ratios: Floats, clip: float, weights: Floats) -> None:
    for i in range(len(log_ratios)):
        weights[i] = clipped_weight_kernel(log_ratios[i], clip)
