"""Kernels of one number at every float16 of a range: no search, every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from ppocore import divergences, importance, optimizers, squashed
from proofs.bounds import terms
from proofs.bounds.book import at_precision
from proofs.methods.rounding import LIBM_UNITS

U = arb(2) ** -53


@dataclass(frozen=True)
class Sweep:
    """The worst of one kernel over a whole grid."""

    kernel: str
    grid: str
    count: int
    fraction: float
    worst: float


def sweeps() -> list[Sweep]:
    """All of them."""
    return at_precision(lambda: [
        _sweep("ratio", "|d| ≤ 600", _grid(-600, 600), _ratios),
        _sweep("k3_kernel", "|d| ≤ 600", _grid(-600, 600), _k3),
        _sweep("log_tanh_slope_kernel", "all", _grid(-65504, 65504), _slopes),
        _sweep("artanh_kernel, artanh", "|a| < 1", _grid(-0.9998, 0.9998), lambda x: _artanh(x, 0)),
        _sweep("artanh_kernel, log(1 - a²)", "|a| < 1", _grid(-0.9998, 0.9998), lambda x: _artanh(x, 1)),
        _sweep("adapt_kl_coef_kernel", "KL in [-1, 1], target 0.01", _grid(-1, 1), _coefficients),
    ])


def _grid(low: float, high: float) -> Any:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)
    return np.unique(every[(every >= low) & (every <= high)])


def _sweep(
    kernel: str, grid: str, numbers: Any, of: Callable[[Any], Iterator[tuple[float, arb, arb]]]
) -> Sweep:
    worst = (0.0, 0.0)
    for x, (got, exact, scale) in zip(numbers, of(numbers), strict=True):
        error = abs(arb(got) - exact)
        if error.upper() > 0 and scale > 0:
            worst = max(worst, (float((error / (U * scale)).upper()), float(x)))
        elif error.lower() > 0:
            worst = max(worst, (float("inf"), float(x)))
    return Sweep(kernel, grid, len(numbers), *worst)


def _ratios(numbers: Any) -> Iterator[tuple[float, arb, arb]]:
    for d, got in zip(numbers, importance.ratio(numbers, np.zeros_like(numbers)).ratio, strict=True):
        exact = arb(d).exp()
        # The difference with 0 is exact.
        yield float(got), exact, LIBM_UNITS * exact


def _k3(numbers: Any) -> Iterator[tuple[float, arb, arb]]:
    for d in numbers:
        exact = arb(d).expm1() - d
        yield divergences.k3_kernel(d), exact, terms.K3 * exact


def _slopes(numbers: Any) -> Iterator[tuple[float, arb, arb]]:
    two = arb(2).log()
    for u in numbers:
        log = (-2 * abs(arb(u))).exp().log1p()
        yield (squashed.log_tanh_slope_kernel(u), 2 * (two - abs(arb(u)) - log),
               terms.log_tanh_slope(abs(arb(u)), log, two))


def _artanh(numbers: Any, which: int) -> Iterator[tuple[float, arb, arb]]:
    for a in numbers:
        up, down = arb(a).log1p(), (-arb(a)).log1p()
        scale = terms.artanh(abs(up), abs(down))[which]
        yield squashed.artanh_kernel(a)[which], ((up - down) / 2, up + down)[which], scale


def _coefficients(numbers: Any) -> Iterator[tuple[float, arb, arb]]:
    target = 0.01
    for kl in numbers:
        exact = Fraction(kl)
        factor = 2 if 2 * exact > 3 * Fraction(target) else 0.5 if 3 * exact < 2 * Fraction(target) else 1
        yield optimizers.adapt_kl_coef_kernel(0.3, float(kl), target), arb(0.3) * factor, arb(0)
