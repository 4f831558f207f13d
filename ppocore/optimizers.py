r"""From gradients to steps, from measurements to coefficients: pure functions, no hidden state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman, Floats
from ppocore._kernels import kernel


class ClippedGradients(NamedTuple):
    """Gradients scaled down together, and the norm that they had before."""

    grads: list[Array]
    norm: float


class AdamStep(NamedTuple):
    """Parameters after one step, and the moments to hand to the next one."""

    params: Array
    first_moment: Array
    second_moment: Array


class Moments(NamedTuple):
    """Mean and variance (ddof 0) of rows seen so far, shape (D,), and how many they were."""

    mean: Array
    var: Array
    num_rows: int


def adapt_kl_coef(kl_coef: float, kl: float, target_kl: float, *, kl_rule: str = "paper") -> float:
    r"""The adaptive beta of PPO: raised when the policy moved too far, lowered when it hardly moved.

    .. math::

        \beta' = \begin{cases} 2 \beta & KL > 1.5\, KL_{target} \\ \beta / 2 & KL < KL_{target} / 1.5 \\
        \beta & \text{otherwise} \end{cases}

    Parameters
    ----------
    kl_coef : float >= 0
        beta.
    kl : float
        Measured after the update; an estimate may be negative.
    target_kl : float > 0
    kl_rule : {"paper", "rllib", "tf_agents"}
        "paper" is the formula above.  "rllib": 1.5 beta above 2 KL_target, beta / 2 below KL_target / 2.
        "tf_agents": 1.5 beta above 1.3 KL_target, beta / 1.5 below 0.7 KL_target.

    Returns
    -------
    float
        The beta of the next update.

    Raises
    ------
    ValueError
        If an argument is not finite or outside its interval.
    TypeError
        If an argument is not one number.

    Notes
    -----
    *Conventions.* A fixed beta needs no function: keep passing the same number.  The rule that is proportional to
    the error is `adapt_kl_coef_proportional`.

    *Accuracy.* Exact, unless KL is within 2^-30 of a threshold, until beta underflows to 0 (after about 1075
    halvings) and stays there; a factor of 1.5 is rounded: u |beta'|.

    *Theorems.* ACC-15, KL-08, KLC-01.

    References
    ----------
    arXiv:1707.06347, section 4.  Mission row S12.

    Examples
    --------
    >>> adapt_kl_coef(1.0, 0.04, 0.01), adapt_kl_coef(1.0, 0.01, 0.01), adapt_kl_coef(1.0, 0.001, 0.01)
    (2.0, 1.0, 0.5)
    >>> adapt_kl_coef(1.0, 0.04, 0.01, kl_rule="rllib")
    1.5
    """
    door = Doorman("adapt_kl_coef")
    beta = door.number("kl_coef", kl_coef, "[0, inf)")
    measured = door.number("kl", kl, "(-inf, inf)")
    target = door.number("target_kl", target_kl, "(0, inf)")
    rule = KL_RULES[door.option("kl_rule", kl_rule, tuple(KL_RULES))]
    return float(rule(beta, measured, target))


def adapt_kl_coef_proportional(
    kl_coef: float, kl: float, target_kl: float, *, batch_steps: float, horizon: float
) -> float:
    r"""The adaptive beta of RLHF: moved in proportion to the relative error of the KL, by a share of the horizon.

    .. math::

        \beta' = \beta \Big(1 + \operatorname{clip}\big(\tfrac{KL}{KL_{target}} - 1, -0.2, 0.2\big)\,
        \frac{\text{batch\_steps}}{\text{horizon}}\Big)

    Parameters
    ----------
    kl_coef : float >= 0
        beta.
    kl : float
        Measured on this batch; an estimate may be negative.
    target_kl : float > 0
    batch_steps, horizon : float > 0
        How many steps (or answers: the unit is yours, the same for both) this batch has, and over how many the
        coefficient is to adapt.

    Returns
    -------
    float
        The beta of the next batch.

    Raises
    ------
    ValueError
        If an argument is not finite or outside its interval.
    TypeError
        If an argument is not one number.

    Notes
    -----
    *Conventions.* Ziegler et al. write K_beta for batch_steps / horizon, and use 0.1.  Beta stays positive as long
    as batch_steps < 5 horizon.

    *Accuracy.* With q = KL / KL_target and s = batch_steps / horizon: u (beta s (|q| + 3 |q - 1|, or 0.6 where
    clipped) + 2 |beta'|).

    *Theorems.* ACC-23, KLC-02.

    References
    ----------
    Ziegler et al., arXiv:1909.08593, section 2.2.  Mission row S12.

    Examples
    --------
    >>> adapt_kl_coef_proportional(1.0, 0.04, 0.01, batch_steps=64, horizon=128)
    1.1
    """
    door = Doorman("adapt_kl_coef_proportional")
    beta = door.number("kl_coef", kl_coef, "[0, inf)")
    measured = door.number("kl", kl, "(-inf, inf)")
    target = door.number("target_kl", target_kl, "(0, inf)")
    steps = door.number("batch_steps", batch_steps, "(0, inf)")
    whole = door.number("horizon", horizon, "(0, inf)")
    return float(proportional_kl_coef_kernel(beta, measured, target, steps, whole))


def clip_grad_norm(grads: Sequence[ArrayLike], *, max_norm: float) -> ClippedGradients:
    r"""All gradients scaled by one factor, so that their joint Euclidean norm is at most `max_norm`.

    .. math:: g \leftarrow g \cdot \min(1, \text{max\_norm} / \lVert g \rVert)

    Parameters
    ----------
    grads : list of array of float, any shapes
        Of one loss; the norm is taken over all of them together.
    max_norm : float > 0

    Returns
    -------
    ClippedGradients
        Named tuple ``(grads, norm)``: new arrays in the dtypes they had, and the norm before.

    Raises
    ------
    ValueError
        If the list or an array is empty, an entry is not finite, or `max_norm` is not positive.
    TypeError
        If `grads` is not a list of arrays or a dtype is wrong.

    Notes
    -----
    *Conventions.* Nothing is added to the norm (PyTorch adds 1e-6).

    *Accuracy.* The norm is relatively right to u ((h + K)/2 + 1), K arrays and h at most 18 + log2 of the
    largest; the gradients to 2 u more.  Squares neither overflow nor underflow: the entries are scaled by a
    power of two first.

    *Theorems.* ACC-14, OPT-01.

    References
    ----------
    Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, arXiv:1211.5063.
    Mission row S2.

    Examples
    --------
    >>> out = clip_grad_norm([[3.0], [4.0]], max_norm=2.5)
    >>> out.grads, out.norm
    ([array([1.5]), array([2.])], 5.0)
    """
    arrays = Doorman("clip_grad_norm").items("grads", grads)
    doors = [Doorman("clip_grad_norm") for _ in arrays]
    pairs = zip(doors, enumerate(arrays), strict=True)
    checked = [door.floats(f"grads[{index}]", array, "...") for door, (index, array) in pairs]
    bound = doors[0].number("max_norm", max_norm, "(0, inf)")
    norm = _joint_norm(checked)
    factor = bound / norm if norm > bound else 1.0
    clipped = [door.out(grad * factor) for door, grad in zip(doors, checked, strict=True)]
    return ClippedGradients(clipped, norm)


def adam_step(
    params: ArrayLike,
    grads: ArrayLike,
    first_moment: ArrayLike,
    second_moment: ArrayLike,
    *,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> AdamStep:
    r"""One step of Adam with bias correction and without weight decay.

    .. math::

        m &\leftarrow \beta_1 m + (1 - \beta_1) g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        p &\leftarrow p - \alpha\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    params, grads, first_moment, second_moment : array of float, shape (P,)
        Flat.  Both moments are 0 before the first step; the second is never negative.
    step : int >= 1
        t, the number of this step.
    learning_rate : float >= 0
    beta1, beta2 : float in [0, 1)
    eps : float > 0
        Added outside the root.

    Returns
    -------
    AdamStep
        Named tuple ``(params, first_moment, second_moment)``.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or a hyper-parameter is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Accuracy.* First moment u E_m, E_m = 2 beta1 |m| + 3 (1 - beta1) |g|; second moment relatively 4 u;
    parameters u (a (E_m + M (k1 + k2/2 + 9)) + |p|), a = alpha / ((1 - beta1^t) D), D the divisor,
    M = beta1 |m| + (1 - beta1) |g|, k = 1 + 2 beta^t / (1 - beta^t).

    *Theorems.* ACC-13, OPT-02.

    References
    ----------
    Kingma and Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980, algorithm 1.  Mission row S2.

    Examples
    --------
    The first step is the learning rate, whatever the size of the gradient:

    >>> out = adam_step([1.0], [64.0], [0.0], [0.0], step=1, learning_rate=0.5,
    ...                 beta1=0.5, beta2=0.75, eps=1e-30)
    >>> out.params, out.first_moment, out.second_moment
    (array([0.5]), array([32.]), array([1024.]))
    """
    door = Doorman("adam_step")
    p = door.floats("params", params, "P")
    g = door.floats("grads", grads, "P")
    m = door.floats("first_moment", first_moment, "P").copy()
    v = door.floats("second_moment", second_moment, "P", interval="[0, inf)").copy()
    count = door.whole("step", step, at_least=1)
    rate = door.number("learning_rate", learning_rate, "[0, inf)")
    decay1 = door.number("beta1", beta1, "[0, 1)")
    decay2 = door.number("beta2", beta2, "[0, 1)")
    floor = door.number("eps", eps, "(0, inf)")
    moved = p.copy()
    _adam_loop(moved, g, m, v, 1 - decay1**count, 1 - decay2**count, rate, decay1, decay2, floor)
    return AdamStep(door.out(moved), door.out(m), door.out(v))


def sgd_step(params: ArrayLike, grads: ArrayLike, *, learning_rate: float) -> Array:
    r"""One step of gradient descent, without momentum and without weight decay.

    .. math:: p \leftarrow p - \alpha g

    Parameters
    ----------
    params, grads : array of float, shape (P,)
        Flat.
    learning_rate : float >= 0

    Returns
    -------
    array of float, shape (P,)
        The parameters after the step, in the dtype that they had.

    Raises
    ------
    ValueError
        If shapes differ or are empty, an entry is not finite, or `learning_rate` is outside its interval.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Down the gradient of a loss; to climb an objective, hand over minus its gradient.

    *Accuracy.* u (|p| + 2 alpha |g|).

    *Theorems.* ACC-34, OPT-04.

    References
    ----------
    Robbins and Monro, A Stochastic Approximation Method, 1951, equation 8.  Mission row S2.

    Examples
    --------
    >>> sgd_step([1.0, 2.0], [4.0, -2.0], learning_rate=0.5)
    array([-1.,  3.])
    """
    door = Doorman("sgd_step")
    p = door.floats("params", params, "P")
    g = door.floats("grads", grads, "P")
    rate = door.number("learning_rate", learning_rate, "[0, inf)")
    moved = p.copy()
    _sgd_loop(moved, g, rate)
    return door.out(moved)


def running_moments(batches: Sequence[ArrayLike]) -> Moments:
    r"""Mean and variance of the rows of all batches together.

    Parameters
    ----------
    batches : list of array of float, shape (n_i, D)

    Returns
    -------
    Moments
        Named tuple ``(mean, var, num_rows)``.

    Raises
    ------
    ValueError
        If the list or a batch is empty, D differs, or an entry is not finite.
    TypeError
        If `batches` is not a list of arrays or a dtype is wrong.

    Notes
    -----
    *Conventions.* Variance with ddof 0, and no pseudo-count: one batch gives its own moments.

    *Accuracy.* In two passes over everything: mean u n mean|x|, variance u ((n + 3) var + u (n mean|x|)^2).
    When batches arrive one by one use `update_moments`.

    *Theorems.* ACC-12, OPT-03.

    References
    ----------
    Mission row S2 (normalisation of observations and rewards).

    Examples
    --------
    >>> running_moments([[[1.0], [3.0]], [[5.0], [7.0]]])
    Moments(mean=array([4.]), var=array([5.]), num_rows=4)
    """
    door = Doorman("running_moments")
    rows = np.concatenate(_batches(door, "batches", batches))
    mean = rows.mean(axis=0)
    return Moments(door.out(mean), door.out(((rows - mean) ** 2).mean(axis=0)), len(rows))


def update_moments(moments: Moments, batch: ArrayLike) -> Moments:
    r"""Moments of the rows seen so far and of one more batch.

    .. math::

        \mu = \mu_1 + (\mu_2 - \mu_1) \frac{n_2}{n}, \qquad
        \sigma^2 = \frac{n_1 \sigma_1^2 + n_2 \sigma_2^2}{n} + (\mu_2 - \mu_1)^2 \frac{n_1 n_2}{n^2}

    Parameters
    ----------
    moments : Moments
        Of `running_moments` or of an earlier update.
    batch : array of float, shape (n, D)

    Returns
    -------
    Moments
        Named tuple ``(mean, var, num_rows)``.

    Raises
    ------
    ValueError
        If D differs, an array is empty, an entry is not finite, or a variance is negative.
    TypeError
        If a dtype is wrong or `moments` is not a Moments tuple.

    Notes
    -----
    *Accuracy.* Each update adds u ((n2/n) (n2 mean|batch| + 3 |gap|) + |mean|) to the mean, gap = mu_2 -
    mu_1.  The bound of the variance is in ``docs/accuracy.md``.

    *Theorems.* ACC-12, OPT-03.

    References
    ----------
    Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance, 1983.  Mission row S2.

    Examples
    --------
    >>> update_moments(running_moments([[[1.0], [3.0]]]), [[5.0], [7.0]])
    Moments(mean=array([4.]), var=array([5.]), num_rows=4)
    """
    door = Doorman("update_moments")
    if not isinstance(moments, Moments):
        raise door.mistake("moments", f"is a {type(moments).__name__}", "it must be a Moments tuple")
    mean = door.floats("moments.mean", moments.mean, "D")
    var = door.floats("moments.var", moments.var, "D", interval="[0, inf)")
    count = door.whole("moments.num_rows", moments.num_rows, at_least=1)
    rows = door.floats("batch", batch, "n D")
    total = count + len(rows)
    batch_mean = rows.mean(axis=0)
    batch_var = ((rows - batch_mean) ** 2).mean(axis=0)
    gap = batch_mean - mean
    new_mean = mean + gap * (len(rows) / total)
    spread = (count * var + len(rows) * batch_var) / total
    new_var = spread + gap * gap * (count / total) * (len(rows) / total)
    return Moments(door.out(new_mean), door.out(new_var), total)


@kernel
def adapt_kl_coef_kernel(kl_coef: float, kl: float, target_kl: float) -> float:
    """beta, doubled or halved.  Theorems: ACC-15, FLT-01, KL-08."""
    if kl > 3 * target_kl / 2:
        return kl_coef * 2
    if kl < 2 * target_kl / 3:
        return kl_coef / 2
    return kl_coef


@kernel
def rllib_kl_coef_kernel(kl_coef: float, kl: float, target_kl: float) -> float:
    """beta, times 1.5 or halved.  Theorems: ACC-15, KLC-01."""
    if kl > 2 * target_kl:
        return 3 * kl_coef / 2
    if kl < target_kl / 2:
        return kl_coef / 2
    return kl_coef


@kernel
def tf_agents_kl_coef_kernel(kl_coef: float, kl: float, target_kl: float) -> float:
    """beta, times or over 1.5.  Theorems: ACC-15, KLC-01."""
    if kl > 13 * target_kl / 10:
        return 3 * kl_coef / 2
    if kl < 7 * target_kl / 10:
        return 2 * kl_coef / 3
    return kl_coef


@kernel
def proportional_kl_coef_kernel(
    kl_coef: float, kl: float, target_kl: float, batch_steps: float, horizon: float
) -> float:
    """beta, moved by at most a fifth of batch_steps / horizon.  Theorems: ACC-23, KLC-02."""
    share = batch_steps / horizon
    error = kl / target_kl - 1
    if 5 * error > 1:
        return kl_coef * (1 + share / 5)
    if 5 * error < -1:
        return kl_coef * (1 - share / 5)
    return kl_coef * (1 + error * share)


KL_RULES = {"paper": adapt_kl_coef_kernel, "rllib": rllib_kl_coef_kernel, "tf_agents": tf_agents_kl_coef_kernel}
"""How `adapt_kl_coef` moves beta, by the name of the library that the rule is from."""


@kernel
def adam_kernel(
    param: float,
    grad: float,
    first: float,
    second: float,
    correction1: float,
    correction2: float,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[float, float, float]:
    """One parameter: its next value and moments, given the bias corrections 1 - beta^t.

    Theorems: ACC-13, FLT-01, OPT-02.
    """
    first = beta1 * first + (1 - beta1) * grad
    second = beta2 * second + (1 - beta2) * grad * grad
    move = learning_rate * (first / correction1) / (np.sqrt(second / correction2) + eps)
    return param - move, first, second


@kernel
def sgd_kernel(param: float, grad: float, learning_rate: float) -> float:
    """One parameter after a plain step down its gradient: no momentum, no decay.  Theorems: ACC-34, OPT-04."""
    return param - learning_rate * grad


@kernel
def _sgd_loop(params: Floats, grads: Floats, learning_rate: float) -> None:
    for i in range(len(params)):
        params[i] = sgd_kernel(params[i], grads[i], learning_rate)


@kernel
def _adam_loop(
    params: Floats,
    grads: Floats,
    first: Floats,
    second: Floats,
    correction1: float,
    correction2: float,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    for i in range(len(params)):
        params[i], first[i], second[i] = adam_kernel(
            params[i],
            grads[i],
            first[i],
            second[i],
            correction1,
            correction2,
            learning_rate,
            beta1,
            beta2,
            eps,
        )


def _joint_norm(arrays: list[Floats]) -> float:
    largest = max(float(np.abs(array).max()) for array in arrays)
    if largest == 0:
        return 0.0
    shift = int(np.frexp(largest)[1])
    squares = sum(float((np.ldexp(array, -shift) ** 2).sum()) for array in arrays)
    return float(np.ldexp(np.sqrt(squares), shift))


def _batches(door: Doorman, name: str, batches: Sequence[ArrayLike]) -> list[Floats]:
    arrays = door.items(name, batches)
    return [door.floats(f"{name}[{i}]", array, f"n{i} D") for i, array in enumerate(arrays)]
