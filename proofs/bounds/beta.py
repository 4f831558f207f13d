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


def gap(a: arb, b: arb) -> arb:
    """psi(a + b) - psi(a)."""
    return (a + b).digamma() - a.digamma()


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
    log_beta = each(lambda a, b: a.lgamma() + b.lgamma() - (a + b).lgamma(), 2, 1)(alpha, beta)
    first, second = (alpha - 1) * on, (beta - 1) * off
    dims = alpha.shape[1]
    parts = (each(log_beta_error, 2, 1)(alpha, beta) + 5 * (abs(first) + abs(second))
             + dims * abs(first + second - log_beta))
    by_alpha, by_beta = each(gap, 2, 1)(alpha, beta), each(gap, 2, 1)(beta, alpha)
    return {
        "log_prob": parts.sum(axis=1),
        "grad_alpha": 2 * abs(on) + GAP * by_alpha + abs(true["grad_alpha"]),
        "grad_beta": 2 * abs(off) + GAP * by_beta + abs(true["grad_beta"]),
        "grad_actions": 2 * abs(alpha - 1) / actions + 3 * abs(beta - 1) / (1 - actions) + abs(true["grad_actions"]),
    }
