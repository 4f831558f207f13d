r"""GAE of answers made of tokens: padded rows with a mask, one episode each, that ends with its last token."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Bools, Doorman, Floats, ready
from ppocore._kernels import kernel
from ppocore._tiles import by_rows
from ppocore.advantages import GAE, gae_kernel, td_error_kernel


def token_gae(rewards: ArrayLike, values: ArrayLike, mask: ArrayLike, *, gamma: float, gae_lambda: float) -> GAE:
    r"""Generalized advantage estimates along the valid tokens of each row.

    .. math:: \delta_t = r_t + \gamma V_{t'} - V_t, \qquad A_t = \delta_t + \gamma\lambda A_{t'}

    where t' is the next valid token of the row; after the last one V and A are 0.

    Parameters
    ----------
    rewards, values : array of float, shape (B, L)
        Tokens along axis 1.  Masked slots are not used and may hold anything.
    mask : array of bool, shape (B, L)
        True at valid tokens; every row needs one.
    gamma, gae_lambda : float in [0, 1]

    Returns
    -------
    GAE
        Named tuple ``(advantages, returns)``, shape (B, L), both 0 at masked slots.

    Raises
    ------
    ValueError
        If shapes differ, an axis is empty, a used entry is not finite, a row of the mask is all False, or a
        scalar is outside [0, 1].
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Masked tokens are skipped: they take no time, and the sum passes over them.

    *Accuracy.* As `gae`, with lags over valid tokens.

    *Theorems.* ACC-03, GAE-15.

    References
    ----------
    arXiv:1506.02438, eq. 16.  Mission row S0.

    Examples
    --------
    >>> out = token_gae([[1, float("nan"), 1]], [[0.5, 0.0, 2.0]], [[True, False, True]], gamma=1,
    ...                 gae_lambda=0.5)
    >>> out.advantages
    array([[ 2.,  0., -1.]])
    """
    door = Doorman("token_gae")
    given: tuple[Any, ...] = (rewards, values, mask)
    if ready(given[:2], given[2:], anyhow=True) and given[0].ndim == 2:
        given += door.number("gamma", gamma, "[0, 1]"), door.number("gae_lambda", gae_lambda, "[0, 1]")
        result, fine = _estimates(*given)
        if fine:
            return result
    # Something has to be converted, or refused, or overflows.
    valid = door.valid_rows(mask, "B L")
    r = door.floats("rewards", rewards, "B L", used=valid)
    v = door.floats("values", values, "B L", used=valid)
    discount = door.number("gamma", gamma, "[0, 1]")
    decay = door.number("gae_lambda", gae_lambda, "[0, 1]")
    result, _ = _estimates(r, v, valid, discount, decay)
    return GAE(*map(door.out, result))


def _estimates(rewards: Any, values: Any, valid: Any, gamma: float, gae_lambda: float) -> tuple[GAE, bool]:
    """The estimates; whether every row has a valid token and every number that counts is finite."""
    result = GAE(*np.empty((2, *values.shape), values.dtype))

    def work(rows: slice, given: list[Any], room: Any) -> bool:
        advantages = room[0].reshape(given[0].shape)
        advantages.fill(0.0)
        some_rewards, some_values, mask = given
        _token_gae_loop(some_rewards, some_values, mask, gamma, gae_lambda, advantages)
        written: Any = (result.advantages[rows], result.returns[rows])
        return _write(advantages, some_values, mask, *written)

    return result, by_rows((rewards, values, valid), 1, work)


@kernel
def _token_gae_loop(
    rewards: Floats, values: Floats, valid: Bools, gamma: float, gae_lambda: float, advantages: Floats
) -> None:
    for b in range(rewards.shape[0]):
        # What is masked may be NaN, and NaN times 0 is.
        later_value, later = gamma * 0, gamma * 0
        for t in range(rewards.shape[1] - 1, -1, -1):
            if valid[b, t]:
                delta = td_error_kernel(rewards[b, t], values[b, t], later_value, False, gamma)
                later = gae_kernel(delta, later, False, gamma, gae_lambda)
                advantages[b, t] = later
                later_value = values[b, t]


@kernel
def _write(sums: Floats, values: Floats, valid: Bools, advantages: Floats, returns: Floats) -> bool:
    """Write advantages and returns; whether all are finite and every row has a valid token."""
    wrong = False
    for b in range(sums.shape[0]):
        total, v, used, a, target = sums[b], values[b], valid[b], advantages[b], returns[b]
        filled = False
        for t in range(len(total)):
            filled = filled | used[t]
        wrong = wrong | (not filled)
        for t in range(len(total)):
            # Adding 0 turns -0 into 0.
            a[t] = total[t] + 0.0
            wrong = wrong | (total[t] - total[t] != 0)
        for t in range(len(total)):
            value = np.float64(v[t])
            target[t] = total[t] + (value if used[t] else 0.0) + 0.0
    return not wrong
