r"""From rewards and values to advantages and returns.

Time is axis 0, and flags belong to transition t: ``terminated`` (the episode ended by itself, its successor
is worth 0) and ``truncated`` (it was cut, its successor keeps its value).  A step that is both is terminated.
All results are constants of the losses: no gradient is meant to flow through them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Bools, Doorman, Floats, native, ready
from ppocore._kernels import admit, inner, kernel, strict
from ppocore._threads import THREADS, WORTH_IT, own_room, pieces, spread
from ppocore._tiles import plainly, upwards

NARROW = 16
"""Rollouts of so few columns are swept some rows at a time, wider ones row by row: the vector units want long runs."""
TILE = 8
"""Columns of a narrow rollout that are carried from row to row together: two vectors of the units in use."""
SCRATCH = 1 << 11
"""Numbers that a narrow rollout is worked on in: few enough to stay in the first cache."""
COLUMNS = 64
"""Columns are dealt out to threads in bundles of so many: no two threads write to one line of the cache."""
ROWS = 256
"""Rows of a bundle that are copied at once, where the inputs lie oddly in memory."""


class GAE(NamedTuple):
    """Advantages, and the value targets they imply: ``returns = advantages + values``."""

    advantages: Array
    returns: Array


class _Rollout(NamedTuple):
    rewards: Floats
    values: Floats
    next_values: Floats
    terminated: Bools
    truncated: Bools


def td_errors(
    rewards: ArrayLike,
    values: ArrayLike,
    next_values: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike,
    *,
    gamma: float,
) -> Array:
    r"""One-step errors of the value function.

    .. math:: \delta_t = r_t + \gamma\,(1 - \text{terminated}_t)\, V(s_{t+1}) - V(s_t)

    Parameters
    ----------
    rewards, values : array of float, shape (T, ...)
        Reward of transition t, and V(s_t).  Time is axis 0; any trailing shape.
    next_values : array of float, shape (T, ...)
        V of the observation that transition t really led to; at a truncated step the last one of the old
        episode, not the first of the new.  Not used where `terminated`.
    terminated, truncated : array of bool, shape (T, ...)
        Flags of transition t.
    gamma : float in [0, 1]

    Returns
    -------
    array of float, shape (T, ...)
        The errors delta.

    Raises
    ------
    ValueError
        If shapes differ, an axis is empty, a used entry is not finite, or gamma is outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* A truncated step bootstraps, so `truncated` alone changes nothing here.

    *Accuracy.* At most u (2|r| + 3 gamma |V'| + |V|).

    *Theorems.* ACC-03, GAE-04, GAE-09, GAE-16.

    References
    ----------
    Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation,
    arXiv:1506.02438, section 3.  Mission row S0.

    Examples
    --------
    >>> td_errors([1, 1], [0.5, 0.5], [0.5, float("nan")], [False, True], [False, False], gamma=0.5)
    array([0.75, 0.5 ])
    """
    door = Doorman("td_errors")
    shape, rollout = _rollout(door, rewards, values, next_values, terminated, truncated)
    discount = door.number("gamma", gamma, "[0, 1]")
    errors = np.empty_like(rollout.rewards)
    _gae_loop(*rollout, discount, 0.0, errors)
    return door.out(errors.reshape(shape))


def gae(
    rewards: ArrayLike,
    values: ArrayLike,
    next_values: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike,
    *,
    gamma: float,
    gae_lambda: float,
    out: GAE | None = None,
) -> GAE:
    r"""Generalized advantage estimates of a rollout, and the value targets they imply.

    .. math::

        \delta_t &= r_t + \gamma\,(1 - \text{terminated}_t)\,V(s_{t+1}) - V(s_t) \\
        A_t &= \delta_t + \gamma\lambda\,(1 - \text{end}_t)\,A_{t+1}, \qquad A_T = 0

    where :math:`\text{end}_t` is terminated or truncated.

    Parameters
    ----------
    rewards, values : array of float, shape (T, ...)
        Reward of transition t, and V(s_t).  Time is axis 0; any trailing shape.
    next_values : array of float, shape (T, ...)
        V of the observation that transition t really led to; at a truncated step the last one of the old
        episode, not the first of the new.  Not used where `terminated`.
    terminated, truncated : array of bool, shape (T, ...)
        Flags of transition t.  The episode ended by itself, or was cut.
    gamma, gae_lambda : float in [0, 1]
    out : GAE of two arrays, optional
        Where to write the results: of the inputs' shape and dtype, sharing memory with no input.

    Returns
    -------
    GAE
        Named tuple ``(advantages, returns)``, shape (T, ...), with ``returns = advantages + values``.

    Raises
    ------
    ValueError
        If shapes differ, an axis is empty, a used entry is not finite, or a scalar is outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* A truncated step bootstraps, a terminated one does not; both end the sum.

    *Accuracy.* With S_l = (gamma lambda)^l (|r| + gamma |V'| + |V|) at lag l within the episode, the error of
    A_t is at most u times the sum over l of (3 l + 4) S_l; that of a return u |return| more.

    *Cost.* One backward pass, in float64 whatever the dtype.  Arrays that lie in C order are read where they are,
    others of one dtype piece by piece; large rollouts are shared between threads, which changes no bit of the result.

    *Theorems.* ACC-03, FLT-01, GAE-01, GAE-02, GAE-03, GAE-04, GAE-05, GAE-06, GAE-07, GAE-08, GAE-09,
    GAE-10, GAE-11, GAE-12, GAE-13, GAE-14, MIS-01, MIS-02, RET-02, VTR-02.

    References
    ----------
    Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation,
    arXiv:1506.02438, eq. 16.  Pardo et al., Time Limits in Reinforcement Learning, arXiv:1712.00378.
    Mission row S0.

    Examples
    --------
    Step 1 is cut by a time limit, step 2 ends the episode:

    >>> out = gae([1, 1, 1], [0.5, 0.5, 0.5], [0.5, 2.0, 0.0], terminated=[False, False, True],
    ...           truncated=[False, True, False], gamma=0.5, gae_lambda=0.5)
    >>> out.advantages
    array([1.125, 1.5  , 0.5  ])
    """
    given: tuple[Any, ...] = (rewards, values, next_values, terminated, truncated)
    plain = type(gamma) is type(gae_lambda) is float and 0 <= gamma <= 1 and 0 <= gae_lambda <= 1
    if plain and out is None and (found := _narrow_gae(given, gamma, gae_lambda)):
        return found
    door = Doorman("gae")
    if plain and ready(given[:3], given[3:], anyhow=True):
        result = _result(door, out, given[0].shape, given[0].dtype, given)
        if _swept(given, gamma, gae_lambda, result):
            return result
    # Something has to be converted, or refused, or overflows.
    shape, rollout = _rollout(door, rewards, values, next_values, terminated, truncated)
    discount = door.number("gamma", gamma, "[0, 1]")
    decay = door.number("gae_lambda", gae_lambda, "[0, 1]")
    result = _result(door, out, shape, np.dtype(door.dtype()), given)
    _swept(rollout, discount, decay, result)
    return result


def discounted_returns(
    rewards: ArrayLike, next_values: ArrayLike, terminated: ArrayLike, truncated: ArrayLike, *, gamma: float
) -> Array:
    r"""Discounted sums of the rewards to come, up to the end of the episode or of the rollout.

    .. math::

        G_t = r_t + \gamma \begin{cases} 0 & \text{terminated} \\ V(s_{t+1}) &
        \text{truncated, or } t = T-1 \\ G_{t+1} & \text{otherwise} \end{cases}

    Parameters
    ----------
    rewards : array of float, shape (T, ...)
        Time is axis 0; any trailing shape.
    next_values : array of float, shape (T, ...)
        V of the observation that transition t led to; used only where the sum is cut by `truncated` or by the
        end of the rollout.
    terminated, truncated : array of bool, shape (T, ...)
        Flags of transition t.
    gamma : float in [0, 1]

    Returns
    -------
    array of float, shape (T, ...)
        The returns G.

    Raises
    ------
    ValueError
        If shapes differ, an axis is empty, a used entry is not finite, or gamma is outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Equal to ``gae(...).returns`` with gae_lambda = 1, whatever the values are, as long as
    ``next_values[t]`` is ``values[t + 1]`` inside an episode.

    *Accuracy.* At most u times the sum over lags l of (2 l + 1) gamma^l |r|, plus u (2 l + 2) gamma^(l+1)
    |V'| at the last lag where it bootstraps.

    *Theorems.* ACC-03, RET-01, RET-02.

    References
    ----------
    Mission rows S0, S1, S6.

    Examples
    --------
    >>> discounted_returns([1, 1, 1], [0, 0, 8], [False, True, False], [False, False, False], gamma=0.5)
    array([1.5, 1. , 5. ])
    """
    door = Doorman("discounted_returns")
    r = door.floats("rewards", rewards, "T ...")
    ended = door.flags("terminated", terminated, "T ...")
    cut = door.flags("truncated", truncated, "T ...").copy()
    cut[-1] = True
    v_next = door.floats("next_values", next_values, "T ...", used=cut & ~ended)
    discount = door.number("gamma", gamma, "[0, 1]")
    flat = (len(r), -1)
    returns = np.empty_like(r).reshape(flat)
    _returns_loop(r.reshape(flat), v_next.reshape(flat), ended.reshape(flat), cut.reshape(flat), discount, returns)
    return door.out(returns.reshape(r.shape))


@kernel
def td_error_kernel(reward: float, value: float, next_value: float, terminated: bool, gamma: float) -> float:
    """r + gamma V' - V, without V' where terminated.

    Theorems: ACC-03, FLT-01, GAE-01, GAE-02, GAE-03, GAE-04, GAE-05, GAE-06, GAE-07, GAE-08, GAE-09, GAE-10,
    GAE-11, GAE-12, GAE-13, GAE-14, GAE-15, GAE-16, RET-02, VTR-01, VTR-02, VTR-03.
    """
    if terminated:
        return reward - value
    return reward + gamma * next_value - value


@kernel
def gae_kernel(td_error: float, later: float, ended: bool, gamma: float, gae_lambda: float) -> float:
    """delta + gamma lambda A', without A' where the episode ended.

    Theorems: ACC-03, FLT-01, GAE-01, GAE-02, GAE-03, GAE-04, GAE-05, GAE-06, GAE-07, GAE-08, GAE-09, GAE-10,
    GAE-11, GAE-12, GAE-13, GAE-14, GAE-15, PG-14, RET-02.
    """
    if ended:
        return td_error
    return td_error + gamma * gae_lambda * later


@kernel
def return_kernel(reward: float, next_return: float, terminated: bool, gamma: float) -> float:
    """r + gamma G', without G' where terminated.  Theorems: ACC-03, FLT-01, RET-01, RET-02."""
    if terminated:
        return reward
    return reward + gamma * next_return


@kernel
def _gae_loop(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    terminated: Bools,
    truncated: Bools,
    gamma: float,
    gae_lambda: float,
    advantages: Floats,
) -> None:
    last = rewards.shape[0] - 1
    for t in range(last, -1, -1):
        for n in range(rewards.shape[1]):
            delta = td_error_kernel(rewards[t, n], values[t, n], next_values[t, n], terminated[t, n], gamma)
            if t == last:
                advantages[t, n] = delta
            else:
                ended = terminated[t, n] or truncated[t, n]
                advantages[t, n] = gae_kernel(delta, advantages[t + 1, n], ended, gamma, gae_lambda)


@strict
def _gae_small(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    terminated: Bools,
    truncated: Bools,
    gamma: float,
    gae_lambda: float,
    scratch: Floats,
    advantages: Floats,
    returns: Floats,
) -> bool:
    """`_gae_loop` in float64, and the returns; whether the shapes agree and every number was finite.

    For rollouts too narrow to sweep row by row: some rows at a time, from the last ones up, in three passes of which
    only the second has to keep an order.
    """
    shape = rewards.shape
    if rewards.size == 0 or values.shape != shape or next_values.shape != shape:
        return False
    if terminated.shape != shape or truncated.shape != shape:
        return False
    size, width = rewards.size, shape[1]
    r, v, v_next = rewards.reshape(size), values.reshape(size), next_values.reshape(size)
    ended, cut = terminated.reshape(size), truncated.reshape(size)
    a, target = advantages.reshape(size), returns.reshape(size)
    rows = shape[0]
    while (2 * rows + 1) * width > len(scratch):
        rows = (rows + 1) >> 1
    fine, last, count = True, size, rows * width
    for n in range(width):
        scratch[count + n] = 0.0
    while last > 0:
        # Deltas that become advantages, the row that follows them, and what they are multiplied by.
        here, later, decays = scratch[:count], scratch[: count + width], scratch[count + width : 2 * count + width]
        i = last - count
        _deltas(r[i:last], v[i:last], v_next[i:last], ended[i:last], gamma, here)
        _decays(ended[i:last], cut[i:last], gamma * gae_lambda, decays)
        _carry_back(later, decays, width)
        fine = fine & _write(later[:count], v[i:last], a[i:last], target[i:last])
        last = i
        if last < count:
            count = last
        for n in range(width):
            scratch[count + n] = scratch[n]
    return fine


@inner
def _deltas(
    rewards: Floats, values: Floats, next_values: Floats, terminated: Bools, gamma: float, deltas: Floats
) -> None:
    for i in range(len(deltas)):
        value, next_value = np.float64(values[i]), np.float64(next_values[i])
        deltas[i] = td_error_kernel(np.float64(rewards[i]), value, next_value, terminated[i], gamma)


@inner
def _decays(terminated: Bools, truncated: Bools, decay: float, decays: Floats) -> None:
    """gamma lambda, and 0 where an episode ends: times what is finite, that cuts as well as a branch."""
    for i in range(len(decays)):
        decays[i] = 0.0 if terminated[i] | truncated[i] else decay


@inner
def _carry_back(sums: Floats, decays: Floats, width: int) -> None:
    """Add to each row of `sums` its decays times the row that follows; there is one row more of them."""
    last = len(decays) - width
    n = 0
    while n + TILE <= width:
        for p in range(last + n, -1, -width):
            now, decay, later = sums[p : p + TILE], decays[p : p + TILE], sums[p + width : p + width + TILE]
            for k in range(TILE):
                now[k] = gae_kernel(now[k], later[k], False, decay[k], 1.0)
        n += TILE
    while n < width:
        carried = sums[len(decays) + n]
        for p in range(last + n, -1, -width):
            carried = gae_kernel(sums[p], carried, False, decays[p], 1.0)
            sums[p] = carried
        n += 1


@inner
def _write(sums: Floats, values: Floats, advantages: Floats, returns: Floats) -> bool:
    """Write advantages and returns; whether all are finite, which they are not where a number used was not."""
    wrong = False
    for i in range(len(sums)):
        # Adding 0 turns -0 into 0.
        advantages[i] = sums[i] + 0.0
        wrong = wrong | (sums[i] - sums[i] != 0)
    for i in range(len(sums)):
        returns[i] = sums[i] + np.float64(values[i]) + 0.0
    return not wrong


@kernel
def _gae_rows(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    terminated: Bools,
    truncated: Bools,
    gamma: float,
    gae_lambda: float,
    first: int,
    later: Floats,
    top: int,
    left: int,
    advantages: Floats,
    returns: Floats,
) -> bool:
    """The same row by row, for as many columns from the first one on as `later` has numbers; it carries what follows
    from row to row.  The results belong to row `top` and column `left` on.

    A loop that writes to several of these arrays would not become vector instructions: each has its own.
    """
    wrong = False
    last, right = first + len(later), left + len(later)
    for t in range(rewards.shape[0] - 1, -1, -1):
        r, v, v_next = rewards[t, first:last], values[t, first:last], next_values[t, first:last]
        ended, cut = terminated[t, first:last], truncated[t, first:last]
        for n in range(len(later)):
            delta = td_error_kernel(np.float64(r[n]), np.float64(v[n]), np.float64(v_next[n]), ended[n], gamma)
            later[n] = gae_kernel(delta, later[n], ended[n] | cut[n], gamma, gae_lambda)
            wrong = wrong | (delta - delta != 0)
        a, target = advantages[top + t, left:right], returns[top + t, left:right]
        for n in range(len(later)):
            a[n] = later[n] + 0.0
        for n in range(len(later)):
            target[n] = later[n] + np.float64(v[n]) + 0.0
    return not wrong


@kernel
def _returns_loop(
    rewards: Floats, next_values: Floats, terminated: Bools, cut: Bools, gamma: float, returns: Floats
) -> None:
    for t in range(rewards.shape[0] - 1, -1, -1):
        for n in range(rewards.shape[1]):
            if cut[t, n]:
                later = next_values[t, n]
            else:
                later = returns[t + 1, n]
            returns[t, n] = return_kernel(rewards[t, n], later, terminated[t, n], gamma)


def _rollout(
    door: Doorman,
    rewards: ArrayLike,
    values: ArrayLike,
    next_values: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike,
) -> tuple[tuple[int, ...], _Rollout]:
    """The shape (T, ...) of the rollout, and its arrays as (T, N)."""
    r = door.floats("rewards", rewards, "T ...")
    v = door.floats("values", values, "T ...")
    ended = door.flags("terminated", terminated, "T ...")
    cut = door.flags("truncated", truncated, "T ...")
    v_next = door.floats("next_values", next_values, "T ...", used=~ended)
    flat = (len(r), -1)
    return r.shape, _Rollout(
        r.reshape(flat), v.reshape(flat), v_next.reshape(flat), ended.reshape(flat), cut.reshape(flat)
    )


def _narrow_gae(given: tuple[Any, ...], gamma: float, gae_lambda: float) -> GAE | None:
    """The estimates of a narrow rollout that lies plainly; None where something else has to be done or said."""
    rewards, values, next_values = given[:3]
    if not native(rewards, values, next_values) or rewards.ndim != 2 or rewards.shape[1] > NARROW:
        return None
    advantages, returns = np.empty_like(rewards), np.empty_like(rewards)
    arguments: tuple[Any, ...] = (*given, gamma, gae_lambda, own_room(SCRATCH), advantages, returns)
    try:
        return GAE(advantages, returns) if _gae_small(*arguments) else None
    except TypeError:
        return None


def _swept(rollout: Any, gamma: float, gae_lambda: float, result: GAE) -> bool:
    """Write the estimates of a rollout into `result`; whether every number that was used is finite."""
    arrays: Any = (*rollout, *result)
    if result.advantages.ndim != 2:
        arrays = tuple(x.reshape(len(x), -1) for x in arrays)
    steps, width = arrays[0].shape
    as_they_are = plainly(arrays)
    if width <= NARROW:
        given = arrays[:5] if as_they_are else tuple(x.copy() for x in arrays[:5])
        small = (*given, gamma, gae_lambda, own_room(SCRATCH), *arrays[5:])
        try:
            fine = _gae_small(*small)
        except TypeError:  # The first rollout of this dtype.
            admit(_gae_small, *small)
            fine = _gae_small(*small)
        if fine:
            return True

    def sweep(part: range) -> bool:
        later, fine = np.zeros(part.stop - part.start), True
        for top, first, given in upwards(arrays[:5], part, steps if as_they_are else ROWS, as_they_are):
            piece: tuple[Any, ...] = (*given, gamma, gae_lambda, first, later, top, part.start, *arrays[5:])
            fine &= _gae_rows(*piece)
        return fine

    if width <= COLUMNS:
        return sweep(range(width))
    threads = THREADS if steps * width >= WORTH_IT else 1
    return all(spread(sweep, pieces(width, COLUMNS, threads, width if as_they_are else 1), threads))


def _result(
    door: Doorman, out: GAE | None, shape: tuple[int, ...], dtype: np.dtype[Any], inputs: tuple[ArrayLike, ...]
) -> GAE:
    """Where the results go: the two arrays of `out`, or new ones."""
    if out is None:
        # One block: of two, the allocator would give one back to the system, and fetch it again in the next call.
        return GAE(*np.empty((2, *shape), dtype))
    if not isinstance(out, tuple) or len(out) != 2:
        raise door.mistake("out", f"is {out!r:.60}", "it must be two arrays, for advantages and returns")
    advantages = door.room("out[0]", out[0], shape, dtype, inputs)
    return GAE(advantages, door.room("out[1]", out[1], shape, dtype, (*inputs, advantages)))
