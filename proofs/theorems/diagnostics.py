"""The clip fraction and the explained variance: what they count, and what they do not."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import z3

from ppocore import diagnostics, losses
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods.polynomials import Ring, rows, same
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Sym, reals, term

CLIPPED = ["ppocore.diagnostics:clip_fraction", "ppocore.losses:clip_kernel"]
EXPLAINED = ["ppocore.diagnostics:explained_variance"]
r, A, eps = reals("r A eps")
USED = [r > 0, A != 0, eps >= 0, eps <= 1]
OUTSIDE = z3.Or(r > 1 + eps, r < 1 - eps)


def slope() -> Any:
    """The shipped kernel's derivative on symbols, without a dual clip."""
    return plain(losses.clip_kernel)(Sym(r), Sym(A), Sym(eps), Sym(eps), np.inf)[1]


@proof("DIAG-01", "z3", "kernel: slope 0 exactly where A > 0 above or A < 0 below the band, so only outside it",
       code=CLIPPED)
def _() -> Outcome:
    stopped = z3.Or(z3.And(A > 0, r > 1 + eps), z3.And(A < 0, r < 1 - eps))
    return on_every_path(
        [r, A, eps], USED, slope,
        lambda out: z3.And((term(out) == 0) == stopped, z3.Implies(term(out) == 0, OUTSIDE)),
    )


@proof("DIAG-01", "float64",
       "clip_fraction() counts the band, clip_loss() has slope 0 in the samples with A (r - 1) > 0 among them: "
       "every sign and side for 4 samples")
def _() -> Outcome:
    count = 0
    zeros = np.zeros(4)
    for batch in product(product((-1.0, 0.0, 1.0), (-1.0, 1.0)), repeat=4):
        logs, signs = np.array(batch).T
        found = diagnostics.clip_fraction(logs, zeros, signs, clip_eps=0.25)
        loss = losses.clip_loss(logs, zeros, signs, clip_eps=0.25)
        # e^1 > 1.25 and e^-1 < 0.75: outside is where the log-ratio is not 0.
        stopped = loss.grad_log_prob == 0
        if found != np.count_nonzero(logs) / 4 or not np.array_equal(stopped, logs * signs > 0):
            return refuted(f"{batch}")
        count += 1
    assert count == 6**4
    return proved(f"{count:,} batches")


def _outside(r, A, eps) -> bool:
    return r > 0 and A != 0 and 0 <= eps <= 1 and (r > 1 + eps or r < 1 - eps)


def _no_gradient(r, A, eps) -> bool:
    return plain(losses.clip_kernel)(r, A, eps, eps, np.inf)[1] == 0


@refutation("DIAG-01", "z3", "every sample that it counts has slope 0", claim=_no_gradient, kept=_outside)
def _() -> Outcome:
    return on_every_path([r, A, eps], [*USED, OUTSIDE], slope, lambda out: term(out) == 0)


# -- DIAG-02 ---------------------------------------------------------------------------------------


def variance(numbers: Sequence[Any]) -> Any:
    mean = sum(numbers) / len(numbers)
    return sum((x - mean) * (x - mean) for x in numbers) / len(numbers)


def minus(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    return [x - y for x, y in zip(left, right, strict=True)]


@proof("DIAG-02", "flint", "2 to 8 numbers, all symbolic: n^2 Var = sum of the squared differences of all pairs; "
       "Var(residual) Var(returns) under affine maps", code=EXPLAINED)
def _() -> Outcome:
    def pairs():
        for n in range(2, 9):
            ring = Ring(f"{rows('v r', n)} a b c")
            v, target, a, b, c = ring.row("v", n), ring.row("r", n), ring["a"], ring["b"], ring["c"]
            gaps = (target[i] - target[j] for i in range(n) for j in range(i))
            yield n * n * variance(target), sum(gap * gap for gap in gaps)
            mapped_v, mapped_r = [a * x + b for x in v], [a * x + c for x in target]
            yield variance(minus(mapped_r, mapped_v)), a * a * variance(minus(target, v))
            yield variance(mapped_r), a * a * variance(target)

    return same(pairs())


@proof("DIAG-02", "z3",
       "from the two variances: at most 1, and 1 exactly if the residual's is 0; 3 samples: exactly if the "
       "residual is constant")
def _() -> Outcome:
    residual, total = reals("residual total")
    given = [residual >= 0, total > 0]
    d = reals("d0 d1 d2")
    constant = z3.And(d[0] == d[1], d[1] == d[2])
    explained = 1 - residual / total
    return every([
        forall([residual, total], given, z3.And(explained <= 1, (explained == 1) == (residual == 0))),
        forall(d, [], z3.And(variance(d) >= 0, (variance(d) == 0) == constant)),
    ])


V = (1.0, -2.0, 0.5, 4.0)
RETURNS = (2.0, -6.0, 0.0, 8.0)


def rounded(values: Sequence[float], returns: Sequence[float]) -> float:
    """1 - Var(R - V) / Var(R), the quotient and the difference rounded once each."""
    v, target = ([Fraction(x) for x in part] for part in (values, returns))
    return float(1 - Fraction(float(variance(minus(target, v)) / variance(target))))


@proof("DIAG-02", "float64",
       "explained_variance() on dyadic values, all affine maps with factors from (1, -1, 1/2, 4) and offsets "
       "from (0, 3, -8): bit for bit, and always the same; 1 for a constant residual")
def _() -> Outcome:
    found = set()
    for a, b, c in product((1, -1, 0.5, 4), (0, 3, -8), (0, 3, -8)):
        values, returns = [a * x + b for x in V], [a * x + c for x in RETURNS]
        result = diagnostics.explained_variance(values, returns)
        if result != rounded(values, returns) or diagnostics.explained_variance(minus(returns, [b] * 4), returns) != 1:
            return refuted(f"a = {a}, b = {b}, c = {c}")
        found.add(result)
    return proved("36 maps") if len(found) == 1 else refuted(f"{found}")


def _mean_square(values, returns) -> bool:
    """Whether the function is 1 - MSE / Var(R)."""
    squares = [(x - y) ** 2 for x, y in zip(returns, values, strict=True)]
    return diagnostics.explained_variance(values, returns) == 1 - sum(squares) / len(squares) / variance(returns)


@refutation("DIAG-02", "float64", "= 1 - MSE / Var(returns)", claim=_mean_square)
def _() -> Outcome:
    point = {"values": (2.0, 4.0), "returns": (1.0, 3.0)}
    return proved() if _mean_square(**point) else refuted(**point)


def _perfect_means_equal(values, returns) -> bool:
    return (diagnostics.explained_variance(values, returns) == 1) == (values == returns)


@refutation("DIAG-02", "float64", "1 exactly if values and returns are equal", claim=_perfect_means_equal)
def _() -> Outcome:
    point = {"values": (2.0, 4.0), "returns": (1.0, 3.0)}
    return proved() if _perfect_means_equal(**point) else refuted(**point)
