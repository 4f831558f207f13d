"""Bounds of `ppocore.beta`."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from proofs.bounds.book import Balls, bound

LARGE = 12
"""Up to here arguments are moved."""
GAP = 54
"""psi(a + b) - psi(a), relatively (ACC-33)."""
TRIGAMMA = 44
"""psi', relatively (ACC-33)."""


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
