"""From gradients to steps, and from measurements to coefficients."""

from __future__ import annotations

from typing import Any

from proofs.definitions.numbers import (
    ONE,
    Nested,
    Number,
    ball,
    each,
    flat,
    maximum,
    mean,
    rational,
    sqrt,
    total,
    variance,
)

KL_RULES = {
    "paper": (ONE * 3 / 2, ONE * 2 / 3, ONE * 2, ONE / 2),
    "rllib": (ONE * 2, ONE / 2, ONE * 3 / 2, ONE / 2),
    "tf_agents": (ONE * 13 / 10, ONE * 7 / 10, ONE * 3 / 2, ONE * 2 / 3),
}
"""Above which and below which multiple of the target beta moves, and by which factors."""


def adapt_kl_coef(kl_coef: Number, kl: Number, target_kl: Number, *, kl_rule: str = "paper") -> dict[str, Nested]:
    """2 beta if kl > 1.5 target, beta / 2 if kl < target / 1.5, else beta (arXiv:1707.06347, section 4; S12).

    Under "rllib" and "tf_agents" with their own thresholds and factors.
    """
    beta, measured, target = rational([kl_coef, kl, target_kl])
    high, low, up, down = KL_RULES[kl_rule]
    if measured > high * target:
        return {"kl_coef": beta * up}
    return {"kl_coef": beta * down if measured < low * target else beta}


def adapt_kl_coef_by_quotient(
    kl_coef: Number, kl: Number, target_kl: Number, *, kl_rule: str = "paper"
) -> dict[str, Nested]:
    """beta times a factor, by where kl / target lies beside the two thresholds."""
    beta, measured, target = rational([kl_coef, kl, target_kl])
    high, low, up, down = KL_RULES[kl_rule]
    quotient = measured / target
    return {"kl_coef": beta * (up if quotient > high else down if quotient < low else ONE)}


def adapt_kl_coef_proportional(
    kl_coef: Number, kl: Number, target_kl: Number, *, batch_steps: Number, horizon: Number
) -> dict[str, Nested]:
    """beta (1 + clip(kl / target - 1, -0.2, 0.2) batch_steps / horizon) (arXiv:1909.08593, section 2.2)."""
    beta, measured, target, steps, whole = rational([kl_coef, kl, target_kl, batch_steps, horizon])
    error = min(max(measured / target - 1, -ONE / 5), ONE / 5)
    return {"kl_coef": beta * (1 + error * steps / whole)}


def adapt_kl_coef_proportional_by_target(
    kl_coef: Number, kl: Number, target_kl: Number, *, batch_steps: Number, horizon: Number
) -> dict[str, Nested]:
    """beta plus beta (held kl - target) / target of the share, the kl held between 0.8 and 1.2 of the target."""
    beta, measured, target, steps, whole = rational([kl_coef, kl, target_kl, batch_steps, horizon])
    held = min(max(measured, target * 4 / 5), target * 6 / 5)
    return {"kl_coef": beta + beta * (held - target) * steps / (target * whole)}


def clip_grad_norm(grads: list[Nested], *, max_norm: Number) -> dict[str, Nested]:
    """Every g times min(1, max_norm / norm of all), the norm Euclidean (arXiv:1211.5063, algorithm 1)."""
    bound = rational(max_norm)
    square = total([g * g for g in flat(rational(grads))])
    # Compared as squares, which are rational: whether the bound binds is never in doubt.
    scale = ball(bound) / sqrt(square) if square > bound * bound else 1
    return {"grads": [each(lambda g: g * scale, grad) for grad in ball(grads)], "norm": sqrt(square)}


def clip_grad_norm_by_maximum(grads: list[Nested], *, max_norm: Number) -> dict[str, Nested]:
    """Every g times max_norm / max(norm, max_norm)."""
    bound = ball(rational(max_norm))
    norm = sqrt(total([g * g for g in flat(rational(grads))]))
    scale = bound / maximum(bound, norm)
    return {"grads": [each(lambda g: g * scale, grad) for grad in ball(grads)], "norm": norm}


def adam_step(
    params: list[Any], grads: list[Any], first_moment: list[Any], second_moment: list[Any], *, step: int,
    learning_rate: Number, beta1: Number, beta2: Number, eps: Number,
) -> dict[str, Nested]:
    r"""m' = b1 m + (1-b1) g, v' = b2 v + (1-b2) g^2, p' = p - lr (m'/(1-b1^t)) / (sqrt(v'/(1-b2^t)) + eps).

    (arXiv:1412.6980, algorithm 1.)
    """
    rate, decay1, decay2, floor = rational([learning_rate, beta1, beta2, eps])
    first, second = _moments(grads, first_moment, second_moment, decay1, decay2)

    def moved(p: Number, m: Number, v: Number) -> Number:
        unbiased = ball(m / (1 - decay1**step))
        scale = sqrt(v / (1 - decay2**step)) + ball(floor)
        return ball(p) - ball(rate) * unbiased / scale

    return {
        "params": each(moved, rational(params), first, second), "first_moment": first, "second_moment": second
    }


def adam_step_by_rate(
    params: list[Any], grads: list[Any], first_moment: list[Any], second_moment: list[Any], *, step: int,
    learning_rate: Number, beta1: Number, beta2: Number, eps: Number,
) -> dict[str, Nested]:
    r"""p' = p - a_t m' / (sqrt(v') + e_t), a_t = lr sqrt(1-b2^t) / (1-b1^t), e_t = eps sqrt(1-b2^t).

    (arXiv:1412.6980, section 2.)
    """
    rate, decay1, decay2, floor = rational([learning_rate, beta1, beta2, eps])
    first, second = _moments(grads, first_moment, second_moment, decay1, decay2)
    correction = sqrt(1 - decay2**step)
    stepsize, smallest = ball(rate / (1 - decay1**step)) * correction, ball(floor) * correction

    def moved(p: Number, m: Number, v: Number) -> Number:
        return ball(p) - stepsize * ball(m) / (sqrt(v) + smallest)

    return {
        "params": each(moved, rational(params), first, second), "first_moment": first, "second_moment": second
    }


def sgd_step(params: list[Any], grads: list[Any], *, learning_rate: Number) -> dict[str, Nested]:
    """p' = p - lr g (Robbins and Monro, 1951, equation 8)."""
    rate = rational(learning_rate)
    return {"params": each(lambda p, g: p - rate * g, rational(params), rational(grads))}


def sgd_step_by_model(params: list[Any], grads: list[Any], *, learning_rate: Number) -> dict[str, Nested]:
    """Where g x + (x - p)^2 / (2 lr), the linear model with a proximity term, has its minimum: half of its two zeros.

    In x - p the zeros are 0 and -2 lr g.
    """
    rate = rational(learning_rate)
    return {"params": each(lambda p, g: (p + (p - 2 * rate * g)) / 2, rational(params), rational(grads))}


def _moments(
    grads: list[Any], first_moment: list[Any], second_moment: list[Any], decay1: Number, decay2: Number
) -> tuple[list[Any], list[Any]]:
    g = rational(grads)
    first = each(lambda m, slope: decay1 * m + (1 - decay1) * slope, rational(first_moment), g)
    second = each(lambda v, slope: decay2 * v + (1 - decay2) * slope * slope, rational(second_moment), g)
    return first, second


def running_moments(batches: list[Nested]) -> dict[str, Nested]:
    """Mean and variance (ddof 0) of every column of the rows of all batches together."""
    rows = [row for batch in rational(batches) for row in batch]
    columns = [list(column) for column in zip(*rows, strict=True)]
    return {"mean": [mean(c) for c in columns], "var": [variance(c) for c in columns], "num_rows": len(rows)}


def running_moments_by_sums(batches: list[Nested]) -> dict[str, Nested]:
    """sum x / n and sum x^2 / n - (sum x / n)^2, the sums taken batch by batch."""
    exact = rational(batches)
    count = sum(len(batch) for batch in exact)
    width = range(len(exact[0][0]))
    means = [total([total([row[d] for row in batch]) for batch in exact]) / count for d in width]
    squares = [total([total([row[d] * row[d] for row in batch]) for batch in exact]) / count for d in width]
    var = [square - centre * centre for square, centre in zip(squares, means, strict=True)]
    return {"mean": means, "var": var, "num_rows": count}


def update_moments(moments: tuple[list[Any], list[Any], int], batch: Nested) -> dict[str, Nested]:
    """Mean and variance of n_1 old rows and the batch, from n_1, n_1 mean = sum x and n_1 (var + mean^2) = sum x^2."""
    old_means, old_vars, old_count = rational(moments[0]), rational(moments[1]), moments[2]
    columns = [list(column) for column in zip(*rational(batch), strict=True)]
    count = old_count + len(columns[0])
    means, variances = [], []
    for centre, spread, column in zip(old_means, old_vars, columns, strict=True):
        new_mean = (old_count * centre + total(column)) / count
        squares = old_count * (spread + centre * centre) + total([x * x for x in column])
        means.append(new_mean)
        variances.append(squares / count - new_mean * new_mean)
    return {"mean": means, "var": variances, "num_rows": count}


def update_moments_by_gap(moments: tuple[list[Any], list[Any], int], batch: Nested) -> dict[str, Nested]:
    r"""mu = mu_1 + (mu_2 - mu_1) n_2 / n, var = (n_1 var_1 + n_2 var_2) / n + (mu_2 - mu_1)^2 n_1 n_2 / n^2.

    (Chan, Golub, LeVeque 1983.)
    """
    old_means, old_vars, n1 = rational(moments[0]), rational(moments[1]), moments[2]
    columns = [list(column) for column in zip(*rational(batch), strict=True)]
    n2 = len(columns[0])
    n = n1 + n2
    gaps = [mean(column) - centre for centre, column in zip(old_means, columns, strict=True)]
    means = [centre + gap * n2 / n for centre, gap in zip(old_means, gaps, strict=True)]
    variances = [
        (n1 * spread + n2 * variance(column)) / n + gap * gap * n1 * n2 / (n * n)
        for spread, column, gap in zip(old_vars, columns, gaps, strict=True)
    ]
    return {"mean": means, "var": variances, "num_rows": n}
