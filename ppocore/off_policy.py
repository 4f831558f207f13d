r"""V-trace: value targets and advantages from the data of another policy.

Time is axis 0, and flags mean what they mean in `ppocore.advantages`.  All results are constants of the losses: no
gradient is meant to flow through them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, ready
from ppocore._kernels import kernel
from ppocore._threads import THREADS, WORTH_IT, pieces, spread
from ppocore._tiles import plainly, upwards
from ppocore.advantages import td_error_kernel

COLUMNS = 512
"""Columns of a large rollout that a thread works on."""
PIECE = 1 << 15
"""Entries of such columns that are worked on together: few enough to stay in the cache."""


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
    given: tuple[Any, ...] = (log_prob, old_log_prob, rewards, values, next_values, terminated, truncated)
    clips = gamma, gae_lambda, rho_clip, c_clip
    if ready(given[:5], given[5:], anyhow=True):
        result = _result(given[0].shape, given[0].dtype)
        if _traced(given, _scalars(door, *clips), result):
            return result
    # Something has to be converted, or refused, or overflows.
    rollout = _rollout(door, *given)
    result = _result(rollout[0].shape, np.dtype(door.dtype()))
    _traced(rollout, _scalars(door, *clips), result)
    return result


@kernel
def clipped_weight_kernel(log_ratio: float, clip: float) -> float:
    """min(e^d, clip).  Theorems: VTR-02."""
    return least_kernel(np.exp(log_ratio), clip)


@kernel
def least_kernel(ratio: float, clip: float) -> float:
    """The ratio, or the clip where that is less.  Theorems: VTR-02."""
    if ratio > clip:
        return clip
    return ratio


@kernel
def trace_kernel(td_error: float, rho: float, trace: float, later: float, ended: bool, gamma: float) -> float:
    """rho delta + gamma c x', without x' where the episode ended.  Theorems: VTR-01, VTR-02, VTR-03."""
    if ended:
        return rho * td_error
    return rho * td_error + gamma * trace * later


@kernel
def _log_ratio_loop(log_prob: Floats, old_log_prob: Floats, first: int, log_ratios: Floats) -> bool:
    """log_prob - old_log_prob, from column `first` on; whether every difference is finite."""
    wrong, last = False, first + log_ratios.shape[1]
    for t in range(log_ratios.shape[0]):
        new, old, row = log_prob[t, first:last], old_log_prob[t, first:last], log_ratios[t]
        for n in range(len(row)):
            row[n] = np.float64(new[n]) - np.float64(old[n])
            wrong = wrong | (row[n] - row[n] != 0)
    return not wrong


@kernel
def _weights_loop(ratios: Floats, rho_clip: float, c_clip: float, gae_lambda: float, trace: Floats) -> None:
    """The traces of all ratios, which become rho."""
    rhos, traces = ratios.reshape(ratios.size), trace.reshape(ratios.size)
    for i in range(len(rhos)):
        traces[i] = gae_lambda * least_kernel(rhos[i], c_clip)
    for i in range(len(rhos)):
        rhos[i] = least_kernel(rhos[i], rho_clip)


@kernel
def _trace_loop(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    terminated: Bools,
    truncated: Bools,
    first: int,
    rho: Floats,
    trace: Floats,
    gamma: float,
    end: int,
    later: Floats,
    ahead: Floats,
    gains: Floats,
    deltas: Floats,
    top: int,
    left: int,
    returns: Floats,
    advantages: Floats,
) -> bool:
    """Backwards through time, from column `first` on; whether all is finite.  The results belong to row `top` and
    column `left` on, and the rollout ends with row `end`.

    `later` carries the corrections x from row to row, and `ahead` the targets: a correction by itself never cancels.
    Loops that read few arrays and write one become vector instructions, others do not.
    """
    wrong, width = False, len(later)
    last, right = first + width, left + width
    for t in range(rho.shape[0] - 1, -1, -1):
        r, v, v_next = rewards[t, first:last], values[t, first:last], next_values[t, first:last]
        died, cut, weight, decay = terminated[t, first:last], truncated[t, first:last], rho[t], trace[t]
        for n in range(width):
            bootstrap, target = np.float64(v_next[n]), ahead[n]
            ahead[n] = bootstrap if died[n] | cut[n] | (t == end) else target
        for n in range(width):
            deltas[n] = td_error_kernel(np.float64(r[n]), np.float64(v[n]), ahead[n], died[n], gamma)
        for n in range(width):
            gains[n] = weight[n] * deltas[n]
            wrong = wrong | (gains[n] - gains[n] != 0)
        for n in range(width):
            deltas[n] = td_error_kernel(np.float64(r[n]), np.float64(v[n]), np.float64(v_next[n]), died[n], gamma)
        for n in range(width):
            later[n] = trace_kernel(deltas[n], weight[n], decay[n], later[n], died[n] | cut[n] | (t == end), gamma)
            wrong = wrong | (later[n] - later[n] != 0)
        for n in range(width):
            ahead[n] = np.float64(v[n]) + later[n]
        target, advantage = returns[top + t, left:right], advantages[top + t, left:right]
        for n in range(width):
            # Adding 0 turns -0 into 0.
            target[n] = ahead[n] + 0
        for n in range(width):
            advantage[n] = gains[n] + 0
    return not wrong


def _rollout(door: Doorman, *given: ArrayLike) -> tuple[Any, ...]:
    """The checked arrays, in the order in which they are asked for."""
    new, old, rewards, values, next_values, terminated, truncated = given
    floats = [door.floats(name, value, "T ...") for name, value in (
        ("log_prob", new), ("old_log_prob", old), ("rewards", rewards), ("values", values))]  # fmt: skip
    ended = door.flags("terminated", terminated, "T ...")
    cut = door.flags("truncated", truncated, "T ...")
    return (*floats, door.floats("next_values", next_values, "T ...", used=~ended), ended, cut)


def _scalars(door: Doorman, gamma: float, gae_lambda: float, rho_clip: float, c_clip: float) -> tuple[float, ...]:
    return (door.number("gamma", gamma, "[0, 1]"), door.number("gae_lambda", gae_lambda, "[0, 1]"),
            door.number("rho_clip", rho_clip, "(0, inf)"), door.number("c_clip", c_clip, "[0, inf)"))  # fmt: skip


def _result(shape: tuple[int, ...], dtype: np.dtype[Any]) -> VTrace:
    """One block: of two, the allocator would give one back to the system, and fetch it again in the next call."""
    return VTrace(*np.empty((2, *shape), dtype))


def _traced(rollout: tuple[Any, ...], scalars: tuple[float, ...], result: VTrace) -> bool:
    """Write targets and advantages into `result`, piece by piece; whether all numbers that count are finite."""
    gamma, gae_lambda, rho_clip, c_clip = scalars
    inputs = [x.reshape(len(x), -1) for x in rollout]
    results: Any = [x.reshape(len(x), -1) for x in result]
    (steps, width), as_they_are = inputs[0].shape, plainly(inputs)

    def work(part: range) -> bool:
        count = part.stop - part.start
        rows = min(steps, max(1, PIECE // count))
        later, ahead, gains, deltas = np.zeros((4, count))
        room, fine = np.empty((2, rows, count)), True
        for top, first, (new, old, r, v, v_next, ended, cut) in upwards(inputs, part, rows, as_they_are):
            ratios, trace = room[:, : len(r)]
            fine &= _log_ratio_loop(new, old, first, ratios)
            with np.errstate(over="ignore", under="ignore"):
                np.exp(ratios, ratios)
            _weights_loop(ratios, rho_clip, c_clip, gae_lambda, trace)
            fine &= _trace_loop(r, v, v_next, ended, cut, first, ratios, trace, gamma, steps - 1 - top, later, ahead,
                                gains, deltas, top, part.start, *results)  # fmt: skip
        return fine

    if steps * width < WORTH_IT:
        return work(range(width))
    return all(spread(work, pieces(width, COLUMNS, THREADS, 1), THREADS))
