"""Bounds of `ppocore.beta`."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds.book import Balls, bound, larger

LARGE = 12
"""Up to here arguments are moved."""
GAP = 54
"""psi(a + b) - psi(a), relatively (ACC-33)."""
TRIGAMMA = 44
"""psi', relatively (ACC-33)."""
ABOVE = 66
"""log Gamma above its tangents, relatively (ACC-33)."""


def gap(a: arb, b: arb) -> arb:
    """psi(a + b) - psi(a)."""
    return (a + b).digamma() - a.digamma()


def log_beta(a: arb, b: arb) -> arb:
    """log B(a, b)."""
    return a.lgamma() + b.lgamma() - (a + b).lgamma()


def trigamma(x: arb) -> arb:
    """psi'(x)."""
    return arb(2).zeta(x)


def log_beta_error(a: arb, b: arb) -> arb:
    """E_B of ACC-33."""
    moved, factors, steps = arb(0), arb(0), 0
    low, high = (b, a) if a > b else (a, b)
    sides = [low, high]
    for i in (0, 1):
        while sides[i] < LARGE:
            factors += ((low + high) / sides[i]).log()
            sides[i] += 1
            low, high = sides
            moved += sides[i] * gap(sides[i], sides[1 - i])
            steps += 1
    low, high = (high, low) if low > high else (low, high)
    whole = low + high
    powers = (low - 0.5) * (whole / low).log() + high * (whole / high).log()
    return moved + 3 * steps + 3 * factors + 4 * low + 8 * powers + 2.5 * high.log() + 5


@bound(
    "beta_log_prob", "ACC-33",
    log_prob="Σ_d E_B + 5|(α - 1) log a| + 5|(β - 1) log(1 - a)| + D|log p_d|",
    grad_alpha="2|log a| + 54(ψ(α + β) - ψ(α)) + |exact|",
    grad_beta="2|log(1 - a)| + 54(ψ(α + β) - ψ(β)) + |exact|",
    grad_actions="2|α - 1|/a + 3|β - 1|/(1 - a) + |exact|",
)
def beta_log_prob(true: Any, alpha: Balls, beta: Balls, actions: Balls) -> dict[str, Balls]:
    each = np.frompyfunc
    on, off = np.log(actions), np.log1p(-actions)
    first, second = (alpha - 1) * on, (beta - 1) * off
    dims = alpha.shape[1]
    parts = (each(log_beta_error, 2, 1)(alpha, beta) + 5 * (abs(first) + abs(second))
             + dims * abs(first + second - each(log_beta, 2, 1)(alpha, beta)))
    by_alpha, by_beta = each(gap, 2, 1)(alpha, beta), each(gap, 2, 1)(beta, alpha)
    return {
        "log_prob": parts.sum(axis=1),
        "grad_alpha": 2 * abs(on) + GAP * by_alpha + abs(true["grad_alpha"]),
        "grad_beta": 2 * abs(off) + GAP * by_beta + abs(true["grad_beta"]),
        "grad_actions": 2 * abs(alpha - 1) / actions + 3 * abs(beta - 1) / (1 - actions) + abs(true["grad_actions"]),
    }


@bound(
    "beta_entropy", "ACC-33",
    entropy="Σ_d E_B + |log B| + 57(|f| + |g|) + D|H_d|, f = (α - 1)(ψ(α + β) - ψ(α)), g alike in β",
    grad_alpha="50(|α - 1| + |β - 1|) ψ'(α + β) + 46|α - 1| ψ'(α) + |exact|",
    grad_beta="50(|α - 1| + |β - 1|) ψ'(α + β) + 46|β - 1| ψ'(β) + |exact|",
)
def beta_entropy(true: Any, alpha: Balls, beta: Balls) -> dict[str, Balls]:
    each = np.frompyfunc
    above, over = alpha - 1, beta - 1
    first, second = above * each(gap, 2, 1)(alpha, beta), over * each(gap, 2, 1)(beta, alpha)
    whole = each(log_beta, 2, 1)(alpha, beta)
    parts = (each(log_beta_error, 2, 1)(alpha, beta) + abs(whole) + 57 * (abs(first) + abs(second))
             + alpha.shape[1] * abs(whole + first + second))
    slope = each(trigamma, 1, 1)
    both = 50 * (abs(above) + abs(over)) * slope(alpha + beta)
    return {
        "entropy": parts.sum(axis=1),
        "grad_alpha": both + 46 * abs(above) * slope(alpha) + abs(true["grad_alpha"]),
        "grad_beta": both + 46 * abs(over) * slope(beta) + abs(true["grad_beta"]),
    }


def log_gamma_above(x: arb, y: arb) -> arb:
    """A(x, y): log Gamma(y) above the tangent at x."""
    return y.lgamma() - x.lgamma() - x.digamma() * (y - x)


@bound(
    "beta_kl", "ACC-33",
    kl="Σ_d 67(A(α) + A(β) + A(α + β)) + h|ψ(α' + β') - ψ(α + β)| + D|KL_d|, h = |α' - α| + |β' - β|",
    grad_alpha="47|α' - α| ψ'(α) + 50h ψ'(α + β) + |exact|",
    grad_beta="47|β' - β| ψ'(β) + 50h ψ'(α + β) + |exact|",
    grad_other_alpha="57(|ψ(α') - ψ(α)| + |ψ(α' + β') - ψ(α + β)|) + 2h ψ'(larger sum) + |exact|",
    grad_other_beta="57(|ψ(β') - ψ(β)| + |ψ(α' + β') - ψ(α + β)|) + 2h ψ'(larger sum) + |exact|",
)
def beta_kl(true: Any, alpha: Balls, beta: Balls, other_alpha: Balls, other_beta: Balls) -> dict[str, Balls]:
    above, slope = np.frompyfunc(log_gamma_above, 2, 1), np.frompyfunc(trigamma, 1, 1)
    turned = np.frompyfunc(lambda x, y: abs(y.digamma() - x.digamma()), 2, 1)
    left, right = abs(other_alpha - alpha), abs(other_beta - beta)
    whole, other_whole, h = alpha + beta, other_alpha + other_beta, left + right
    parts = above(alpha, other_alpha) + above(beta, other_beta), above(whole, other_whole)
    turn, bend = turned(whole, other_whole), 50 * h * slope(whole)
    scale = 67 * (parts[0] + parts[1]) + h * turn + alpha.shape[1] * abs(parts[0] - parts[1])
    both = 57 * turn + 2 * h * slope(larger(whole, other_whole))
    return {
        "kl": scale.sum(axis=1),
        "grad_alpha": 47 * left * slope(alpha) + bend + abs(true["grad_alpha"]),
        "grad_beta": 47 * right * slope(beta) + bend + abs(true["grad_beta"]),
        "grad_other_alpha": 57 * turned(alpha, other_alpha) + both + abs(true["grad_other_alpha"]),
        "grad_other_beta": 57 * turned(beta, other_beta) + both + abs(true["grad_other_beta"]),
    }
